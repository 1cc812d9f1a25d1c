"""Which key seals and opens an epoch's addresses, and when it dies: cryptographic erase (NIST SP 800-88)."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from math import ceil

from privacymw.errors import StoreError
from privacymw.seal import AddressSeal
from privacymw.store.base import LANES, KeyHome, KeyInfo, Tombstone
from privacymw.store.fork import watch
from privacymw.store.terms import TERMS, Terms

_WATCH = 600.0  # seconds a leap of the clock is watched before keys die of it
_Name = tuple[str, int]  # lane, epoch start
_Live = Mapping[_Name, KeyInfo]
_Gone = Mapping[_Name, Tombstone]
_log = logging.getLogger("privacymw.store")


def _uptime() -> float:
    """Seconds, with those asleep where the system counts them; else a resumed laptop looks like a leap."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


class Keys:
    """The keys of a home under terms. Making one touches nothing; `destroy_overdue` begins the retention.

    A deadline is the earlier of what was stored with the key and what the terms say now: a shorter
    retention holds at once, a longer one only for keys yet to come, since the page promised less. A legal
    hold puts it off, and is not stored with the key. It is checked on each use.
    """

    def __init__(
        self,
        home: KeyHome,
        terms: Terms = TERMS,
        *,
        clock: Callable[[], float] = time.time,
        uptime: Callable[[], float] = _uptime,
    ) -> None:
        self.home = home
        self.terms = terms.check()
        self._clock, self._uptime = clock, uptime
        self._lock = threading.RLock()
        self._seals: dict[_Name, tuple[AddressSeal, int]] = {}
        self._deadlines: dict[_Name, int] = {}
        self._ids: dict[_Name, str] = {}  # of the keys that are sealed with
        self._seen: tuple[float, float] | None = None  # wall clock and uptime of the last look
        self._watch_until = float("-inf")
        self._rows_deadline: float = float("inf")
        self._prepared: int | None = None
        watch(self)

    def now(self) -> int:
        """The time in ms."""
        return int(self._clock() * 1000)

    def deadline(self, info: KeyInfo) -> int:
        """The deadline in force."""
        if not info.length:  # half destroyed: to be buried, hold or not
            return info.deadline
        return self.terms.held(info.start, info.length, self.ordinary_deadline(info))

    def ordinary_deadline(self, info: KeyInfo) -> int:
        """The deadline as it would be without a hold."""
        return min(info.deadline, self.terms.deadline(info.lane, info.start))

    def sealing(self, lane: str, start: int) -> AddressSeal | None:
        """The seal for new rows, made if the epoch is current or beside it; None: store the row without.

        None too where the lane is not kept, though a hold may keep a key of before alive.
        """
        if lane not in self.terms.lanes:
            return None
        return self._seal(lane, start, make=abs(start - self.terms.start_of(self.now())) <= self.terms.length)

    def opening(self, lane: str, start: int) -> AddressSeal | None:
        """The seal to read with; None once the deadline has passed, or if the key is lost."""
        return self._seal(lane, start, make=False)

    def _seal(self, lane: str, start: int, *, make: bool) -> AddressSeal | None:
        with self._lock:
            found = self._seals.get((lane, start)) or self._fetch(lane, start, make=make)
        return found[0] if found and self.now() < found[1] else None

    def _fetch(self, lane: str, start: int, *, make: bool) -> tuple[AddressSeal, int] | None:
        if make and self.now() < self.terms.deadline(lane, start):
            self.home.make(KeyInfo(lane, start, self.terms.deadline(lane, start), self.terms.length))
        loaded = self.home.load(lane, start)
        if not loaded:
            return None
        info, secret = loaded
        self._deadlines[lane, start], self._ids[lane, start] = self.deadline(info), info.id
        return self._seals.setdefault((lane, start), (AddressSeal(secret, lane), self.deadline(info)))

    def prepare(self) -> None:
        """Make the keys of this epoch and the next: on a disk that fills up, a key made ahead still seals."""
        start = self.terms.start_of(self.now())
        if self._prepared != start:
            for lane in self.terms.lanes:
                for epoch in (start, start + self.terms.length):
                    self._seal(lane, epoch, make=True)
            self._prepared = start

    def destroy_overdue(self) -> int:
        """Destroy what is past its deadline, and what exceeds the cap on live keys; how many died.

        Raises:
            StoreError: some could not be destroyed; the others were.
        """
        if self._leapt():
            return 0
        live, now, faults, died = self.home.live(), self.now(), [], 0
        self._align(live)
        for info in [*(i for i in (*live, *self.home.lost()) if now >= self.deadline(i)), *self._excess(live)]:
            try:
                died += self._end(info, now)
            except StoreError as error:
                faults.append(str(error))
        if faults:
            raise StoreError(f"{len(faults)} keys past their deadline are still there: {faults[0]}")
        return died

    def _align(self, live: Sequence[KeyInfo]) -> None:
        """Know what the home knows; a key that somebody took away or replaced is not sealed with any longer."""
        with self._lock:
            self._deadlines = {(info.lane, info.start): self.deadline(info) for info in live}
            ids = {(info.lane, info.start): info.id for info in live}
            lost = [name for name in self._seals if ids.get(name) != self._ids.get(name)]
            for name in lost:
                del self._seals[name]
            self._prepared = None if lost else self._prepared
            self._rows_deadline = self.terms.next_rows_deadline(self.now())

    def _end(self, info: KeyInfo, now: int) -> bool:
        with self._lock:
            self._seals.pop((info.lane, info.start), None)
        died = self.home.destroy(info.lane, info.start, now)
        self._deadlines.pop((info.lane, info.start), None)
        return died

    def _excess(self, live: Sequence[KeyInfo]) -> list[KeyInfo]:
        """The oldest keys beyond what the terms need: bounds what a clock that was set back lets live.

        Those that a hold keeps are not counted; the hold has a bound of its own.
        """
        excess = []
        for lane in LANES:
            mine = [info for info in live if info.lane == lane and not self._is_held(info.start, info.length)]
            shortest = min((info.length for info in mine if info.length), default=self.terms.length)
            cap = ceil(self.terms.deadline(lane, 0) / min(shortest, self.terms.length)) + 2
            excess += mine[: max(len(mine) - cap, 0)]
        return excess

    def _leapt(self) -> bool:
        """Whether the clock has just leapt ahead of the uptime: keys are not destroyed over a mistaken clock.

        After a while it is obeyed; a highest time ever seen is not kept, for one bad leap would end logging.
        """
        wall, uptime = self._clock(), self._uptime()
        before, self._seen = self._seen, (wall, uptime)
        if before and (wall - before[0]) - (uptime - before[1]) > self.terms.epoch:
            self._watch_until = uptime + min(_WATCH, self.terms.epoch)
            _log.warning("the clock leapt ahead by more than an epoch; keys overdue by it die in a while")
        return self.leaping()

    def leaping(self) -> bool:
        """Whether destruction waits for a clock that leapt."""
        return self._uptime() < self._watch_until

    def _is_held(self, start: int, length: int) -> bool:
        """Whether a legal hold keeps an epoch now."""
        return self.terms.holds(self.now()) and self.terms.held(start, length, 0) > 0

    def next_deadline(self) -> float:
        """When the next key known has to die or rows may have to go, in ms; infinity before the first look."""
        with self._lock:
            return min([self._rows_deadline, *self._deadlines.values()])

    def dead_lanes(self, epoch: int, live: _Live, gone: _Gone) -> list[str]:
        """The lanes of an epoch that nobody may read any more; a lost key's epoch lives on to its limit."""
        now, leaping = self.now(), self.leaping()

        def dead(lane: str) -> bool:
            info = live.get((lane, epoch))
            limit = self.deadline(info) if info else self._limit(epoch, self.terms.deadline(lane, epoch))
            return (lane, epoch) in gone or (now >= limit and not leaping)

        return [lane for lane in LANES if dead(lane)]

    def has_dead_rows(self, epoch: int, live: _Live, gone: _Gone) -> bool:
        """Whether an epoch's rows have to go: with their last key, or at their limit where no key is made.

        What their keys promised of old holds for rows too.
        """
        if self.leaping() or self._is_held(epoch, self.terms.length):
            return False
        if lanes := self.terms.lanes:
            return set(lanes) <= set(self.dead_lanes(epoch, live, gone))
        graves = [gone[lane, epoch].deadline for lane in LANES if (lane, epoch) in gone]
        return self.now() >= min(self.rows_deadline(epoch), max(graves, default=float("inf")))

    def rows_deadline(self, epoch: int) -> int:
        """When the rows of an epoch have to go, by the terms in force."""
        return self._limit(epoch, self.terms.rows_deadline(epoch))

    def _limit(self, epoch: int, deadline: int) -> int:
        return self.terms.held(epoch, self.terms.length, deadline)

    def census(self) -> tuple[dict[_Name, KeyInfo], dict[_Name, Tombstone]]:
        """Live keys and tombstones by (lane, epoch start)."""
        live = {(info.lane, info.start): info for info in self.home.live()}
        return live, {(grave.lane, grave.start): grave for grave in self.home.gone()}

    def before_fork(self) -> None:
        """Nobody is inside while the process is copied."""
        self._lock.acquire()

    def after_fork(self, *, child: bool) -> None:
        """The child's lock is new: only its holder, the forking thread, crossed the fork."""
        if child:
            self._lock = threading.RLock()
        else:
            self._lock.release()
