"""A hook for Sentry's SDK: events without the visitor's address, cookies and query. Needs no import of the SDK."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from privacymw.address import pack
from privacymw.masking import without_in, without_query

_ADDRESSES: Final = frozenset(
    (
        *("forwarded", "x-forwarded-for", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"),
        *("x-original-forwarded-for", "x-cluster-client-ip", "fly-client-ip", "fastly-client-ip", "remote_addr"),
    )
)
_OTHERS: Final = frozenset(("cookie", "set-cookie", "authorization", "proxy-authorization", "referer"))


def sentry_before_send(event: dict[str, Any], hint: Mapping[str, Any]) -> dict[str, Any]:
    """The event without user address, forwarded headers, cookies, Referer and query; for `before_send`.

    The addresses that it named are masked in the rest of it too: messages, breadcrumbs, variables of frames.
    The event that is given stays as it is.
    """
    request = _mapping(event.get("request"))
    user = _mapping(event.get("user"))
    clients = frozenset(packed for text in _named(request, user) if (packed := pack(text)) is not None)
    clean = dict(event)
    if request:
        clean["request"] = _request(request)
    if user:
        clean["user"] = {name: value for name, value in user.items() if name not in ("ip_address", "geo")}
    masked: dict[str, Any] = without_in(clean, clients)
    return masked


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _named(request: Mapping[str, Any], user: Mapping[str, Any]) -> Iterator[str]:
    """Whatever may be the client's address; entries of lists apart."""
    yield str(user.get("ip_address") or "")
    for part in (request.get("env"), request.get("headers")):
        for name, value in _pairs(part):
            if _spelled(name) in _ADDRESSES:
                for entry in str(value).replace(";", ",").split(","):
                    yield entry.strip().lower().removeprefix("for=").strip('"')


def _pairs(part: Any) -> list[tuple[str, Any]]:
    """Headers come as a mapping, or as a list of pairs."""
    if isinstance(part, Mapping):
        return [(str(name), value) for name, value in part.items()]
    pairs = part if isinstance(part, list | tuple) else ()
    return [(str(pair[0]), pair[1]) for pair in pairs if isinstance(pair, list | tuple) and len(pair) == 2]


def _spelled(name: str) -> str:
    """`HTTP_X_FORWARDED_FOR` of an environ as the header's own name."""
    low = name.lower()
    return low.removeprefix("http_").replace("_", "-") if low.startswith("http_") else low


def _request(request: Mapping[str, Any]) -> dict[str, Any]:
    clean = {name: value for name, value in request.items() if name not in ("cookies", "query_string")}
    for name in ("env", "headers"):
        if name in clean:
            pairs = [pair for pair in _pairs(clean[name]) if _spelled(pair[0]) not in _ADDRESSES | _OTHERS]
            clean[name] = dict(pairs) if isinstance(clean[name], Mapping) else pairs
    if isinstance(clean.get("url"), str):
        clean["url"] = without_query(clean["url"])
    return clean
