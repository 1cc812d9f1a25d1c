"""The public archive: each version of the notice with its dates, its words, and what it changed."""

import datetime
from typing import Any, NamedTuple

from privacymw.core import Exchange, Job, Reply, not_allowed
from privacymw.edition import Edition
from privacymw.headers import Pair
from privacymw.page import NO_INDEX
from privacymw.promise import Services
from privacymw.proving import moment
from privacymw.versions import Archive, Version, changes
from privacymw.words import N_, Words

_CACHED: Pair = ("cache-control", "no-cache")


class _Line(NamedTuple):
    """A version in the list; `until` is the last day before the next, None where none followed yet."""

    version: Version
    until: datetime.date | None
    state: str


class ArchivePages:
    """Answers `/privacy/archive`, `/privacy/archive/<number>` and `/privacy/archive/<number>/changes`.

    Where there is a chain of versions and keys, the first shows its head, for which it may wait two seconds.
    """

    def __init__(self, services: Services, archive: Archive) -> None:
        self._services, self._archive = services, archive

    def answer(self, exchange: Exchange, rest: str) -> Reply | Job | None:
        """The page; None for an address that is none."""
        number, _, view = rest.partition("/")
        if exchange.method not in ("GET", "HEAD"):
            return not_allowed("GET, HEAD")
        if not rest:
            witness = self._services.witness
            return self._list(exchange) if witness is None else Job(lambda body: self._list(exchange), 0)
        version = self._archive.numbered(int(number)) if number.isascii() and number.isdigit() else None
        if version is None or str(version.number) != number:
            return None
        view_of = {"": self._text, "changes": self._changes}.get(view)
        return view_of(exchange, version) if view_of else None

    def _list(self, exchange: Exchange) -> Reply:
        lines = [self._line(each) for each in reversed(self._archive.versions)]
        witness = self._services.witness
        context = {
            "page": "archive",
            "lines": lines,
            "head": self._archive.head,
            "chained": witness is not None,
            "chain": witness.account().chain if witness is not None else None,
            "moment": moment,
        }
        return self._services.pages.reply("archive.html", exchange, context, _CACHED)

    def _line(self, version: Version) -> _Line:
        today, following = self._services.today(), self._archive.numbered(version.number + 1)
        until = following.effective - datetime.timedelta(days=1) if following else None
        if version.effective > today:
            return _Line(version, until, N_("to come"))
        return _Line(version, until, N_("in force") if self._archive.in_force(today) is version else N_("past"))

    def _text(self, exchange: Exchange, version: Version) -> Reply | None:
        words = self._services.pages.words(exchange)
        edition = Edition(version.organisation, version.sections[words.language], version.effective, version=version)
        context = {
            **edition.context(words, archived=True),
            "page": f"archive/{version.number}",
            "written_in": version.language,
            "edition": self._said(version, words),
        }
        return self._services.pages.reply("notice.html", exchange, context, _CACHED, NO_INDEX)

    def _said(self, version: Version, words: Words) -> str:
        line = self._line(version)
        since = words.date(version.effective)
        if line.until is None or line.until < version.effective:
            return words.said(N_("Version {number}, from {since} on."), number=version.number, since=since)
        values = {"number": version.number, "since": since, "until": words.date(line.until)}
        return words.said(N_("Version {number}, from {since} to {until}."), **values)

    def _changes(self, exchange: Exchange, version: Version) -> Reply | None:
        before = self._archive.before(version)
        if before is None:
            return None
        language = self._services.pages.words(exchange).language
        context: dict[str, Any] = {
            "page": f"archive/{version.number}/changes",
            "version": version,
            "before": before,
            "changes": changes(before.sections[language], version.sections[language]),
        }
        return self._services.pages.reply("changes.html", exchange, context, _CACHED, NO_INDEX)
