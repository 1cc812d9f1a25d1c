"""Mail: the notice where an address is offered or asked for, and links that carry nothing personal."""

import re
from html import unescape
from pathlib import Path

import flask
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacymw.flask import Privacy
from privacymw.tally import read_counts
from sites import BROWSER, FACES, HOST, Portal, header, page_of, portal

pytestmark = pytest.mark.parametrize("face", FACES)
MAIL = re.compile(r'href="(/privacy/mail/[A-Za-z0-9_.-]+)"')
SAID = "E-mail is not a fully secure way to write: others may read it on its way."
SAID_IN_SPANISH = "El correo electrónico no es un medio muy seguro: otros pueden leerlo por el camino."


def shown(face: str, markup: str, *, query: str = "", **settings: str) -> str:
    return portal(face, page_of(markup), **settings).ask("/page", query=query).body.decode()


# --- the notice at the link


@pytest.mark.parametrize(
    ("link", "named"),
    [
        ('<a href="mailto:a@b.example">', "title"),
        ('<a href=" MailTo:a@b.example">', "title"),
        ('<a href="&#109;ailto:a@b.example">', "title"),
        ('<area href="mailto:a@b.example">', "title"),
        ('<a href="mailto:a@b.example" title="Our desk">', "aria-description"),
        ('<svg><a xlink:href="mailto:a@b.example">', "aria-description"),
        ('<a href="mailto:a@b.example" aria-describedby="note">', ""),
        ('<a href="mailto:a@b.example" aria-description="mine">', ""),
        ('<form action="mailto:a@b.example">', ""),
        ('<a href="/mailto:a@b.example">', ""),
        ('<a href="tel:555">', ""),
    ],
)
@pytest.mark.proves("mail.links")
def test_a_link_that_opens_a_mail_is_described(face: str, link: str, named: str) -> None:
    text = shown(face, link)
    assert (f'{named}="{SAID}"' in text) if named else (text == link)


@pytest.mark.parametrize("outbound_mode", ["interstitial", "annotate", "off"])
def test_it_is_so_however_links_that_leave_are_treated(face: str, outbound_mode: str) -> None:
    assert SAID in shown(face, '<a href="mailto:a@b.example">x</a>', outbound_mode=outbound_mode)


def test_the_notice_is_in_the_language_of_the_pages(face: str) -> None:
    assert SAID_IN_SPANISH in shown(face, '<a href="mailto:a@b.example">x</a>', language="es")


def test_switched_off_nothing_changes(face: str) -> None:
    link = '<a href="mailto:a@b.example?body=member_id=7">x</a>'
    assert shown(face, link, mail_links="off") == link


# --- what is taken out

FIELDS = {"personal_fields": "member_id, email"}
TO = "mailto:desk@b.example"


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("?subject=Hello&body=How%20do%20I", "?subject=Hello&body=How%20do%20I"),
        ("?subject=Hello&member_id=4711", "?subject=Hello"),
        ("?Member-ID=4711", ""),
        ("?member%5Fid=4711&subject=x", "?subject=x"),
        ("?subject=x&body=My member_id=4711", "?subject=x"),
        ("?body=Member%20ID:%204711%0A&cc=a@b.example", "?cc=a@b.example"),
        ("?body=memberid%3A4711", ""),
        ("?body=remember_id=4711", "?body=remember_id=4711"),
        ("?body=Your member ID:", "?body=Your member ID:"),  # a form to fill in
        ("?body=I am jane%2Bx@c.example", ""),  # a value that came with the request
        ("?cc=jane%2Bx@c.example&subject=x", "?subject=x"),
        ("?subject=77", "?subject=77"),  # too short to be told from any other number
        ("?", "?"),
        ("?&&subject=x&", "?&&subject=x&"),
    ],
)
@pytest.mark.parametrize("links", ["describe", "off"])
@pytest.mark.proves("mail.personal")
def test_personal_values_are_taken_out(face: str, links: str, query: str, kept: str) -> None:
    markup = f'<a href="{TO}{query.replace("&", "&amp;")}">x</a>'
    text = shown(face, markup, query="email=jane%2Bx@c.example&member_id=77&q=Hello", mail_links=links, **FIELDS)
    found = re.search('href="([^"]*)"', text)
    assert found
    assert unescape(found[1]) == TO + kept


def test_in_a_form_too(face: str) -> None:
    markup = f'<form action="{TO}?subject=x&amp;member_id=7"></form>'
    assert shown(face, markup, **FIELDS) == f'<form action="{TO}?subject=x"></form>'


def test_what_is_taken_out_is_counted_without_it(face: str, tmp_path: Path) -> None:
    site = portal(face, page_of(f'<a href="{TO}?member_id=4711">'), data=str(tmp_path), addresses_mode="off", **FIELDS)
    site.ask()
    site.started.pipeline.close()
    assert read_counts(tmp_path)["mail"] == {"links with personal values, which were taken out": 1}
    assert "4711" not in str(read_counts(tmp_path))


@given(
    href=st.text(st.characters(exclude_characters='"&', max_codepoint=0x2FFF, exclude_categories=["Cs"]), max_size=60)
)
def test_no_link_raises(face: str, href: str) -> None:
    site = _once.setdefault(face, portal(face, mail_links="page", **FIELDS))
    site = site._replace(
        view=lambda _: page_of(f'<a href="mailto:{href}">x</a>', ("content-type", "text/html; charset=utf-8"))
    )
    assert site.ask("/", query="email=jane@c.example").status == 200
    assert "outbound.decide" not in str(site.started.services.count.__self__.counts())  # type: ignore[attr-defined]


_once: dict[str, Portal] = {}

# --- the page before a mail


def before(face: str, href: str, **settings: str) -> tuple[Portal, str]:
    site = portal(face, page_of(f'<a href="{href}">x</a>'), mail_links="page", **settings)
    found = MAIL.search(site.ask("/page").body.decode())
    return site, found[1] if found else ""


@pytest.mark.proves("mail.links")
def test_the_page_says_it_and_opens_the_mail(face: str) -> None:
    site, path = before(face, "mailto:desk%2Bx@b.example?subject=A%20b&amp;body=c")
    answer = site.ask(path, *BROWSER, ("referer", f"https://{HOST}/page"))
    text = answer.body.decode()
    assert SAID in text
    assert "<strong>desk+x@b.example</strong>" in text
    assert 'href="mailto:desk%2Bx@b.example?subject=A%20b&amp;body=c"' in text
    assert 'href="/page">Stay here' in text
    assert (answer.status, header(answer, "cache-control")) == (200, "no-store")
    assert SAID_IN_SPANISH in site.ask(path.replace("/privacy/", "/privacy/es/")).body.decode()


def test_what_is_taken_out_does_not_come_back_on_the_page(face: str) -> None:
    site, path = before(face, f"{TO}?member_id=4711", **FIELDS)
    assert b"4711" not in site.ask(path).body


@pytest.mark.parametrize("kind", ["forged", "leaving", "empty"])
def test_a_token_that_is_no_mail_opens_nothing(face: str, kind: str) -> None:
    site, path = before(face, TO)
    seal = site.started.services.links
    assert seal is not None
    token = {"forged": path.rpartition("/")[2][:-1] + "_", "leaving": seal.seal("https://b.example/"), "empty": ""}[
        kind
    ]
    assert site.ask(f"/privacy/mail/{token}").status == 404


def test_a_mail_link_is_no_leaving_link(face: str) -> None:
    site, path = before(face, TO)
    assert site.ask(path.replace("/mail/", "/leaving/")).status == 404


def test_other_methods(face: str) -> None:
    site, path = before(face, TO)
    assert site.ask(path, method="POST").status == 405


@pytest.mark.parametrize("mode", ["on", "observe", "off"])
def test_the_page_answers_in_every_mode(face: str, mode: str) -> None:
    _, path = before(face, TO)
    assert portal(face, mail_links="describe", mode=mode).ask(path).status == 200


def test_without_a_secret_and_for_very_long_links_there_is_the_description(face: str) -> None:
    for href, secret in ((TO, ""), (TO + "?body=" + "x" * 3_000, "a secret that the tests know of")):
        text = shown(face, f'<a href="{href}">', mail_links="page", secret_key=secret)
        assert href in text
        assert SAID in text


def test_under_a_mount(face: str) -> None:
    site = portal(face, page_of(f'<a href="{TO}">x</a>'), mail_links="page")
    assert 'href="/app/privacy/mail/' in site.ask("/", root="/app").body.decode()


# --- the notice beside a form


def test_a_view_shows_the_notice_beside_a_field(face: str) -> None:
    site = portal(face, lambda visit: page_of(visit.mail_notice()))
    text = site.ask("/", root="/app").body.decode()
    assert text.startswith(f'<p id="privacy-mail" lang="en">{SAID} <a href="/app/privacy/notice#mail">')


def test_a_template_does(face: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRIVACYMW_DATA", "none")
    app = flask.Flask(__name__)
    Privacy(app)
    form = '<input type="email" aria-describedby="privacy-mail">{{ privacy.mail_notice() }}'
    app.add_url_rule("/", "form", lambda: flask.render_template_string(form))
    with app.test_client().get("/") as answer:  # closed, as a server does
        assert f'<p id="privacy-mail" lang="en">{SAID}' in answer.text
