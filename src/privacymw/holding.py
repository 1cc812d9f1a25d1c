"""What this site holds about one browser: to see, to take along, to erase."""

import datetime
import json
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from privacymw.cookie import OURS, PreferenceCookie
from privacymw.core import Exchange
from privacymw.decider import Decider
from privacymw.headers import Pair
from privacymw.registry import Registry
from privacymw.setcookie import cookie_name, cookie_pairs, expiry
from privacymw.words import N_, Words

_WHOLE: Final = 8
_SHOWN: Final = 4


class Held(NamedTuple):
    """A cookie that came with the request; its value only as far as it can be shown."""

    name: str
    category: str
    purpose: str
    value: str


class Holding:
    """Looks at what one request brings.

    Args:
        registry: the declared cookies.
        decider: reads choices and signals.
    """

    def __init__(self, registry: Registry, decider: Decider) -> None:
        self._registry = registry
        self._decider = decider

    def cookies(self, exchange: Exchange, words: Words) -> tuple[list[Held], int]:
        """The declared cookies and our own that came, and how many others did."""
        held, others = [], 0
        our_purpose = words.text(N_("keeps what you chose here"))
        for pair in cookie_pairs(exchange.headers.get("cookie", "")):
            name, value = cookie_name(pair), pair.partition("=")[2]
            entry = self._registry.find(name)
            if name in OURS:
                held.append(Held(name, "choices", our_purpose, shortened(value, words)))
            elif entry is not None:
                held.append(Held(name, entry.category, words.text(entry.purpose), shortened(value, words)))
            else:
                others += 1
        return held, others

    def document(self, exchange: Exchange, words: Words) -> bytes:
        """The same with choices and signals, as JSON."""
        held, others = self.cookies(exchange, words)
        choice = self._decider.choice(exchange)
        decided = {name: self._decider.verdict(exchange, name) for name in self._decider.questions.categories}
        document: dict[str, Any] = {
            "cookies": [each._asdict() for each in held],
            "undeclared_cookies": others,
            "choices": {
                "made": moment(choice.at),
                "version": choice.version,
                "answers": dict(choice.answers),
                "preferences": dict(choice.preferences),
                "links": choice.outside,
                "sites_not_asked_of": list(choice.sites),
            },
            "in_force": {name: {"allowed": each.allowed, "decided_by": each.reason} for name, each in decided.items()},
            "version_in_force": self._decider.questions.version,
            "signals": list(self._decider.signals(exchange)),
        }
        return json.dumps(document, ensure_ascii=False, indent=1).encode(errors="replace") + b"\n"

    def expiries(self, exchange: Exchange, cookie: PreferenceCookie) -> list[Pair]:
        """The lines that remove each declared cookie where it may stand, and ours.

        Of a pattern those are removed whose names came: a browser does not tell the others.
        """
        came = {cookie_name(pair) for pair in cookie_pairs(exchange.headers.get("cookie", ""))}
        declared = [each.name for each in self._registry.entries if "*" not in each.name]
        lines = [expiry(name, "/", "") for name in OURS if name in came and name != cookie.name(exchange)]
        for name in dict.fromkeys([*declared, *sorted(came.difference(OURS))]):
            entry = self._registry.find(name)
            scopes = entry.scopes if entry is not None else ()
            lines += [expiry(name, each.path, each.domain) for each in scopes]
        lines = [line for line in lines if line not in exchange.expires]  # which the guard sends itself
        return [cookie.expiry(exchange), *(("set-cookie", line) for line in dict.fromkeys(lines))]


def shortened(value: str, words: Words) -> str:
    """A value as it may lie about in a window or a file: a whole one could open somebody's account."""
    if len(value) <= _WHOLE:
        return value
    return words.said(N_("{start}… ({count} characters)"), start=value[:_SHOWN], count=len(value))


def moment(at: int) -> str:
    """A time of day in UTC; empty for none."""
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC") if at else ""


def other_hosts(hosts: Iterable[str], exchange: Exchange) -> list[str]:
    """The site's hosts where a choice made at this one does not hold."""
    here = exchange.headers.get("host", "").lower().rpartition(":")
    host = here[0] if here[2].isdigit() and here[0] else exchange.headers.get("host", "").lower()
    return [each for each in hosts if each.lower() != host]
