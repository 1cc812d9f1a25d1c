"""`privacymw addresses show`: one client or network across days, and what nobody can answer any more."""

from argparse import Namespace
from collections import Counter, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from privacymw.cli import show as shown
from privacymw.cli.addresses import filters, told
from privacymw.cli.addresses.listing import cells, table
from privacymw.cli.site import find

if TYPE_CHECKING:
    from privacymw.store.coverage import Span
    from privacymw.store.evidence import Log
    from privacymw.store.reader import Entry

_DAY: Final = 86_400_000
_ROUTES: Final = 10


class _Found(NamedTuple):
    """All that was read, and the stretches of time that cannot be."""

    client: str
    entries: Sequence["Entry"]
    requests: int
    first: float
    last: float
    days: Counter[str]
    routes: Counter[str]
    statuses: Counter[int]
    closed: Sequence["Span"]


def show(options: Namespace) -> int:
    """`addresses show`."""
    site = find(options.data)
    lane = "network" if "/" in options.client else "address"
    query = {lane: options.client, **filters.asked(options)}
    with site.log() as log:
        found = _read(log, lane, options.client, query, options.limit)
    if options.json:
        shown.document(_document(found))
    else:
        _told(found, str(site.folder))
    return 0


def _read(log: "Log", lane: str, client: str, query: dict[str, Any], limit: int) -> _Found:
    days: Counter[str] = Counter()
    routes: Counter[str] = Counter()
    statuses: Counter[int] = Counter()
    newest: deque[Entry] = deque(maxlen=limit or None)
    first, last = float("inf"), float("-inf")
    progress = filters.progress(log, query)
    for entry in progress.watch(log.rows(**query), lambda entry: entry.when * 1000):
        first, last = min(first, entry.when), max(last, entry.when)
        days[shown.utc(entry.when)[:10]] += 1
        routes[entry.route] += 1
        statuses[entry.status] += 1
        newest.append(entry)
    closed = _closed(log, lane, query)
    return _Found(_name(lane, client), newest, statuses.total(), first, last, days, routes, statuses, closed)


def _name(lane: str, client: str) -> str:
    from privacymw.address import network_text, unpack, wanted

    packed = wanted(client)
    return network_text(packed) if lane == "network" else unpack(packed)


def _closed(log: "Log", lane: str, query: dict[str, Any]) -> list["Span"]:
    """The stretches of the time that was asked for of which something was logged that cannot be read now."""
    from privacymw.store.coverage import OPEN, UNKNOWN, joined, spans, within

    known = spans(log, lane)
    if not known:
        return []
    since = known[0].since if query["since"] is None else round(query["since"] * 1000)
    until = log.keys.now() if query["until"] is None else round(query["until"] * 1000)
    return joined([span for span in within(known, since, until) if span.state not in (OPEN, UNKNOWN)])


def _document(found: _Found) -> dict[str, Any]:
    return {
        "client": found.client,
        "requests": found.requests,
        "first": found.first if found.requests else None,
        "last": found.last if found.requests else None,
        "days": dict(found.days),
        "routes": dict(found.routes.most_common()),
        "statuses": {str(status): count for status, count in sorted(found.statuses.items())},
        "unanswerable": [told.document_of(span) for span in found.closed],
        "rows": [entry._asdict() for entry in found.entries],
    }


def _told(found: _Found, folder: str) -> None:
    if not found.requests:
        shown.printed(f"No row that can still be read is of {found.client} (read in {shown.plain(folder)}).")
    else:
        _told_counts(found)
        shown.printed()
        table([cells(entry) for entry in found.entries])
        if found.requests > len(found.entries):
            shown.told(f"the newest {len(found.entries)} rows are shown; --limit 0 shows all")
    for span in found.closed:
        shown.paragraph(f"Nobody can say any more: {told.stretch(span)}: {told.why(span)}.")


def _told_counts(found: _Found) -> None:
    shown.printed(
        f"{found.client}: {found.requests:,} requests, first {shown.utc(found.first)}, last {shown.utc(found.last)} UTC"
    )
    statuses = [f"{status} {count:,}" for status, count in sorted(found.statuses.items())]
    shown.paragraph(f"answered with: {', '.join(statuses)}")
    for head, counts in (("day", sorted(found.days.items())), ("route", found.routes.most_common(_ROUTES))):
        shown.printed()
        shown.table(("requests", head), [(f"{count:,}", value) for value, count in counts], right=("requests",))
    if more := len(found.routes) - _ROUTES > 0:
        shown.printed(f"and {more} more routes")
