"""Where an address leads, judged by the WHATWG rules that browsers follow."""

from collections.abc import Iterable
from typing import Final, NamedTuple

import ada_url

SCHEMES: Final = frozenset(("http:", "https:", "ws:", "wss:", "ftp:"))


class Place(NamedTuple):
    """An absolute address, taken apart."""

    href: str
    host: str
    path: str
    query: str
    guarded: bool
    """Whether it carries a user name or a password."""


def place(href: str, at: str) -> Place | None:
    """Where an address leads that stands in a page; None for what leads to no host, such as mailto."""
    try:
        url = ada_url.URL(href.strip(), at)
    except ValueError:
        return None
    if url.protocol not in SCHEMES:
        return None
    return Place(url.href, url.hostname, url.pathname, url.search.removeprefix("?"), bool(url.username or url.password))


def is_of(host: str, patterns: Iterable[str]) -> bool:
    """Whether a host is one of `example.org`, `*.example.org` (which means the hosts below it)."""
    return any(host == each or (each.startswith("*.") and host.endswith(each[1:])) for each in patterns)
