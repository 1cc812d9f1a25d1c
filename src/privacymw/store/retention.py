"""When keys die and rows go: first the keys, whatever the store does; then, bit by bit, the rows."""

import time
from collections.abc import Iterator
from contextlib import suppress

from privacymw.errors import StoreError
from privacymw.store.base import Store
from privacymw.store.keys import Keys
from privacymw.store.ledger import Ledger
from privacymw.store.server import ServerError

_ROUND = 600_000  # ms between two looks when no deadline is near
_AGAIN = 2_000  # ms after a look or a sweep that failed
_SPACE = 5_000  # ms between two entries in the chain: with epochs of seconds it must not hold up what ends keys
_LEASE = 60_000  # ms; a sweeper that was killed is replaced after this
_SETTLE_TRIES = 20


def sweep(store: Store, keys: Keys, decisions: int | None = None) -> Iterator[None]:
    """Take away what nobody may read any more, one short transaction a step; stop where you like.

    `decisions` is for how many seconds their records are kept, None where only they know.
    """
    live, gone = keys.census()
    touched = False
    for epoch in store.epochs():
        if keys.has_dead_rows(epoch.start, live, gone):
            touched = True
            yield from store.purge(epoch.start)
            continue
        for lane in set(keys.dead_lanes(epoch.start, live, gone)).intersection(epoch.lanes):
            touched = True
            yield from store.forget(epoch.start, lane)
    now = keys.now() // 1000
    while store.drop_noted(now, now - decisions if decisions is not None else 0):
        touched = True
        yield
    if touched:
        yield from _settle(store)


def _settle(store: Store) -> Iterator[None]:
    """A reader with an old snapshot keeps deleted rows in the log file: try a few times, then leave it."""
    for _ in range(_SETTLE_TRIES):
        if store.settle():
            return
        yield


class Retention:
    """The clock of one process. Every process ends keys, which is idempotent; one at a time sweeps rows."""

    def __init__(self, store: Store, keys: Keys, decisions: int | None = None, *, ledger: Ledger | None = None) -> None:
        self._store, self._keys = store, keys
        self._decisions, self._ledger = decisions, ledger
        self._record_at: float = 0  # ms
        self._recorded: int | None = None  # the epoch in which that was done
        self._tried = -_SPACE
        self._next_round = 0
        self._due = True
        self._sweep_at = 0.0  # by the uptime
        self._steps: Iterator[None] | None = None
        self._leased = ("", 0)  # as whom, until when; a child of the process is somebody else
        self.swept: float | None = None
        """When this process last looked for what has to go, to the end; Unix seconds."""

    def begin(self) -> None:
        """Before the first request: what is overdue dies now; StoreError if it cannot.

        Keys on a server that is away open nothing meanwhile; they die as soon as it is back.
        """
        try:
            self._keys.destroy_overdue()
        except ServerError as error:
            if not error.away:
                raise
        with suppress(StoreError):  # a full disk: the site starts, rows are kept without address
            self._keys.prepare()
        with suppress(StoreError):  # the next turn tries again
            self.record()

    def destroy(self) -> None:
        """End the keys that are due, and see to it that their rows go; cheap when nothing is due."""
        now = self._keys.now()
        changed = self._keys.home.changed()
        if changed or now >= self._keys.next_deadline() or not 0 < self._next_round - now <= _ROUND:
            self._next_round, self._due = now + _AGAIN, True
            try:
                if self._keys.destroy_overdue():
                    self._record_at = 0
            except StoreError:  # others may have died
                self._record_at = 0
                raise
            self._next_round = now + _ROUND

    def record(self) -> None:
        """Enter births and deaths of keys in the chain; cheap when nothing is due."""
        now, epoch = self._keys.now(), self._keys.terms.start_of(self._keys.now())
        due = epoch != self._recorded or not 0 < self._record_at - now <= _ROUND
        if self._ledger and due and not 0 <= now - self._tried < _SPACE:
            self._record_at, self._recorded, self._tried = now + _SPACE, epoch, now
            self._ledger.record()
            self._record_at = now + _ROUND

    def prepare(self) -> None:
        """Keys for this epoch and the next, and room for its rows."""
        self._keys.prepare()
        self._store.prepare(self._keys.terms.start_of(self._keys.now()) + self._keys.terms.length)

    def work(self, owner: str, seconds: float) -> bool:
        """Sweep for so long at most, three quarters of it asleep: a waiting writer looks ever more rarely.

        Whether it tried; after a fault it waits a little.
        """
        begun = time.monotonic()
        if self._steps is None and (not self._due or begun < self._sweep_at):
            return False
        try:
            if self._steps is None:
                self._begin_sweep(owner)
            end = begun + seconds
            while self._steps and (begun := time.monotonic()) < end:
                self._step()
                time.sleep(min(3 * (time.monotonic() - begun), seconds))
        except StoreError:
            self._due, self._sweep_at = True, time.monotonic() + _AGAIN / 1000
            raise
        return True

    def _begin_sweep(self, owner: str) -> None:
        self._due, now = False, self._keys.now()
        if self._store.lease(owner, now, _LEASE):
            self._leased = (owner, now + _LEASE)
            self._steps = sweep(self._store, self._keys, self._decisions)
        else:  # somebody sweeps, or was killed while he did
            self._next_round = min(self._next_round, now + _LEASE)

    def close(self, owner: str) -> None:
        """Let others sweep: a site that starts again need not wait for a lease of its own to end."""
        now, (holder, until) = self._keys.now(), self._leased
        if owner == holder and now < until:
            self._store.lease(owner, now, 0)

    def _step(self) -> None:
        steps, self._steps = self._steps, None
        if steps:
            try:
                next(steps)
            except StopIteration:
                self.swept = self._keys.now() / 1000
                return
            self._steps = steps

    def pause(self, most: float) -> float:
        """Seconds until the next key is due, `most` at most."""
        return min(max((self._keys.next_deadline() - self._keys.now()) / 1000, 0.01), most)
