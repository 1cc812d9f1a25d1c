"""`privacymw addresses export`: the log for other programs, by network unless somebody insists."""

import os
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from privacymw.cli import show
from privacymw.cli.addresses import filters
from privacymw.cli.addresses.formats import FORMATS, Client
from privacymw.cli.ask import ask
from privacymw.cli.site import Site, find
from privacymw.errors import StoreError

if TYPE_CHECKING:
    from privacymw.store.base import Row
    from privacymw.store.evidence import Log


def export(options: Namespace) -> int:
    """`addresses export`."""
    site, query = find(options.data), filters.asked(options)
    _free(options.output, force=options.force)
    if options.clear:
        _warn(site, query, yes=options.yes)
    with _output(options.output, force=options.force) as out, site.log() as log:
        count, shortened = _written(log, query, out, options)
    if shortened and options.clear:
        show.told(f"{shortened} of {count} rows have no whole address any more: their network is written, or 0.0.0.0")
    if not count:
        filters.told_nothing(site)
    elif options.output:
        show.told(f"{count} rows are in {show.plain(options.output)}")
    return 0


def _warn(site: Site, query: dict[str, Any], *, yes: bool) -> None:
    """Says until when the log itself would have them, and asks."""
    with site.log() as log:
        deadline = _deadline(log, query)
    until = f"by {show.utc(deadline / 1000)} UTC" if deadline else "(it holds none of then any more)"
    text = (
        "These addresses are in your hands from now on: they are written whole, and nothing deletes them.\n"
        f"The log itself forgets them {until}; delete the file by then."
    )
    if yes:
        show.told(text)
    else:
        ask(f"{text}\nWrite them?")


def _deadline(log: "Log", query: dict[str, Any]) -> int | None:
    """When the last key of an address that is asked for dies, in ms."""
    from privacymw.store.coverage import OPEN, spans, within

    since = 0 if query["since"] is None else round(query["since"] * 1000)
    until = log.keys.now() if query["until"] is None else round(query["until"] * 1000)
    return max(
        (span.by or 0 for span in within(spans(log, "address"), since, until) if span.state == OPEN), default=None
    )


def _written(log: "Log", query: dict[str, Any], out: TextIO, options: Namespace) -> tuple[int, int]:
    """How many rows, and how many of them without a whole address."""
    progress = filters.progress(log, query, quiet=out.isatty())
    form, count, shortened = FORMATS[options.format], 0, 0
    for epoch, row in progress.watch(log.raw(**query), lambda pair: pair[1].when):
        client = _client(log, epoch, row, clear=options.clear)
        out.write(form(row, client) + "\n")
        count += 1
        shortened += not client[1]
    return count, shortened


def _client(log: "Log", epoch: int, row: "Row", *, clear: bool) -> Client:
    """Whole addresses are not even opened where only networks are written, as long as these can be."""
    if clear and (address := log.text("address", epoch, row.address)):
        return address, True
    return log.text("network", epoch, row.network), False


def _free(path: str | None, *, force: bool) -> None:
    if path and not force and os.path.lexists(path):
        raise StoreError(f"{path} is there already: name another file, or add --force to replace it")


@contextmanager
def _output(path: str | None, *, force: bool) -> Iterator[TextIO]:
    """Standard output, or a file that appears when it is complete, readable for us alone."""
    if path is None:
        yield sys.stdout
        return
    try:
        handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=Path(path).parent)  # 0600
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            yield out
        _placed(name, path, force=force)
    finally:
        Path(name).unlink(missing_ok=True)


def _placed(name: str, path: str, *, force: bool) -> None:
    """`link` fails where somebody was quicker; `replace` does not."""
    try:
        if force:
            Path(name).replace(path)
        else:
            Path(path).hardlink_to(name)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from None
