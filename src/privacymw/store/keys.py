"""Which key seals and opens an epoch's addresses, and when it dies: cryptographic erase (NIST SP 800-88)."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence, Set
from math import ceil
from typing import NamedTuple

from privacymw.errors import SettingsError, StoreError
from privacymw.seal import AddressSeal
from privacymw.store.base import LANES, KeyHome, KeyInfo, Tombstone
from privacymw.store.fork import watch

DAY = 86_400.0
_HOLD = 600.0  # seconds a leap of the clock is watched before keys die of it
_Name = tuple[str, int]  # lane, epoch start
_log = logging.getLogger("privacymw.store")


def _uptime() -> float:
    """Seconds, with those asleep where the system counts them; else a resumed laptop looks like a leap."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


class Terms(NamedTuple):
    """How long what can be read, in seconds. `network_retention` None: as long as the addresses."""

    retention: float = 30 * DAY
    network_retention: float | None = None
    epoch: float = DAY

    def check(self) -> "Terms":
        """Itself; SettingsError if it cannot be obeyed."""
        spans = {"retention": self.retention, "network retention": self._seconds("network")}
        faults = [f"{name} {span:g} s is shorter than an epoch" for name, span in spans.items() if span < self.epoch]
        if not 1 <= self.epoch <= DAY:
            faults.append(f"epoch {self.epoch:g} s: allowed are 1 s to {DAY:g} s")
        if faults:
            raise SettingsError(
                f"the retention of addresses cannot be kept: {'; '.join(faults)}.\n"
                "To paste: PRIVACYMW_ADDRESSES_RETENTION=30d PRIVACYMW_ADDRESSES_EPOCH=1d"
            )
        return self

    def start_of(self, when: int) -> int:
        """The start of the epoch of a time."""
        length = self.length
        return when // length * length

    @property
    def length(self) -> int:
        """Of an epoch, in ms."""
        return round(self.epoch * 1000)

    def deadline(self, lane: str, start: int) -> int:
        """When an epoch's key of a lane dies, counted from the epoch's *start*: no row outlives its limit."""
        return start + round(self._seconds(lane) * 1000)

    def _seconds(self, lane: str) -> float:
        if lane == "network" and self.network_retention is not None:
            return self.network_retention
        return self.retention


TERMS = Terms()


class Keys:
    """The keys of a home under terms. Making one touches nothing; `destroy_overdue` begins the retention.

    A deadline is the earlier of what was stored with the key and what the terms say now: a shorter
    retention holds at once, a longer one only for keys yet to come, since the page promised less. It is
    checked on each use.
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
        self._hold_until = float("-inf")
        self._prepared: int | None = None
        watch(self)

    def now(self) -> int:
        """The time in ms."""
        return int(self._clock() * 1000)

    def deadline(self, info: KeyInfo) -> int:
        """The deadline in force."""
        return min(info.deadline, self.terms.deadline(info.lane, info.start))

    def sealing(self, lane: str, start: int) -> AddressSeal | None:
        """The seal for new rows, made if the epoch is current or beside it; None: store the row without."""
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
            for lane in LANES:
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

    def _end(self, info: KeyInfo, now: int) -> bool:
        with self._lock:
            self._seals.pop((info.lane, info.start), None)
        died = self.home.destroy(info.lane, info.start, now)
        self._deadlines.pop((info.lane, info.start), None)
        return died

    def _excess(self, live: Sequence[KeyInfo]) -> list[KeyInfo]:
        """The oldest keys beyond what the terms need: bounds what a clock that was set back lets live."""
        excess = []
        for lane in LANES:
            mine = [info for info in live if info.lane == lane]
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
            self._hold_until = uptime + min(_HOLD, self.terms.epoch)
            _log.warning("the clock leapt ahead by more than an epoch; keys overdue by it die in a while")
        return self.held()

    def held(self) -> bool:
        """Whether destruction waits for a clock that leapt."""
        return self._uptime() < self._hold_until

    def next_deadline(self) -> float:
        """When the next key known has to die, in ms; infinity if there is none."""
        with self._lock:
            return min(self._deadlines.values(), default=float("inf"))

    def dead_lanes(self, epoch: int, live: Mapping[_Name, KeyInfo], gone: Set[_Name]) -> list[str]:
        """The lanes of an epoch that nobody may read any more; a lost key's epoch lives on to its limit."""
        now, held = self.now(), self.held()

        def dead(lane: str) -> bool:
            info = live.get((lane, epoch))
            limit = self.deadline(info) if info else self.terms.deadline(lane, epoch)
            return (lane, epoch) in gone or (now >= limit and not held)

        return [lane for lane in LANES if dead(lane)]

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
