"""End to end: real servers under a bounded load, and what they themselves spent."""

import importlib.util
import os
import re
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bench.options import Options
from bench.report import Report, against
from bench.subject import SETTINGS, SOURCES
from bench.traffic import HEADERS, cookies

BUDGETS = {"starlette": 1.6, "flask": 1.10}
"""CPU time of a request with everything on, as a multiple of the framework's hello."""
ROOT = Path(__file__).resolve().parent.parent
CONNECTIONS = 8
_NONE: Mapping[str, str] = {}


class Load(NamedTuple):
    """What a spell of load cost, and found."""

    micros: float
    p99: float
    requests: int
    logged: int


class Server(NamedTuple):
    """A server process and where it stands."""

    pid: int
    port: int
    data: Path
    pinned: bool

    def cpu(self) -> float:
        """Seconds it and its children spent so far."""
        return sum(map(_cpu, _family(self.pid)))

    def rows(self) -> int:
        """Rows in its address log."""
        log = self.data / "log.sqlite"
        if not log.exists():
            return 0
        with closing(sqlite3.connect(f"file:{log}?mode=ro", uri=True)) as db:
            logs = db.execute("select name from sqlite_master where name glob 'log_*' and type = 'table'").fetchall()
            return sum(db.execute(f"select count(*) from {name}").fetchone()[0] for (name,) in logs)

    def load(self, seconds: int) -> Load:
        """Connections that never pause."""
        headers = [f"-H{name.title()}: {value}" for name, value in (*HEADERS[:-1], ("cookie", cookies()))]
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", *headers]
        cpu, rows = self.cpu(), self.rows()
        url = f"http://127.0.0.1:{self.port}/?q=1"
        core = _pinned(1) if self.pinned else []
        said = subprocess.run([*core, *command, url], capture_output=True, text=True, check=True).stdout
        spent, logged = self.cpu() - cpu, self.rows() - rows
        assert "Non-2xx" not in said, said
        requests = int(_found(r"(\d+) requests in", said)[0])
        slowest, unit = _found(r"99%\s+([\d.]+)(us|ms|s)", said)
        return Load(spent / requests * 1e6, float(slowest) * _MILLIS[unit], requests, logged)


_MILLIS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


def servers(options: Options) -> Report:
    """uvicorn and gunicorn, one worker each, hello and hello with everything on, in turn."""
    if shutil.which("wrk") is None or not Path("/proc/self/stat").exists():
        return Report("End to end", notes=["Skipped: this needs wrk and a Linux /proc."])
    with ExitStack() as stack:
        running, notes = {}, []
        for name in ("starlette", "starlette+privacymw", "flask", "flask+privacymw"):
            program = "uvicorn" if name.startswith("starlette") else "gunicorn"
            if importlib.util.find_spec(program) is None:
                notes.append(f"Skipped: {name}, {program} is not installed.")
                continue
            running[name] = stack.enter_context(serving(name, program))
        loads: dict[str, list[Load]] = {name: [] for name in running}
        for server in running.values():
            server.load(1)
        for _ in range(2 if options.quick else 7):
            for name, server in running.items():
                time.sleep(0.6)  # what waits for the writer is not the next spell's
                loads[name].append(server.load(1 if options.quick else 3))
    return _report(loads, notes)


@contextmanager
def serving(name: str, program: str, *, workers: int = 1, settings: Mapping[str, str] = _NONE) -> Iterator[Server]:
    """A server with an app of `served.py`; one worker has a core for itself, several have what there is."""
    pinned = workers == 1
    with TemporaryDirectory(prefix="privacymw-bench-") as folder:
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            port = free.getsockname()[1]
        where = {
            "uvicorn": [
                "--port",
                str(port),
                "--no-access-log",
                "--no-proxy-headers",
                "--log-level",
                "error",
                "--workers",
                str(workers),
            ],
            "gunicorn": ["-b", f"127.0.0.1:{port}", "-w", str(workers), "--log-level", "error"],
        }
        paths = os.pathsep.join([str(SOURCES), str(ROOT)])
        data = Path(folder, "data")
        environ = {**SETTINGS, "PRIVACYMW_DATA": str(data), "PYTHONPATH": paths, "BENCH_APP": name, **settings}
        command = [*(_pinned(0) if pinned else []), sys.executable, "-m", program, "bench.served:app", *where[program]]
        with Path(folder, "output").open("wb") as output:
            process = subprocess.Popen(command, env={**os.environ, **environ}, stdout=output, stderr=output)
        try:
            _wait(port, process)
            yield Server(process.pid, port, data, pinned)
        finally:
            stop(process.pid)
            process.wait(20)


def stop(pid: int) -> None:
    """Ask a server to end in order, if it is still there."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until it answers: a master listens before its workers are there."""
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            try:
                connection.request("GET", "/")
                connection.getresponse().read()
                return
            except OSError:
                time.sleep(0.1)
    raise SystemExit(f"The server did not start: {process.args!r}")


def _report(loads: dict[str, list[Load]], notes: list[str]) -> Report:
    rows, figures = [], {}
    loads = _quiet(loads)
    for name, found in loads.items():
        framework, _, more = name.partition("+")
        micros = [each.micros for each in found]
        median = statistics.median(micros)
        ratio = median / statistics.median(each.micros for each in loads[framework])
        p99 = statistics.median(each.p99 for each in found)
        logged = sum(each.logged for each in found) / sum(each.requests for each in found)
        spread = f"{min(micros):.1f}-{max(micros):.1f}"
        budget = against(ratio, BUDGETS[framework]) if more else ""
        rows.append([name, f"{median:.1f}", spread, budget, f"{p99:.2f}", f"{logged:.1%}" if more else ""])
        figures[name] = {"micros": median, "ratio": ratio, "p99 ms": p99, "logged": logged}
    head = ["server and app", "CPU µs a request", "range", "of hello", "p99 ms", "logged at once"]
    notes.append("Servers on one core, wrk on another where there are two. Budgets: p99 at most 5 ms; 95 % of a load")
    notes.append("of 5 s logged the moment that it stops, so that the last 0.25 s may wait: 91 % of one of 3 s.")
    return Report(f"End to end, {CONNECTIONS} connections", head, rows, notes, figures)


def _quiet(loads: dict[str, list[Load]]) -> dict[str, list[Load]]:
    """The quieter half of the rounds, for all servers alike."""
    totals = [sum(each.micros for each in spell) for spell in zip(*loads.values(), strict=True)]
    limit = statistics.median(totals)
    kept = [at for at, total in enumerate(totals) if total <= limit]
    return {name: [found[at] for at in kept] for name, found in loads.items()}


def _found(pattern: str, text: str) -> tuple[str, ...]:
    found = re.search(pattern, text)
    assert found, text
    return found.groups()


def _pinned(core: int) -> list[str]:
    able = shutil.which("taskset") and len(os.sched_getaffinity(0)) > 1
    return ["taskset", "-c", str(sorted(os.sched_getaffinity(0))[core])] if able else []


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> Iterator[int]:
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from _family(int(child))
