"""What `check` sees: nothing wrong with a whole site, and each break by its name, from the outside alone."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.middleware.proxy_fix import ProxyFix

import test_notice
from checked import HTML, PAGES, Environ, Outside, Page, asgi_app, looked, wsgi_app
from privacymw.evidence import markup
from privacymw.evidence.claim import Sentence
from privacymw.evidence.codes import CODES
from privacymw.evidence.looking import Report
from privacymw.evidence.sentences import EVIDENCE, STATED
from test_shape import TREES, own_imports

# --- the table


def matters(*, kept: bool) -> set[str]:
    return {
        Sentence(each.name, each.text, each.kept, each.facts).matter
        for policy in test_notice.POLICIES
        for section in policy.values()
        for each in section.sentences
        if each.kept == kept
    }


def test_every_kept_sentence_has_evidence() -> None:
    assert not matters(kept=True) - EVIDENCE.keys()


def test_no_evidence_is_for_a_sentence_that_is_nowhere() -> None:
    assert EVIDENCE.keys() - matters(kept=True) <= {"addresses.keys"}, "keys apart: tests/test_notice.py"
    assert matters(kept=False) >= STATED


EVERYTHING = {"addresses_other_logs": "mask", "signals_dnt": "honour", "choices_bar": "on", "keys": "apart"}
SECURITY = {"security_contact": "mailto:security@portal.example"} | {
    "security_expires": (datetime.datetime.now(datetime.UTC) + datetime.timedelta(100)).date().isoformat()
}
ANOTHER = SECURITY | {
    "outbound_mode": "annotate",
    "signals_dnt": "disclose",
    "choices_model": "opt-out",
    "cookies_guard": "enforce",
}


@pytest.mark.parametrize("module", [each for each in TREES if each.startswith("evidence")])
def test_evidence_reads_nothing_of_what_it_judges(module: str) -> None:
    judging = {each for each in own_imports(module) if not each.startswith(("evidence", "store"))}
    assert judging <= {"errors", "address", "tally"}


# --- a whole site


def shown(report: Report) -> str:
    return "\n".join(map(str, [*report.findings, *report.verdicts]))


APPS: dict[str, Callable[[], Any]] = {"wsgi": lambda: wsgi_app(PAGES), "asgi": lambda: asgi_app(PAGES)}


@pytest.mark.parametrize("kind", APPS)
@pytest.mark.parametrize("settings", [{}, EVERYTHING, ANOTHER])
def test_a_whole_site_shows_no_finding(kind: str, settings: dict[str, str], tmp_path: Path) -> None:
    report = looked(tmp_path, APPS[kind](), kind, logs=True, **settings)
    assert not report.findings, shown(report)
    states = {each.sentence: each.seen.state for each in report.verdicts if each.kept}
    needs_a_process = {"addresses.retention", "choices.record_time"}
    unseen = {name for name, state in states.items() if state == "not looked at"} - needs_a_process
    assert unseen <= {"cookies.report", "cookies.table"}, shown(report)
    assert report.pages == 4


# --- each break


def with_page(path: str = "/", **page: Any) -> Any:
    return wsgi_app({**PAGES, path: Page(**page)})


def linking(path: str, page: Page) -> Any:
    return wsgi_app({**PAGES, "/": Page(f'<a href="{path}">there</a>'), path: page})


def added(*pairs: tuple[str, str], under: str = "/", gone: str = "") -> Callable[[Any], Any]:
    """A layer that adds headers, or takes one away."""

    def change(path: str, headers: list[tuple[str, str]], body: bytes) -> tuple[list[tuple[str, str]], bytes]:
        if not path.startswith(under):
            return headers, body
        return [pair for pair in headers if pair[0].lower() != gone] + list(pairs), body

    return lambda app: Outside(app, change)


def replaced(old: bytes, new: bytes, under: str = "/") -> Callable[[Any], Any]:
    """A layer that changes the body."""
    return lambda app: Outside(
        app, lambda path, headers, body: (headers, body.replace(old, new) if path.startswith(under) else body)
    )


def redirected(before: str, after: str, key: str = "PATH_INFO") -> Callable[[Any], Any]:
    """A layer that changes what the app, and privacymw, are asked for."""

    def inward(environ: Environ) -> None:
        environ[key] = environ[key].replace(before, after)

    return lambda app: Outside(app, inward=inward)


def loosened(app: Any) -> Any:
    def change(path: str, headers: list[tuple[str, str]], body: bytes) -> tuple[list[tuple[str, str]], bytes]:
        return [(name, value.replace("; HttpOnly", "")) for name, value in headers], body

    return Outside(app, change)


class Answers:
    """A layer that answers one path itself."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: Environ, start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/about":
            start_response("200 OK", [HTML])
            return [b"mine"]
        return self.app(environ, start_response)


def fails(environ: Environ) -> None:
    if environ["PATH_INFO"] == "/about":
        raise ValueError("of Jane Doe")


def tells(environ: Environ) -> None:
    logging.getLogger("portal").error("visit of %s", environ["REMOTE_ADDR"])


def by_signal(environ: Environ) -> str:
    return f"<h1>{environ.get('HTTP_DNT', 'hello')}</h1>"


PARTNER = '<a href="https://partner.example/">partner</a>'
DECLARED = '[{name = "sid", category = "necessary", purpose = "keeps you signed in"}]'
SID = ("Set-Cookie", "sid=1; Max-Age=99999; Secure; HttpOnly")
ENCODED = {"body": b"\x0b\x02\x80\x03", "headers": (HTML, ("Content-Encoding", "br"))}

BROKEN: dict[str, dict[str, Any]] = {
    "page-draft": {"notice_effective": ""},
    "name-missing": {"organisation_name": ""},
    "contact-missing": {"organisation_contact": ""},
    "sites-missing": {"sites": ""},
    "page-own": {"app": with_page("/privacy", body="our own policy")},
    "page-fails": {"app": wsgi_app(PAGES, fails)},
    "cookie-undeclared": {"app": with_page(headers=(HTML, ("Set-Cookie", "_ga=1; Secure")))},
    "cookie-insecure": {"app": with_page(headers=(HTML, ("Set-Cookie", "sid=1"))), "cookies_declared": DECLARED},
    "cookie-lifetime": {"app": with_page(headers=(HTML, SID)), "cookies_declared": DECLARED},
    "cookie-before-choice": {"outside": added(("Set-Cookie", "_ad=1; Secure"), under="/about")},
    "cookie-kept": {"outside": added(gone="set-cookie")},
    "choice-broken": {"outside": loosened},
    "record-differs": {"outside": replaced(b"Signature: ", b"", "/privacy/choices")},
    "third-party": {"app": with_page("/about", body='<script src="https://cdn.example/x.js"></script>')},
    "third-party-confidential": {"app": with_page("/members/7", body='<img src="//pixel.example/x.gif">')},
    "header-missing": {"outside": added(gone="x-content-type-options", under="/about")},
    "header-doubled": {"outside": added(("Referrer-Policy", "strict-origin-when-cross-origin"), under="/about")},
    "hsts-short": {"headers_preset": "standard"},
    "https-missing": {"outside": redirected("http", "https", "wsgi.url_scheme")},
    "middleware-inside": {"outside": Answers},
    "proxy-untold": {"outside": ProxyFix},
    "log-address": {"app": wsgi_app(PAGES, tells)},
    "log-differs": {"outside": redirected("/health", "/wealth"), "logs": True},
    "confidential-logged": {"outside": redirected("/members", "/m"), "logs": True},
    "confidential-cacheable": {"outside": added(("Cache-Control", "public"), under="/members", gone="cache-control")},
    "confidential-referrer": {"outside": added(("Referrer-Policy", "origin"), under="/members")},
    "keys-beside-rows": {"keys": "beside", "logs": True},
    "link-slips": {"outside": replaced(b"<h1>about</h1>", PARTNER.encode())},
    "page-encoded": {"app": with_page("/about", **ENCODED)},
    "leaving-page": {"outside": replaced(b"partner.example", b"elsewhere", "/privacy/leaving")},
    "mail-unannounced": {"outside": replaced(b"<h1>about</h1>", b'<a href="mailto:a@portal.example">a</a>')},
    "link-unannounced": {"outbound_mode": "off"},
    "redirect-leaves": {"app": linking("/go", Page(headers=(("Location", "https://partner.example/"),), status=302))},
    "form-leaves": {"app": with_page("/about", body='<form method="post" action="https://partner.example/"></form>')},
    "security-file": {"app": with_page("/.well-known/security.txt", body="Contact: nobody"), **SECURITY},
    "sentence-untold": {"outside": replaced(b'"confidential.store"', b'"confidential.other"', "/privacy/notice.json")},
    "page-differs": {"outside": replaced(b'">We tell browsers', b'">We beg browsers', "/privacy/notice")},
    "signal-ignored": {"app": with_page("/about", body=by_signal)},
}
ELSEWHERE = {"not-wrapped", "page-missing", "second-log", "sentry-pii", "telemetry-address", "log-clear"} | {
    "retention-broken"
}
"""Those of whole processes: tests/test_check_cli.py."""


@pytest.fixture(autouse=True)
def silent() -> Iterator[None]:
    logger = logging.getLogger("privacymw")
    before, logger.level = logger.level, logging.CRITICAL
    yield
    logger.setLevel(before)


@pytest.mark.parametrize("code", BROKEN)
def test_a_break_is_found_by_its_name(code: str, tmp_path: Path) -> None:
    report = looked(tmp_path, **BROKEN[code])
    found = {each.code: each for each in report.findings}
    assert code in found, shown(report)
    assert found[code].where
    assert found[code].text


def test_every_code_has_a_trigger() -> None:
    assert BROKEN.keys() | ELSEWHERE == CODES.keys()


# --- the pages of findings


@pytest.mark.parametrize("code", CODES)
def test_each_finding_has_its_whole_page(code: str) -> None:
    page = CODES[code]
    assert all(text.strip() for _, text in page.parts())
    assert len(page.curl.splitlines()) == 1
    assert "curl" in page.curl
    assert "$SITE" in page.curl or "$HOST" in page.curl
    assert page.clause in test_notice.CLAUSES
    assert all(part.isdigit() for each in page.asvs for part in each.split("."))


# --- the walk, and the parsers


def test_the_walk_does_nothing_but_look(tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []
    links = '<a href="/logout">out</a> <a href="/item?delete=1">x</a> <a href="https://other.example/">o</a>'
    links += "".join(f'<a href="/day/{number}">{number}</a>' for number in range(50))
    pages = {**PAGES, "/": Page(links + '<form method="post" action="/pay"><button>pay</button></form>')}
    report = looked(tmp_path, wsgi_app(pages, lambda e: asked.append((e["REQUEST_METHOD"], e["PATH_INFO"]))))
    assert {method for method, _ in asked} == {"GET"}
    assert not {"/logout", "/item", "/pay"} & {path for _, path in asked}
    assert len({path for _, path in asked if path.startswith("/day/")}) == 6
    assert report.left_out > 40


MARKUP = b"""<!doctype html><base href="/sub/"><a href="//x.example/">a <b>b</b></a>
<a ping="https://p.example" href=c>c</a>
<form action="https://f.example"><input name=q value=1><input type=radio name=r value=no checked>
<button>go</button></form>
<meta http-equiv=refresh content="3; url='https://m.example/'"><svg><a xlink:href="https://s.example"/></svg>
<img srcset="https://i.example/1 1x, /2 2x"><style>p { background: url(https://u.example/x) }</style>"""


def test_both_parsers_see_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [markup.page(MARKUP)]
    monkeypatch.setattr(markup, "PARSER", "html.parser")
    pages.append(markup.page(MARKUP))
    for seen in (
        lambda page: sorted((each.element, each.attribute, each.href) for each in page.links()),
        lambda page: sorted(page.loads()),
        lambda page: [form.values() for form in page.forms()],
        lambda page: page.base,
    ):
        assert seen(pages[0]) == seen(pages[1])
    assert len([*pages[0].links()]) == 6
    assert [*pages[0].loads()] == [("img", "https://i.example/1"), ("img", "/2"), ("style", "https://u.example/x")]
