"""The process's other logs: a factory of log records that counts addresses in them, or masks them.

The factory (`logging.setLogRecordFactory`) is global: a later `logging.config.dictConfig` leaves it alone.
Where the app sets one of its own, ours is put on top of it again at the next request.
"""

import contextlib
import logging
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final

from privacymw.logs.access import RULES
from privacymw.masking import masked, without, without_in

log = logging.getLogger("privacymw")

CLIENT: Final[ContextVar[bytes | None]] = ContextVar("privacymw.client", default=None)
"""The packed address of the client whose request this thread or task answers."""

SEEN: Final = "other logs"
MASKED: Final = "other logs, masked"
LEAKED: Final = "other logs, unmasked"
"""Kinds of counts, by the logger's name: told alone, masked, and let through although they should be masked."""

_WITHHELD: Final = "(a record that could not be masked is withheld)"
_PROBE: Final = "privacymw.probe"
_OURS: Final = "privacymw"

# How the access log of a server is stopped, where somebody wants it neither masked nor written.
_REMEDIES: Final[Mapping[str, str]] = {
    "uvicorn.access": "uvicorn --no-access-log",
    "gunicorn.access": "leave out gunicorn's --access-logfile, or %(h)s in its --access-logformat",
    "hypercorn.access": "leave out hypercorn's --access-logfile",
    "werkzeug": "logging.getLogger('werkzeug').setLevel('WARNING')",
}

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
_tracebacks: Final = logging.Formatter()
_here = threading.local()


class Watch:
    """One site's interest in the other logs; it lasts as long as somebody holds it.

    Args:
        mask: mask what is found; else only count and tell it.
        count: called with a kind and a logger's name; must not block.
    """

    def __init__(self, *, mask: bool, count: Callable[[str, str], None]) -> None:
        self.mask = mask
        self.count = count
        self._told: set[str] = set()
        _watches.append(weakref.ref(self, _watches.remove))
        _chain()
        self._accepted = logging.getLogRecordFactory()

    def saw(self, name: str) -> None:
        """A record of this logger that held an address."""
        name = masked(name)
        self.count(MASKED if self.mask else SEEN, name)
        if not self.mask and name not in self._told:
            self._told.add(name)
            remedy = _REMEDIES.get(name, "leave the address out of its messages")
            log.warning(
                "the logger %s writes down addresses of visitors, for which no retention holds. To mask them:\n"
                "  PRIVACYMW_ADDRESSES_OTHER_LOGS=mask\nTo stop it: %s",
                name,
                remedy,
            )

    def check(self) -> None:
        """Looks whether the factory is still in place, and puts it on top of whatever replaced it."""
        if logging.getLogRecordFactory() is self._accepted:
            return
        if _chain() and self.mask:
            self.count(LEAKED, "(the app's own record factory, until it was noticed)")
        self._accepted = logging.getLogRecordFactory()


_watches: Final[list["weakref.ref[Watch]"]] = []


def _chain() -> bool:
    """Puts the factory on top of the one in force, unless that one leads to it already: whether it had to be."""
    current = logging.getLogRecordFactory()
    with contextlib.suppress(Exception):  # the app's own
        if getattr(current(_PROBE, logging.DEBUG, "", 0, "", (), None), "privacymw", False):
            return False
    logging.setLogRecordFactory(_Factory(current))
    return True


class _Factory:
    """Makes records by the factory that was there, and looks at them."""

    def __init__(self, made: Callable[..., logging.LogRecord]) -> None:
        self._made = made

    def __call__(self, *arguments: Any, **named: Any) -> logging.LogRecord:
        record = self._made(*arguments, **named)
        if _watches:
            _look(record)
        return record


def _look(record: logging.LogRecord) -> None:
    """Counts and masks; nothing that happens in here reaches whoever logs."""
    name = record.name
    if not isinstance(name, str) or name == _OURS or name.startswith(_OURS + "."):  # those hold none
        if name == _PROBE:
            record.__dict__["privacymw"] = True
        return
    rule, client = RULES.get(name), CLIENT.get()
    if rule is None and client is None:
        return
    watches = [watch for each in list(_watches) if (watch := each()) is not None]
    masks = any(watch.mask for watch in watches)
    try:
        parts = rule(record) if rule else None
        held = parts.held if parts else client is not None and _own(record, client, masks)
        if masks and parts:
            record.msg, record.args = parts.msg, parts.args
        if held:
            _saw(watches, name)
        if client is not None and not parts:
            record.__dict__ = _Fields(record, client, watches, masks)
    except Exception:  # whatever an argument's own __str__ raises
        if masks:
            record.msg, record.args, record.exc_info = _WITHHELD, None, None


def _saw(watches: Iterable[Watch], name: str) -> None:
    for watch in watches:
        watch.saw(name)


class _Fields(dict[str, Any]):
    """A record's own dictionary, into which `Logger.makeRecord` puts `extra` once the factory has returned."""

    def __init__(self, record: logging.LogRecord, client: bytes, watches: list[Watch], masks: bool) -> None:
        super().__init__(record.__dict__)
        self._of = record.name, frozenset((client,)), watches, masks

    def __setitem__(self, key: str, value: Any) -> None:
        name, clients, watches, masks = self._of
        with contextlib.suppress(Exception):
            clean = without_in(value, clients)
            if clean is not value and clean != value:
                _saw(watches, name)
                value = clean if masks else value
        super().__setitem__(key, value)

    def __reduce__(self) -> Any:
        """A record that is copied or sent to another process takes neither the client nor this class along."""
        return dict, (dict(self),)


def _own(record: logging.LogRecord, client: bytes, masks: bool) -> bool:
    """Whether a record of the app's own holds the current client's exact address; it is masked if it should be."""
    exc_text = _traceback(record.exc_info, client)
    message = _message(record)
    if message is None:
        msg, args = _texts(record, client)
        held = not (msg is record.msg and args == record.args)
    else:
        held = without(message, client) != message
        msg, args = _masked(record, client, message) if held and masks else (record.msg, record.args)
    if masks:
        record.msg, record.args = msg, args
        record.exc_text = exc_text or record.exc_text  # formatters take it in place of their own
    return held or exc_text is not None


def _masked(record: logging.LogRecord, client: bytes, message: str) -> tuple[Any, Any]:
    """The template with masked arguments, which tools group records by; as one text where that is not enough."""
    args = record.args
    if isinstance(args, tuple):
        args = tuple(without(each, client) if isinstance(each, str) else each for each in args)
    msg = without_in(record.msg, frozenset((client,)))  # structlog hands over a mapping
    try:
        again = str(msg) % args if args else str(msg)
    except Exception:  # an address in the template stood between its placeholders
        again = message
    return (msg, args) if without(again, client) == again else (without(message, client), None)


def _texts(record: logging.LogRecord, client: bytes) -> tuple[Any, Any]:
    """Template and arguments of a record that has no message: `logging` shows them in an error."""

    def text(value: object) -> object:
        shown = value if isinstance(value, str) else repr(value)
        clean = without(shown, client)
        return value if clean == shown else clean

    args = record.args
    return text(record.msg), tuple(map(text, args)) if isinstance(args, tuple) else text(args)


def _message(record: logging.LogRecord) -> str | None:
    """The message; None where it cannot be made, or is being made: an argument may log while it is shown."""
    if getattr(_here, "busy", False):
        return None
    _here.busy = True
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return None
    finally:
        _here.busy = False


def _traceback(exc_info: Any, client: bytes) -> str | None:
    """The traceback's text where the address is in it."""
    if not isinstance(exc_info, tuple) or exc_info[0] is None:
        return None
    text = _tracebacks.formatException(exc_info)
    clean = without(text, client)
    return clean if clean != text else None
