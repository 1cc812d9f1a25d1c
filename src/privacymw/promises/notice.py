"""The policy page: rendered from the promises in force."""

import datetime
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Annotated, Any, ClassVar, Final

import msgspec

from privacymw import headers as rules
from privacymw import plain
from privacymw.core import Exchange, Keeper, Reply, not_allowed
from privacymw.headers import Context, Header
from privacymw.kinds import setting
from privacymw.page import NO_INDEX
from privacymw.policy import Organisation, Site, Statement
from privacymw.promise import Promise, Section, Sentence, Services, Telling
from privacymw.words import LANGUAGES, N_, Words

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

    def section(self, telling: Telling) -> Section:
        sentences = []
        if self.effective is not None:
            values = {"date": telling.words.date(self.effective)}
            sentences.append(Sentence("notice.effective", "This notice is effective {date}.", values, telling.name))
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
        sentences.append(Sentence("sites.hosts", "These are: {hosts}.", {"hosts": ", ".join(site.sites)}, by))
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
        self._effective = promise.effective
        self._terms = promise.terms if services.site.mode == "on" else ""
        self._draft = promise.effective is None or services.site.mode != "on"
        notice = self._answering("text/html", self._html)
        self.pages = {
            "notice": notice,
            **{f"notice.{name}": self._fixed_form(kind, make) for name, (kind, make) in self._forms().items()},
            "style.css": services.pages.file("style.css", "text/css"),
        }
        self.fallbacks = {services.site.prefix: lambda exchange: notice(exchange, "")}

    def fixed(self, context: Context) -> Iterable[Header]:
        if not self._draft:
            target = f"{context.root}{self._services.site.prefix}/notice"
            yield Header("link", f'<{rules.quoted_path(target)}>; rel="privacy-policy"', rules.append)
        if self._terms:  # RFC 6903 5
            yield Header("link", f'<{self._terms}>; rel="terms-of-service"', rules.append)

    def _forms(self) -> Mapping[str, tuple[str, Callable[[str], str]]]:
        """The page in other forms, each at an address of its own: media type, and how it is made of a language."""
        return {
            "json": ("application/json", self._json),
            "md": ("text/markdown", partial(self._plain, plain.markdown)),
            "txt": ("text/plain", partial(self._plain, plain.text)),
        }

    def _fixed_form(self, kind: str, make: Callable[[str], str]) -> Callable[[Exchange, str], Reply | None]:
        made = {each: make(each).encode() for each in LANGUAGES}
        return self._answering(kind, lambda exchange: made[self._services.pages.words(exchange).language])

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
            headers += [NO_INDEX] if self._draft else []
            if tag in exchange.headers.get("if-none-match", ""):
                return Reply(304, headers[1:], b"")
            return self._services.pages.under_headers(Reply(200, headers, content))

        return page

    def _html(self, exchange: Exchange) -> bytes:
        services, organisation = self._services, self._services.organisation
        words = services.pages.words(exchange)
        context = {
            "page": "notice",
            "organisation": organisation,
            "draft": self._draft,
            "introduction": _introduction(organisation, words),
            "sections": services.sections[words.language],
            "written_in": services.site.language,
            "forms": tuple(self._forms()),
        }
        return services.pages.render("notice.html", exchange, context)

    def _plain(self, form: Callable[..., str], language: str) -> str:
        words, organisation = Words(language), self._services.organisation
        lead = [*([plain.draft(words)] if self._draft else []), _introduction(organisation, words)]
        title = " - ".join(filter(None, (words.text("Privacy notice"), organisation.name)))
        return form(title, lead, self._services.sections[language], words)

    def _json(self, language: str) -> str:
        return json.dumps(self._document(language), ensure_ascii=False, indent=1) + "\n"

    def _document(self, language: str) -> Mapping[str, Any]:
        organisation = msgspec.to_builtins(self._services.organisation)
        return {
            "language": language,
            "organisation": organisation,
            "draft": self._draft,
            "effective": self._effective.isoformat() if self._effective else None,
            "sections": [_section_document(each) for each in self._services.sections[language]],
        }


def _introduction(organisation: Organisation, words: Words) -> str:
    if not organisation.name:
        return words.text(N_("This page tells you here what this web site does with data about you."))
    return words.said(N_("{name} tells you here what this web site does with data about you."), name=organisation.name)


def _section_document(section: Section) -> Mapping[str, Any]:
    return {
        "name": section.name,
        "title": section.title,
        "sentences": [
            {
                "name": each.name,
                "text": each.text,
                "kind": "kept" if each.kept else "stated",
                **({} if each.kept else {"by": each.by, "on": each.on.isoformat() if each.on else None}),
            }
            for each in section.sentences
        ],
        "tables": [msgspec.to_builtins(each) for each in section.tables],
    }
