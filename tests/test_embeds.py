"""Parts of a page that wait for a choice, and the place of the bar: by bytes, and through both faces."""

import asyncio
import random
import re
import runpy
from html import unescape
from pathlib import Path
from typing import Any

import flask
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import readability
from faces import Site
from fragments import POOLS, chunks, rewrite
from privacymw.flask import Privacy
from privacymw.flask import requires_choice as flask_requires
from privacymw.held import CATEGORY, END, HOOK, LOADS
from privacymw.html import Edit, Outlet
from privacymw.starlette import PrivacyMiddleware, requires_choice, template_context
from privacymw.tally import read_counts
from privacymw.tokenizer import CAP
from sites import FACES, HOST, NAVIGATION, Portal, cookie_of, environ, header, page_of, portal

EVIL = "//evil.example/x"
SAYS = "data-privacy-category=x"
HELD = [
    f"<iframe {SAYS} src={EVIL}></iframe>",
    f"<iframe src={EVIL} srcdoc='<p>' {SAYS}>",
    f"<img/src={EVIL} {SAYS}/srcset='{EVIL} 2x'>",
    f'<IMG alt=">"src={EVIL} DATA-PRIVACY-CATEGORY="x"SRC=/b>',
    f"<script {SAYS} type=module src={EVIL}></script>",
    f"<script {SAYS}>run('</p>')</script>",
    f"<svg><script href={EVIL} {SAYS}></script></svg>",
    f"<picture><source srcset={EVIL} {SAYS}>",
    f"<video poster={EVIL} {SAYS} =src src={EVIL}>",
    f"<link rel=stylesheet {SAYS} href={EVIL}>",
    f"<object {SAYS} data={EVIL}>",
    "<img src=/own>",
    "<script>run()</script>",
    "<privacy-notice></privacy-notice>",
    "</body>",
    "<!doctype html>",
]
POOL = POOLS["all"] + HELD * 6
documents = st.lists(st.sampled_from(POOL), max_size=14).map(lambda parts: "".join(parts).encode())


def holds(outlet: Outlet) -> Edit | None:
    """Holds back whatever says so, and puts something in wherever it can."""
    if outlet.attribute == CATEGORY:
        return Edit({"hidden": ""}, before="<bdi>wait</bdi>", held=True)
    return Edit(before="<b>bar</b>") if outlet.element in (HOOK, END) else None


def held(page: str) -> str:
    return rewrite([page.encode()], holds).decode()


# --- bytes


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<iframe src=/a>", "<iframe src=/a>"),
        (
            '<iframe data-privacy-category="x" title=t src="/a?b&amp;c">',
            '<bdi>wait</bdi><iframe data-privacy-category="x" hidden="" title=t data-privacy-src="/a?b&amp;c">',
        ),
        (
            '<img src="/a"srcset=/b data-privacy-category=x>',
            '<bdi>wait</bdi><img data-privacy-src="/a"data-privacy-srcset=/b data-privacy-category=x hidden="">',
        ),
        (
            "<SCRIPT Type='module' data-privacy-category=x>go()</SCRIPT>",
            (
                "<bdi>wait</bdi><SCRIPT data-privacy-Type='module' data-privacy-category=x"
                ' type="text/plain" hidden="">go()</SCRIPT>'
            ),
        ),
        ("<img title='data-privacy-category=x' src=/a>", "<img title='data-privacy-category=x' src=/a>"),
        ("<!-- <img data-privacy-category=x src=/a> -->", "<!-- <img data-privacy-category=x src=/a> -->"),
        (
            "<noscript><img data-privacy-category=x src=/a></noscript>",
            '<noscript><bdi>wait</bdi><img data-privacy-category=x hidden="" data-privacy-src=/a></noscript>',
        ),
        ("<p data-privacy-category=x src=/a>", "<p data-privacy-category=x src=/a>"),
        ("a<privacy-notice></privacy-notice>", "a<b>bar</b><privacy-notice></privacy-notice>"),
        ("<html><p>x</body></html>", "<html><p>x<b>bar</b></body></html><b>bar</b>"),
        ("<!DOCTYPE html><p>x", "<!DOCTYPE html><p>x<b>bar</b>"),
        ("<p>a piece", "<p>a piece"),
        ("<html><!-- never closed", "<html><!-- never closed"),
        ("<html><p class='never closed", "<html><p class='never closed"),
    ],
)
def test_what_is_written(page: str, expected: str) -> None:
    assert held(page) == expected


@given(documents, st.data())
@settings(max_examples=300, deadline=None)
def test_any_split_gives_the_same_page(page: bytes, data: st.DataObject) -> None:
    whole = rewrite([page], holds)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(page)), max_size=5)))
    parts = [page[start:end] for start, end in zip([0, *cuts], [*cuts, len(page)], strict=True)]
    assert rewrite(parts, holds) == whole
    assert rewrite(chunks(page, 1), holds) == whole


def test_no_part_slips_through_a_browsers_parser() -> None:
    chance = random.Random("held")
    for _ in range(4000):
        page = "".join(chance.choices(POOL, k=chance.randint(1, 14))).encode()
        tree = LexborHTMLParser(rewrite([page], holds).decode())
        for node in tree.css(f"[{CATEGORY}]"):
            loads = set(LOADS.get(node.tag, ())) - {"type"}
            assert not loads.intersection(node.attributes), page
            assert node.tag != "script" or node.attributes.get("type") == "text/plain", page


def test_all_other_bytes_stay() -> None:
    chance = random.Random("bytes")
    for _ in range(1000):
        page = "".join(chance.choices(POOL, k=14)).encode()
        out = rewrite([page], holds)
        for new in (b"<bdi>wait</bdi>", b"<b>bar</b>", b' hidden=""', b' type="text/plain"'):
            out = out.replace(new, b"")
        assert re.sub(rb"data-privacy-(?!category)", b"", out, flags=re.I) == page


BIG = "/" + "a" * (CAP + 9)


@pytest.mark.parametrize("size", [1 << 20, 5_000, 997])
@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (f"<img data-privacy-category=x src={BIG}>", "data-privacy-src="),
        (f"<iframe data-privacy-category=x title={BIG} srcdoc='<p>'>", "data-privacy-srcdoc="),
        (f"<img src={BIG} data-privacy-category=x srcset=/b>", "data-privacy-srcset="),
        (f"<img src={BIG}>", "<img src="),
    ],
)
def test_a_tag_beyond_the_cap_holds_back_what_comes_after_it_says_so(page: str, expected: str, size: int) -> None:
    out = rewrite(chunks(page.encode(), size), holds)
    assert expected.encode() in out
    assert out == rewrite([page.encode()], holds)


# --- through both faces

FILM = f'<iframe src="https:{EVIL}" data-privacy-category="statistics"></iframe>'
WHOLE = f"<!doctype html><html><body><p>x</p>{FILM}</body></html>"
ASKS = {"choices_categories": "statistics, sale", "choices_bar": "on"}
each_face = pytest.mark.parametrize("face", FACES)


def shown(face: str, page: str, path: str = "/", **more: str) -> str:
    return portal(face, page_of(page), **{**ASKS, **more}).ask(path).body.decode()


@each_face
def test_the_page_is_the_same_before_and_after_a_choice(face: str) -> None:
    site = portal(face, page_of(WHOLE), **ASKS)
    before = site.ask()
    cookie = cookie_of(site.post("/privacy/choices", "c.statistics=1&c.sale=0&do=save"))
    after = site.ask("/", *NAVIGATION, cookie)
    assert after == before
    assert "private" not in header(after, "cache-control")


@each_face
@pytest.mark.parametrize("mode", ["interstitial", "annotate", "off"])
def test_parts_wait_whatever_becomes_of_links(face: str, mode: str) -> None:
    text = shown(face, WHOLE, outbound_mode=mode)
    assert f'data-privacy-src="https:{EVIL}"' in text
    assert "This part comes from <bdi>evil.example</bdi>" in text
    assert ('href="/privacy/leaving/' in text) == (mode == "interstitial")
    assert (f'href="https:{EVIL}"' in text) == (mode != "interstitial")
    assert text.count('id="privacy-bar"') == 1


@each_face
@pytest.mark.parametrize(
    ("page", "more", "bars", "scripts"),
    [
        (WHOLE, {}, 1, 1),
        (WHOLE, {"choices_bar": "off"}, 0, 1),
        ("<!doctype html><p>x", {}, 1, 1),
        ("<!doctype html><p>x", {"choices_bar": "off"}, 0, 0),
        ("<html><privacy-notice></privacy-notice><body></body>", {}, 1, 1),
        ("<html><privacy-notice></privacy-notice><body></body>", {"choices_bar": "off"}, 1, 1),
        ("<li>a piece", {}, 0, 0),
        (WHOLE, {"choices_categories": ""}, 0, 0),
        (WHOLE, {"secret_key": ""}, 0, 0),
    ],
)
@pytest.mark.proves("choices.bar")
def test_where_the_bar_stands(face: str, page: str, more: dict[str, str], bars: int, scripts: int) -> None:
    text = shown(face, page, **more)
    assert text.count('id="privacy-bar"') == bars
    assert text.count("/privacy/bar.js?") == scripts
    assert " src=" not in text.replace('<script src="/privacy/bar.js', ""), "what waits does so without a bar too"


@each_face
@pytest.mark.parametrize(
    ("category", "kept"), [("statistics", "statistics"), ("weather", "-"), ("", "-"), ("necessary", "")]
)
def test_a_category_that_nobody_declared_waits_and_is_counted(
    face: str, category: str, kept: str, tmp_path: Path
) -> None:
    page = f'<!doctype html><img data-privacy-category="{category}" src="https:{EVIL}">'
    site = portal(face, page_of(page), **ASKS, data=str(tmp_path))
    text = site.ask().body.decode()
    assert ("data-privacy-src" in text) == bool(kept)
    assert (f'{CATEGORY}="{kept}"' in text) == bool(kept)
    site.started.pipeline.close()
    unknown = {category: 1} if kept == "-" else {}
    assert read_counts(tmp_path).get("undeclared categories", {}) == unknown


@each_face
def test_on_a_confidential_page_nobody_can_release_a_part(face: str) -> None:
    text = shown(face, WHOLE, "/members/7", confidential_paths="/members")
    assert f'{CATEGORY}="-"' in text
    assert "It is not loaded here." in text


@each_face
def test_observe_only_counts(face: str, tmp_path: Path) -> None:
    site = portal(face, page_of(WHOLE), **ASKS, mode="observe", data=str(tmp_path))
    assert site.ask().body == WHOLE.encode()
    site.started.pipeline.close()
    assert read_counts(tmp_path)["parts that wait"] == {"evil.example": 1}


@pytest.mark.parametrize(
    ("part", "placeholder", "links"),
    [
        (f'<img data-privacy-category=sale src="{EVIL}">', 1, 1),
        (f'<a href=/x><img data-privacy-category=sale src="{EVIL}"></a>', 1, 0),
        (f'<img data-privacy-category=sale src="{EVIL}" width=1 height=1>', 0, 0),
        (f'<img data-privacy-category=sale src="{EVIL}" style="display: none">', 0, 0),
        (f'<script data-privacy-category=sale src="{EVIL}"></script>', 0, 0),
        (f'<iframe data-privacy-category=sale src="{EVIL}" hidden></iframe>', 0, 0),
        (f'<iframe data-privacy-category=sale src="{EVIL}"></iframe>', 1, 2),
        ("<iframe data-privacy-category=sale src=/own></iframe>", 1, 1),
    ],
)
def test_a_placeholder_fills_the_holes_that_can_be_seen(part: str, placeholder: int, links: int) -> None:
    text = shown("wsgi", part)
    assert text.count("<privacy-held ") == placeholder
    assert text.partition("</privacy-held>")[0].count("<a href=") - part.count("<a href=") == links


@each_face
@pytest.mark.parametrize("name", ["bar.js", "bar.css"])
def test_its_files_are_kept_for_good_under_an_address_that_changes(face: str, name: str) -> None:
    site = portal(face, page_of(WHOLE), **ASKS)
    found = re.search(rf"/privacy/{re.escape(name)}\?([0-9a-f]{{12}})", site.ask().body.decode())
    assert found is not None
    answer = site.ask(f"/privacy/{name}")
    assert answer.status == 200
    assert "immutable" in header(answer, "cache-control")
    assert len(answer.body) <= 3_000 or name != "bar.js"
    assert b"http" not in answer.body


@each_face
def test_an_etag_changes_with_what_is_put_in(face: str) -> None:
    page = page_of(WHOLE, ("etag", '"1"'), ("content-type", "text/html"))
    tags = {header(portal(face, page, **{**ASKS, "choices_bar": bar}).ask(), "etag") for bar in ("on", "off")}
    assert len(tags) == 2


@pytest.mark.parametrize("model", ["opt-in", "opt-out"])
def test_what_a_visitor_reads_is_plain(model: str) -> None:
    page = f'<!doctype html>{FILM}<img alt="" data-privacy-category="weather" src="{EVIL}">'
    text = unescape(re.sub(r"<[^>]*>", " ", shown("wsgi", page, choices_model=model)))
    assert ("May we use statistics and sale?" in " ".join(text.split())) == (model == "opt-in")
    assert readability.grade(text) <= 8
    assert not re.search(r"\b(anonymous|all|never|provably|compliant)\b", text)


@each_face
@pytest.mark.parametrize("mode", ["on", "observe", "off"])
def test_pages_that_a_cache_still_has_find_the_script(face: str, mode: str) -> None:
    assert portal(face, mode=mode, **ASKS).ask("/privacy/bar.js").status == 200


# --- the cookie that shows the answers


def view_cookies(answer: Any) -> list[str]:
    lines = [value for name, value in answer.headers if name == "set-cookie"]
    return [line for line in lines if line.startswith("__Host-privacy-view=")]


@each_face
def test_it_is_set_and_removed_with_the_signed_one(face: str) -> None:
    site = portal(face, **ASKS)
    (line,) = view_cookies(site.post("/privacy/choices", "c.statistics=1&c.sale=0&do=save"))
    digest = site.started.services.decider.questions.digests["statistics"]  # type: ignore[union-attr]
    assert line.startswith(f"__Host-privacy-view=statistics={digest}&sale=0; Path=/; ")
    assert "HttpOnly" not in line
    assert "Secure" in line
    form = ("content-type", "application/x-www-form-urlencoded")
    gone = site.post("/privacy/choices", "do=clear", *NAVIGATION, form, ("cookie", line.partition(";")[0]))
    assert "Max-Age=0" in view_cookies(gone)[0]
    assert view_cookies(site.post("/privacy/choices", "do=clear")) == [], "there is nothing to remove"


@each_face
def test_a_preference_alone_shows_nothing(face: str) -> None:
    site = portal(face, **ASKS, choices_preferences="language=en|es")
    assert view_cookies(site.post("/privacy/choices", "p.language=es&do=save")) == []


@pytest.mark.parametrize(("categories", "told"), [("statistics", True), ("", False)])
def test_the_page_tells_of_it(categories: str, told: bool) -> None:
    text = portal("wsgi", choices_categories=categories).ask("/privacy/notice").body.decode()
    assert ("__Host-privacy-view" in text) == told


# --- views that need a choice


def flask_app() -> flask.Flask:
    app = flask.Flask(__name__)
    Privacy(app, categories=["statistics"])

    @app.get("/report/<name>")
    @flask_requires("statistics")
    def report(name: str) -> str:
        return f"report {name}"

    return app


class Reports(HTTPEndpoint):
    @requires_choice("statistics")
    async def get(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"report {request.path_params['name']}")


@requires_choice("statistics")
async def waiting(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"report {request.path_params['name']}")


@requires_choice("statistics")
def blocking(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"report {request.path_params['name']}")


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environ().items():
        monkeypatch.setenv(name, value)


APPS = {
    "flask": flask_app,
    **{
        kind: lambda endpoint=endpoint: PrivacyMiddleware(
            Starlette(routes=[Route("/report/{name}", endpoint)]), categories=["statistics"]
        )
        for kind, endpoint in (("class", Reports), ("async", waiting), ("sync", blocking))
    },
}


def asked(app: Any, method: str = "GET", path: str = "/report/7", body: str = "", **headers: str) -> httpx.Response:
    """The answer to one request of a browser that keeps nothing."""
    request = {"url": f"https://{HOST}{path}", "content": body, "headers": headers}
    if isinstance(app, flask.Flask):
        with httpx.Client(transport=httpx.WSGITransport(app=app)) as client:
            return client.request(method, **request)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
            return await client.request(method, **request)

    return asyncio.run(ask())


@pytest.mark.parametrize("kind", APPS)
def test_it_answers_only_who_allows_it(kind: str, secret: None) -> None:
    app = APPS[kind]()
    refused = asked(app)
    assert refused.status_code == 403
    assert 'href="/privacy/choices"' in refused.text
    assert 'id="privacy-bar"' not in refused.text
    assert "no-store" in refused.headers["cache-control"]
    assert "Cookie" in refused.headers["vary"]
    form = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
    saved = asked(app, "POST", "/privacy/choices", "c.statistics=1&do=save", **form)
    cookie = saved.headers.get_list("set-cookie")[0].partition(";")[0]
    allowed = asked(app, cookie=cookie)
    assert (allowed.status_code, allowed.text) == (200, "report 7")
    assert "private" in allowed.headers["cache-control"]


def test_an_endpoint_without_the_request_is_told_how(secret: None) -> None:
    @requires_choice("statistics")
    async def endpoint() -> None: ...

    with pytest.raises(TypeError, match="request: Request"):
        asyncio.run(endpoint())  # type: ignore[arg-type]


@each_face
def test_a_template_asks_and_places(face: str) -> None:
    site: Portal = portal(face, lambda visit: Site(chunks=(f"{visit.allows('sale')} {visit.bar()}".encode(),)), **ASKS)
    text = site.ask().body.decode()
    assert text.startswith("False <link")
    assert text.endswith("<privacy-notice></privacy-notice>")


def test_starlette_templates_get_the_visit(secret: None) -> None:
    async def home(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(template_context(request)["privacy"].allows("statistics")))

    app = PrivacyMiddleware(Starlette(routes=[Route("/", home)]), categories=["statistics"])
    assert asked(app, path="/").text == "False"


# --- the document


def snippet(name: str, folder: Path) -> dict[str, Any]:
    text = (Path(__file__).parent.parent / "docs" / "choices.md").read_text()
    found = re.search(rf"```python {re.escape(name)}\n(.*?)```", text, re.DOTALL)
    assert found is not None
    path = folder / name
    path.write_text(found[1])
    return runpy.run_path(str(path))


@pytest.mark.parametrize("name", ["flask_view.py", "starlette_view.py"])
def test_what_the_document_shows_does_what_it_says(name: str, secret: None, tmp_path: Path) -> None:
    app = snippet(name, tmp_path)["app"]
    assert "We count nothing." in asked(app, path="/").text
    assert asked(app, path="/report").status_code == 403


def test_marked_parts_of_the_document_wait() -> None:
    text = (Path(__file__).parent.parent / "docs" / "choices.md").read_text()
    page = next(each for each in re.findall(r"```html\n(.*?)```", text, re.DOTALL) if CATEGORY in each)
    assert held(page).count("data-privacy-src=") == page.count(" src=") == 2
    assert held(page).count('type="text/plain"') == page.count("<script") == 2
