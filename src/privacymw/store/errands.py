"""Calls over a network, done in a thread of their own, so that the writer never waits long for one.

The writer seals what comes in every quarter of a second; a server that hangs must not leave addresses in
memory in the clear meanwhile.
"""

import threading
from collections.abc import Callable, Hashable
from queue import SimpleQueue
from typing import Any, Final, TypeVar

from privacymw.store.fork import watch
from privacymw.store.server import ServerError

T = TypeVar("T")
_KEPT = 20  # late answers that nobody has asked for again
_FORK: Final = 4.0
"""Seconds, a little more than a connection may take: a child that is copied while a thread is in libpq may find its
locks taken for good. A hung network must not keep a server from forking for longer."""


class _Errand:
    """One call and what came of it."""

    def __init__(self, job: Callable[[], Any]) -> None:
        self._job = job
        self._error: Exception | None = None
        self._answer: Any = None
        self.done = threading.Event()

    def run(self) -> None:
        try:
            self._answer = self._job()
        except Exception as error:
            self._error = error
        self.done.set()

    def answer(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._answer


class Errands:
    """One call at a time. What was late is kept for who asks for the same again: nothing is done twice.

    Args:
        patience: seconds to wait for an answer.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._asking = threading.Lock()
        self._renew()
        watch(self, rank=1)

    def _renew(self) -> None:
        self._late: dict[Hashable, _Errand] = {}
        self._last: _Errand | None = None
        self._queue: SimpleQueue[_Errand | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def ask(self, what: Hashable, job: Callable[[], T]) -> T:
        """The answer of `job`, or of the one that was late under the same name.

        Raises:
            ServerError: it is late, or the one before it is.
        """
        with self._asking:
            errand = self._late.pop(what, None) or self._send(job)
            if not errand.done.wait(self._patience):
                self._late = dict([*self._late.items(), (what, errand)][-_KEPT:])
                raise ServerError("the server does not answer at once; asked again", late=True)
        answer: T = errand.answer()
        return answer

    def _send(self, job: Callable[[], object]) -> _Errand:
        if self._last is not None and not self._last.done.is_set():
            raise ServerError("the server does not answer yet", late=True)
        self._last = errand = _Errand(job)
        if self._started():
            self._queue.put(errand)
        else:
            errand.run()
        return errand

    def _started(self) -> bool:
        """Whether there is a thread; at the interpreter's end there may be none to have."""
        if self._thread is None:
            thread = threading.Thread(target=_work, args=(self._queue,), name="privacymw-errands", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return False
            self._thread = thread
        return True

    def before_fork(self) -> None:
        """Stop the thread, so that no process is copied while it runs."""
        self._asking.acquire()
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(_FORK)

    def after_fork(self, *, child: bool) -> None:
        """Go on with a new thread; what was late is the parent's."""
        if child:
            self._asking = threading.Lock()
            self._renew()
        else:
            self._thread = None
            self._queue = SimpleQueue()
            self._asking.release()

    def __del__(self) -> None:
        self._queue.put(None)


def _work(queue: "SimpleQueue[_Errand | None]") -> None:
    """Not a method: a thread that held its owner would keep it alive for ever."""
    while (errand := queue.get()) is not None:
        errand.run()
        del errand
