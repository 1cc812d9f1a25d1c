"""A hook for Sentry's SDK: events without the visitor's address, cookies and query. Needs no import of the SDK."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from privacymw.address import pack
from privacymw.masking import without_in, without_query

_Event = TypeVar("_Event", bound=Mapping[str, Any])
"""A dictionary, or the SDK's typed one."""

_ADDRESSES: Final = frozenset(
    (
        *("forwarded", "x-forwarded-for", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"),
        *("x-original-forwarded-for", "x-cluster-client-ip", "fly-client-ip", "fastly-client-ip", "remote-addr"),
        "ip-address",
    )
)
_GONE: Final = _ADDRESSES | {"authorization", "cookie", "cookies", "proxy-authorization", "query-string", "set-cookie"}
_URLS: Final = frozenset(("raw-uri", "referer", "request-uri", "url"))


def sentry_before_send(event: _Event, hint: Mapping[str, Any]) -> _Event:
    """The event without client addresses, forwarded headers, cookies and queries; for `before_send`.

    They go from the variables of frames too, where an environ may stand. The addresses that were named are
    masked in all texts: messages, breadcrumbs. The event that is given stays as it is.
    """
    named = (packed for text in _addresses(event) if (packed := pack(text)) is not None)
    masked: Any = without_in(_clean(event), frozenset(named))
    user = masked.get("user")
    if isinstance(user, dict):
        user.pop("geo", None)
    clean: _Event = masked
    return clean


def _spelled(name: str) -> str:
    """`HTTP_X_FORWARDED_FOR` of an environ as the header's own name; `REMOTE_ADDR` as `remote-addr`."""
    return name.lower().removeprefix("http_").replace("_", "-")


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """Names and values of a mapping, or of pairs, as headers come; what has no name has an empty one."""
    if isinstance(value, Mapping):
        yield from ((_spelled(str(name)), each) for name, each in value.items())
    elif isinstance(value, list | tuple):
        for each in value:
            yield (_spelled(each[0]), each[1]) if _is_pair(each) else ("", each)


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and isinstance(value[0], str)


def _addresses(value: Any) -> Iterator[str]:
    """Whatever may be a client's address; entries of lists apart."""
    for name, each in _parts(value):
        if name in _ADDRESSES:
            for entry in str(each).replace(";", ",").split(","):
                yield entry.strip(" '").lower().removeprefix("for=").strip('"')
        else:
            yield from _addresses(each)


def _clean(value: Any, name: str = "") -> Any:
    """A value without what has one of the names."""
    if isinstance(value, Mapping):
        return {
            key: _clean(each, spelled) for key, each in value.items() if (spelled := _spelled(str(key))) not in _GONE
        }
    if type(value) in (list, tuple):
        kept = (each for each in value if not (_is_pair(each) and _spelled(each[0]) in _GONE))
        return type(value)([_clean(each) for each in kept])
    return without_query(value) if name in _URLS and isinstance(value, str) else value
