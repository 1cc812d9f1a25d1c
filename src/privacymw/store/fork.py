"""What must not cross a fork: locks held by threads that are not in the child, and SQLite connections.

SQLite forbids even closing an inherited connection, and its lock table, copied with the process, lies to a
new one (sqlite.org/howtocorrupt.html, 2.6). So connections are closed before the fork and opened again on
both sides.
"""

import os
import weakref
from typing import Protocol


class ForkAware(Protocol):
    """Told about each fork of the process."""

    def before_fork(self) -> None:
        """In the parent, by the thread that forks; may wait for a moment."""

    def after_fork(self, *, child: bool) -> None:
        """On both sides."""


_aware: "tuple[weakref.WeakSet[ForkAware], ...]" = (weakref.WeakSet(), weakref.WeakSet(), weakref.WeakSet())
_held: list[ForkAware] = []


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
    while _held:
        _held.pop().after_fork(child=child)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(
        before=_before,
        after_in_parent=lambda: _after(child=False),
        after_in_child=lambda: _after(child=True),
    )
