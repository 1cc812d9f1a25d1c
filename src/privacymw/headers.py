"""Header fields as text pairs, lower-case names: find, merge, build. Pure functions, no state.

A header never becomes a mapping here: `Set-Cookie` may stand several times and must stay several
lines (RFC 9110 5.3), and order is part of what the app said.
"""

from collections.abc import Callable, Iterable, Sequence
from email.utils import formatdate
from typing import NamedTuple
from urllib.parse import quote

Pair = tuple[str, str]
Pairs = list[Pair]
Merge = Callable[[str, str], str]

COOKIE_MAX_AGE = 400 * 86_400
"""Seconds after which browsers drop a cookie whatever it asked for (RFC 6265bis 5.5)."""


def values(pairs: Iterable[Pair], name: str) -> list[str]:
    """The values of one header, in order."""
    return [value for each, value in pairs if each == name]


def first(pairs: Iterable[Pair], name: str) -> str:
    """The first value of a header, or an empty text."""
    for each, value in pairs:
        if each == name:
            return value
    return ""


def without(pairs: Iterable[Pair], *names: str) -> Pairs:
    """The pairs less those of the named headers."""
    return [pair for pair in pairs if pair[0] not in names]


def members(value: str) -> list[str]:
    """The members of a comma-separated field, trimmed and lower-case, empty ones left out."""
    return [part for part in (part.strip().lower() for part in value.split(",")) if part]


def media_type(content_type: str) -> tuple[str, str]:
    """Media type and charset of a Content-Type value, lower-case; the charset may be empty (RFC 9110 8.3)."""
    kind, *parameters = content_type.split(";")
    charset = ""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip("\"'").lower()
            break
    return kind.strip().lower(), charset


def with_vary(pairs: Pairs, names: Iterable[str]) -> Pairs:
    """The pairs with `names` in `Vary`, merged with the app's; a `*` stays as it is (RFC 9110 12.5.5)."""
    present = [value for value in values(pairs, "vary") if value.strip()]
    known = {member for value in present for member in members(value)}
    missing = [name for name in dict.fromkeys(names) if name.lower() not in known]
    if "*" in known or not missing:
        return pairs
    return [*without(pairs, "vary"), ("vary", ", ".join([*present, *missing]))]


def made_private(pairs: Pairs) -> Pairs:
    """The pairs with a Cache-Control that keeps shared caches away; a stricter one of the app's stands."""
    present = ", ".join(values(pairs, "cache-control"))
    directives = members(present)
    if "no-store" in directives or "private" in directives:
        return pairs
    rest = [each for each in directives if each != "public" and not each.startswith("s-maxage")]
    return [*without(pairs, "cache-control"), ("cache-control", ", ".join(["private", *rest]))]


def for_one_visitor(pairs: Pairs, names: Iterable[str]) -> Pairs:
    """The pairs of an answer that depends on what this visitor sent in `names`: no shared cache may keep it."""
    names = dict.fromkeys(names)
    if any(name in ("vary", "cache-control") for name, _ in pairs):
        return made_private(with_vary(pairs, names))
    return [*pairs, ("vary", ", ".join(names)), ("cache-control", "private")]


def opts_out(sec_gpc: str) -> bool:
    """Whether `Sec-GPC` is given: only the exact value 1 counts, in any of several fields (GPC 3.1)."""
    return "1" in (part.strip(" \t") for part in sec_gpc.split(","))


def cookie_values(header: str, name: str) -> list[str]:
    """All values sent under one cookie name, in order.

    Only the wanted name is looked for: `http.cookies` loses every cookie over one malformed
    neighbour. A comma ends a value too: it is no cookie octet (RFC 6265 4.1.1), and some servers
    join several `Cookie` fields with it.
    """
    if name not in header:
        return []
    pieces = header.replace(",", ";").split(";")
    pairs = [piece.strip(" \t").partition("=") for piece in pieces if name in piece]
    return [value for found, equals, value in pairs if equals and found == name]


def set_cookie(name: str, value: str, *, max_age: int, secure: bool, script: bool = False) -> Pair:
    """A host-only `Set-Cookie` line, script-proof unless `script`; `max_age` in seconds, 0 expires it."""
    http_only = [] if script else ["HttpOnly"]
    attributes = ["Path=/", f"Max-Age={min(max_age, COOKIE_MAX_AGE)}", *http_only, "SameSite=Lax"]
    if max_age == 0:
        attributes.append("Expires=" + formatdate(0, usegmt=True))
    if secure:
        attributes.append("Secure")
    return "set-cookie", "; ".join([f"{name}={value}", *attributes])


def quoted_path(path: str) -> str:
    """A decoded path as it may stand in a Location header."""
    return quote(path, safe="/:@!$&'()*+,;=-._~")


def quoted_query(query: str) -> str:
    """A raw query as it may stand in a Location header: what is quoted stays, what must be is."""
    return quote(query, safe="/?:@!$&'()*+,;=-._~%[]", encoding="latin-1")


# --- what to do when the app sent a header that we send too: theirs, ours -> the one that is sent


def keep(theirs: str, _ours: str) -> str:
    """The app's own value stands."""
    return theirs


def replace(_theirs: str, ours: str) -> str:
    """Ours stands: it has one useful value only."""
    return ours


def append(theirs: str, ours: str) -> str:
    """Both stand, in one list field (RFC 8288 3: links are appended, never overwritten)."""
    return f"{theirs}, {ours}"


# From open to closed; the last value that a browser knows wins (Referrer Policy 4.1).
_REFERRER = (
    "unsafe-url",
    "no-referrer-when-downgrade",
    "origin",
    "origin-when-cross-origin",
    "strict-origin",
    "strict-origin-when-cross-origin",
    "same-origin",
    "no-referrer",
)


def stricter_referrer(theirs: str, ours: str) -> str:
    """The more reserved referrer policy of the two."""
    known = [member for member in members(theirs) if member in _REFERRER]
    if not known:
        return ours
    return max(known[-1], ours, key=_REFERRER.index)


def stricter_transport(theirs: str, ours: str) -> str:
    """The longer HSTS lifetime, with the directives of both (RFC 6797 6.1)."""
    mine, other = (
        _transport(ours),
        _transport(theirs.partition(",")[0]),
    )  # of several fields the first counts (8.1)
    age = max(mine.pop("max-age", 0), other.pop("max-age", 0))
    names = sorted({**mine, **other}, key=("includesubdomains", "preload").index)
    spelled = {"includesubdomains": "includeSubDomains", "preload": "preload"}
    return "; ".join([f"max-age={age}", *(spelled[name] for name in names)])


def _transport(value: str) -> dict[str, int]:
    found = {}
    for part in value.lower().split(";"):
        name, _, number = part.strip().partition("=")
        if name in ("max-age", "includesubdomains", "preload"):
            digits = number.strip().strip('"')
            found[name] = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 12 else 0
    return found


def no_store(theirs: str, _ours: str) -> str:
    """`no-store`, with what the app said besides, less what would contradict it (RFC 9111 5.2.2.5)."""
    kept = [each for each in members(theirs) if each in ("private", "no-transform")]
    return ", ".join(["no-store", *kept])


_UNINHERITED = ("base-uri", "frame-ancestors", "object-src")


def completed_policy(theirs: str, ours: str) -> str:
    """The app's Content-Security-Policy, completed by those of our directives that never break a page.

    Two whole policies would intersect and could break scripts that the app allows by nonce; what
    it left open in `base-uri`, `frame-ancestors` and `object-src` is closed (CSP 3, 6.1 and 6.3).
    """
    present = _directives(theirs.replace(",", ";"))  # a comma parts whole policies, and each of them binds
    added = [
        f"{name} {value}".rstrip()
        for name, value in _directives(ours).items()
        if name in _UNINHERITED and name not in present
    ]
    return "; ".join([part for part in (theirs.rstrip("; "), *added) if part])


def _directives(policy: str) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in policy.split(";"))
    return {name.lower(): value.strip() for name, _, value in parts if name}


def merged(theirs: Sequence[Pair], name: str, ours: str, merge: Merge) -> Pairs:
    """The app's pairs with ours merged in by `merge`: the header then stands exactly once."""
    present = ", ".join(values(theirs, name))
    return [*without(theirs, name), (name, merge(present, ours) if present else ours)]


# --- headers that are known at start-up


class Header(NamedTuple):
    """A response header known at start-up, and what to do when the app sends it too."""

    name: str
    value: str
    merge: Merge


class Context(NamedTuple):
    """All that fixed headers may depend on."""

    secure: bool
    confidential: bool
    root: str


class HeaderSet:
    """Fixed headers of one context, encoded once; two of one name are merged by the second's rule."""

    __slots__ = ("headers", "names", "raw", "text")

    def __init__(self, headers: Iterable[Header]) -> None:
        joined: dict[str, Header] = {}
        for each in headers:
            earlier = joined.get(each.name)
            value = each.merge(earlier.value, each.value) if earlier else each.value
            joined[each.name] = each._replace(value=value)
        self.headers = tuple(joined.values())
        self.text = [(each.name.title(), each.value) for each in self.headers]
        self.raw = [(each.name.encode(), each.value.encode("latin-1")) for each in self.headers]
        self.names = frozenset(each.name for each in self.headers)

    def merged(self, pairs: Pairs) -> Pairs:
        """The app's pairs with every header of the set merged in by its rule."""
        for name, value, merge in self.headers:
            pairs = merged(pairs, name, value, merge)
        return pairs


NOTHING = HeaderSet(())
