"""Real servers on free loopback ports: started, waited for, and ended with all their children.

    with gunicorn("portal:app", folder=Path("examples/flask_app"), workers=2) as server:
        urllib.request.urlopen(server.url)

The demo and the tests share this file.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
TRIES = 3  # a port that was free a moment ago may be taken by another program
# Servers answer this line with 400 themselves: waiting leaves no trace in what the app records.
PROBE = b"READY?\r\n\r\n"


class ServerError(Exception):
    """A server did not come up; the text has the reason and the end of its log."""


class PortTaken(ServerError):
    """Another program listens on the port."""


@dataclass(frozen=True)
class Server:
    """A server that answers. `url` ends without a slash; `log` is all it has written so far."""

    name: str
    url: str
    port: int
    process: subprocess.Popen[bytes]
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")


def gunicorn(
    app: str,
    *,
    folder: Path,
    workers: int = 1,
    env: Mapping[str, str] | None = None,
    port: int = 0,
    options: Sequence[str] = (),
) -> contextlib.AbstractContextManager[Server]:
    """gunicorn serving `app` ("module:name", found in `folder`) with sync workers."""

    def command(port: int) -> list[str]:
        place = ["--bind", f"{HOST}:{port}", "--chdir", str(folder), "--workers", str(workers)]
        # Its control socket would be one file in the home folder for all servers.
        quick = ["--graceful-timeout", "5", "--no-control-socket"]
        return [sys.executable, "-m", "gunicorn", *place, *quick, *options, app]

    return running("gunicorn", command, env=env, port=port)


def uvicorn(
    app: str,
    *,
    folder: Path,
    workers: int = 1,
    env: Mapping[str, str] | None = None,
    port: int = 0,
    options: Sequence[str] = (),
) -> contextlib.AbstractContextManager[Server]:
    """uvicorn serving `app` ("module:name", found in `folder`)."""

    def command(port: int) -> list[str]:
        place = ["--host", HOST, "--port", str(port), "--app-dir", str(folder), "--workers", str(workers)]
        return [sys.executable, "-m", "uvicorn", *place, *options, app]

    return running("uvicorn", command, env=env, port=port)


@contextlib.contextmanager
def running(
    name: str,
    command: Callable[[int], Sequence[str]],
    *,
    env: Mapping[str, str] | None = None,
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    seconds: float = 20,
) -> Iterator[Server]:
    """Run `command(port)` until the block ends. Port 0 picks a free one; `env` is added to our own.

    With `tls` the server is asked by https, and so is its url. Raises ServerError if it does not answer
    within `seconds`.
    """
    with tempfile.TemporaryDirectory(prefix="privacymw-") as scratch:
        log_file = Path(scratch, "log")
        server = start(name, command, env=env, port=port, tls=tls, seconds=seconds, log_file=log_file)
        try:
            yield server
        finally:
            stop(server.process)


def start(
    name: str,
    command: Callable[[int], Sequence[str]],
    *,
    env: Mapping[str, str] | None,
    port: int,
    tls: ssl.SSLContext | None,
    seconds: float,
    log_file: Path,
) -> Server:
    for attempt in range(TRIES):
        chosen = free_port(port)
        process = spawn(command(chosen), env=env, log_file=log_file)
        scheme = "https" if tls else "http"
        server = Server(name, f"{scheme}://localhost:{chosen}", chosen, process, log_file)
        try:
            wait_until_ready(server, tls=tls, seconds=seconds)
        except PortTaken:
            stop(process)
            if port or attempt == TRIES - 1:
                raise
        except BaseException:
            stop(process)
            raise
        else:
            return server
    raise AssertionError("the last attempt returns or raises")


def free_port(wanted: int = 0) -> int:
    """`wanted` if nobody listens there, or any free port for 0. Raises PortTaken."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that is only cooling down is free
        try:
            trial.bind((HOST, wanted))
        except OSError as error:
            raise PortTaken(f"Port {wanted} cannot be used: {error.strerror}.") from error
        port: int = trial.getsockname()[1]
        return port


def spawn(command: Sequence[str], *, env: Mapping[str, str] | None, log_file: Path) -> subprocess.Popen[bytes]:
    with log_file.open("wb") as log:
        return subprocess.Popen(
            command,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # its own group: no Ctrl-C from the terminal, and no child gets lost
        )


def wait_until_ready(server: Server, *, tls: ssl.SSLContext | None, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not answers(server.port, tls):
        if server.process.poll() is not None:
            raise failure(server, f"ended with exit code {server.process.returncode}")
        if time.monotonic() > deadline:
            raise failure(server, f"did not answer within {seconds:g} seconds")
        time.sleep(0.05)
    if "in use" in server.log:  # it was another program that answered
        raise failure(server, "found its port taken")


def answers(port: int, tls: ssl.SSLContext | None) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            if tls is not None:
                with tls.wrap_socket(connection, server_hostname="localhost") as sealed:
                    return exchange(sealed)
            return exchange(connection)
    except OSError:
        return False


def exchange(connection: socket.socket) -> bool:
    connection.sendall(PROBE)
    return bool(connection.recv(64))


def failure(server: Server, what: str) -> ServerError:
    text = f"{server.name} on port {server.port} {what}. Its log ends:\n{server.log[-2000:]}"
    return PortTaken(text) if "in use" in server.log else ServerError(text)


def stop(process: subprocess.Popen[bytes], *, seconds: float = 10) -> None:
    """Ask the server to end; after `seconds`, end it and every process of its group."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody left, or only the unreaped
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
