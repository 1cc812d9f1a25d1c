"""The hand-off from the request to the log: a bounded queue and one writer thread in a process."""

import atexit
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterator

from privacymw.store.base import URGENT, with_urgent
from privacymw.store.decisions import Decision
from privacymw.store.events import Event
from privacymw.store.fork import watch
from privacymw.store.writer import Writer

CAPACITY = 20_000
DRAIN = 0.25
"""Seconds between two drains: the longest an address is in memory in the clear, however the store does."""

_STATUS = 4  # of an event


class Journal:
    """Takes events and never blocks, raises or does I/O; made by `open_journal`.

    The thread starts when it is told to, or with the first event. It is stopped around a fork, so that no
    process is copied while it runs; the child has an empty queue and starts a thread of its own with its
    first event, and what waited is the parent's, as is what was dropped.
    """

    def __init__(self, writer: Writer, *, capacity: int = CAPACITY, interval: float = DRAIN) -> None:
        self._writer = writer
        self._room, self._urgent_room = capacity, with_urgent(capacity)
        self._interval = interval
        self._dropped = 0
        self._closed = False
        self._still = False  # around a fork
        self._renew()
        watch(self, rank=0)
        _close_at_exit(self)

    def _renew(self) -> None:
        self._queue: deque[Event] = deque()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()  # around starting, and the count of drops
        self._warming = threading.Lock()
        self._turning = threading.Lock()  # around a turn: the thread's, or a flush's
        self._wake = threading.Event()

    def put(self, event: Event) -> None:
        """Hand an event over; when the queue is full it is dropped and counted, an error or a refusal last."""
        queue = self._queue
        if len(queue) < self._room or (event[_STATUS] in URGENT and len(queue) < self._urgent_room):
            queue.append(event)
            if self._thread is None:
                self.start()
        else:
            self._drop()

    def note(self, decision: Decision) -> None:
        """Hand over a record of a decision; when too many wait it is dropped and counted."""
        self._writer.notes.add(decision)
        if self._thread is None:
            self.start()

    def _drop(self) -> None:
        with self._lock:
            self._dropped += 1

    def _drops(self) -> int:
        """How many so far: asked after a drain, so that drops beside its events are told in their rows."""
        return self._dropped

    def start(self) -> None:
        """Start the thread, if there is none: an idle site keeps time too."""
        with self._lock:
            if self._thread is None and not self._closed and not self._still:
                thread = threading.Thread(target=self._run, name="privacymw-writer", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the interpreter is about to end, or has no thread to give
                    return
                self._thread = thread

    def _run(self) -> None:
        with self._warming:
            if not self._still:
                self._writer.warm()
        begun = time.monotonic()
        while not self._closed and not self._still:
            left = max(begun + self._interval - time.monotonic(), 0.005)
            self._wake.wait(self._writer.retention.pause(left))
            begun = time.monotonic()
            with self._turning:
                self._wake.clear()
                self._writer.turn(self._drain(), self._drops)

    def _drain(self) -> Iterator[Event]:
        for _ in range(len(self._queue)):
            yield self._queue.popleft()

    def flush(self, timeout: float = 2.0) -> bool:
        """Store what was put, in this thread; False if the store did not take it in `timeout` seconds."""
        end = time.monotonic() + timeout
        while self._queue or self._unwritten() or self._turning.locked():
            if not self._turning.acquire(timeout=max(end - time.monotonic(), 0)):
                return False
            try:
                self._writer.turn(self._drain(), self._drops, now=True)
            finally:
                self._turning.release()
            if self._unwritten():
                if time.monotonic() >= end:
                    return False
                time.sleep(0.02)
        return True

    def _unwritten(self) -> int:
        return self._writer.backlog.waiting + self._writer.notes.waiting

    def close(self, timeout: float = 2.0) -> None:
        """Store what waits, stop the thread, say goodbye. What is put afterwards is dropped and counted."""
        if self._closed:
            return
        self._room, self._urgent_room, self._closed = 0, 0, True
        end = time.monotonic() + timeout
        self._wake.set()
        self.flush(timeout)
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(max(end - time.monotonic(), 0.1))
        self._writer.close(self._dropped)

    def counts(self) -> dict[str, int]:
        """Rows of this process: stored, waiting (sealed), dropped, failed, unsealed, trimmed."""
        return self._writer.counts(self._dropped)

    def before_fork(self) -> None:
        """Stop the thread: a process that forks while others run may leave its child in a deadlock."""
        thread, self._still = self._thread, True
        if thread is not None and thread is not threading.current_thread():
            self._wake.set()
            with self._warming:  # an import that is cut in two would never end in the child
                pass
            thread.join(1.0)  # a turn takes 0.2 s; a hung disk must not keep a server from forking

    def after_fork(self, *, child: bool) -> None:
        """The parent goes on; the child begins anew."""
        ran, self._still = self._thread is not None, False
        if child:
            self._renew()
            self._dropped = 0
            self._writer.renew()
        elif ran:
            self._thread = None
            self.start()


def _close_at_exit(journal: Journal) -> None:
    weak = weakref.ref(journal)

    def close() -> None:
        if alive := weak():
            alive.close()

    atexit.register(close)
