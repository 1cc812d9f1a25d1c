"""Documents at well-known addresses (RFC 8615), which stand where the app has none of its own."""

from collections.abc import Callable
from typing import Final

from privacymw.core import Exchange, Reply
from privacymw.headers import Pairs

A_DAY: Final[Pairs] = [("cache-control", "public, max-age=86400")]


def well_known(
    kind: str, document: Callable[[Exchange], bytes | None], age: Pairs = A_DAY
) -> Callable[[Exchange], Reply | None]:
    """The fallback that answers with a document of a media type; where there is none, the app's own 404 stands."""

    def page(exchange: Exchange) -> Reply | None:
        if exchange.root:
            return None  # RFC 8615 3: well-known addresses stand at the root of an origin, not under a mount
        content = document(exchange)
        if content is None:
            return None
        exchange.expires = []  # Tracking Preference Expression 6.5: these answers set no cookie
        return Reply(200, (("content-type", kind), *age), content)

    return page
