"""`privacymw addresses list`: the rows themselves."""

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

from privacymw.cli import show, spreadsheet
from privacymw.cli.addresses import filters
from privacymw.cli.site import find

if TYPE_CHECKING:
    from privacymw.store.reader import Entry

_HEAD: Final = ("time (UTC)", "client", "from", "with", "site", "method", "status", "ms", "route")
_MAY_LACK: Final = ("from", "with", "site")  # left out where no row has anything in them, and on a narrow terminal
_RIGHT: Final = ("status", "ms")
_WIDE: Final = 120


def listing(options: Namespace) -> int:
    """`addresses list`."""
    site = find(options.data)
    query = {**filters.asked(options), "limit": options.limit or None}
    with site.log() as log:
        whole = options.json or options.csv
        progress = filters.progress(log, query, quiet=whole and sys.stdout.isatty())
        entries: Iterator[Entry] = progress.watch(log.rows(**query), lambda entry: entry.when * 1000)
        first = next(entries, None)
        entries = chain([first] if first else [], entries)
        count, rest = (_documents(options, entries), None) if whole else _table(entries, progress.end)
        cut = bool(count) and count == options.limit
        missing = log.missing(since=first.when if first and cut else options.since, until=options.until)
    if rest:
        table(rest)
    if not count and not options.json:
        filters.told_nothing(site)
    if missing:
        show.told(f"{missing} requests of this time are missing: more came at once than the log could take")
    if cut:
        show.told(f"the newest {options.limit} are shown; --limit 0 shows all")
    return 0


def _documents(options: Namespace, entries: "Iterator[Entry]") -> int:
    """One by one, so that nothing is held in memory; how many."""
    if options.json:
        return show.documents(entry._asdict() for entry in entries)
    from privacymw.store.reader import Entry

    return spreadsheet.write(Entry._fields, (_csv(entry) for entry in entries))


def _csv(entry: "Entry") -> tuple[Any, ...]:
    return entry._replace(when=show.iso(entry.when))  # type: ignore[arg-type]


def _table(entries: "Iterator[Entry]", shown: Callable[[], None]) -> tuple[int, list[tuple[object, ...]] | None]:
    """Prints the rows and gives their number, or gives the rows where they are few: then a finer table is drawn."""
    first = [cells(entry) for entry in islice(entries, show.AHEAD)]
    if len(first) < show.AHEAD:
        return len(first), first
    shown()
    kept = _kept(first)
    rows = ([row[at] for at in kept] for row in chain(first, map(cells, entries)))
    return show.stream([_HEAD[at] for at in kept], rows, right=_RIGHT), None


def table(rows: Sequence[Sequence[object]]) -> None:
    """Prints rows as `cells` gives them."""
    kept = _kept(rows)
    show.table([_HEAD[at] for at in kept], [[row[at] for at in kept] for row in rows], right=_RIGHT)


def _kept(rows: Sequence[Sequence[object]]) -> list[int]:
    """Which columns are shown."""
    wide = (show.width() or _WIDE) >= _WIDE
    return [at for at, name in enumerate(_HEAD) if name not in _MAY_LACK or (wide and any(row[at] for row in rows))]


def cells(entry: "Entry") -> tuple[object, ...]:
    """A row as a person reads it."""
    client = filters.client_of(entry) or "-"
    method = show.shortened(entry.method, 10)  # a stranger's own invention must not widen the table
    place = " ".join(filter(None, (entry.country, f"AS{entry.asn}" if entry.asn else None)))
    agent = ", ".join(filter(None, (entry.browser, entry.system, entry.device)))
    took, what = f"{entry.duration * 1000:.1f}", entry.path or entry.route
    return show.utc(entry.when), client, place, agent, entry.site or "", method, entry.status, took, what
