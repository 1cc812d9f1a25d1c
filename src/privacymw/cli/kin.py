"""Which hosts look like one's own: those that share a registrable domain with a host of PRIVACYMW_SITES."""

from collections.abc import Iterable, Sequence
from typing import Final

# Second levels under which countries register names. A guess that a person reads before it counts: the whole
# Public Suffix List is 300 kB, and what it decides here is one line to paste.
_SECOND: Final = frozenset(
    (
        "ac",
        "co",
        "com",
        "edu",
        "go",
        "gob",
        "gov",
        "gv",
        "ltd",
        "me",
        "mil",
        "ne",
        "net",
        "nom",
        "or",
        "org",
        "plc",
        "sch",
    )
)


def kin(hosts: Iterable[str], sites: str) -> list[str]:
    """The hosts below a domain of `sites` that are not named there yet."""
    named = _named(sites)
    exact = {site for site in named if not site.startswith("*.")}
    below = tuple(site[1:] for site in named if site.startswith("*."))
    domains = {_registrable(site.removeprefix("*.")) for site in named}
    return sorted({
        host
        for host in hosts
        if _registrable(host) in domains and host not in exact and not (below and host.endswith(below))
    })  # fmt: skip


def suggestions(found: Sequence[str], sites: str) -> list[str]:
    """A line to paste that names them beside the sites there are."""
    return [f"PRIVACYMW_SITES={','.join([*_named(sites), *found])}"] if found else []


def _named(sites: str) -> list[str]:
    return [site.strip() for site in sites.split(",") if site.strip()]


def _registrable(host: str) -> str:
    labels = host.split(".")
    country = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND
    return ".".join(labels[-3:] if country else labels[-2:])
