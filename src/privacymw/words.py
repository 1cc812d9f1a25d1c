"""The languages of our pages: texts, dates, durations and lists as a visitor reads them.

A text is written once, in English, where it belongs, and `N_` marks it for the catalogues; English needs
none. Each language has its own addresses, so that a cache that ignores `Vary` serves nobody the wrong one.
"""

import datetime
import gettext
import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from privacymw.kinds import show_duration

LANGUAGES: Final = {"en": "English", "es": "Español"}
"""Each with its own name for itself."""
SOURCE: Final = "en"
DOMAIN: Final = "privacymw"
LOCALE: Final = Path(__file__).parent / "page" / "locale"


def N_(text: str) -> str:
    """The text as it is, marked for the catalogues: it is put into a language where it is shown."""
    return text


def _forms(one: str, more: str) -> tuple[str, str]:
    """What goes with one and with another number, marked as well."""
    return one, more


_UNITS: Final = {
    "d": _forms("{count} day", "{count} days"),
    "h": _forms("{count} hour", "{count} hours"),
    "m": _forms("{count} minute", "{count} minutes"),
    "s": _forms("{count} second", "{count} seconds"),
}

_MONTHS: Final = (
    N_("January"), N_("February"), N_("March"), N_("April"), N_("May"), N_("June"),
    N_("July"), N_("August"), N_("September"), N_("October"), N_("November"), N_("December"),
)  # fmt: skip

CATEGORIES: Final = (
    N_("necessary"), N_("choices"), N_("statistics"), N_("analytics"), N_("measurement"), N_("advertising"), N_("ads"),
    N_("marketing"), N_("sale"), N_("sharing"), N_("profiling"), N_("tracking"), N_("preferences"), N_("functional"),
    N_("language"),
)  # fmt: skip
"""Names of categories and preferences that we have words for; an operator's own are shown as they are."""


class Refusal(ValueError):
    """Why something cannot be done, for a visitor: a marked text, and what stands in its placeholders."""

    def __init__(self, template: str, **values: object) -> None:
        super().__init__(template.format_map(values))
        self.template = template
        self.values = values


class Words:
    """One language.

    Args:
        language: a key of `LANGUAGES`.
    """

    def __init__(self, language: str) -> None:
        self.language = language

    @cached_property
    def catalogue(self) -> gettext.NullTranslations:
        """Read when the first text is asked for."""
        if self.language == SOURCE:
            return gettext.NullTranslations()
        return gettext.translation(DOMAIN, LOCALE, [self.language])

    @property
    def digest(self) -> str:
        """Another one for another catalogue."""
        files = sorted((LOCALE / self.language).rglob("*.mo"))
        return hashlib.sha256(b"".join(each.read_bytes() for each in files)).hexdigest()

    def text(self, message: str) -> str:
        """A marked text in this language; any other as it is."""
        return self.catalogue.gettext(message) if message else ""

    def said(self, template: str, **values: Any) -> str:
        """A marked text with what stands in its placeholders."""
        return self.text(template).format_map(values)

    def refused(self, refusal: Refusal) -> str:
        """Why something was refused."""
        return self.said(refusal.template, **refusal.values)

    def date(self, day: datetime.date) -> str:
        """`April 19, 2014`."""
        month = self.text(_MONTHS[day.month - 1])
        return self.said(N_("{month} {day}, {year}"), month=month, day=day.day, year=day.year)

    def duration(self, seconds: int) -> str:
        """`2592000` as `30 days`."""
        shown = show_duration(seconds)
        count = int(shown[:-1])
        return self.catalogue.ngettext(*_UNITS[shown[-1]], count).format(count=count)

    def joined(self, items: Iterable[str]) -> str:
        """`a, b and c`."""
        *first, last = items
        return self.said(N_("{first} and {last}"), first=", ".join(first), last=last) if first else last

    def label(self, name: str) -> str:
        """A category or preference in words."""
        plain = name.replace("_", " ")
        return self.text(name) if name in CATEGORIES else plain

    def labels(self, names: Sequence[str]) -> str:
        """Several of them, joined."""
        return self.joined(self.label(name) for name in names)


ENGLISH: Final = Words(SOURCE)


def below(prefix: str, language: str, plain: str) -> str:
    """The path under which the pages of a language stand; those of the site's own, `plain`, have none of their own."""
    return prefix if language == plain else f"{prefix}/{language}"
