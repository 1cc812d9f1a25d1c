"""Records of decisions: what was chosen and when, of nobody in particular; and their way to the store."""

import time
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple, Protocol

_MOST = 10_000
_BATCH = 500  # records; written in one short transaction
_AGAIN = 2.0  # seconds until a store that did not answer is tried again


class Decision(NamedTuple):
    """One decision of one visitor, without address, user agent or name. Times are Unix seconds.

    Attributes:
        receipt: 128 random bits, which only the visitor's receipt has too.
        at: when, cut to the minute: to the second it would stand beside one row of a log.
        until: when the record goes.
        version: the digest of what there was to choose.
        answers: such as `sale=no statistics=yes`.
        signals: what the browser sent and the site honoured, such as `Sec-GPC`.
    """

    receipt: bytes
    at: int
    until: int
    version: str
    answers: str
    signals: str


class DecisionStore(Protocol):
    """What a store does for decisions. Each call is one short transaction and may raise StoreError."""

    def note(self, decisions: Sequence[Decision]) -> None:
        """Keep all of them, or none; one that is there already stays as it is."""

    def noted(self, receipt: bytes) -> Decision | None:
        """The record of a receipt, also one that is due to go; None where there is none."""

    def drop_noted(self, now: int, made_before: int) -> int:
        """Take away some that end by `now` or were made before; how many, 0 when there are no more."""


class Notes:
    """Decisions on their way to the store; bounded: when it is full the newest are dropped and counted."""

    def __init__(self, store: DecisionStore, *, most: int = _MOST) -> None:
        self._store = store
        self._most = most
        self.renew()

    def renew(self) -> None:
        """Forget what belongs to the process before a fork: its parent stores that."""
        self._waiting: deque[Decision] = deque()
        self._retry_at = 0.0
        self.dropped = 0

    def add(self, decision: Decision) -> None:
        """Take one; never blocks, raises or does I/O."""
        if len(self._waiting) < self._most:
            self._waiting.append(decision)
        else:
            self.dropped += 1

    def give_up(self) -> int:
        """Count what still waits as dropped and forget it."""
        lost = len(self._waiting)
        self._waiting.clear()
        self.dropped += lost
        return lost

    @property
    def waiting(self) -> int:
        """How many are not stored yet."""
        return len(self._waiting)

    def write(self, *, now: bool = False) -> bool:
        """Store what waits, unless it is too early to try again; whether it tried.

        Raises:
            StoreError: the store did not take them; they are kept.
        """
        if not self._waiting or (time.monotonic() < self._retry_at and not now):
            return False
        self._retry_at = time.monotonic() + _AGAIN
        batch = list(islice(self._waiting, _BATCH))
        self._store.note(batch)
        for _ in batch:
            self._waiting.popleft()
        self._retry_at = 0.0
        return True
