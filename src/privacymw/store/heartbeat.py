"""Signs of life of the writers, a small file each: the evidence tells a dead one from a quiet one."""

import contextlib
import json
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from privacymw.store.files import private_folder, replace

EVERY = 5.0
"""Seconds between two beats."""
STALE = 30.0
"""Seconds after which a writer that did not say goodbye is dead."""

_FOLDER = "writers"
_FORGOTTEN = 86_400.0  # seconds after which a dead writer's file is removed


class Heartbeat:
    """The beats of one process, in `writers/<pid>-<random>.json` of the data folder; without folder: none."""

    def __init__(self, data: Path | None) -> None:
        self._folder = data / _FOLDER if data else None
        self.owner = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._next = 0.0

    def due(self) -> bool:
        """Whether it is time for the next one."""
        return time.monotonic() >= self._next

    def beat(self, facts: Mapping[str, object], *, when: float, closed: bool = False) -> None:
        """Write down that this writer lives at `when` (Unix seconds); OSError or StoreError if it cannot."""
        first, self._next = not self._next, time.monotonic() + EVERY
        if not self._folder or (closed and first):  # a server's master never wrote: it has nothing to say
            return
        if first:
            _forget_old(private_folder(self._folder), when)
        content = {"pid": os.getpid(), "time": when, "closed": closed, **facts}
        replace(self._folder / f"{self.owner}.json", json.dumps(content).encode())


def _forget_old(folder: Path, now: float) -> None:
    for path in folder.glob("*.json"):
        beat = _read(path)
        if not beat or now - beat["time"] > _FORGOTTEN:
            path.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any] | None:
    with contextlib.suppress(OSError, ValueError):
        beat = json.loads(path.read_bytes())
        return beat if isinstance(beat, dict) and isinstance(beat.get("time"), (int, float)) else None
    return None


def beats(data: Path) -> list[dict[str, Any]]:
    """The last beat of every writer of a day: pid, time, closed, counts of rows, facts about the store."""
    found = [_read(path) for path in sorted((data / _FOLDER).glob("*.json"))]
    return [beat for beat in found if beat]
