"""What a visitor is asked about, and whether an answer still is one: a material change asks again."""

import base64
import hashlib
import json
from collections.abc import Iterable
from typing import Final

import msgspec

from privacymw.cookie import Choice
from privacymw.registry import CookieEntry

_DIGEST_BYTES: Final = 6
"""48 bits: two texts of an operator's own have to be told apart, nobody gains from making them alike."""


class Questions:
    """The categories on offer, each with a digest of what hangs on it.

    Material are a category's name and, of each of its cookies, the purpose, the provider, the lifetime
    and the domains that read it. A new cookie with the same facts, another order, other blanks or
    capitals, a title, a template: all of that is cosmetic. Other words for a purpose are material, for
    only a person could tell that they mean the same.
    """

    def __init__(self, categories: Iterable[str], entries: Iterable[CookieEntry] = ()) -> None:
        facts: dict[str, set[str]] = {name: set() for name in categories}
        for entry in entries:
            if entry.category in facts:
                facts[entry.category].add(_facts(entry))
        self.digests = {name: _digest([name, *sorted(found)]) for name, found in facts.items()}
        self.version = _digest(sorted(self.digests.values())) if facts else ""
        """Of everything that there is to choose; empty where there is nothing."""

    @property
    def categories(self) -> tuple[str, ...]:
        """What the visitor is asked about, in the order of the page."""
        return tuple(self.digests)

    def answer(self, choice: Choice, category: str) -> bool | None:
        """The visitor's answer; None without one. A no always stands, a yes only to what it was said to."""
        answer = choice.answers.get(category)
        if answer and choice.agreed.get(category) != self.digests.get(category):
            return None
        return answer

    def stamped(self, choice: Choice, given: Iterable[str]) -> Choice:
        """The choice with what it was made about; `given` are the categories answered just now."""
        fresh = {name: self.digests[name] for name in given}
        agreed = {name: digest for name, digest in {**choice.agreed, **fresh}.items() if choice.answers.get(name)}
        return msgspec.structs.replace(choice, agreed=agreed, version=self.version)


def _facts(entry: CookieEntry) -> str:
    purpose = " ".join(entry.purpose.split()).casefold().rstrip(".")
    domains = sorted({scope.domain.lower().lstrip(".") for scope in entry.scopes})
    return json.dumps([purpose, entry.provider.strip().casefold(), entry.seconds, domains])


def _digest(parts: list[str]) -> str:
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return base64.urlsafe_b64encode(digest[:_DIGEST_BYTES]).decode()
