"""A PostgreSQL of the bench's own, on loopback, gone when it ends."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_SETTINGS = ("fsync=off", "max_wal_size=8GB", "checkpoint_timeout=1h")
"""What hangs on the disk alone is left out: whoever compares locks must not compare disks."""


def missing() -> str:
    """Why there is none; empty where there can be one."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "psycopg is not installed"
    return "" if _program("initdb") else "PostgreSQL is not installed"


def _program(name: str) -> str | None:
    places = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *places]))


def _as_other() -> dict[str, Any]:
    """It refuses to run as root."""
    if os.geteuid():
        return {}
    names = {each.pw_name for each in pwd.getpwall()}
    name = "postgres" if "postgres" in names else "nobody"
    return {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []}


@contextlib.contextmanager
def cluster() -> Iterator[str]:
    """The URL of an empty database."""
    folder = Path(tempfile.mkdtemp(prefix="pmw-bench-"))
    other = _as_other()
    if other:
        shutil.chown(folder, other["user"])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    data = str(folder / "data")
    command = [str(_program("initdb")), "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C"]
    subprocess.run(command, check=True, capture_output=True, cwd=folder, **other)
    command = [str(_program("postgres")), "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", str(folder)]
    command += [f"-c{each}" for each in _SETTINGS]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **other)
    try:
        url = f"postgresql://bench@127.0.0.1:{port}/postgres"
        _wait(url)
        yield url
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(url: str) -> None:
    import psycopg

    end = time.monotonic() + 20
    while True:
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
