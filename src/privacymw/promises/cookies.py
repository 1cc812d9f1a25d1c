"""Cookies: what the page says is what the browser gets."""

import re
import time
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Final, Literal

from privacymw.cookie import OURS
from privacymw.core import Exchange, Keeper
from privacymw.headers import Pair, Pairs, for_one_visitor
from privacymw.kinds import setting
from privacymw.promise import Promise, Section, Sentence, Services, Table, Telling
from privacymw.registry import NECESSARY, READY, CookieEntry, Registry, check_entries
from privacymw.routes import generalised
from privacymw.setcookie import SetCookie, cookie_name, cookie_pairs, expiry, joined
from privacymw.words import N_, Words


def check_ready(words: tuple[str, ...]) -> None:
    """Raises ValueError for a word that names no ready entry."""
    for word in words:
        if word not in READY:
            raise ValueError(f"{word!r}: there are {', '.join(READY)}")


class Cookies(Promise, frozen=True, kw_only=True):
    """The site's cookies beside the one with the visitor's choices."""

    group: ClassVar[str] = "cookies"
    title: ClassVar[str] = "Cookies of this site"

    guard: Annotated[
        Literal["off", "report", "enforce"],
        setting("Cookies that nobody declared: ignored, counted, or kept out in both directions.", "word"),
    ] = "report"
    ready: Annotated[
        tuple[str, ...],
        setting(f"Cookies of your framework: {', '.join(READY)}.", "list", check=check_ready, example="session, csrf"),
    ] = ()
    declared: Annotated[
        tuple[CookieEntry, ...],
        setting("The site's cookies: name, category, purpose, lifetime, scopes ...", "tables", check=check_entries),
    ] = ()

    @property
    def entries(self) -> tuple[CookieEntry, ...]:
        """What is declared, then the ready entries."""
        return (*self.declared, *(READY[word] for word in self.ready))

    def asks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.category for each in self.entries if each.category != NECESSARY))

    def section(self, telling: Telling) -> Section | None:
        if not self.entries:
            return None
        text = N_("Besides the cookie with your choices, this site sets the cookies in this table, and no others.")
        by = "" if self.guard == "enforce" else telling.name
        sentences = [
            Sentence("cookies.table", text, {}, by, facts={"cookies": [_declared(each) for each in self.entries]})
        ]
        if self.guard == "report":
            text = N_("We count cookies that are missing in it, by name and page, so that we can mend it.")
            sentences.append(Sentence("cookies.report", text))
        for category in self.asks():
            text = N_("Cookies for {category} are set and read only if you allow them. If you say no, we remove them.")
            values = {"category": telling.words.label(category)}
            sentences.append(Sentence(f"cookies.{category}", text, values, facts={"category": category}))
        return Section("cookies", self.title, tuple(sentences), (_table(self.entries, telling.words),))

    def keeper(self, services: Services) -> Keeper | None:
        if self.guard == "off" and not self.asks():
            return None
        return (_BothWays if self.asks() or self.guard == "enforce" else _Keeper)(self, services)


def _table(entries: tuple[CookieEntry, ...], words: Words) -> Table:
    _ = words.text
    rows = tuple(
        (each.name, words.label(each.category), _(each.purpose), _lasts(each, words), each.provider or _("this site"))
        for each in entries
    )
    head = (_("Name"), _("Category"), _("What for"), _("How long"), _("Whose"))
    return Table(_("Cookies of this site"), head, rows)


def _declared(entry: CookieEntry) -> dict[str, Any]:
    """An entry as the page's JSON form has it."""
    return {"name": entry.name, "category": entry.category, "seconds": entry.seconds, "script": entry.script}


def _lasts(entry: CookieEntry, words: Words) -> str:
    return words.text(N_("until you close the browser")) if entry.seconds is None else words.duration(entry.seconds)


_NUMBER: Final = re.compile(r"[0-9]{4,}")


class _Keeper(Keeper):
    name = "cookies"
    reads = ("cookie",)
    touches = ("set-cookie",)

    def __init__(self, promise: Cookies, services: Services) -> None:
        self._registry = Registry(promise.entries)
        self._enforces = promise.guard == "enforce"
        self._reports = promise.guard != "off"
        self._allows: Callable[[Exchange, str], bool] = services.allows
        self._count = services.count
        self._varies = services.varies
        self.refuses = self._enforces

    def _refused(self, exchange: Exchange, entry: CookieEntry) -> bool:
        return entry.category != NECESSARY and not self._allows(exchange, entry.category)

    def on_response(self, exchange: Exchange, headers: Pairs) -> Pairs:
        if ("set-cookie" not in dict(headers)) and not exchange.expires:
            return headers
        kept: list[Pair] = []
        asked = bool(exchange.expires)
        for name, value in headers:
            guarded = name == "set-cookie" and not exchange.own  # our own pages know what they remove
            line, depends = self._guarded(exchange, value) if guarded else (value, False)
            asked = asked or depends
            if line is not None:
                kept.append((name, line))
        kept += [("set-cookie", line) for line in exchange.expires]
        if asked:
            return for_one_visitor(kept, self._varies)
        return headers if kept == headers else kept

    def _guarded(self, exchange: Exchange, line: str) -> tuple[str | None, bool]:
        """The line to send, None for a cookie that is withheld, and whether it hangs on the visitor's choice."""
        name = cookie_name(line.partition(";")[0])
        if name in OURS:
            return line, False
        entry = self._registry.find(name)
        if entry is None:
            self._report(exchange, name, "set by the app")
            return None if self._enforces else line, False
        depends = entry.category != NECESSARY
        if depends and not self._allows(exchange, entry.category):
            return None, depends
        if not entry.states_attributes:
            return line, depends
        cookie = SetCookie(line)
        tightened = entry.tightened(cookie, time.time())
        return tightened.line, depends

    def _report(self, exchange: Exchange, name: str, how: str) -> None:
        if self._reports:
            route = exchange.route or generalised(exchange.root + exchange.path)
            self._count("undeclared cookies", f"{_shown(name)} {how}, {route}")


class _BothWays(_Keeper):
    """Also looks at what the browser sends: where something can be refused, or nothing undeclared may pass."""

    def on_request(self, exchange: Exchange) -> None:
        header = exchange.headers.get("cookie")
        if not header:
            return
        pairs = cookie_pairs(header)
        shown = [pair for pair in pairs if not self._hides(exchange, cookie_name(pair))]
        if len(shown) < len(pairs):
            exchange.edits.append(("cookie", joined(shown) or None))

    def _hides(self, exchange: Exchange, name: str) -> bool:
        """Whether the app is not to see a cookie; one that was refused is expired with the answer."""
        if name in OURS:
            return False
        entry = self._registry.find(name)
        if entry is None:
            self._report(exchange, name, "sent by a browser")
            return self._enforces
        if not self._refused(exchange, entry):
            return False
        exchange.expires += [expiry(name, each.path, each.domain) for each in entry.scopes]
        return True


def _shown(name: str) -> str:
    """A cookie's name as a report may hold it: long numbers in it may name a browser."""
    return _NUMBER.sub("*", name[:40]) if name.isascii() and name.isprintable() and name else "(without a name)"
