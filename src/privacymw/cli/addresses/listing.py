"""`privacymw addresses list`: the rows themselves."""

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

from privacymw.cli import show, spreadsheet
from privacymw.cli.addresses import filters
from privacymw.cli.site import find

if TYPE_CHECKING:
    from privacymw.store.reader import Entry

HEAD: Final = ("time (UTC)", "client", "method", "status", "ms", "route")
RIGHT: Final = ("status", "ms")


def listing(options: Namespace) -> int:
    """`addresses list`."""
    site = find(options.data)
    query = {**filters.asked(options), "limit": options.limit or None}
    with site.log() as log:
        whole = options.json or options.csv
        progress = filters.progress(log, query, quiet=whole and sys.stdout.isatty())
        entries = progress.watch(log.rows(**query), lambda entry: entry.when * 1000)
        count, rest = (_documents(options, entries), None) if whole else _table(entries, progress.end)
    if rest:
        show.table(HEAD, rest, right=RIGHT)
    if not count and not options.json:
        filters.told_nothing(site)
    if count and count == options.limit:
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
    return show.stream(HEAD, chain(first, map(cells, entries)), right=RIGHT), None


def cells(entry: "Entry") -> tuple[object, ...]:
    """A row as a person reads it."""
    client = filters.client_of(entry) or "-"
    method = show.shortened(entry.method, 10)  # a stranger's own invention must not widen the table
    return show.utc(entry.when), client, method, entry.status, f"{entry.duration * 1000:.1f}", entry.route
