"""Counters for an operator: kinds and names, never a visitor, an address or a URL."""

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from weakref import WeakSet

from privacymw.errors import StoreError
from privacymw.folder import DataFolder
from privacymw.store.fork import in_child

FOLDER: Final = "counts"
_NAMES: Final = 2_000
"""Names of a kind per process; what comes later is counted together, so that no visitor can fill the memory.

By kind, so that many hosts of one do not hide what another has to tell. Kinds are the code's own, and few.
"""
_OTHERS: Final = "(others)"
_INTERVAL: Final = 1.0
_KEPT: Final = 30 * 86_400


class Tally:
    """Counts in memory, and writes one small file per process a moment later.

    Args:
        folder: where the file goes; None for memory alone.
    """

    def __init__(self, folder: DataFolder | None) -> None:
        self._folder = folder
        self._forget()
        _LIVING.add(self)

    def _forget(self) -> None:
        """Also in a forked child, which has the parent's counts but not its thread."""
        self._counts: dict[tuple[str, str], int] = {}
        self._names: dict[str, int] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._since = int(time.time())
        self._tidied = False

    def count(self, kind: str, name: str) -> None:
        """One more; never blocks on a disk."""
        key = (kind, name[:120])
        with self._lock:
            if key not in self._counts:
                names = self._names[kind] = self._names.get(kind, 0) + 1
                if names > _NAMES:
                    key = (kind, _OTHERS)
            self._counts[key] = self._counts.get(key, 0) + 1
            if self._thread is None and self._folder is not None:
                self._start()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="privacymw-tally", daemon=True)
        with contextlib.suppress(RuntimeError):  # the interpreter is about to end, or has no thread to give
            thread.start()
            self._thread = thread

    def counts(self) -> dict[str, dict[str, int]]:
        """What this process counted, by kind and name."""
        found: dict[str, dict[str, int]] = {}
        with self._lock:
            for (kind, name), number in self._counts.items():
                found.setdefault(kind, {})[name] = number
        return found

    def _run(self) -> None:
        while not self._stop.wait(_INTERVAL):
            self.flush()

    def flush(self) -> None:
        """Writes the file; a disk that is full or gone costs the counts, nothing else."""
        if self._folder is None or not self._counts:
            return
        self._forget_old()
        document = {"pid": os.getpid(), "since": self._since, "counts": self.counts()}
        with contextlib.suppress(OSError):
            self._folder.replace(f"{FOLDER}-{os.getpid()}.json", document)

    def _forget_old(self) -> None:
        """Once a process: what workers counted that are long gone."""
        if self._folder is None or self._tidied:
            return
        self._tidied = True
        for path in self._folder.path.glob(f"{FOLDER}-*.json"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _KEPT:
                    path.unlink()

    def close(self) -> None:
        """Flushes and ends the thread."""
        self._stop.set()
        self.flush()


_LIVING: Final[WeakSet[Tally]] = WeakSet()


def _after_fork() -> None:
    for each in list(_LIVING):
        each._forget()


in_child(_after_fork)


def read_counts(folder: Path) -> dict[str, dict[str, int]]:
    """The sums over all processes that wrote into a data folder.

    Raises:
        StoreError: a file is not one of ours, or cannot be read.
    """
    return read_counts_since(folder)[0]


def read_counts_since(folder: Path) -> tuple[dict[str, dict[str, int]], int | None]:
    """The same sums, and since when (Unix seconds) they are counted; None where nothing is."""
    total: dict[str, dict[str, int]] = {}
    begun: list[int] = []
    for path in sorted(folder.glob(f"{FOLDER}-*.json")):
        since, counts = _read(path)
        begun.append(since)
        for kind, names in counts.items():
            _add(total.setdefault(kind, {}), names)
    return total, min(begun, default=None)


def _read(path: Path) -> tuple[int, dict[str, dict[str, int]]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return int(document["since"]), {kind: dict(names) for kind, names in document["counts"].items()}
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StoreError(f"{path} is no file of counts: remove it") from None


def _add(total: dict[str, int], names: dict[str, int]) -> None:
    for name, number in names.items():
        total[name] = total.get(name, 0) + number


Count = Callable[[str, str], Any]
