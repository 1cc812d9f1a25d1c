"""The policy page: rendered from the promises in force."""

import datetime
import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated, ClassVar, Final

import msgspec

from privacymw import headers as rules
from privacymw import honesty, plain
from privacymw.archive import ArchivePages
from privacymw.core import Exchange, Keeper, Reply, not_allowed
from privacymw.edition import Edition
from privacymw.headers import Context, Header
from privacymw.kinds import days, setting
from privacymw.page import NO_INDEX
from privacymw.policy import Organisation, Site, Statement
from privacymw.promise import Promise, Section, Sentence, Services, Telling
from privacymw.versions import Archive, Version, drift, read_archive
from privacymw.words import N_, Words

CLAUSES: Final = {
    "sites": N_("Who we are"),
    "confidential": N_("Patient information"),
    "statistics": N_("Usage information"),
    "choices": N_("Cookies and your choices"),
    "cookies": N_("Cookies of this site"),
    "addresses": N_("Your IP address"),
    "personal": N_("Personal information"),
    "outbound": N_("Links to other sites"),
    "transport": N_("Security measures"),
    "headers": N_("What we ask of your browser"),
    "security": N_("Reports of weak spots"),
    "signals": N_("Browser signals"),
    "mail": N_("Electronic mail"),
    "notice": N_("This notice"),
}
"""Sections in page order; a statement may stand in each."""


def check_statements(statements: Iterable[Statement]) -> None:
    """Raises ValueError for a statement that has no place on the page."""
    for each in statements:
        if each.section not in CLAUSES:
            raise ValueError(f"section {each.section!r}: there are {', '.join(CLAUSES)}")


def check_terms(terms: str) -> None:
    """Raises ValueError unless it is empty, a path or an https address that can stand in a header."""
    if terms and not _TERMS.fullmatch(terms):
        raise ValueError("a path such as /terms, or an address that begins with https://")


_TERMS: Final = re.compile(r"/(?![/\\])[!#-;=?-~]*|https://[!#-;=?-~]+")


class Notice(Promise, frozen=True, kw_only=True):
    """The page itself: from when it holds, and what people state on it."""

    group: ClassVar[str] = "notice"
    title: ClassVar[str] = CLAUSES["notice"]

    effective: Annotated[
        datetime.date | None,
        setting("The day from which the notice holds; without it the page is a draft.", "date"),
    ] = None
    statements: Annotated[
        tuple[Statement, ...],
        setting(
            "Sentences that a person answers for: section, text, by, on.",
            "tables",
            check=check_statements,
            example='[{section = "personal", text = "We do not sell data.", by = "Jane Doe", on = 2026-01-31}]',
        ),
    ] = ()
    terms: Annotated[
        str,
        setting("Where the terms of use stand, for a link beside the notice's.", check=check_terms, example="/terms"),
    ] = ""

    wording: Annotated[
        Mapping[str, str],
        setting(
            "Other words for sentences, by name, in the site's language; a kept one keeps its placeholders.",
            "texts",
            example='{"notice.change" = "We may change this notice."}',
        ),
    ] = msgspec.field(default_factory=dict)
    versions: Annotated[
        str, setting("The folder where `privacymw notice publish` puts versions; it belongs into your repository.")
    ] = "privacy/versions"
    announce: Annotated[
        int,
        setting("How long before its day a new version is announced.", "duration", ge=0, le=days(365)),
    ] = days(14)

    @property
    def archive(self) -> Archive:
        """The versions that were published, as their files are now."""
        return read_archive(Path(self.versions).absolute()) if self.versions else Archive()

    def worded(self, sections: tuple[Section, ...], cookies: Iterable[str]) -> tuple[Section, ...]:
        """The page in the operator's words, as far as these are honest."""
        unfit = honesty.faults(self.wording, sections, cookies)
        return honesty.reworded(sections, {name: self.wording[name] for name in self.wording.keys() - unfit.keys()})

    def section(self, telling: Telling) -> Section:
        sentences = []
        if self.effective is not None:
            values, facts = {"date": telling.words.date(self.effective)}, {"date": self.effective.isoformat()}
            text = N_("This notice is effective {date}.")
            sentences.append(Sentence("notice.effective", text, values, telling.name, facts=facts))
        sentences.append(
            Sentence(
                "notice.change",
                "This notice may change. Please look at it from time to time.",
                {},
                telling.name,
            )
        )
        if self.terms:
            text = N_("The terms of use stand at {terms}.")
            sentences.append(Sentence("notice.terms", text, {"terms": self.terms}, telling.name))
        return Section("notice", self.title, tuple(sentences))

    def keeper(self, services: Services) -> Keeper:
        return _Keeper(self, services)


def who_we_are(site: Site, organisation: Organisation) -> Section | None:
    """The section that names the organisation and its sites; None where nobody told us."""
    by = organisation.name
    if not by:
        return None
    sentences = [Sentence("sites.scope", "This notice is for the web sites that {name} runs.", {"name": by}, by)]
    if site.sites:
        values, facts = {"hosts": ", ".join(site.sites)}, {"hosts": site.sites}
        sentences.append(Sentence("sites.hosts", N_("These are: {hosts}."), values, by, facts=facts))
    if organisation.contact:
        values = {"contact": organisation.contact}
        sentences.append(Sentence("sites.contact", "Please send questions to {contact}.", values, by))
    if organisation.postal_address:
        values = {"address": organisation.postal_address}
        sentences.append(Sentence("sites.address", "Our postal address is {address}.", values, by))
    return Section("sites", CLAUSES["sites"], tuple(sentences))


def compiled(sections: Iterable[Section | None], statements: Iterable[Statement], words: Words) -> tuple[Section, ...]:
    """The page's sections in order and in a language, each with what people state in it."""
    found = {each.name: each for each in sections if each is not None}
    for index, each in enumerate(statements):
        section = found.get(each.section) or Section(each.section, CLAUSES[each.section], ())
        name = f"{each.section}.stated{index + 1}"
        sentence = Sentence(name, each.text.replace("{", "{{").replace("}", "}}"), {}, each.by, each.on)
        found[each.section] = msgspec.structs.replace(section, sentences=(*section.sentences, sentence))
    return tuple(found[name].told(words) for name in CLAUSES if name in found)


class _Keeper(Keeper):
    name = "notice"
    reads = ("if-none-match",)

    def __init__(self, promise: Notice, services: Services) -> None:
        self._services = services
        self._live = services.site.mode == "on"
        self._effective = promise.effective
        self._announce = datetime.timedelta(seconds=promise.announce)
        self._terms = promise.terms if self._live else ""
        self._archive = promise.archive if self._live else Archive()
        for fault in self._archive.faults:
            _log.warning("the published notice: %s", fault)
        self._tell_of_drift()
        self._made = lru_cache(32)(self._make)
        notice = self._answering("text/html", self._html)
        forms = {
            f"notice.{name}": self._answering(kind, partial(self._other_form, name))
            for name, (kind, _) in _FORMS.items()
        }
        self.pages = {"notice": notice, **forms, "style.css": services.pages.file("style.css", "text/css")}
        if self._archive.versions or (self._live and services.witness is not None):
            self.pages["archive"] = ArchivePages(services, self._archive).answer
        self.fallbacks = {services.site.prefix: lambda exchange: notice(exchange, "")}

    def _tell_of_drift(self) -> None:
        """A start is never stopped by it, but whoever runs the site has to know."""
        version = self._version()
        names = [each.name for each in drift(version, self._services.sections("en"))] if version else []
        if version and names:
            told = "version %d of the notice, in force, promises otherwise than these settings do: %s. To see it: %s"
            _log.warning(told, version.number, ", ".join(names), "privacymw notice diff")

    def _version(self) -> Version | None:
        return self._archive.in_force(self._services.today())

    def fixed(self, context: Context) -> Iterable[Header]:
        if not self._edition(self._version(), self._services.site.language).draft:
            target = f"{context.root}{self._services.site.prefix}/notice"
            yield Header("link", f'<{rules.quoted_path(target)}>; rel="privacy-policy"', rules.append)
        if self._terms:  # RFC 6903 5
            yield Header("link", f'<{self._terms}>; rel="terms-of-service"', rules.append)

    def _edition(self, version: Version | None, language: str) -> Edition:
        """What the page shows in a language: a published version, else what the settings give."""
        if version is not None:
            return Edition(version.organisation, version.sections[language], version.effective, version=version)
        draft = self._effective is None or not self._live
        return Edition(self._services.organisation, self._services.sections(language), self._effective, draft=draft)

    def _make(self, form: str, number: int, language: str, today: datetime.date) -> bytes:
        """The bytes of a form; anew when a day begins, on which something may have ended."""
        edition = self._edition(self._archive.numbered(number), language)
        return _FORMS[form][1](edition, Words(language)).encode()

    def _other_form(self, form: str, exchange: Exchange) -> bytes:
        version, language = self._version(), self._services.pages.words(exchange).language
        return self._made(form, version.number if version else 0, language, self._services.today())

    def _answering(self, kind: str, body: Callable[[Exchange], bytes]) -> Callable[[Exchange, str], Reply | None]:
        """A page handler that answers a known validator with 304 (RFC 9110 13.1.2)."""

        def page(exchange: Exchange, rest: str) -> Reply | None:
            if rest:
                return None
            if exchange.method not in ("GET", "HEAD"):
                return not_allowed("GET, HEAD")
            content = body(exchange)
            tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
            headers = [("content-type", f"{kind}; charset=utf-8"), ("etag", tag), ("cache-control", "no-cache")]
            headers += [NO_INDEX] if self._edition(self._version(), self._services.site.language).draft else []
            if tag in exchange.headers.get("if-none-match", ""):
                return Reply(304, headers[1:], b"")
            return self._services.pages.under_headers(Reply(200, headers, content))

        return page

    def _html(self, exchange: Exchange) -> bytes:
        pages, today = self._services.pages, self._services.today()
        words = pages.words(exchange)
        upcoming = self._archive.upcoming(today)
        context = {
            **self._edition(self._version(), words.language).context(words, archived=bool(self._archive.versions)),
            "page": "notice",
            "written_in": self._services.site.language,
            "forms": tuple(_FORMS),
            "upcoming": upcoming if upcoming and upcoming.effective - today <= self._announce else None,
        }
        return pages.render("notice.html", exchange, context)


_log = logging.getLogger("privacymw")
_FORMS: Final[Mapping[str, tuple[str, Callable[[Edition, Words], str]]]] = {
    "json": ("application/json", lambda edition, words: edition.json(words)),
    "md": ("text/markdown", lambda edition, words: edition.plain(plain.markdown, words)),
    "txt": ("text/plain", lambda edition, words: edition.plain(plain.text, words)),
}
"""The page in other forms, each at an address of its own: media type, and how it is made."""
