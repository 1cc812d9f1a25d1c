"""A destination told as text: its parts for a page, and the way back."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import ada_url

from privacymw.core import Exchange, Reply
from privacymw.headers import Pair
from privacymw.page import NO_INDEX, NO_STORE, Pages
from privacymw.url import Target


def shown(target: Target) -> dict[str, Any]:
    """What a page tells of a target: its host apart from the rest, and in its own letters."""
    before = f"{target.scheme}://"
    after = target.href[len(before) + len(target.host) :]
    return {
        "target": target.href,
        "before": before,
        "host": target.host,
        "after": after,
        "readable_host": _readable(target.host),
    }


def _readable(host: str) -> str:
    """The host in its own letters, where it is written in A-labels (RFC 5890 2.3.2.1); else empty."""
    if "xn--" not in host:
        return ""
    readable: str = ada_url.idna.decode(host)
    return readable if readable != host else ""


def way_back(exchange: Exchange, folders: Sequence[str] = ()) -> str:
    """Where the visitor came from, if that is a page of this host outside of `folders`; else the first page."""
    try:
        came = urlsplit(exchange.headers.get("referer", ""))
    except ValueError:
        came = urlsplit("")
    ours = came.path.removeprefix(exchange.root).startswith(tuple(folders))
    if came.netloc and came.netloc == exchange.headers.get("host") and came.path.startswith("/") and not ours:
        return "/" + came.path.lstrip("/\\") + (f"?{came.query}" if came.query else "")
    return exchange.root + "/"


def no_way_on(pages: Pages, exchange: Exchange, target: Target, title: str, text: str, *headers: Pair) -> Reply:
    """A page that names a target and has no link to it; 403, for the site understood and will not.

    Not 502: monitors, load balancers and networks that deliver take that for a failure, and some put their
    own page in its place.
    """
    words = pages.words(exchange)
    context = {**shown(target), "title": words.text(title), "text": words.text(text), "back": way_back(exchange)}
    return pages.reply("noway.html", exchange, context, NO_STORE, NO_INDEX, *headers, status=403)
