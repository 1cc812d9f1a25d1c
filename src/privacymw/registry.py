"""Which cookies there are, and what each is for: the entries of the policy file."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Literal

import msgspec

from privacymw.kinds import KINDS
from privacymw.setcookie import SetCookie
from privacymw.words import N_

NECESSARY: Final = "necessary"
"""The category that nobody is asked about: the site does not work without."""

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Scope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a cookie is kept in the browser; an empty domain is this host alone."""

    path: str = "/"
    domain: str = ""


class CookieEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A cookie of the site.

    Attributes:
        name: its name, or a pattern in which `*` stands for any signs.
        category: `necessary`, or what the visitor is asked about.
        purpose: what it is for, in the visitor's words.
        provider: who sets and reads it; empty for this site.
        lifetime: how long a browser may keep it, as `30d`; empty for the end of the session.
        scopes: the paths and domains under which it may stand.
        secure, http_only, same_site: what is made stricter; what the entry does not state stays the app's.
        script: whether a script in the page sets it, so that no answer of ours does.
    """

    name: str
    category: str
    purpose: str
    provider: str = ""
    lifetime: str = ""
    scopes: tuple[Scope, ...] = (Scope(),)
    secure: bool = False
    http_only: bool = False
    same_site: Literal["", "Lax", "Strict"] = ""
    script: bool = False

    @property
    def seconds(self) -> int | None:
        """The lifetime in seconds."""
        return _seconds(self.lifetime)

    @property
    def states_attributes(self) -> bool:
        """Whether there is anything to tighten; else a line need not be read beyond its name."""
        return self.secure or self.http_only or self.same_site != "" or self.lifetime != ""

    def tightened(self, cookie: SetCookie, now: float) -> SetCookie:
        """The cookie with what this entry states, never looser than the app wrote it."""
        if self.secure and cookie.attribute("secure") is None:
            cookie = cookie.with_attribute("Secure")
        if self.http_only and cookie.attribute("httponly") is None:
            cookie = cookie.with_attribute("HttpOnly")
        if self.same_site and cookie.stricter_same_site(self.same_site):
            cookie = cookie.with_attribute("SameSite", self.same_site)
        limit = self.seconds
        if limit is not None and (cookie.lifetime(now) or 0) > limit:
            cookie = cookie.with_attribute("Max-Age", str(limit))
        return cookie


@lru_cache(maxsize=256)  # one for each lifetime that the operator wrote
def _seconds(lifetime: str) -> int | None:
    return int(KINDS["duration"].read(lifetime)) if lifetime else None


def check_entries(entries: Iterable[CookieEntry]) -> None:
    """Raises ValueError for an entry that no cookie could match, or that says what it cannot mean."""
    seen: set[str] = set()
    for each in entries:
        if not _NAME.fullmatch(each.name) or each.name in seen:
            raise ValueError(f"name {each.name!r}: a cookie's name or a pattern with *, each only once")
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", each.category):
            raise ValueError(f"category {each.category!r} of {each.name}: small letters, digits and _")
        if not each.purpose.strip():
            raise ValueError(f"{each.name} has no purpose: say what it is for")
        seen.add(each.name)
        _ = each.seconds


class Registry:
    """Finds the entry of a cookie by name: exact names first, then patterns in their order."""

    def __init__(self, entries: Iterable[CookieEntry]) -> None:
        self.entries = tuple(entries)
        self._exact = {each.name: each for each in self.entries if "*" not in each.name}
        self._patterns = [(_pattern(each.name), each) for each in self.entries if "*" in each.name]

    def find(self, name: str) -> CookieEntry | None:
        """The entry, or None for a cookie that nobody declared."""
        found = self._exact.get(name)
        if found is None and name:
            found = next((entry for pattern, entry in self._patterns if pattern.fullmatch(name)), None)
        return found


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in name.split("*")))


def _ready(name: str, purpose: str) -> CookieEntry:
    return CookieEntry(name=name, category=NECESSARY, purpose=purpose)


READY: Final = {
    "session": _ready("session", N_("keeps you signed in and remembers what you do on this visit")),
    "remember": _ready("remember_token", N_("keeps you signed in until your next visit")),
    "csrf": _ready("csrftoken", N_("makes sure that a form was sent from our own page")),
    "csrf-script": _ready("XSRF-TOKEN", N_("makes sure that a request was sent from our own page")),
    "language": _ready("locale", N_("remembers your language")),
}
"""Entries for cookies of common frameworks, by the word that switches them on; their attributes stay the app's."""
