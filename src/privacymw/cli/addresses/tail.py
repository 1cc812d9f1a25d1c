"""`privacymw addresses tail`: each request as it is stored, until Ctrl-C or until nobody reads any more."""

import json
import select
import sys
from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Final

from privacymw.cli import show
from privacymw.cli.addresses import filters
from privacymw.cli.addresses.listing import cells
from privacymw.cli.site import find

if TYPE_CHECKING:
    from privacymw.store.reader import Entry

_PAUSE: Final = 1.0  # seconds between two looks; writers drain four times a second
_WIDTHS: Final = (19, 15, 7, 6, 7)
_HEAD: Final = ("time (UTC)", "client", "method", "status", "ms", "route")


def tail(options: Namespace) -> int:
    """`addresses tail`."""
    site = find(options.data)
    printed = _as_json if options.json else _as_line
    wait = _waiting()
    with suppress(KeyboardInterrupt), site.log() as log:
        rounds = log.follow(limit=options.limit, **filters.asked(options))
        first = next(rounds)
        show.told(f"reading {show.plain(site.folder)} until Ctrl-C")
        for entries in chain([first], rounds):
            for entry in entries:
                printed(entry)
            sys.stdout.flush()
            if not wait(_PAUSE):
                raise BrokenPipeError
    return 0


def _waiting() -> Callable[[float], bool]:
    """Waits so many seconds; False as soon as nobody reads our output, which a write alone would not notice."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # errors are reported without being asked for
    return lambda seconds: not poll.poll(seconds * 1000)


def _as_json(entry: "Entry") -> None:
    print(json.dumps(entry._asdict()))


def _as_line(entry: "Entry") -> None:
    when, client, _, _, _, *first, route = map(show.plain, cells(entry))
    aligned = [cell.ljust(size) for cell, size in zip([when, client, *first], _WIDTHS, strict=True)]
    show.printed("  ".join([*aligned, route]))
