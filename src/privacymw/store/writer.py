"""One turn of the writer: seal, scrub, keep deadlines, write, sweep, give a sign of life; none stops another."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from privacymw.store.backlog import Backlog
from privacymw.store.decisions import Notes
from privacymw.store.events import Event, Sealer
from privacymw.store.heartbeat import Heartbeat
from privacymw.store.retention import Retention
from privacymw.store.scrub import Scrubber

_SWEEP = 0.1  # seconds of sweeping in one turn
_LATE = 2.0  # seconds after which it is told
_log = logging.getLogger("privacymw.store")


class Keeps(Protocol):
    """The two calls of a store that a writer makes itself."""

    def trim(self) -> int:
        """See Store."""

    def health(self) -> Mapping[str, object]:
        """See Store."""

    def close(self) -> None:
        """See Store."""


class Writer:
    """What the writer thread does; `turn` is called by one thread at a time and never raises.

    Args:
        store: kept within its size, and asked about itself for the heartbeat.
        clock: Unix seconds.
    """

    def __init__(
        self,
        *,
        sealer: Sealer,
        backlog: Backlog,
        notes: Notes,
        retention: Retention,
        heartbeat: Callable[[], Heartbeat],
        store: "Keeps",
        clock: Callable[[], float],
    ) -> None:
        self.sealer, self.backlog, self.notes, self.retention = sealer, backlog, notes, retention
        self._new_heartbeat = heartbeat
        self._store, self._clock = store, clock
        self._scrubber = Scrubber()
        self._troubles: dict[str, str] = {}  # what is in trouble, and the text of it
        self._told: dict[str, str] = {}  # a text that was logged, and of what
        self._late: dict[str, float] = {}  # since when
        self.renew()
        retention.begin()

    def renew(self) -> None:
        """Forget what belongs to the process before a fork: its parent stores that."""
        self.backlog.renew()
        self.notes.renew()
        self.sealer.unsealed = self.sealer.lost = self.trimmed = 0
        self.heartbeat = self._new_heartbeat()

    def warm(self) -> None:
        """Before the first turn of a thread: loads what would make it late."""
        self._try("browsers", self.sealer.details.warm)

    def turn(self, events: Iterable[Event], drops: Callable[[], int], *, now: bool = False) -> None:
        """Seal the events at once; then whatever is due. `drops` are told in rows, `now` tries the store at once."""
        self._try("places", self.sealer.details.look)
        taken = list(events)
        count = len(taken)
        self._try("seal", lambda: self.backlog.add(self.sealer.seal(taken)))
        taken.clear()  # the last references to the addresses
        self._try("scrub", lambda: self._scrubber.scrub(count))
        self._try("keys", self.retention.destroy)
        self._try("next keys", self.retention.prepare)
        self._try("chain", self.retention.record)
        dropped = drops()
        lost = dropped + self.sealer.lost
        self._try("store", lambda: self.backlog.write(self.sealer.current, lost=lost, now=now))
        self._try("decisions", lambda: self.notes.write(now=now))
        self._try("sweep", lambda: self.retention.work(self.heartbeat.owner, _SWEEP))
        if self.heartbeat.due():
            self._try("size", self._keep_size)
            self._try("heartbeat", lambda: self._beat(dropped))

    def close(self, dropped: int) -> None:
        """Give up what could not be stored, and say goodbye."""
        if lost := self.backlog.give_up():
            _log.warning("%d rows of the diagnostics log could not be stored before the end", lost)
        if lost := self.notes.give_up():
            _log.warning("%d records of decisions could not be stored before the end", lost)
        self._try("lease", lambda: self.retention.close(self.heartbeat.owner))
        self._try("heartbeat", lambda: self._beat(dropped, closed=True))
        self._try("close", self._store.close)

    def counts(self, dropped: int) -> dict[str, int]:
        """Rows of this process by what became of them."""
        return {
            "stored": self.backlog.stored,
            "waiting": self.backlog.waiting,
            "dropped": dropped + self.sealer.lost,
            "failed": self.backlog.failed,
            "unsealed": self.sealer.unsealed,
            "trimmed": self.trimmed,
            "decisions_dropped": self.notes.dropped,
        }

    def _beat(self, dropped: int, *, closed: bool = False) -> None:
        facts: dict[str, Any] = {**self.counts(dropped), "troubles": sorted(self._troubles), "store": None}
        facts["swept"] = self.retention.swept
        self._try("facts", lambda: facts.update(store=self._store.health()))
        self.heartbeat.beat(facts, when=self._clock(), closed=closed)

    def _keep_size(self) -> None:
        if trimmed := self._store.trim():
            self.trimmed += trimmed
            _log.warning("the diagnostics log is full: its %d oldest rows went early", trimmed)

    def _try(self, what: str, act: Callable[[], object]) -> None:
        """Nothing may end the thread; a trouble is logged when it comes and when it goes, not in between.

        One cause stops several things: a store that cannot be opened is told once.
        """
        try:
            tried = act()
        except Exception as error:
            if what in self._troubles or not self._lasts(what, error):
                return
            # The type and text of our own errors; never a traceback, whose locals hold addresses.
            text = f"{type(error).__name__}: {error}"
            self._troubles[what] = text
            if self._told.setdefault(text, what) == what:
                _log.warning("diagnostics log, %s: %s", what, text)
        else:
            self._late.pop(what, None)
            if what in self._troubles and tried is not False:
                self._well(self._troubles.pop(what))

    def _well(self, text: str) -> None:
        if text not in self._troubles.values():
            _log.warning("diagnostics log, %s: well again", self._told.pop(text))

    def _lasts(self, what: str, error: Exception) -> bool:
        """Whether it is a trouble: a server that answers late, now and then, is none."""
        since = self._late.setdefault(what, time.monotonic())
        return not getattr(error, "late", False) or time.monotonic() - since > _LATE
