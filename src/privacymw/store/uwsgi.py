"""uWSGI, which does two things its own way: it forks behind Python's back, and may leave no room for threads."""

import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any


def _server() -> Any:
    """Its module, which is there only within it."""
    return sys.modules.get("uwsgi")


def here() -> bool:
    """Whether this process runs in uWSGI."""
    return _server() is not None


def forks_later() -> bool:
    """Whether this is the process that workers are forked from: a thread of its own would be in nobody's service."""
    return here() and not _server().worker_id()


def threadless() -> bool:
    """Whether threads stand still between two requests: so it is unless uWSGI was told otherwise."""
    return here() and not {"enable-threads", "threads"}.intersection(map(_text, _server().opt))


def _text(name: "str | bytes") -> str:
    return name.decode() if isinstance(name, bytes) else name


def on_fork(act: Callable[[], None]) -> None:
    """Call `act` in each worker as it begins; os.register_at_fork is not told of it, unless uWSGI is asked to."""
    if not here():
        return
    with suppress(Exception):  # it is not everywhere, and fails without a master process
        import_module("uwsgidecorators").postfork(act)
        return
    before: Callable[[], None] | None = getattr(_server(), "post_fork_hook", None)

    def hook() -> None:
        if before is not None:
            before()
        act()

    _server().post_fork_hook = hook
