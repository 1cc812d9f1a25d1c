"""Two languages: nothing is said in one alone, and each stands at addresses of its own."""

import datetime
import itertools
import json
import re
from html import unescape
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser

import catalogue
import readability
from faces import Answer
from privacymw.policies import GROUPS, Policy
from privacymw.promise import Means, Section, Sentence, Table
from privacymw.settings import fields
from privacymw.words import CATEGORIES, LANGUAGES, LOCALE, Refusal, Words
from sites import FACES, FORM, NAVIGATION, Portal, cookie_of, environ, header, page_of, portal
from test_notice import AT_ODDS, BASE, EVERY, SIGNALS

SPANISH = Words("es")
PO = LOCALE / "es" / "LC_MESSAGES" / "privacymw.po"
MESSAGES = {each.id: each.string for each in catalogue.updated(PO) if each.id}
PAIRS = [
    (one, text)
    for said, told in MESSAGES.items()
    for one, text in (zip(said, told, strict=True) if isinstance(said, tuple) else [(said, told)])
]

# --- the catalogue


def test_the_catalogue_has_what_the_code_says_and_nothing_else() -> None:
    made = catalogue.updated(PO)
    assert PO.read_bytes() == catalogue.written(made), "run `make catalogue`"
    assert PO.with_suffix(".mo").read_bytes() == catalogue.compiled(made), "run `make catalogue`"


def test_every_language_has_a_catalogue_and_every_text_a_translation() -> None:
    assert {each.name for each in LOCALE.iterdir()} == set(LANGUAGES) - {"en"}
    assert catalogue.untranslated(catalogue.updated(PO)) == []


def placeholders(text: str) -> set[str]:
    named = {name for _, name, _, _ in Formatter().parse(text) if name} if "%(" not in text else set()
    return named | set(re.findall(r"%\((\w+)\)s", text)) | set(re.findall(r"</?\w+", text))


@pytest.mark.parametrize(("english", "spanish"), PAIRS)
def test_a_translation_keeps_what_stands_in_the_text(english: str, spanish: str) -> None:
    assert placeholders(spanish) == placeholders(english)
    assert set(re.findall(r"\d+|https?|/\S+/", spanish)) == set(re.findall(r"\d+|https?|/\S+/", english))
    assert (spanish[-1] in ".:?") == (english[-1] in ".:?")


BUTTONS = {"Refuse all", "Accept all"}  # they order, they promise nothing
TOO_MUCH = r"anónim\w+|tod[oa]s?|siempre|nunca|jamás|demostrable\w*|garanti\w+|no se pueden? recuperar|irrecuperable\w*"


@pytest.mark.parametrize(("english", "spanish"), PAIRS)
def test_words_that_promise_too_much_are_not_used(english: str, spanish: str) -> None:
    assert english in BUTTONS or not re.search(rf"\b({TOO_MUCH})\b", spanish, re.IGNORECASE)


def test_visitors_are_addressed_formally() -> None:
    familiar = re.compile(r"\b(tu|tus|tú|te|ti|contigo|puedes|eliges|tienes)\b", re.IGNORECASE)
    assert not [text for _, text in PAIRS if familiar.search(text)]


# --- the notice

WORDS = [each for group in GROUPS for each in fields(group) if each.words and each.variable != "PRIVACYMW_LANGUAGE"]
NAMED = [(each.variable.removeprefix("PRIVACYMW_").lower(), word) for each in WORDS for word in each.words]
VARIED = [{name: word, **AT_ODDS.get((name, word), {})} for name, word in NAMED]
BASES = ({}, BASE, {**EVERY, "cookies_ready": "session, remember, csrf, csrf-script, language"}, {**BASE, **SIGNALS})
MEANS = [Means(secret=secret, store=store) for secret in (True, False) for store in (True, False)]


def told(language: str) -> list[dict[str, Section]]:
    policies = [Policy.from_env(environ(**{**base, **more})) for base in BASES for more in ({}, *VARIED)]
    return [{each.name: each for each in one.within(means).sections(language)} for one in policies for means in MEANS]


ENGLISH_PAGES, SPANISH_PAGES = told("en"), told("es")


def sentences(pages: list[dict[str, Section]]) -> list[Sentence]:
    return [each for page in pages for section in page.values() for each in section.sentences]


def test_each_sentence_of_the_notice_is_told_in_spanish() -> None:
    for english, spanish in zip(sentences(ENGLISH_PAGES), sentences(SPANISH_PAGES), strict=True):
        assert (english.name, english.kept, english.on) == (spanish.name, spanish.kept, spanish.on)
        assert (english.template == spanish.template) == english.is_dated, f"mark {english.name} with N_"
        assert english.is_dated or MESSAGES[english.template] == spanish.template
        assert english.values.keys() == spanish.values.keys()


SAME = {  # names that are the same in each language, and what the operator wrote
    "__Host-privacy", "__Host-privacy-view", "session", "remember_token", "csrftoken", "XSRF-TOKEN", "locale", "_st",
    "shows you offers",
}  # fmt: skip


def cells(table: Table) -> list[str]:
    return [table.caption, *table.head, *itertools.chain(*table.rows)]


def test_each_title_and_table_is_told_in_spanish() -> None:
    for english, spanish in zip(ENGLISH_PAGES, SPANISH_PAGES, strict=True):
        for name, section in english.items():
            other = spanish[name]
            assert MESSAGES[section.title] == other.title
            for one, two in zip(section.tables, other.tables, strict=True):
                assert {a for a, b in zip(cells(one), cells(two), strict=True) if a == b} <= SAME


@pytest.mark.parametrize("name", [*ENGLISH_PAGES[-1] | ENGLISH_PAGES[len(ENGLISH_PAGES) // 2]])
def test_each_section_reads_easily(name: str) -> None:
    for page in SPANISH_PAGES:
        if name in page and name != "personal":
            text = " ".join(each.text for each in page[name].sentences)
            assert readability.spanish_ease(text) >= 55, text


def test_the_default_policy_is_short() -> None:
    text = " ".join(each.text for section in SPANISH_PAGES[0].values() for each in section.sentences)
    assert len(text.split()) <= 1_000


@pytest.mark.parametrize(
    ("word", "count"),
    [("sitio", 2), ("que", 1), ("día", 2), ("guía", 2), ("navegador", 4), ("aviso", 3), ("usted", 2), ("país", 2)],
)
def test_syllables(word: str, count: int) -> None:
    assert readability.spanish_syllables(word) == count


# --- dates, durations, lists


def test_dates_durations_and_lists() -> None:
    day = datetime.date(2026, 1, 31)
    assert [Words(each).date(day) for each in LANGUAGES] == ["January 31, 2026", "31 de enero de 2026"]
    lasts = (2_592_000, 86_400, 7_200, 60, 1)
    assert [SPANISH.duration(each) for each in lasts] == ["30 días", "1 día", "2 horas", "1 minuto", "1 segundo"]
    assert SPANISH.labels(["statistics", "ads", "my_games"]) == "estadísticas, anuncios y my games"
    assert Words("en").labels(["statistics", "ads", "my_games"]) == "statistics, ads and my games"
    assert all(SPANISH.label(each) != each for each in CATEGORIES)
    assert SPANISH.text("") == ""
    assert str(Refusal("no {what}", what="way")) == "no way"


# --- the pages

pages = pytest.mark.parametrize("face", FACES)
RICH = {
    **EVERY, "prefix": "/privacy", "choices_categories": "statistics", "notice_statements": "[]", "outbound_mode":
    "interstitial", "sites": "portal.example, other.example", "signals_dnt": "honour",
}  # fmt: skip
OWN = {  # what an operator wrote, and names
    "Back to the site", "Other Health", "shows you offers", "en", "es", "JSON", "Español", "English", "No", "_st",
    "portal.example", "other.example", "outside.example", "friend.example", "Other Health, privacy@example.org",
}  # fmt: skip


def lines(answer: Answer) -> set[str]:
    """What a reader sees or hears of a page, bit by bit."""
    tree = LexborHTMLParser(answer.body.decode())
    found = {node.text(deep=False).strip() for node in tree.css("body *, title")}
    labels = re.findall(r'(?:aria-label|data-saved|data-failed)="([^"]*)"', answer.body.decode())
    return {" ".join(each.split()) for each in (*found, *map(unescape, labels)) if re.search("[A-Za-z]{2}", each)}


def token(site: Portal) -> str:
    assert site.started.services.links is not None
    return site.started.services.links.seal("https://outside.example/a?b=1")


def asked(site: Portal, base: str, page: str) -> Answer:
    """A page under `/privacy` or `/privacy/es`; of some, what a form of it is answered."""
    path, _, query = f"{base}/{page.partition(' ')[0]}".replace("TOKEN", token(site)).partition("?")
    gpc = (*NAVIGATION, ("sec-gpc", "1"), ("dnt", "1"), ("cookie", "_st=a-long-value; unknown=1"))
    if " " not in page:
        return site.ask(path, *gpc, query=query)
    return site.post(path, page.partition(" ")[2], *gpc, FORM)


PAGES = [
    "evidence", "notice", "choices", "choices?saved", "choices do=save&x=1", "choices do=no",
    "choices c.statistics=1&do=save", "choices/receipt.txt receipt=x", "leaving/TOKEN", "leaving/x",
    "leaving/TOKEN again=site", "leaving/TOKEN again=no",
]  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("settings", [{}, RICH])
def test_no_line_of_a_page_is_english_in_spanish(settings: dict[str, str], page: str) -> None:
    site = portal("wsgi", **settings)
    english, spanish = asked(site, "/privacy", page), asked(site, "/privacy/es", page)
    assert english.status == spanish.status
    both = {each for each in lines(english) & lines(spanish) if not re.match(r"[\w./:-]*$|Receipt for", each)}
    assert both <= OWN
    if english.status != 303:
        assert '<html lang="en">' in english.body.decode()
        assert '<html lang="es">' in spanish.body.decode()


@pages
@pytest.mark.parametrize("page", [each for each in PAGES if " " not in each and each != "leaving/x"])
def test_each_page_leads_to_its_sister(face: str, page: str) -> None:
    site = portal(face)
    for language, base, sister in (("es", "/privacy", "/privacy/es"), ("en", "/privacy/es", "/privacy")):
        body = asked(site, base, page).body.decode()
        link = f'href="{sister}/{page.partition("?")[0]}"'.replace("TOKEN", token(site))
        assert f'<a {link} lang="{language}" hreflang="{language}">{LANGUAGES[language]}</a>' in body
        assert f'href="{base}/notice"' in body


@pages
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_and_format_has_one_address(face: str, language: str) -> None:
    other = next(each for each in LANGUAGES if each != language)
    site = portal(face, language=language)
    for base, spoken in (("/privacy", language), (f"/privacy/{other}", other)):
        for accepted in ("en", "es", "fr"):
            answer = site.ask(f"{base}/notice", *NAVIGATION, ("accept-language", accepted))
            assert f'<html lang="{spoken}">' in answer.body.decode()
            assert "accept-language" not in header(answer, "vary").lower()
        assert json.loads(site.ask(f"{base}/notice.json").body)["language"] == spoken
        assert header(site.ask(f"{base}/notice"), "etag") != header(site.ask(f"{base}/notice.json"), "etag")
    for path in (f"/privacy/{language}/notice", f"/privacy/{other}/style.css/x", f"/privacy/{other}/no"):
        assert site.ask(path).body == b"<p>hello</p>"


@pages
def test_the_page_is_small(face: str) -> None:
    assert len(portal(face, **EVERY).ask("/data/es/notice").body) < 20_000


@pages
def test_the_folder_of_a_language_is_its_notice(face: str) -> None:
    site = portal(face, page_of("none", status=404))
    assert site.ask("/privacy/es").body == site.ask("/privacy/es/notice").body
    assert site.ask("/privacy/es/").status == 404


@pages
def test_under_a_mount_addresses_have_its_prefix(face: str) -> None:
    body = portal(face).ask("/privacy/es/choices", root="/app").body.decode()
    for address in ("/app/privacy/choices", "/app/privacy/es/notice", "/app/privacy/es/choices/data.json", "/app/"):
        assert f'href="{address}"' in body
    assert 'href="/app/privacy/style.css?' in body


@pages
def test_a_form_keeps_the_language(face: str) -> None:
    site = portal(face, choices_categories="statistics", choices_recorded="off")
    answer = site.post("/privacy/es/choices", "c.statistics=1&do=save")
    assert header(answer, "location") == "/privacy/es/choices?saved"
    shown = site.ask("/privacy/es/choices", *NAVIGATION, cookie_of(answer), query="saved").body.decode()
    assert "Sus opciones se han guardado." in shown
    assert 'action="/privacy/es/choices"' in shown
    held = json.loads(site.ask("/privacy/es/choices/data.json", *NAVIGATION, cookie_of(answer)).body)
    assert held["cookies"][0]["purpose"] == "guarda lo que usted eligió aquí"
    assert held["in_force"] == {"statistics": {"allowed": True, "decided_by": "answer"}}


@pages
def test_the_way_back_from_the_leaving_page_is_not_its_sister(face: str) -> None:
    site = portal(face)
    for base in ("/privacy", "/privacy/es"):
        came = ("referer", f"https://portal.example{base}/leaving/{token(site)}")
        body = site.ask(f"/privacy/es/leaving/{token(site)}", *NAVIGATION, came, query="").body.decode()
        assert '<a class="button plain" href="/">Quedarse aquí</a>' in body


HELD = (
    "<a href=https://outside.example/>x</a>"
    "<iframe title=t src=https://outside.example/ data-privacy-category=statistics></iframe>"
)


@pages
def test_pages_of_the_app_are_rewritten_in_the_sites_language(face: str) -> None:
    view = page_of(f"<html><body>{HELD}</body></html>", ("content-type", "text/html"), ("etag", '"1"'))
    settings = {"choices_categories": "statistics", "choices_bar": "on"}
    spanish, english = (portal(face, view, language=each, **settings).ask() for each in ("es", "en"))
    text = unescape(spanish.body.decode())
    for said in ("¿Nos permite usar estadísticas?", "Solo se carga si usted permite «estadísticas».", "Rechazar"):
        assert said in text
    assert 'href="/privacy/leaving/' in text
    assert 'href="/privacy/choices"' in text
    assert header(spanish, "etag") != header(english, "etag")


@pages
@pytest.mark.parametrize(("mode", "page", "ours"), [
    ("observe", "notice", True), ("observe", "choices", True), ("off", "choices", True), ("off", "notice", False),
])  # fmt: skip
def test_other_modes(face: str, mode: str, page: str, ours: bool) -> None:
    body = portal(face, mode=mode).ask(f"/privacy/es/{page}").body
    assert (b'<html lang="es">' in body) == ours


@pages
def test_a_view_that_needs_a_choice_says_so_in_the_sites_language(face: str) -> None:
    site = portal(face, language="es", choices_categories="statistics")
    reply = site.started.pipeline.offers["choice_needed"]

    class Plain:
        root, path, rewrites = "", "/report", True

    body = reply(Plain())("statistics").body.decode()  # type: ignore[arg-type]
    assert "Solo funciona si usted permite «estadísticas»." in body
    assert 'href="/privacy/choices"' in body


@pages
def test_what_people_state_stays_as_they_wrote_it(face: str, tmp_path: Path) -> None:
    (tmp_path / "privacy.toml").write_text(
        '[[notice.statements]]\nsection = "personal"\ntext = "Your choices"\nby = "Jane Doe"\non = 2026-01-31\n'
    )
    body = portal(face, config=str(tmp_path / "privacy.toml")).ask("/privacy/es/notice").body.decode()
    assert '<span lang="en">Your choices</span> <small>Jane Doe, 31 de enero de 2026</small>' in body


@pages
def test_a_template_of_the_operators_speaks_both(face: str, tmp_path: Any) -> None:
    (tmp_path / "message.html").write_text('<h1 lang="{{ language }}">{{ title }} {{ _("Save") }}</h1>')
    site = portal(face, templates=str(tmp_path))
    assert site.ask("/privacy/es/leaving/x").body == b'<h1 lang="es">Este enlace no existe Guardar</h1>'
    assert site.ask("/privacy/leaving/x").body == b'<h1 lang="en">No such link Save</h1>'
