"""The script for links that a program adds, and its page; what it does in a browser: test_walk_browser.py."""

import base64
import hashlib
import re

import pytest

from faces import Answer
from sites import FACES, Portal, header, page_of, portal

pytestmark = pytest.mark.parametrize("face", FACES)
SHELL = "<!doctype html><body><div id=root></div></body>"
TAG = re.compile(r'<script src="([^"]*)" integrity="([^"]*)" ([^>]*)></script>')


def scripted(face: str, text: str = SHELL, **settings: str) -> Portal:
    return portal(face, page_of(text), outbound_script="on", **settings)


def tags(answer: Answer) -> list[tuple[str, str, str]]:
    return TAG.findall(answer.body.decode())


@pytest.mark.proves("outbound.script")
def test_the_script_comes_once_at_the_end_with_its_hash(face: str) -> None:
    site = scripted(face, sites="own.example, *.own.example", outbound_trusted="bücher.example")
    answer = site.ask()
    ((address, digest, data),) = tags(answer)
    assert answer.body.decode().endswith("></script></body>")
    assert data == (
        'data-at="/privacy/away" data-own="*.own.example own.example" data-trust="xn--bcher-kva.example" data-block=""'
    )
    path, _, version = address.partition("?")
    script = site.ask(path, query=version)
    assert (script.status, header(script, "content-type")) == (200, "text/javascript; charset=utf-8")
    assert digest == "sha384-" + base64.b64encode(hashlib.sha384(script.body).digest()).decode()
    assert len(script.body) <= 2_000
    for word in (b"eval", b"innerHTML", b"Function", b"import", b"fetch", b"http:"):
        assert word not in script.body


@pytest.mark.parametrize(
    ("settings", "there"),
    [
        ({}, True),
        ({"outbound_script": "off"}, False),
        ({"outbound_mode": "annotate"}, False),
        ({"outbound_mode": "off"}, False),
        ({"outbound_mode": "annotate", "outbound_paths": "/=interstitial"}, True),
        ({"outbound_mode": "annotate", "confidential_paths": "/"}, True),
        ({"secret_key": ""}, False),
        ({"mode": "observe"}, False),
        ({"mode": "off"}, False),
        ({"choices_bar": "on", "choices_categories": "statistics"}, True),
    ],
)
def test_where_it_comes(face: str, settings: dict[str, str], there: bool) -> None:
    answer = portal(face, page_of(SHELL), **{"outbound_script": "on", **settings}).ask()
    assert len(tags(answer)) == there
    assert (b"bar.js" in answer.body) == ("choices_bar" in settings)


def test_a_piece_of_a_page_has_none(face: str) -> None:
    assert tags(scripted(face, "<p>piece</p>").ask()) == []


def test_under_a_mount_and_in_another_mode_pages_of_before_find_it(face: str) -> None:
    ((address, _, data),) = tags(scripted(face).ask("/", root="/app"))
    assert address.startswith("/app/privacy/leave.js?")
    assert 'data-at="/app/privacy/away"' in data
    for settings in ({"mode": "observe"}, {"mode": "off"}, {"outbound_script": "off"}, {"secret_key": ""}):
        site = portal(face, **settings)
        assert site.ask("/privacy/leave.js").status == 200
        assert site.ask("/privacy/away").status == 200


@pytest.mark.parametrize(("path", "said"), [("/privacy/away", "A program"), ("/privacy/es/away", "Un programa")])
def test_its_page_knows_no_address_and_leads_nowhere(face: str, path: str, said: str) -> None:
    answer = scripted(face).ask(path, query="https://evil.example/")
    text = answer.body.decode()
    assert said in text
    assert "evil.example" not in text
    assert not re.search(r'href="(?!/|#)', text)
    policy = header(answer, "content-security-policy")
    assert policy == (
        "default-src 'none'; script-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    assert (header(answer, "cache-control"), header(answer, "x-robots-tag")) == ("no-store", "noindex, nofollow")


@pytest.mark.parametrize(("path", "method", "status"), [
    ("/privacy/away/x", "GET", 200), ("/privacy/away", "POST", 405), ("/privacy/leave.js/x", "GET", 200),
])  # fmt: skip
def test_what_is_not_there_is_the_apps(face: str, path: str, method: str, status: int) -> None:
    answer = scripted(face).ask(path, method=method)
    assert answer.status == status
    assert (b"id=root" in answer.body) == (status == 200)


def test_no_other_page_of_ours_has_a_script(face: str) -> None:
    for path in ("/privacy/notice", "/privacy/choices", "/privacy/leaving/x"):
        answer = scripted(face).ask(path)
        assert b"<script" not in answer.body
        assert "script-src" not in header(answer, "content-security-policy")


@pytest.mark.parametrize(("script", "marked"), [("on", True), ("off", False)])
def test_what_cannot_be_sealed_is_marked(face: str, script: str, marked: bool) -> None:
    text = '<a href="https://s3.example/?sig=1">x</a><a href="https://o.example/">y</a><a href="/z">z</a>'
    out = portal(face, page_of(text), outbound_script=script).ask().body.decode()
    assert out.count("data-privacy-named") == marked
    assert ('data-privacy-named="" href="https://s3.example/?sig=1"' in out) == marked


def test_the_page_before_a_link_is_not_saved_as_a_file(face: str) -> None:
    text = '<a download="x.pdf" href="https://o.example/x.pdf">x</a><a download href="/y.pdf">y</a>'
    out = portal(face, page_of(text)).ask().body.decode()
    assert 'download="x.pdf"' not in out
    assert '<a download href="/y.pdf">' in out


def test_another_script_is_another_page_to_a_cache(face: str) -> None:
    tagged = [
        header(portal(face, page_of("x", ("etag", '"v1"')), outbound_script=word).ask(), "etag")
        for word in ("on", "off")
    ]
    assert tagged[0] != tagged[1]
