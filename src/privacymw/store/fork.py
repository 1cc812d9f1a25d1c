"""What must not cross a fork: locks held by threads that are not in the child, and SQLite connections.

SQLite forbids even closing an inherited connection, and its lock table, copied with the process, lies to a
new one (sqlite.org/howtocorrupt.html, 2.6). So connections are closed before the fork and opened again on
both sides.
"""

import os
import weakref
from collections.abc import Callable
from typing import Protocol

from privacymw.store import uwsgi


class ForkAware(Protocol):
    """Told about each fork of the process."""

    def before_fork(self) -> None:
        """In the parent, by the thread that forks; may wait for a moment."""

    def after_fork(self, *, child: bool) -> None:
        """On both sides."""


_aware: "tuple[weakref.WeakSet[ForkAware], ...]" = (weakref.WeakSet(), weakref.WeakSet(), weakref.WeakSet())
_held: list[ForkAware] = []
_seen = os.getpid()
"""The process that knows it is one of its own."""


def watch(item: ForkAware, *, rank: int = 2) -> None:
    """Tell `item` about forks for as long as somebody else holds it.

    Those of rank 0 stop first: threads that use those of rank 1, threads too, and what both use. A thread
    that is to stop while its store is locked already would be waited for in vain.
    """
    _aware[rank].add(item)


def _before() -> None:
    _held.extend(item for rank in _aware for item in rank)
    for item in _held:
        item.before_fork()


def _after(*, child: bool) -> None:
    global _seen
    _seen = os.getpid()
    if child and not _held:  # the parent was not told before
        _held.extend(item for rank in _aware for item in rank)
    while _held:
        _held.pop().after_fork(child=child)


def _after_unseen() -> None:
    """In a child of a server that tells Python nothing, and lets nothing run until its workers are there."""
    if os.getpid() != _seen:
        _after(child=True)


def in_child(act: Callable[[], None]) -> None:
    """Call `act` in each forked child; it may be called twice."""
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(after_in_child=act)
    uwsgi.on_fork(act)


uwsgi.on_fork(_after_unseen)
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(
        before=_before,
        after_in_parent=lambda: _after(child=False),
        after_in_child=lambda: _after(child=True),
    )
