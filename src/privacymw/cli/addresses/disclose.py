"""`privacymw addresses disclose`: what could be handed over today about an address at a time, and what could not.

It never says that something was not there where it could only not be read.
"""

import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from privacymw.cli import show
from privacymw.cli.addresses import told
from privacymw.cli.addresses.listing import cells, table
from privacymw.cli.site import Site, find
from privacymw.errors import SettingsError

if TYPE_CHECKING:
    from privacymw.store.coverage import Span
    from privacymw.store.evidence import Log
    from privacymw.store.reader import Entry

_NEITHER: Final = "The log says neither that this address was there at that time nor that it was not."


class _Statement(NamedTuple):
    """What was found; times in Unix seconds. `neighbours`: rows of the network where the client cannot be told."""

    address: str
    network: str
    since: float
    until: float
    made: float
    entries: Sequence["Entry"]
    parts: Sequence["Span"]
    neighbours: int
    unsealed: int
    dropped: int


def disclose(options: Namespace) -> int:
    """`addresses disclose`."""
    site, (address, network) = find(options.data), _client(options.address)
    since, until = options.at - options.window, min(options.at + options.window, time.time())
    if since >= until:
        raise SettingsError("--at lies in the future; allowed are times that have been")
    with site.log() as log:
        statement = _made(log, address, network, since, until)
    sentences = list(_sentences(statement))
    if options.json:
        show.document(_document(statement, sentences, site))
    else:
        _printed(statement, sentences, site)
    return 0


def _client(text: str) -> tuple[str, str]:
    """The address and its network, as text."""
    from privacymw.address import network_text, pack, unpack

    packed = pack(text)
    if packed is None:
        raise SettingsError("--address is no whole address; allowed: 203.0.113.9, 2001:db8::1")
    return unpack(packed), network_text(packed)


def _made(log: "Log", address: str, network: str, since: float, until: float) -> _Statement:
    from privacymw.store.coverage import OPEN, joined, spans, within

    begin, end = round(since * 1000), round(until * 1000)
    parts = joined(within(spans(log, "address"), begin, end))
    shut = [part for part in parts if part.state != OPEN]
    unsealed = 0
    for _, row in log.raw(since=since, until=until):
        unsealed += row.address is None and not any(part.since <= row.when < part.until for part in shut)
    dropped = log.missing(since=since, until=until)
    entries = list(log.rows(address=address, since=since, until=until))
    near = (log.raw(network=network, since=part.since / 1000, until=part.until / 1000) for part in shut)
    neighbours = sum(1 for rows in near for _ in rows)
    return _Statement(address, network, since, until, time.time(), entries, parts, neighbours, unsealed, dropped)


def _sentences(found: _Statement) -> Iterator[str]:
    """The statement, but for its rows."""
    if found.entries:
        yield f"{len(found.entries)} rows of this address can be read and handed over today."
        yield f"They have these fields: {', '.join(_fields(found.entries))}."
    for part in found.parts:
        yield f"{told.stretch(part)}: {told.why(part)}."
    yield from _limits(found)


def _limits(found: _Statement) -> Iterator[str]:
    shut = any(part.state != "open" for part in found.parts)
    if shut:
        yield f"For what cannot be opened: {_NEITHER}"
    if found.neighbours:
        yield (
            f"{found.neighbours} rows of its network {found.network} can be read in that part; "
            "which of them are of this address, if any, cannot."
        )
    if not found.entries and not shut:
        yield "The whole of that time could be opened, and no row in it is of this address."
    if found.unsealed:
        yield f"{found.unsealed} rows of that time were stored without an address: whose they are cannot be said."
    if found.dropped:
        yield f"{found.dropped} requests of about that time are known to be missing from the log."
    yield "Requests that this log does not keep, such as those of confidential paths, are in none of this."


def _fields(entries: Sequence["Entry"]) -> list[str]:
    return [name for name in entries[0]._fields if any(getattr(entry, name) not in (None, "") for entry in entries)]


def _document(found: _Statement, sentences: list[str], site: Site) -> dict[str, Any]:
    counts = {name: getattr(found, name) for name in ("neighbours", "unsealed", "dropped")}
    times = {name: getattr(found, name) for name in ("address", "network", "since", "until", "made")}
    rows = [entry._asdict() for entry in found.entries]
    parts = [told.document_of(part) for part in found.parts]
    return {**times, "data": str(site.folder), "rows": rows, "parts": parts, **counts, "statement": sentences}


def _printed(found: _Statement, sentences: list[str], site: Site) -> None:
    show.printed(f"About {found.address}, {show.utc(found.since)} to {show.utc(found.until)} UTC")
    show.printed(f"Stated {show.utc(found.made)} UTC from the log of {show.plain(site.folder)}")
    if found.entries:
        show.printed()
        table([cells(entry) for entry in found.entries])
    show.printed()
    for sentence in sentences:
        show.paragraph(sentence)
