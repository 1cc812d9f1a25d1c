"""A journal in uWSGI: a thread in each worker, or where there can be none, the request does the writer's work."""

import logging
from typing import TYPE_CHECKING

from privacymw.store import uwsgi
from privacymw.store.journal import CAPACITY, DRAIN, Journal

if TYPE_CHECKING:
    from privacymw.store.decisions import Decision
    from privacymw.store.events import Event
    from privacymw.store.writer import Writer

_PATIENCE = 0.5  # seconds; another request of this process, in a greenlet, may be at it
_log = logging.getLogger("privacymw.store")


class UwsgiJournal(Journal):
    """As Journal, for a process that uWSGI runs.

    The process that workers are forked from has no thread; a worker starts its own as it begins. Without
    threads each event is written by who puts it, and keys that are due die with the next event.
    """

    def __init__(self, writer: "Writer", *, capacity: int = CAPACITY, interval: float = DRAIN) -> None:
        self._threadless = uwsgi.threadless()
        super().__init__(writer, capacity=capacity, interval=interval)
        if self._threadless:
            _log.warning(
                "uWSGI was started without threads: the diagnostics log is written within requests, and keys whose time"
                " is over die with the next request, not on time.\nTo paste: enable-threads = true"
            )

    def start(self) -> None:
        """Start the thread where there can be one."""
        if not self._threadless and not uwsgi.forks_later():
            super().start()

    def put(self, event: "Event") -> None:
        """Hand an event over; without threads it is written at once."""
        super().put(event)
        self._write_here()

    def note(self, decision: "Decision") -> None:
        """Hand over a record of a decision; without threads it is written at once."""
        super().note(decision)
        self._write_here()

    def _write_here(self) -> None:
        if self._threadless and self._turning.acquire(timeout=_PATIENCE):
            try:
                self._writer.turn(self._drain(), self._drops)
            finally:
                self._turning.release()

    def after_fork(self, *, child: bool) -> None:
        """A worker's thread starts with it: the process that it is a copy of has none to keep time."""
        super().after_fork(child=child)
        if child:
            self.start()
