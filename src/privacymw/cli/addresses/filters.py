"""From the options of a reading verb to what is asked of the log, and how far its reading is."""

import time
from argparse import Namespace
from typing import TYPE_CHECKING, Any, Final

from privacymw.cli import show
from privacymw.cli.progress import Progress
from privacymw.cli.site import Site

if TYPE_CHECKING:
    from privacymw.store.evidence import Log
    from privacymw.store.reader import Entry

_NAMES: Final = (
    *("since", "until", "statuses", "routes", "methods", "countries", "asns", "sites"),
    *("address", "network"),
)
LATELY: Final = 86_400
"""Seconds that are looked back where nobody says from when on."""


def asked(options: Namespace) -> dict[str, Any]:
    """The filters that the verb has, as `Reader.query` takes them."""
    return {name: getattr(options, name) for name in _NAMES if name in options}


def lately(options: Namespace) -> dict[str, Any]:
    """The filters, with the last day where no beginning is given."""
    found = asked(options)
    if found["since"] is None:
        found["since"] = (found["until"] or time.time()) - LATELY
    return found


def progress(log: "Log", filters: dict[str, Any], *, quiet: bool = False) -> Progress:
    """A bar over the time that is asked for, in ms, as far as the log reaches."""
    epochs = log.store.epochs()
    now = log.keys.now()
    first = epochs[0].start if epochs else now
    since, until = filters["since"], filters["until"]
    begin = max(first, since * 1000) if since is not None else first
    return Progress(begin, min(now, until * 1000) if until is not None else now, quiet=quiet)


def client_of(entry: "Entry") -> str | None:
    """The address, or the network where only that can still be read."""
    return entry.address or entry.network


def told_nothing(site: Site) -> None:
    """Says on standard error that the log was read and nothing matched."""
    show.told(f"no request matches in {site.folder}")
