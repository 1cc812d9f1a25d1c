"""`privacymw addresses top`: who and what is in the log most often, and how much of it went wrong."""

from argparse import Namespace
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from privacymw.cli import show, spreadsheet
from privacymw.cli.addresses import filters
from privacymw.cli.site import find

if TYPE_CHECKING:
    from privacymw.store.base import Row
    from privacymw.store.evidence import Log

_OVERVIEW: Final = ("statuses", "routes", "networks", "addresses", "countries", "browsers")
_FEW, _MANY = 5, 10
_UNREADABLE: Final = "(no longer readable)"
_MISSING: Final = "(not known)"


class Counts:
    """Requests with one value, and those of them that went wrong."""

    __slots__ = ("refused", "requests", "wrong")

    def __init__(self) -> None:
        self.requests = self.refused = self.wrong = 0

    def add(self, status: int) -> None:
        self.requests += 1
        self.refused += 400 <= status < 500
        self.wrong += status >= 500

    def take(self, other: "Counts") -> None:
        self.requests += other.requests
        self.refused += other.refused
        self.wrong += other.wrong


class Line(NamedTuple):
    """One line of a table; `share` is of all requests that were counted, 0 to 1."""

    value: str | int
    requests: int
    share: float
    errors_4xx: int
    errors_5xx: int


_HEAD: Final = ("requests", "share", "4xx", "5xx")
_Value = Callable[[int, "Row"], Any]

# What a row is counted under. Tokens are counted as they are: each is opened once, not once a row.
_BY: Final[Mapping[str, _Value]] = {
    "statuses": lambda epoch, row: row.status,
    "routes": lambda epoch, row: row.route,
    "methods": lambda epoch, row: row.method,
    "countries": lambda epoch, row: row.country,
    "as": lambda epoch, row: row.asn,
    "browsers": lambda epoch, row: row.browser,
    "sites": lambda epoch, row: row.site,
    "networks": lambda epoch, row: (epoch, row.network),
    "addresses": lambda epoch, row: (epoch, row.address),
}
_LANE: Final = {"networks": "network", "addresses": "address"}


def top(options: Namespace) -> int:
    """`addresses top`."""
    site, query = find(options.data), filters.lately(options)
    what = tuple(dict.fromkeys(options.what)) or _OVERVIEW
    with site.log() as log:
        total, counted = _counted(log, what, query)
        tables = {name: list(_lines(_named(log, name, counted[name]), total)) for name in what}
    most = options.limit if options.limit is not None else _FEW if not options.what else _MANY
    cut = {name: lines[: most or None] for name, lines in tables.items()}
    if options.json:
        top = {name: [line._asdict() for line in lines] for name, lines in cut.items()}
        show.document({"since": query["since"], "until": query["until"], "requests": total, "top": top})
    elif options.csv:
        spreadsheet.write(("by", *Line._fields), ((name, *line) for name, lines in cut.items() for line in lines))
    elif total:
        _shown(cut, tables, overview=not options.what)
    if not total and not options.json:
        filters.told_nothing(site)
    elif options.since is None and not options.json:
        show.told("the last 24 hours are counted; --since says otherwise")
    return 0


def _counted(log: "Log", what: tuple[str, ...], query: dict[str, Any]) -> tuple[int, dict[str, dict[Any, Counts]]]:
    progress = filters.progress(log, query)
    found: dict[str, dict[Any, Counts]] = {name: defaultdict(Counts) for name in what}
    groups = [(_BY[name], found[name]) for name in what]
    total = 0
    for epoch, row in progress.watch(log.raw(**query), lambda pair: pair[1].when):
        total += 1
        for value, counts in groups:
            counts[value(epoch, row)].add(row.status)
    return total, found


def _named(log: "Log", name: str, counts: Mapping[Any, Counts]) -> dict[str | int, Counts]:
    """By what a person reads; a client of several days, so of several tokens, is one."""
    merged: dict[str | int, Counts] = defaultdict(Counts)
    lane = _LANE.get(name)
    for value, each in counts.items():
        shown = _opened(log, lane, *value) if lane else value
        merged[_MISSING if shown is None or shown == "" else shown].take(each)
    return merged


def _opened(log: "Log", lane: str, epoch: int, token: bytes | None) -> str | None:
    if token is None:
        return None
    return log.text(lane, epoch, token) or _UNREADABLE


def _lines(counts: Mapping[str | int, Counts], total: int) -> Iterator[Line]:
    """The most first; what is not known stands last, whatever its number."""
    order = sorted(counts.items(), key=lambda pair: (pair[0] in (_MISSING, _UNREADABLE), -pair[1].requests))
    for value, each in order:
        yield Line(value, each.requests, each.requests / total, each.refused, each.wrong)


def _shown(cut: Mapping[str, list[Line]], tables: Mapping[str, list[Line]], *, overview: bool) -> None:
    known = {
        name: lines for name, lines in cut.items() if not (overview and [line.value for line in lines] == [_MISSING])
    }
    for place, (name, lines) in enumerate(known.items()):
        if place:
            show.printed()
        show.table((*_HEAD, name), map(_cells, lines), right=_HEAD)
        if more := len(tables[name]) - len(lines):
            show.printed(f"and {more} more")


def _cells(line: Line) -> tuple[object, ...]:
    return f"{line.requests:,}", f"{line.share:.1%}", f"{line.errors_4xx:,}", f"{line.errors_5xx:,}", line.value
