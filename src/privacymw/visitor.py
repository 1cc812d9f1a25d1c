"""What a view reads of its visitor's choices, and the app's own preferences."""

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import msgspec

from privacymw.cookie import NO_CHOICE, Choice, PreferenceCookie
from privacymw.core import Exchange
from privacymw.decider import Decider
from privacymw.errors import PrivacyError


class VisitorChoices:
    """What this visitor allows; reading it makes the answer private."""

    def __init__(self, decider: Decider, exchange: Exchange) -> None:
        self._decider = decider
        self._exchange = exchange

    def allows(self, category: str) -> bool:
        """Whether the visitor allows a category of `PRIVACYMW_CHOICES_CATEGORIES`.

        Raises:
            PrivacyError: nobody declared the category, so that the page could not offer it.
        """
        categories = self._decider.questions.categories
        if category not in categories:
            declared = ", ".join(categories) or "none"
            raise PrivacyError(
                f"choices.allows({category!r}): no such category; declared are: {declared}. "
                f"Set PRIVACYMW_CHOICES_CATEGORIES={','.join([*categories, category])}"
            )
        return self._decider.allows(self._exchange, category)

    @property
    def to_ask(self) -> tuple[str, ...]:
        """The categories that this visitor still has to be asked about; none after an answer to each.

        A yes to what has materially changed since is asked for again, a no is not.
        """
        return self._decider.to_ask(self._exchange)


class Preferences(MutableMapping[str, str]):
    """The app's own preferences of this visitor; what is set rides in the signed cookie.

    Without a cookie to keep them each has its default, and none can be set.
    """

    def __init__(
        self, declared: Mapping[str, tuple[str, ...]], cookie: PreferenceCookie | None, exchange: Exchange
    ) -> None:
        self._declared = declared
        self._cookie = cookie
        self._exchange = exchange
        self.changed = False

    def _values(self, name: str) -> tuple[str, ...]:
        try:
            return self._declared[name]
        except KeyError:
            raise PrivacyError(
                f"preferences[{name!r}]: no such preference; declared are: {', '.join(self._declared) or 'none'}. "
                f"Set PRIVACYMW_CHOICES_PREFERENCES={name}=first|second"
            ) from None

    def _choice(self) -> Choice:
        return NO_CHOICE if self._cookie is None else self._cookie.read(self._exchange)

    def __contains__(self, name: object) -> bool:
        return name in self._declared

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self._declared else default

    def __getitem__(self, name: str) -> str:
        values = self._values(name)
        chosen = self._choice().preferences.get(name)
        return chosen if chosen in values else values[0]

    def __setitem__(self, name: str, value: str) -> None:
        values = self._values(name)
        if value not in values:
            raise PrivacyError(f"preferences[{name!r}] = {value!r}: allowed are {', '.join(values)}")
        if self._exchange.state != "open":
            raise PrivacyError(f"preferences[{name!r}]: the answer has begun, no cookie can be set any more")
        self._store({**self._choice().preferences, name: value})

    def __delitem__(self, name: str) -> None:
        self._values(name)
        self._store({key: value for key, value in self._choice().preferences.items() if key != name})

    def _store(self, preferences: Mapping[str, str]) -> None:
        if self._cookie is None:
            raise PrivacyError(
                "preferences: no choice is kept here; that needs a secret that all workers share "
                "(PRIVACYMW_SECRET_KEY or PRIVACYMW_DATA) and PRIVACYMW_CHOICES_SAVED=on"
            )
        self._exchange.choice = msgspec.structs.replace(self._choice(), preferences=preferences)
        self.changed = True

    def __iter__(self) -> Iterator[str]:
        return iter(self._declared)

    def __len__(self) -> int:
        return len(self._declared)
