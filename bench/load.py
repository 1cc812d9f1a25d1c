"""A saturating load on two workers, with the log and without it: what it costs, and whether every answer is in it."""

import importlib.util
import shutil
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from bench.options import Options
from bench.postgresql import cluster, missing
from bench.report import Report, against
from bench.servers import CONNECTIONS, Load, Server, serving, stop

CPU, P99, AT_ONCE = 1.10, 5.0, 0.95
"""Budgets: CPU time of a request beside the same without the log; ms; part of the answers that is stored at once."""
WORKERS, SPELLS = 2, 5
_BEAT = 7.0  # seconds after which each writer has told its counts once more
_APPS = {"uvicorn": "starlette+privacymw", "gunicorn": "flask+privacymw"}
_WITHOUT = {"PRIVACYMW_ADDRESSES_MODE": "off"}


class Found(NamedTuple):
    """What a server's loads showed.

    Attributes:
        pairs: spells with the log and without it, next to each other.
        whole: the load that lasts.
        answered: answers of that load.
        at_once: rows of it that were stored the moment that it ended.
        at_rest: all answers, and what the writers say became of their rows, a while later.
        stopped: all answers, what the writers said, and the rows that are there, after a clean stop.
    """

    pairs: list[tuple[Load, Load]]
    whole: Load
    answered: int
    at_once: int
    at_rest: tuple[int, Mapping[str, int]]
    stopped: tuple[int, Mapping[str, int], int]


def load(options: Options) -> Report:
    """uvicorn and gunicorn; with `--postgresql` each also with its log there."""
    if shutil.which("wrk") is None or not Path("/proc/self/stat").exists():
        return Report("The log under load", notes=["Skipped: this needs wrk and a Linux /proc."])
    seconds = 3 if options.quick else options.seconds
    notes, rows, figures = [], [], {}
    stores = ["SQLite", *(["PostgreSQL"] if options.postgresql else [])]
    for store in stores:
        if store == "PostgreSQL" and (why := missing()):
            notes.append(f"Skipped: PostgreSQL, {why}.")
            continue
        for program in _APPS:
            if importlib.util.find_spec(program) is None:
                notes.append(f"Skipped: {program} is not installed.")
                continue
            with cluster() if store == "PostgreSQL" else nullcontext("") as url:
                found = _measured(program, url, seconds)
            row, figures[f"{program}, {store}"] = _told(found)
            rows.append([f"{program}, {store}", *row])
    notes += [
        f"{seconds} s at saturation, {WORKERS} workers, {CONNECTIONS} connections of wrk on the same cores; CPU time",
        f"of the servers in {SPELLS} pairs of spells with and without the log. Counts: answers = stored + waiting +",
        "dropped + failed, as the writers say; after a clean stop as many rows as they say, and none waiting.",
    ]
    head = ["server and log", "CPU µs", "without", "ratio", "p99 ms", "without", "answers", "at once", "counts", "lost"]
    return Report("The log under load", head, rows, notes, figures)


def _measured(program: str, url: str, seconds: int) -> Found:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="privacymw-bench-")))
        where = {"PRIVACYMW_STORE": url, "PRIVACYMW_STORE_TLS": "off", "PRIVACYMW_SECRET_KEY": "a secret of the bench"}
        settings = {**(where if url else {}), "BENCH_COUNT": str(folder)}
        app = _APPS[program]
        without = stack.enter_context(serving(app, program, workers=WORKERS, settings=_WITHOUT))
        logging = stack.enter_context(serving(app, program, workers=WORKERS, settings=settings))
        rows = _rows_in(url) if url else logging.rows
        for each in (without, logging):
            each.load(1)
        spell = max(seconds // SPELLS, 1)
        pairs = [(logging.load(spell), without.load(spell)) for _ in range(SPELLS)]
        time.sleep(1)  # what waits for the writer is not the next spell's
        answers, before = _answers(folder), rows()
        whole = logging.load(seconds)
        at_once, answered = rows() - before, _answers(folder) - answers
        time.sleep(_BEAT)
        at_rest = _answers(folder), _counts(logging.data)
        _end(logging)
        return Found(
            pairs, whole, answered, at_once, at_rest, (_answers(folder), _counts(logging.data, closed=True), rows())
        )


def _end(server: Server) -> None:
    """A clean stop, waited for."""
    stop(server.pid)
    end = time.monotonic() + 20
    while Path(f"/proc/{server.pid}/stat").exists() and time.monotonic() < end:
        if Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)


def _answers(folder: Path) -> int:
    """What the workers counted, outside of the middleware."""
    return sum(int.from_bytes(each.read_bytes(), "little") for each in folder.iterdir())


def _counts(data: Path, *, closed: bool = False) -> dict[str, int]:
    """What the writers say: the sums of their last signs of life."""
    from privacymw.store.heartbeat import beats

    found = beats(data)
    assert len(found) == WORKERS, found
    assert not closed or all(each["closed"] for each in found), found
    return {name: sum(each[name] for each in found) for name in ("stored", "waiting", "dropped", "failed")}


def _rows_in(url: str) -> Callable[[], int]:
    import psycopg

    def rows() -> int:
        with closing(psycopg.connect(url)) as db:
            found = db.execute("select count(*) from privacymw.log").fetchone()
            return int(found[0]) if found else 0

    return rows


def _told(found: Found) -> tuple[list[str], dict[str, Any]]:
    micros = [statistics.median(pair[side].micros for pair in found.pairs) for side in (0, 1)]
    ratio = statistics.median(first.micros / second.micros for first, second in found.pairs)
    p99 = [statistics.median(pair[side].p99 for pair in found.pairs) for side in (0, 1)]
    at_once = found.at_once / found.answered
    answers, counts, rows = found.stopped
    exact = (
        found.at_rest[0] == sum(found.at_rest[1].values())
        and answers == rows + counts["dropped"] + counts["failed"]
        and (rows, 0) == (counts["stored"], counts["waiting"])
    )
    lost = counts["dropped"] + counts["failed"]
    row = [
        *(f"{each:.1f}" for each in micros), against(ratio, CPU), against(max(found.whole.p99, p99[0]), P99),
        f"{p99[1]:.2f}", f"{found.answered:,}", f"{at_once:.1%}" + ("" if at_once >= AT_ONCE else " (≥ 95 % MISSED)"),
        "exact" if exact else f"WRONG: {found.at_rest}, {found.stopped}", f"{lost:,}",
    ]  # fmt: skip
    figures = {
        "micros": micros[0], "micros without": micros[1], "ratio": ratio, "p99 ms": p99[0], "p99 ms without": p99[1],
        "p99 ms of the long load": found.whole.p99, "answers": found.answered, "at once": at_once, "exact": exact,
        "lost": lost,
    }  # fmt: skip
    return row, figures
