"""`Set-Cookie` and `Cookie` lines, read as a browser reads them and written back as they came.

RFC 6265bis 5.6 is the grammar: what it says of stray text is what happens here, and nothing is
parsed that is not needed to know a cookie's name and its attributes.
"""

import re
from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Final, NamedTuple

_SPACE: Final = " \t"
_STRICTNESS: Final = ("none", "lax", "strict")


@cache  # for the few attributes that are asked about
def _attribute(name: str) -> re.Pattern[str]:
    return re.compile(rf";[ \t]*{name}[ \t]*(?:=([^;]*))?(?=;|\Z)", re.IGNORECASE)


class SetCookie(NamedTuple):
    """One `Set-Cookie` line, as it stands; any text is one (RFC 6265bis 5.6)."""

    line: str

    @property
    def name(self) -> str:
        """The cookie's name; empty for a cookie without one."""
        return cookie_name(self.line.partition(";")[0])

    def attribute(self, name: str) -> str | None:
        """An attribute's value, empty where it has none; None where it is absent. The last one counts."""
        found = None
        for each in _attribute(name).finditer(self.line):
            found = (each[1] or "").strip(_SPACE)
        return found

    def with_attribute(self, name: str, value: str = "") -> "SetCookie":
        """The line with one attribute set, in place of what it said of it."""
        pair, *attributes = (each.strip(_SPACE) for each in self.line.split(";"))
        kept = [each for each in attributes if each.partition("=")[0].strip(_SPACE).lower() != name.lower()]
        return SetCookie("; ".join([pair, *kept, f"{name}={value}" if value else name]))

    def lifetime(self, now: float) -> float | None:
        """Seconds until the browser drops it; None for the end of the session. Max-Age goes before Expires."""
        age = self.attribute("max-age")
        if age and (age.isdigit() or (age[0] == "-" and age[1:].isdigit())) and age.isascii():
            return float(age[:18])
        expires = self.attribute("expires")
        try:
            return parsedate_to_datetime(expires).timestamp() - now if expires else None
        except (ValueError, OverflowError):
            return None

    def stricter_same_site(self, wanted: str) -> bool:
        """Whether `wanted` is stricter than what the line says; a browser takes silence for Lax."""
        said = (self.attribute("samesite") or "lax").lower()
        present = _STRICTNESS.index(said) if said in _STRICTNESS else 1
        return _STRICTNESS.index(wanted.lower()) > present


def cookie_name(pair: str) -> str:
    """The name in a `name=value` text; a text without `=` is a value without a name."""
    name, equals, _ = pair.partition("=")
    return name.strip(_SPACE) if equals else ""


def cookie_pairs(header: str) -> list[str]:
    """The pairs of a `Cookie` header, blanks removed.

    A comma ends one too where a name and `=` follow it: some servers join several fields with it,
    though a comma may also stand in the value of a sloppy cookie.
    """
    pairs = []
    for part in header.split(";"):
        pieces = part.split(",")
        current = pieces[0]
        for piece in pieces[1:]:
            if "=" in piece and _is_token(cookie_name(piece)):
                pairs.append(current)
                current = piece
            else:
                current += "," + piece
        pairs.append(current)
    return [pair for pair in (each.strip(_SPACE) for each in pairs) if pair]


_TOKEN: Final = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def _is_token(name: str) -> bool:
    return bool(name) and _TOKEN.issuperset(name)


def expiry(name: str, path: str, domain: str) -> str:
    """The line that removes a cookie: a browser compares name, path and domain (RFC 6265bis 5.7)."""
    attributes = [f"Path={path}", *([f"Domain={domain}"] if domain else [])]
    if name.startswith(("__Host-", "__Secure-")):
        attributes.append("Secure")
    return "; ".join([f"{name}=", *attributes, "Max-Age=0", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"])


def joined(pairs: Iterable[str]) -> str:
    """A `Cookie` header of pairs."""
    return "; ".join(pairs)
