"""Sealed rows that wait for a store that does not answer."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from privacymw.errors import StoreError
from privacymw.store.base import URGENT, Batch, Row, Store, with_urgent

ROWS_MOST = 100_000
_FIRST, _LAST = 0.5, 30.0  # seconds between two tries, doubling
_TURN = 0.1  # seconds of writing in one turn: the next drain must not wait for an old backlog


class Backlog:
    """Batches in order; bounded: when it is full the newest rows are given up and counted in `failed`.

    What was given up, here or before, is told in a row that goes into the store: the last one of a batch that
    was not tried yet, since of one that was it is not sure that it is not stored already.
    """

    def __init__(self, store: Store, *, rows_most: int = ROWS_MOST) -> None:
        self._store = store
        self._most = rows_most
        self._batches: deque[Batch] = deque()
        self.renew()

    def renew(self) -> None:
        """Forget all of it, and the counts."""
        self._batches.clear()
        self._tried = False  # the first
        self._wait, self._retry_at = _FIRST, 0.0
        self.stored = self.failed = self.waiting = 0
        self._told = 0

    def add(self, batches: Iterable[Batch]) -> None:
        """Take what fits; errors and refusals have a quarter more room."""
        for batch in batches:
            rows = batch.rows
            if len(rows) > self._most - self.waiting:
                rows = list(self._fitting(rows)) or ([] if self._can_tell() else rows[:1])
                self.failed += len(batch.rows) - len(rows)
            if rows:
                self._batches.append(Batch(batch.epoch, rows))
                self.waiting += len(rows)

    def _fitting(self, rows: Sequence[Row]) -> Iterator[Row]:
        taken = self.waiting
        for row in rows:
            if taken < self._most or (row.status in URGENT and taken < with_urgent(self._most)):
                taken += 1
                yield row

    def _can_tell(self) -> bool:
        return len(self._batches) > self._tried

    def _tell(self, lost: int) -> None:
        missing = lost + self.failed - self._told
        if missing and self._can_tell():
            epoch, (*rows, last) = self._batches.pop()
            self._batches.append(Batch(epoch, [*rows, last._replace(dropped=last.dropped + missing)]))
            self._told += missing

    def write(self, current: Callable[[Batch], Batch], *, lost: int = 0, now: bool = False) -> bool:
        """Write what waits, unless it is too early to try again and `now` is not asked for; whether it tried.

        Args:
            current: a batch as it may be stored now.
            lost: events of this process that were lost before they came here.
            now: try at once.

        Raises:
            StoreError: the store did not take a batch; it is kept.
        """
        begun = time.monotonic()
        if not self._batches or (begun < self._retry_at and not now):
            return False
        self._tell(lost)
        while self._batches and time.monotonic() - begun < _TURN:
            self._write_first(current)
        return True

    def _write_first(self, current: Callable[[Batch], Batch]) -> None:
        self._tried = True
        try:
            self._store.write(current(self._batches[0]))
        except StoreError:
            self._retry_at = time.monotonic() + self._wait
            self._wait = min(self._wait * 2, _LAST)
            raise
        count = len(self._batches.popleft().rows)
        self._tried = False
        self.stored += count
        self.waiting -= count
        self._wait, self._retry_at = _FIRST, 0.0

    def give_up(self) -> int:
        """Count what still waits as failed and drop it."""
        lost, self.waiting = self.waiting, 0
        self._batches.clear()
        self.failed += lost
        return lost
