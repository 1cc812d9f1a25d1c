"""The page in short: what is kept of a visit, how long, why, who answers for it and how to change it.

It says nothing of its own: each cell is one of the page's tables', so that the short form and the long one
cannot differ, in a published version either.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from privacymw.policy import Organisation
from privacymw.promise import Section, Table
from privacymw.words import N_, Words

_COOKIES: Final = 3
"""Cookies that are named one by one; the others stand in their table."""
_LOG: Final = {
    "whole": N_("Log of requests, with your IP address"),
    "network": N_("Log of requests, with the network of your IP address"),
    "none": N_("Log of requests, without your IP address"),
}


class Kept(NamedTuple):
    """Something that is kept; `section` is where the page tells more."""

    what: str
    long: str
    why: str
    section: str


class Line(NamedTuple):
    """A question and its answer; `page` is one of ours, by its name under the prefix, empty for none."""

    question: str
    answer: str
    page: str = ""


class Glance(NamedTuple):
    """The short form."""

    kept: tuple[Kept, ...]
    lines: tuple[Line, ...]

    def table(self, words: Words) -> Table:
        """What is kept, as a table of the page."""
        _ = words.text
        head = (_("What"), _("At most how long"), _("What for"))
        return Table(_("What is kept of a visit"), head, tuple((each.what, each.long, each.why) for each in self.kept))

    def section(self, words: Words) -> Section:
        """The short form for those who do not read HTML."""
        return Section("short", words.text(N_("In short")), (), (self.table(words),) if self.kept else ())


def glance(sections: Sequence[Section], organisation: Organisation, words: Words, *, archived: bool = False) -> Glance:
    """The short form of a page's sections, in their language."""
    found = {each.name: each for each in sections}
    kept = [row for name, rows in _ROWS if name in found for row in rows(found[name], words)]
    return Glance(tuple(kept), tuple(_lines(found.get("choices"), organisation, words, archived=archived)))


def _log(section: Section, words: Words) -> Iterator[Kept]:
    """The log by its limits: what is read for as long as the address, and the rest."""
    mode = next((each.facts.get("mode") for each in section.sentences if each.name == "addresses.what"), None)
    if mode not in _LOG or not section.tables:
        return
    rows = section.tables[0].rows
    first, why = rows[0][2], rows[0][1]
    yield Kept(words.text(_LOG[mode]), first, why, section.name)
    other = next((row[2] for row in rows if row[2] != first), None)
    if other is not None:
        yield Kept(words.text(N_("What else this log holds")), other, why, section.name)


def _refused(section: Section, words: Words) -> Iterator[Kept]:
    for each in section.sentences:
        if each.name == "addresses.fail2ban":
            told = words.text(N_("Your address, where a request is refused"))
            yield Kept(told, each.values["time"], words.text(N_("to stop attacks")), section.name)


def _choices(section: Section, words: Words) -> Iterator[Kept]:
    for table in section.tables:
        for name, why, long, *_ in table.rows:
            yield Kept(words.said(_COOKIE, name=name), long, why, section.name)
    for each in section.sentences:
        if each.name == "choices.record_time":
            why = words.text(N_("to show what was asked and answered"))
            yield Kept(words.text(N_("Record of what you chose")), each.values["retention"], why, section.name)


def _cookies(section: Section, words: Words) -> Iterator[Kept]:
    rows = [row for table in section.tables for row in table.rows]
    for name, _, why, long, *_ in rows[:_COOKIES]:
        yield Kept(words.said(_COOKIE, name=name), long, why, section.name)
    if len(rows) > _COOKIES:
        told = words.text(N_("see the table of cookies"))
        yield Kept(words.text(N_("More cookies")), told, told, section.name)


_COOKIE: Final = N_("Cookie {name}")
_ROWS: Final = (("addresses", _log), ("addresses", _refused), ("choices", _choices), ("cookies", _cookies))
"""In the order of the short form: what is kept here goes before what is kept in the browser."""


def _lines(choices: Section | None, organisation: Organisation, words: Words, *, archived: bool) -> Iterator[Line]:
    _ = words.text
    who = ", ".join(filter(None, (organisation.name, organisation.contact)))
    yield Line(_("Who answers for it"), who or _("the operator of this site"))
    if choices is not None and choices.action:
        yield Line(_("How to change it"), choices.action[1], choices.action[0])
    if archived:
        yield Line(_("What has changed"), _("Earlier and coming versions of this notice"), "archive")
