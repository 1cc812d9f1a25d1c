"""A line for fail2ban and its like, for answers that refuse somebody: the one place where an address stays clear.

    privacymw[auth]: failure kind=login status=401 route="/login" site=example.org client=203.0.113.9

It goes to the logger `privacymw.auth` and from there nowhere else: the handlers that the operator gives it, or
the standard error output where it has none. Who sends the requests chooses a part of the line, so the client
stands last and what could end a field is escaped.
"""

import logging
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from privacymw.address import unpack

log = logging.getLogger("privacymw.auth")

KINDS: Final[Mapping[int, tuple[str, str]]] = {
    401: ("failure", "login"),
    403: ("failure", "forbidden"),
    429: ("throttled", "rate"),
}
"""By status: what fail2ban is told."""

_PLAIN: Final = "/{}<>:.,;@!$&'()*+=-_~"
_LONGEST: Final = 200


def keep_apart() -> None:
    """Lets no other handler of the process see the lines: their retention is not that of these."""
    log.propagate = False


def tell(status: int, route: str, site: str, client: bytes) -> None:
    """Writes the line.

    Args:
        status: a key of `KINDS`.
        route: a template, or what a visitor asked for.
        site: a host of our own, or `-`.
        client: the packed address.
    """
    what, kind = KINDS[status]
    log.warning(
        'privacymw[auth]: %s kind=%s status=%d route="%s" site=%s client=%s',
        what,
        kind,
        status,
        quote(route[:_LONGEST], safe=_PLAIN, errors="replace"),
        site,
        unpack(client),
    )
