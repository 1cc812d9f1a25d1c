"""Sealed rows that wait for a store that does not answer."""

import time
from collections import deque
from collections.abc import Callable, Iterable

from privacymw.errors import StoreError
from privacymw.store.base import Batch, Store

ROWS_MOST = 100_000
_FIRST, _LAST = 0.5, 30.0  # seconds between two tries, doubling
_TURN = 0.1  # seconds of writing in one turn: the next drain must not wait for an old backlog


class Backlog:
    """Batches in order; bounded: when it is full the newest rows are given up and counted in `failed`."""

    def __init__(self, store: Store, *, rows_most: int = ROWS_MOST) -> None:
        self._store = store
        self._most = rows_most
        self._batches: deque[Batch] = deque()
        self._wait, self._retry_at = _FIRST, 0.0
        self.stored = self.failed = self.waiting = 0

    def add(self, batches: Iterable[Batch]) -> None:
        """Take what fits."""
        for batch in batches:
            room = self._most - self.waiting
            if len(batch.rows) > room:
                self.failed += len(batch.rows) - room
                batch = Batch(batch.epoch, batch.rows[:room])
            if batch.rows:
                self._batches.append(batch)
                self.waiting += len(batch.rows)

    def write(self, current: Callable[[Batch], Batch], *, now: bool = False) -> bool:
        """Write what waits, unless it is too early to try again and `now` is not asked for; whether it tried.

        Raises:
            StoreError: the store did not take a batch; it is kept.
        """
        begun = time.monotonic()
        if not self._batches or (begun < self._retry_at and not now):
            return False
        while self._batches and time.monotonic() - begun < _TURN:
            self._write_first(current)
        return True

    def _write_first(self, current: Callable[[Batch], Batch]) -> None:
        try:
            self._store.write(current(self._batches[0]))
        except StoreError:
            self._retry_at = time.monotonic() + self._wait
            self._wait = min(self._wait * 2, _LAST)
            raise
        count = len(self._batches.popleft().rows)
        self.stored += count
        self.waiting -= count
        self._wait, self._retry_at = _FIRST, 0.0

    def give_up(self) -> int:
        """Count what still waits as failed and drop it."""
        lost, self.waiting = self.waiting, 0
        self._batches.clear()
        self.failed += lost
        return lost
