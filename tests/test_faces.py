"""What both faces do alike: every scene runs through the core alone, WSGI, and ASGI on two event loops."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from faces import (
    FACES,
    Always,
    Begins,
    Ends,
    Fails,
    Hides,
    Pages,
    Refuses,
    Request,
    Shouts,
    Site,
    asgi_app,
    ask_asgi,
    ask_wsgi,
    environ_of,
    pipeline,
    run_asyncio,
    scope_of,
    through_core,
    validated,
    wsgi_app,
)
from privacymw import asgi
from privacymw.core import Keeper, Outcome
from privacymw.headers import Pair
from privacymw.modes import PIPELINES
from privacymw.pipeline import BROKEN, REFUSAL

PLAIN = (("content-type", "text/plain"),)
TYPED = ("content-type", "text/html; charset=utf-8")
NOSNIFF = ("x-content-type-options", "nosniff")
LINK = ("link", '</privacy>; rel="privacy-policy"')
OPEN = ("x-open", "yes")


class Scene(NamedTuple):
    keepers: tuple[Callable[[], Keeper], ...]
    request: Request
    site: Site
    status: int
    body: bytes
    headers: tuple[Pair, ...] | None = None


HELLO = b"<p>hello you</p>"
SHOUTED = b"<P>HELLO YOU</P><!-- end -->"
MEASURED = (TYPED, ("content-length", "16"), ("etag", '"1"'))

SCENES = {
    "no keeper": Scene((), Request(), Site(), 200, HELLO, (TYPED,)),
    "headers of the app": Scene(
        (),
        Request(),
        Site(headers=(TYPED, ("set-cookie", "a=1"), ("x", "é"), ("set-cookie", "b=2"))),
        200,
        HELLO,
        (TYPED, ("set-cookie", "a=1"), ("x", "é"), ("set-cookie", "b=2")),
    ),
    "fixed": Scene((Always,), Request(), Site(), 200, HELLO, (TYPED, NOSNIFF, LINK, OPEN)),
    "fixed, https": Scene(
        (Always,),
        Request(scheme="https"),
        Site(),
        200,
        HELLO,
        (TYPED, NOSNIFF, LINK, ("strict-transport-security", "max-age=3600"), OPEN),
    ),
    "fixed, mounted": Scene(
        (Always,),
        Request(root="/app"),
        Site(),
        200,
        HELLO,
        (TYPED, NOSNIFF, ("link", '</app/privacy>; rel="privacy-policy"'), OPEN),
    ),
    "fixed, merged": Scene(
        (Always,),
        Request(),
        Site(headers=(("link", "</a>"), TYPED, ("link", "</b>"))),
        200,
        HELLO,
        (TYPED, NOSNIFF, ("link", f"</a>, </b>, {LINK[1]}"), OPEN),
    ),
    "rewritten": Scene((Shouts,), Request(), Site(headers=MEASURED), 200, SHOUTED, (MEASURED[2], TYPED)),
    "rewritten, no chunk": Scene((Shouts,), Request(), Site(chunks=()), 200, b"<!-- end -->"),
    "rewritten, empty chunks": Scene((Shouts,), Request(), Site(chunks=(b"", b"a", b"", b"b")), 200, b"AB<!-- end -->"),
    "rewritten, an error page": Scene((Shouts,), Request(), Site(500), 500, SHOUTED),
    "not rewritten": Scene((Shouts,), Request(), Site(headers=PLAIN), 200, HELLO, PLAIN),
    "HEAD": Scene((Shouts,), Request("HEAD"), Site(headers=MEASURED, chunks=()), 200, b"", (MEASURED[2], TYPED)),
    "204": Scene((Shouts, Always), Request(), Site(204, (), ()), 204, b"", (NOSNIFF, LINK, OPEN)),
    "304": Scene((Shouts,), Request(), Site(304, (("etag", '"1"'),), ()), 304, b"", (("etag", '"1"'),)),
    "a cookie taken out": Scene(
        (Hides,),
        Request(),
        Site(headers=(("set-cookie", "a=1"), TYPED, ("set-cookie", "bad=2"), ("set-cookie", "c=3"))),
        200,
        HELLO,
        (TYPED, ("set-cookie", "a=1"), ("set-cookie", "c=3")),
    ),
    "refused": Scene((Refuses, Shouts, Always), Request(), Site(), 451, b"not here"),
    "page": Scene((Pages, Always), Request(path="/privacy/notice"), Site(404), 200, b"notice "),
    "page, rest": Scene((Pages,), Request(path="/privacy/notice/es"), Site(404), 200, b"notice es"),
    "page, mounted": Scene((Pages,), Request(root="/app", path="/privacy/notice"), Site(), 200, b"notice "),
    "page, HEAD": Scene(
        (Pages,),
        Request("HEAD", "/privacy/notice"),
        Site(404),
        200,
        b"",
        (
            ("content-type", "text/plain; charset=utf-8"),
            ("cache-control", "no-store"),
            ("content-length", "7"),
        ),
    ),
    "page, 204": Scene((Pages,), Request(path="/privacy/empty"), Site(404), 204, b"", ()),
    "page, broken": Scene((Pages,), Request(path="/privacy/broken"), Site(404), 500, BROKEN.body),
    "page, none": Scene((Pages,), Request(path="/privacy/nothing"), Site(404), 404, HELLO),
    "fallback": Scene((Pages, Shouts), Request(path="/privacy"), Site(404), 200, b"fallback"),
    "fallback, the app's own": Scene((Pages,), Request(path="/privacy"), Site(), 200, HELLO),
    "fallback, broken": Scene((Pages,), Request(path="/broken"), Site(404), 404, HELLO),
    "fallback, POST": Scene((Pages,), Request("POST", "/privacy"), Site(404), 404, HELLO),
    "form": Scene((Pages,), Request("POST", "/privacy/form", body=b"a=1"), Site(404), 200, b"a=1"),
    "form, fits": Scene((Pages,), Request("POST", "/privacy/form", body=b"x" * 16), Site(), 200, b"x" * 16),
    "form, empty": Scene((Pages,), Request("POST", "/privacy/form"), Site(), 200, b""),
    "form, too large": Scene(
        (Pages,),
        Request("POST", "/privacy/form", body=b"x" * 17),
        Site(),
        413,
        b"This form takes at most 16 bytes.\n",
    ),
    "form, broken": Scene((Pages,), Request("POST", "/privacy/broken-form"), Site(), 500, BROKEN.body),
    "failing early, let through": Scene(
        (lambda: Fails("on_request", refuses=False), Always), Request(), Site(), 200, HELLO
    ),
    "failing late, let through": Scene(
        (Shouts, lambda: Fails("on_response", refuses=False)), Request(), Site(), 200, SHOUTED
    ),
    "failing early, refused": Scene(
        (lambda: Fails("on_request", refuses=True), Always), Request(), Site(), 503, REFUSAL.body
    ),
    "failing late, refused": Scene(
        (Shouts, lambda: Fails("on_response", refuses=True), Always), Request(), Site(), 503, REFUSAL.body
    ),
}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("name", SCENES)
def test_scene(name: str, face: str) -> None:
    scene = SCENES[name]
    ends, told = Ends(), Ends()
    answer = FACES[face](pipeline(*(make() for make in scene.keepers), ends), scene.site, scene.request)
    same = through_core(pipeline(*(make() for make in scene.keepers), told), scene.site, scene.request)
    assert answer == same
    assert (answer.status, answer.body) == (scene.status, scene.body)
    assert ends.seen == told.seen
    assert len(ends.seen) == 1
    assert scene.headers is None or tuple(answer.headers) == scene.headers


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("name", SCENES)
def test_no_header_is_doubled(name: str, face: str) -> None:
    scene = SCENES[name]
    answer = FACES[face](pipeline(*(make() for make in scene.keepers)), scene.site, scene.request)
    names = [name for name, _ in answer.headers if name != "set-cookie"]
    assert len(names) == len(set(names))


# --- what a face hands over


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(
    "sent",
    [
        Request(),
        Request("POST", "/a/b", "q=1&r=%20", (("cookie", "a=1"), ("x-sent", "é")), root="/app"),
        Request(path="/naïve/日本", root="/ü", scheme="https", peer="2001:db8::1"),
        Request(path="", root="/app"),
    ],
)
def test_the_same_request_arrives(face: str, sent: Request) -> None:
    begins = Begins()
    FACES[face](pipeline(begins), Site(), sent)
    (got,) = begins.seen
    assert (got.method, got.root, got.path, got.query, got.scheme) == (
        sent.method, sent.root, sent.path, sent.query, sent.scheme
    )  # fmt: skip
    assert got.headers == {name: value for name, value in sent.headers if name in ("cookie", "x-sent")}


@pytest.mark.parametrize("face", FACES)
def test_undeclared_headers_are_not_handed_over(face: str) -> None:
    begins = Begins()
    sent = Request(headers=(("authorization", "secret"), ("cookie", "a=1"), ("user-agent", "me")))
    FACES[face](pipeline(begins), Site(), sent)
    assert begins.seen[0].headers == {"cookie": "a=1"}


@pytest.mark.parametrize("face", ["wsgi", "asgi", "trio"])
@pytest.mark.parametrize("keepers", [(), (Always,), (Shouts, Hides)])
def test_an_app_that_raises_counts_as_500(face: str, keepers: tuple[type[Keeper], ...]) -> None:
    ends = Ends()
    with pytest.raises(ValueError, match="Jane Doe"):
        FACES[face](pipeline(*(make() for make in keepers), ends), Site(breaks=True), Request())
    assert ends.seen == [(Outcome.RAISED, 500, False)]


# --- observe and off

KEEPERS = (Always, Shouts, Hides, Refuses, Pages)
SITES = {
    "html": Site(headers=MEASURED),
    "no length": Site(),
    "plain": Site(headers=PLAIN),
    "cookies": Site(headers=(("set-cookie", "bad=1"), TYPED, ("set-cookie", "b=2"))),
    "our headers": Site(headers=(("link", "</a>"), TYPED, ("x-open", "no"), ("link", "</b>"))),
    "empty": Site(chunks=()),
    "204": Site(204, (), ()),
    "304": Site(304, (("etag", '"1"'),), ()),
    "404": Site(404),
    "500": Site(500, PLAIN, (b"oh",)),
    "redirect": Site(302, (("location", "/"), TYPED), ()),
}
LOOKING = [
    Request(), Request("HEAD"), Request("POST", "/a", body=b"x" * 99), Request(path="/privacy"),
    Request(path="/privacy/unknown"), Request(headers=(("cookie", "a=1"),)),
]  # fmt: skip


@pytest.mark.parametrize("mode", ["observe", "off"])
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("site", SITES)
def test_looking_changes_no_byte(site: str, face: str, mode: str) -> None:
    failing = [Fails(hook, refuses=True) for hook in ("on_request", "on_response", "on_finish")]
    for request in LOOKING:
        if request.method == "HEAD" and any(SITES[site].chunks):
            continue  # no app sends a body to HEAD
        pipe = pipeline(*(make() for make in KEEPERS), *failing, kind=PIPELINES[mode])
        answer = FACES[face](pipe, SITES[site], request)
        assert answer == (SITES[site].status, list(SITES[site].headers), b"".join(SITES[site].chunks))


@pytest.mark.parametrize("mode", ["observe", "off"])
def test_looking_hides_nothing_from_the_app(mode: str) -> None:
    seen: list[object] = []

    def app(environ: dict[str, object], start_response: Callable[..., object]) -> list[bytes]:
        seen.append((environ["HTTP_COOKIE"], "HTTP_ACCEPT_ENCODING" in environ))
        start_response("200 OK", list(PLAIN))
        return []

    pipe = pipeline(Hides(), kind=PIPELINES[mode])
    ask_wsgi(validated(app, pipe), environ_of(Request(headers=(("cookie", "a=1"),))))
    assert seen == [("a=1", False)]


@pytest.mark.parametrize("face", FACES)
def test_observing_counts_what_would_be_done(face: str) -> None:
    counted: list[tuple[str, str]] = []
    site = Site(headers=(("content-length", "16"), TYPED, ("set-cookie", "bad=1")))
    pipe = pipeline(*(make() for make in KEEPERS), kind=PIPELINES["observe"], count=lambda *what: counted.append(what))
    FACES[face](pipe, site, Request())
    assert sorted(counted) == [
        ("answers", "451"),
        ("headers", "content-length"),
        ("headers", "link"),
        ("headers", "set-cookie"),
        ("headers", "x-content-type-options"),
        ("headers", "x-open"),
        ("request headers", "accept-encoding"),
        ("request headers", "cookie"),
    ]


@pytest.mark.parametrize("face", FACES)
def test_observing_counts_refusals_and_failures(face: str) -> None:
    counted: list[tuple[str, str]] = []
    failing = Fails("on_response", refuses=True)
    pipe = pipeline(failing, kind=PIPELINES["observe"], count=lambda *what: counted.append(what))
    assert FACES[face](pipe, Site(), Request()).status == 200
    assert counted == [("failures", "fails.on_response: ValueError"), ("answers", "503")]


@pytest.mark.parametrize("face", FACES)
def test_observing_counts_a_fallback_and_shows_the_apps_page(face: str) -> None:
    counted: list[tuple[str, str]] = []
    pipe = pipeline(Pages(), kind=PIPELINES["observe"], count=lambda *what: counted.append(what))
    assert FACES[face](pipe, Site(404), Request(path="/privacy")) == (404, [TYPED], HELLO)
    assert counted == [("answers", "200")]


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("broken", ["feed", "close"])
def test_a_failing_transform_does_not_break_a_dry_run(face: str, broken: str) -> None:
    class Breaks(Keeper):
        def on_response(self, exchange, headers):  # type: ignore[no-untyped-def]
            exchange.transform = self
            return headers

        def feed(self, chunk: bytes) -> bytes:
            assert broken != "feed"
            return b"never seen"

        def close(self) -> bytes:
            assert broken != "close"
            return b"never seen"

    counted: list[tuple[str, str]] = []
    pipe = pipeline(Breaks(), kind=PIPELINES["observe"], count=lambda *what: counted.append(what))
    assert FACES[face](pipe, Site(), Request()).body == HELLO
    assert counted == [("failures", "transform: AssertionError")]


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(
    ("mode", "path", "body"),
    [
        ("observe", "/privacy/leaving/x", b"leaving x"),
        ("observe", "/privacy/notice", b"notice "),
        ("off", "/privacy/leaving/x", b"leaving x"),
        ("off", "/privacy/notice", HELLO),
    ],
)
def test_standing_pages_answer_in_every_mode(face: str, mode: str, path: str, body: bytes) -> None:
    ends = Ends()
    pipe = pipeline(Pages(), Always(), ends, kind=PIPELINES[mode])
    answer = FACES[face](pipe, Site(404), Request(path=path))
    assert answer.body == body
    assert (NOSNIFF in answer.headers) is (body != HELLO)
    assert ends.seen == []


# --- two layers


@pytest.mark.parametrize("protocol", ["wsgi", "asgi"])
def test_two_layers_have_one_effect(protocol: str) -> None:
    ends, inner_ends = Ends(), Ends()
    outer, inner = pipeline(Shouts(), Always(), ends), pipeline(Shouts(), Always(), inner_ends)
    if protocol == "wsgi":
        answer = ask_wsgi(validated(validated(wsgi_app(Site()), inner), outer), environ_of(Request())).answer
    else:
        app = asgi.PrivacyMiddleware(asgi.PrivacyMiddleware(asgi_app(Site()), inner), outer)
        answer = ask_asgi(app, scope_of(Request()), run=run_asyncio).answer
    assert answer == through_core(pipeline(Shouts(), Always()), Site(), Request())
    assert (len(ends.seen), len(inner_ends.seen)) == (1, 0)
