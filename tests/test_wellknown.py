"""security.txt, the terms' link, and the page in other forms."""

import datetime
import logging
import re
from typing import Any

import pytest

from privacymw import plain
from privacymw.errors import SettingsError
from privacymw.promise import Section, Sentence, Table
from privacymw.words import ENGLISH
from sites import FACES, header, page_of, portal

faces = pytest.mark.parametrize("face", FACES)
PATH = "/.well-known/security.txt"
NOT_FOUND = page_of("not here", status=404)
TODAY = datetime.datetime.now(datetime.UTC).date()
NEXT = TODAY + datetime.timedelta(days=100)
REPORTS = {
    "security_contact": "mailto:security@example.org, https://example.org/weak",
    "security_expires": str(NEXT),
    "security_languages": "en, es",
    "security_policy": "https://example.org/rules",
    "sites": "example.org, *.example.org",
}


# --- security.txt


@faces
@pytest.mark.proves("security.file")
def test_it_has_the_fields_of_the_rfc(face: str) -> None:
    answer = portal(face, NOT_FOUND, **REPORTS).ask(PATH)
    assert (answer.status, header(answer, "content-type")) == (200, "text/plain; charset=utf-8")
    assert answer.body.decode().splitlines() == [
        "Contact: mailto:security@example.org",
        "Contact: https://example.org/weak",
        f"Expires: {NEXT}T00:00:00Z",
        "Preferred-Languages: en, es",
        f"Canonical: https://example.org{PATH}",
        "Policy: https://example.org/rules",
    ]


@faces
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"security_expires": "2020-01-31"}, "PRIVACYMW_SECURITY_EXPIRES=2020-01-31 is past"),
        ({"security_expires": ""}, "PRIVACYMW_SECURITY_EXPIRES is not set"),
        ({"security_contact": ""}, ""),
        ({"mode": "observe"}, ""),
    ],
)
@pytest.mark.proves("security.file")
def test_where_it_is_not_the_apps_own_404_stands(face: str, settings: dict[str, str], said: str, caplog: Any) -> None:
    with caplog.at_level(logging.WARNING):
        answer = portal(face, NOT_FOUND, **{**REPORTS, **settings}).ask(PATH)
    assert (answer.status, answer.body) == (404, b"not here")
    assert (said in caplog.text) if said else ("SECURITY" not in caplog.text)


@faces
def test_a_day_too_far_ahead_is_served_and_told(face: str, caplog: Any) -> None:
    with caplog.at_level(logging.WARNING):
        answer = portal(face, NOT_FOUND, **{**REPORTS, "security_expires": "2999-01-31"}).ask(PATH)
    assert answer.status == 200
    assert "more than a year ahead" in caplog.text


@faces
def test_the_apps_own_goes_first_and_a_mount_has_none(face: str) -> None:
    assert portal(face, page_of("ours"), **REPORTS).ask(PATH).body == b"ours"
    assert portal(face, NOT_FOUND, **REPORTS).ask(PATH, root="/app").status == 404


@faces
def test_the_page_says_whom_to_tell(face: str) -> None:
    text = portal(face, **REPORTS).ask("/privacy/notice.txt").body.decode()
    said = " ".join(text.split())
    assert "please tell us: security@example.org and https://example.org/weak." in said
    assert "https://example.org/rules" in said


@pytest.mark.parametrize(
    ("setting", "value", "why"),
    [
        ("contact", "security@example.org", "say mailto:security@example.org"),
        ("contact", "http://example.org", "mailto:..., https://... or tel:"),
        ("contact", "mailto:a@example.org\rX: y", "control character"),
        ("languages", "english please", "no language tag"),
        ("policy", "/rules", "begins with https://"),
        ("expires", "soon", "YYYY-MM-DD"),
    ],
)
def test_what_cannot_stand_there_is_refused(setting: str, value: str, why: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(why)):
        portal("wsgi", **{**REPORTS, f"security_{setting}": value})


# --- the terms


@faces
@pytest.mark.parametrize("terms", ["/terms", "https://example.org/terms?v=2"])
def test_the_terms_have_their_link(face: str, terms: str) -> None:
    site = portal(face, notice_terms=terms)
    assert header(site.ask(), "link") == f'<{terms}>; rel="terms-of-service"'
    assert f"The terms of use stand at {terms}." in " ".join(site.ask("/privacy/notice.txt").body.decode().split())
    assert "link" not in dict(portal(face, notice_terms=terms, mode="observe").ask().headers)


@pytest.mark.parametrize("terms", ["//evil.example", "/\\evil.example", "/a>b", "/a b", "http://example.org", "/é"])
def test_terms_that_cannot_stand_in_a_header_are_refused(terms: str) -> None:
    with pytest.raises(SettingsError, match="a path such as /terms"):
        portal("wsgi", notice_terms=terms)


# --- the page in other forms


@faces
@pytest.mark.parametrize(
    ("form", "kind"), [("md", "text/markdown"), ("txt", "text/plain"), ("json", "application/json")]
)
def test_each_form_has_every_sentence_and_cell(face: str, form: str, kind: str) -> None:
    site = portal(face, **REPORTS, choices_categories="statistics")
    page, answer = site.ask("/privacy/notice.json"), site.ask(f"/privacy/notice.{form}")
    assert header(answer, "content-type") == f"{kind}; charset=utf-8"
    assert f'href="/privacy/notice.{form}"' in site.ask("/privacy/notice").body.decode()
    said = " ".join(answer.body.decode().replace("\\", "").split())
    document: Any = __import__("json").loads(page.body)
    wanted = [each["text"] for section in document["sections"] for each in section["sentences"]]
    wanted += [cell for section in document["sections"] for table in section["tables"] for row in table["rows"]
               for cell in row]  # fmt: skip
    assert len(wanted) > 30
    for each in wanted if form != "json" else ():
        assert " ".join(each.replace("\\", "").split()) in said
    assert ("Draft, not in force." in said) == (form != "json")


@faces
def test_the_forms_speak_the_language_of_their_address(face: str) -> None:
    body = portal(face).ask("/privacy/es/notice.md").body.decode()
    assert body.startswith("# Aviso de privacidad\n\nBorrador")


def test_lines_of_the_text_fit_a_letter() -> None:
    text = portal("wsgi", **REPORTS).ask("/privacy/notice.txt").body.decode()
    assert max(len(line) for line in text.splitlines()) <= 72


def test_no_text_becomes_markup() -> None:
    said = ["1. first\n# second", "- a *b* _c_ <script> [x](javascript:y) `d` |", "+ x", "= y", "2026 is a year."]
    sentences = tuple(Sentence(f"x.{at}", "{said}", {"said": each}, "A _B_", TODAY) for at, each in enumerate(said))
    table = Table("a|b", ("c|d", "e"), (("f\n| g", "h"),))
    text = plain.markdown("# t", [], [Section("x", "y_z", sentences, (table,))], ENGLISH)
    assert text.splitlines()[0] == r"# \# t"
    assert r"1\. first \# second" in text
    assert r"\- a \*b\* \_c\_ \<script\> \[x\](javascript:y) \`d\` \|" in text
    assert "\n\\+ x" in text
    assert "\n\\= y" in text
    assert "\n2026 is a year." in text
    assert r"| f \| g | h |" in text
