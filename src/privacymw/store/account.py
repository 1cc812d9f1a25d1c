"""What everybody may see of the log: its age, which keys live and which died, whether somebody keeps time.

No row, no address and no number of requests. Read from the store, the key home and the writers' signs of
life over connections of its own, so that no writer waits for it; what cannot be read is None, never zero.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from privacymw.errors import StoreError
from privacymw.store.base import LANES, Epoch, KeyInfo, Query, Store, Tombstone
from privacymw.store.chain import Head
from privacymw.store.errands import Errands
from privacymw.store.fork import watch
from privacymw.store.heartbeat import STALE, beats
from privacymw.store.keys import Keys
from privacymw.store.terms import Terms

T = TypeVar("T")
KEPT = 5.0
"""Seconds for which an account is given out again: nobody can load a store by asking."""
LAST = 20
"""Tombstones that are shown, the newest first."""
LOST = ("dropped", "failed", "unsealed", "trimmed")
"""What may become of a row that is not stored whole and for its time."""

_PATIENCE = 1.0  # seconds that somebody who asks waits for a store, and for a home
_OLD = 30.0  # seconds after which it is better to wait for a new account
_GRACE = 60_000  # ms that rows may outlive their keys while they are swept
_TURN = 2_000  # ms a running writer may be late with a key


class Rows(NamedTuple):
    """Of the store. Times in ms.

    Attributes:
        ahead: seconds by which its clock is ahead of this machine's.
        oldest: the start of the oldest epoch that has a row; None: there is no row.
        epochs: those that have rows, or a place for them.
        overdue: how many epochs are past every deadline.
    """

    ahead: float
    oldest: int | None
    epochs: Sequence[Epoch]
    overdue: int


class Lane(NamedTuple):
    """The keys of a lane: how many live, when the next one has to die (ms), how many are past that."""

    live: int
    next_end: int | None
    overdue: int


class KeysSeen(NamedTuple):
    """Of the key home: each lane, the last tombstones, and what is known to be lost: (lane, epoch start)."""

    lanes: Mapping[str, Lane]
    ended: Sequence[Tombstone]
    known: frozenset[tuple[str, int]]
    lost: frozenset[tuple[str, int]]


class Writers(NamedTuple):
    """Of this machine, in the last day.

    Attributes:
        alive: how many gave a sign of life just now.
        silent: how many ended without saying so.
        swept: when one last looked for what has to go, to the end; Unix seconds.
        lost: rows by what became of them, as in LOST.
    """

    alive: int
    silent: int
    swept: float | None
    lost: Mapping[str, int]


class Account(NamedTuple):
    """What was seen at a time (Unix seconds); None for each part that could not be read."""

    at: float
    rows: Rows | None
    keys: KeysSeen | None
    writers: Writers | None
    chain: Head | None = None

    @property
    def lost_keys(self) -> int | None:
        """Keys that are gone without having been destroyed: an epoch has tokens, and neither key nor tombstone."""
        if self.rows is None or self.keys is None:
            return None
        tokens = {(lane, epoch.start) for epoch in self.rows.epochs for lane in epoch.lanes}
        return len((tokens - self.keys.known) | self.keys.lost)

    def has_tokens(self, lane: str, start: int) -> bool | None:
        """Whether what an epoch's key sealed is still there."""
        here = None if self.rows is None else self.rows.epochs
        return None if here is None else any(epoch.start == start and lane in epoch.lanes for epoch in here)


class Witness:
    """Gives account, at most once in KEPT seconds; safe to ask from any thread, whatever the store does.

    Args:
        store: opens the store; it is closed again.
        keys: opens the keys under a clock.
        terms: what the site promises.
        data: where the writers give signs of life; None: they give none.
    """

    def __init__(
        self,
        store: Callable[[], Store],
        keys: Callable[[Callable[[], float]], Keys],
        *,
        terms: Terms,
        data: Path | None,
    ) -> None:
        self._store, self._keys, self._terms, self._data = store, keys, terms, data
        self._of_store, self._of_keys = Errands(_PATIENCE), Errands(_PATIENCE)
        self._renew()
        watch(self)

    def _renew(self) -> None:
        self._looking = threading.Lock()
        self._known: tuple[float, Account] | None = None

    def account(self) -> Account:
        """The account of now or of a few seconds ago; takes two seconds at most where a server hangs."""
        known, now = self._known, time.monotonic()
        if known and now < known[0] + KEPT:
            return known[1]
        wait = known is None or now > known[0] + _OLD
        if not self._looking.acquire(blocking=wait):
            assert known is not None
            return known[1]  # another one is looking
        try:
            if self._known is known:
                account = self._look()
                self._known = time.monotonic(), account
            return (self._known or (0, account))[1]
        finally:
            self._looking.release()

    def _look(self) -> Account:
        rows = _read(lambda: self._of_store.ask("rows", self._rows))
        at = time.time() + (rows.ahead if rows else 0)
        keys = _read(lambda: self._of_keys.ask("keys", lambda: self._seen(at)))
        data = self._data
        chain = _read(lambda: self._of_keys.ask("chain", self._head))
        return Account(at, rows, keys, _read(lambda: _writers(data, at)) if data else None, chain)

    def _head(self) -> Head | None:
        chain = self._keys(time.time).home.chain(self._data)
        return chain.head() if chain is not None else None

    def _rows(self) -> Rows:
        store = self._store()
        try:
            epochs, first = store.epochs(), next(iter(store.read(Query())), None)
            now = store.now()
        finally:
            store.close()
        end = now * 1000 - _GRACE
        overdue = sum(all(end >= self._terms.deadline(lane, epoch.start) for lane in LANES) for epoch in epochs)
        return Rows(now - time.time(), first[0] if first else None, epochs, overdue)

    def _seen(self, at: float) -> KeysSeen:
        keys = self._keys(lambda: at)
        live, gone = keys.census()
        lost = frozenset((info.lane, info.start) for info in keys.home.lost())
        lanes = {lane: _lane(keys, [info for info in live.values() if info.lane == lane]) for lane in LANES}
        ended = sorted(gone.values(), key=lambda grave: (grave.destroyed, grave.start), reverse=True)
        return KeysSeen(lanes, ended[:LAST], frozenset(live) | frozenset(gone), lost)

    def before_fork(self) -> None:
        """Nothing: the child knows nothing, and has a lock of its own."""

    def after_fork(self, *, child: bool) -> None:
        """The child begins anew."""
        if child:
            self._renew()


def _read(look: Callable[[], T]) -> T | None:
    """What was seen. Why not is for the operator: `privacymw addresses verify` says it, with paths and hosts."""
    try:
        return look()
    except (StoreError, OSError):
        return None


def _lane(keys: Keys, live: Sequence[KeyInfo]) -> Lane:
    ends = [keys.deadline(info) for info in live if info.length]  # else it is being overwritten just now
    return Lane(len(ends), min(ends, default=None), sum(keys.now() - _TURN >= end for end in ends))


def _writers(data: Path, at: float) -> Writers:
    found = beats(data)
    running = [at - beat["time"] for beat in found if not beat.get("closed")]
    alive = sum(age <= STALE for age in running)
    swept = max((beat["swept"] for beat in found if beat.get("swept")), default=None)
    return Writers(
        alive, len(running) - alive, swept, {name: sum(beat.get(name, 0) for beat in found) for name in LOST}
    )
