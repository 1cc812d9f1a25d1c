"""The access records of servers, taken apart by their structure; what comes out reads as before."""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from privacymw.masking import masked, packed_field, shown, without, without_query

_TRACE: Final = 5
"""uvicorn's level for whole scopes and connections."""


class Parts(NamedTuple):
    """What a record would say if it were masked, and whether it held an address."""

    held: bool
    msg: object
    args: Any


Rule = Callable[[logging.LogRecord], Parts | None]


def _text(value: object) -> object:
    return masked(without_query(value)) if isinstance(value, str) else value


def _whole(record: logging.LogRecord) -> Parts:
    """A record of a shape that we do not know: as a text, in which any address counts."""
    text = record.getMessage()
    return Parts(masked(text) != text, _text(text), None)


def _uvicorn(record: logging.LogRecord) -> Parts:
    """`'%s - "%s %s HTTP/%s" %d'`, args: client with port, method, path with query, version, status."""
    args = record.args
    if not isinstance(args, tuple) or len(args) != 5:
        return _whole(record)
    return _first(record, args)


def _first(record: logging.LogRecord, args: tuple[Any, ...]) -> Parts:
    """A record whose first argument is the client."""
    packed = packed_field(str(args[0]))
    return Parts(packed is not None, record.msg, (shown(packed), *map(_text, args[1:])))


def _uvicorn_error(record: logging.LogRecord) -> Parts | None:
    """WebSocket connections are told here: `'%s - "WebSocket %s" [accepted]'`; so are scopes, at its trace level."""
    args = record.args
    if record.levelno <= _TRACE:
        return _whole(record)
    if isinstance(args, tuple) and args and str(record.msg).startswith('%s - "WebSocket '):
        return _first(record, args)
    return None


_LINE: Final = re.compile(r"(\S+) - - \[")


def _werkzeug(record: logging.LogRecord) -> Parts | None:
    """The address is in the message itself: `203.0.113.9 - - [date] "%s" %s %s`, args: request line, status, size."""
    msg = str(record.msg)
    line = _LINE.match(msg)
    if line is None:
        return None
    packed, args = packed_field(line[1]), record.args
    args = tuple(map(_text, args)) if isinstance(args, tuple) else args
    return Parts(packed is not None, shown(packed) + msg[line.end(1) :], args)


_SECRETS: Final = frozenset(
    ("q", "{query_string}e", "{cookie}i", "{http_cookie}e", "{authorization}i", "{http_authorization}e")
)
_AGENTS: Final = frozenset(("a", "{user-agent}i", "{http_user_agent}e"))
"""`Chrome/120.0.0.0` looks like an address: only the client's own is one here."""


_NAMED: Final = re.compile(r"%\(\{[^}]*(?:forwarded|real-ip|client-ip|connecting-ip|remote_addr)[^}]*\}.\)")
"""Where a format asks for the address that a proxy names."""


class Atoms(Mapping[str, object]):
    """The atoms of an access log format (gunicorn, hypercorn), masked as they are asked for: few of some sixty are."""

    def __init__(self, atoms: Mapping[str, object], client: bytes | None) -> None:
        self._atoms = atoms
        self._client = client

    def __getitem__(self, key: str) -> object:
        value = self._atoms[key]
        if not isinstance(value, str) or not value:
            return value
        name = key.lower()
        if name in _SECRETS:
            return "-"
        if name in _AGENTS:
            return without(value, self._client) if self._client else value
        return shown(self._client) if name == "h" else _text(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._atoms)

    def __len__(self) -> int:
        return len(self._atoms)


def _atoms(record: logging.LogRecord) -> Parts:
    """A format of the operator's, and a mapping of which it names some."""
    atoms = record.args
    if not isinstance(atoms, Mapping):
        return _whole(record)
    client = packed_field(str(atoms.get("h") or ""))
    msg = str(record.msg)
    held = (client is not None and "%(h)s" in msg) or _NAMED.search(msg) is not None
    return Parts(held, record.msg, Atoms(atoms, client))


RULES: Final[Mapping[str, Rule]] = {
    "uvicorn.access": _uvicorn,
    "uvicorn.error": _uvicorn_error,
    "uvicorn.asgi": _uvicorn_error,
    "gunicorn.access": _atoms,
    "hypercorn.access": _atoms,
    "werkzeug": _werkzeug,
}
"""By the logger's name; a rule gives None for what is no access record."""
