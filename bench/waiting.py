"""A writer of the log that tells how long each of its writes took, and how much of that it waited.

`python -m bench.waiting URL FILE` writes until its standard input ends; a line for each write: when it began
(monotonic seconds), how long it took, and how long it was blocked. Blocked is what was spent neither on a
core nor in line for one, here and in the server's process: on a busy machine the rest is the machine's.
"""

import select
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_MINE = Path("/proc/thread-self/schedstat")
ROWS, PAUSE = 100, 0.005
"""Rows of one write, and seconds between two."""


def main(url: str, file: str) -> None:
    from privacymw.store import Batch, Row, open_store

    store = open_store(url, create=False, patience=5)
    start = int(time.time()) // 86_400 * 86_400_000
    row = Row(int(time.time() * 1000), b"a" * 32, b"n" * 32, "GET", "/members/{id}", 200, 321)

    def write() -> None:
        store.write(Batch(start, [row] * ROWS))

    write()
    others = _backend(store)
    with Path(file).open("w", encoding="ascii") as lines:
        while not select.select([sys.stdin], [], [], PAUSE)[0]:
            began, took, blocked = _timed(write, others)
            lines.write(f"{began} {took} {blocked}\n")


def _backend(store: Any) -> list[Path]:
    """Where the kernel tells the times of the process that works for us; none where the store is a file."""
    server = getattr(store, "_server", None)
    if server is None:
        return []
    with server.using() as db:
        return [Path(f"/proc/{db.info.backend_pid}/schedstat")]


def _timed(write: Callable[[], object], others: list[Path]) -> tuple[float, float, float]:
    before, began = busy() + sum(map(_ran, others)), time.monotonic()
    write()
    took = time.monotonic() - began
    return began, took, max(took - (busy() + sum(map(_ran, others)) - before), 0.0)


def busy() -> float:
    """Seconds that this thread has spent on a core, and in line for one."""
    return time.thread_time() + in_line()


def in_line() -> float:
    """Seconds that this thread could have run and there was no core (sched-stats.rst of Linux)."""
    return int(_MINE.read_text(encoding="ascii").split()[1]) / 1e9


def _ran(place: Path) -> float:
    """The same of another process, which sleeps now: of one that runs the kernel tells it late."""
    running, waiting, _ = place.read_text(encoding="ascii").split()
    return (int(running) + int(waiting)) / 1e9


if __name__ == "__main__":
    main(*sys.argv[1:])
