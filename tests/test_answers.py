"""Which answers are rewritten, and what a client can rely on: lengths, codings, ranges, files, fragments."""

import gzip
import zlib
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from faces import (
    Heard,
    Request,
    Site,
    Wire,
    asgi_app,
    ask_asgi,
    ask_wsgi,
    environ_of,
    pipeline,
    run_asyncio,
    scope_of,
    wsgi_app,
)
from privacymw import asgi, wsgi
from privacymw.core import WHOLE, Exchange, Keeper, Whole
from privacymw.headers import Pairs, first, without
from privacymw.tally import read_counts
from servers import gunicorn, uvicorn
from sites import BROWSER, FACES, HOST, NAVIGATION, SECRET, Portal, header, names, page_of, portal

faces = pytest.mark.parametrize("face", FACES)
OUT = "https://other.example/a"
LINK = f'<a href="{OUT}">x</a>'.encode()


def page(
    body: bytes, *headers: tuple[str, str], length: int | None = None, size: int = 10**9, status: int = 200
) -> Site:
    """A page of a declared length, the true one where none is given, in chunks of a size."""
    declared = len(body) if length is None else length
    chunks = tuple(body[at : at + size] for at in range(0, len(body), size))
    return Site(status, (("content-type", "text/html"), ("content-length", str(declared)), *headers), chunks)


# --- lengths


@faces
@pytest.mark.parametrize("size", [1, 1_000, 10**9])
@pytest.mark.parametrize("length", [0, 1, len(LINK), WHOLE - 1, WHOLE])
def test_a_small_body_keeps_a_true_length(face: str, length: int, size: int) -> None:
    body = LINK.ljust(length, b"x") if length >= len(LINK) else b"x" * length
    answer = portal(face, page(body, size=max(size, length // 500))).ask()
    assert header(answer, "content-length") == str(len(answer.body))
    assert (b"/privacy/leaving/" in answer.body) == (length >= len(LINK))


@faces
@pytest.mark.parametrize("length", ["65537", "", "-1", "1e3", "9" * 40, "5, 5"])
def test_any_other_body_has_none(face: str, length: str) -> None:
    body = LINK.ljust(WHOLE + 1, b"x")
    site = Site(200, (("content-type", "text/html"), *([("content-length", length)] if length else [])), (body,))
    answer = portal(face, site).ask()
    assert "content-length" not in names(answer)
    assert answer.body.endswith(b"xxx")


@faces
def test_a_body_longer_than_it_said_goes_out_as_a_stream(face: str) -> None:
    answer = portal(face, page(LINK.ljust(3 * WHOLE, b"x"), length=100, size=1_000)).ask()
    assert "content-length" not in names(answer)
    assert len(answer.body) > 3 * WHOLE


@faces
def test_a_body_shorter_than_it_said_still_looks_cut(face: str) -> None:
    answer = portal(face, page(LINK, length=len(LINK) + 10)).ask()
    assert header(answer, "content-length") == str(len(answer.body) + 10)


@faces
@pytest.mark.parametrize("status", [200, 404, 302])
def test_a_head_has_no_length_that_its_get_would_not_have(face: str, status: int) -> None:
    site = portal(face, page(LINK, ("etag", '"v1"'), status=status))
    get, head = site.ask(), site.ask(method="HEAD")
    assert "content-length" not in names(head)
    assert names(get) - names(head) == {"content-length"}
    assert header(head, "etag") == header(get, "etag")


@faces
def test_other_answers_keep_the_length_that_they_came_with(face: str) -> None:
    site = Site(200, (("content-type", "text/plain"), ("content-length", "5")), (b"hello",))
    assert header(portal(face, site).ask(), "content-length") == "5"


@faces
def test_a_dry_run_leaves_lengths_and_bytes_alone(face: str) -> None:
    answer = portal(face, page(LINK, ("content-encoding", "identity")), mode="observe").ask()
    assert (header(answer, "content-length"), answer.body) == (str(len(LINK)), LINK)


class Grows(Keeper):
    """Rewrites pages, and gathers small ones."""

    name = "grows"
    touches = ("content-length", "content-type")

    def on_response(self, exchange: Exchange, headers: Pairs) -> Pairs:
        class Twice:
            def feed(self, chunk: bytes) -> bytes:
                return 2 * chunk

            def close(self) -> bytes:
                return b"."

        exchange.transform = Twice()
        exchange.whole = Whole(int(first(headers, "content-length")))
        return without(headers, "content-length")


HEADERS = [("Content-Type", "text/html"), ("Content-Length", "6")]


def test_an_app_may_write_and_yield() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        write = start_response("200 OK", HEADERS)
        write(b"abc")
        yield b"d"
        write(b"e")
        yield b"f"

    heard = Heard()
    heard.take(wsgi.PrivacyMiddleware(app, pipeline(Grows()))(environ_of(Request()), heard.start_response))
    assert b"".join(heard.written) == b"abcabcddeeff."
    assert ("Content-Length", "13") in heard.headers


def test_an_app_that_only_writes_is_started_too() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", HEADERS)(b"abcdef")
        return []

    heard = Heard()
    heard.take(wsgi.PrivacyMiddleware(app, pipeline(Grows()))(environ_of(Request()), heard.start_response))
    assert b"".join(heard.written) == b"abcdefabcdef."


def test_an_app_that_fails_before_its_body_is_whole_can_still_answer_otherwise() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", HEADERS)
        yield b"abc"
        try:
            raise ValueError
        except ValueError as error:
            start_response(
                "500 Broken", [("Content-Type", "text/html"), ("Content-Length", "4")], (type(error), error, None)
            )
        yield b"oops"

    heard = Heard()
    heard.take(wsgi.PrivacyMiddleware(app, pipeline(Grows()))(environ_of(Request()), heard.start_response))
    assert (heard.status, heard.starts) == ("500 Broken", 1)
    assert b"".join(heard.written) == b"oopsoops."


def test_an_app_that_raises_has_sent_nothing() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", HEADERS)
        yield b"abc"
        raise ValueError

    heard = Heard()
    with pytest.raises(ValueError, match=r"^$"):
        heard.take(wsgi.PrivacyMiddleware(app, pipeline(Grows()))(environ_of(Request()), heard.start_response))
    assert (heard.starts, heard.written) == (0, [])


@pytest.mark.parametrize(
    ("messages", "kinds", "length"),
    [
        ([{"body": b"abc", "more_body": True}, {"body": b"def"}], ["start", "body"], "13"),
        ([{"body": b"abc", "more_body": True}, {"more_body": False}], ["start", "body"], "10"),
        ([{"body": b"abc", "more_body": True}], [], None),
        (
            [{"body": b"x" * WHOLE, "more_body": True}, {"body": b"y", "more_body": True}, {}],
            ["start", "body", "body"],
            None,
        ),
        ([{"body": b"abcdef"}, {"type": "http.response.trailers"}], ["start", "body", "trailers"], "13"),
        ([{"type": "http.response.pathsend", "path": "/x"}], ["start", "pathsend"], None),
    ],
)  # fmt: skip
def test_messages_that_an_app_sends(messages: list[dict[str, Any]], kinds: list[str], length: str | None) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raw = [(name.lower().encode(), value.encode()) for name, value in HEADERS]
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        for message in messages:
            await send({"type": "http.response.body", **message})

    wire = Wire()
    run_asyncio(asgi.PrivacyMiddleware(app, pipeline(Grows())), scope_of(Request()), wire.receive, wire.send)
    assert [kind.rpartition(".")[2] for kind in wire.kinds] == kinds
    sent = dict(wire.heard[0]["headers"]) if wire.heard else {}
    assert sent.get(b"content-length") == (length and length.encode())


# --- codings


def packed(body: bytes, coding: str) -> bytes:
    coder = zlib.compressobj(wbits={"deflate": 15, "raw": -15}.get(coding, 31))
    return coder.compress(body) + coder.flush()


def unpacked(body: bytes, coding: str) -> bytes:
    return zlib.decompress(body, wbits=15 if coding in ("deflate", "raw") else 31)


@faces
@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("size", [1, 10**9])
@pytest.mark.parametrize(("label", "coding"), [
    ("gzip", "gzip"), ("GZip", "gzip"), ("x-gzip", "gzip"), ("identity, gzip", "gzip"), ("deflate", "deflate"),
    ("deflate", "raw"),
])  # fmt: skip
def test_a_page_that_comes_encoded_is_read(face: str, label: str, coding: str, size: int, declared: bool) -> None:
    body = packed(LINK, coding)
    site = page(body, ("content-encoding", label), ("etag", '"v1"'), ("vary", "Accept-Encoding"), size=size)
    site = (
        site if declared else site._replace(headers=tuple(each for each in site.headers if each[0] != "content-length"))
    )
    answer = portal(face, site).ask()
    assert unpacked(answer.body, coding).startswith(b'<a rel="external nofollow" href="/privacy/leaving/')
    assert (header(answer, "content-encoding"), header(answer, "vary")) == (label, "Accept-Encoding")
    assert header(answer, "content-length") == (str(len(answer.body)) if declared else "")
    assert header(answer, "etag").startswith('W/"v1-pmw')
    head = portal(face, site).ask(method="HEAD")
    assert (header(head, "etag"), header(head, "content-encoding")) == (header(answer, "etag"), label)


COUNTED = "encoded pages passed unread"


def counts(site: Portal, folder: Path) -> dict[str, int]:
    site.started.pipeline.close()
    return read_counts(folder).get("outbound", {})


def counting(face: str, view: Any, folder: Path, **settings: str) -> Portal:
    return portal(face, view, data=str(folder), addresses_mode="off", **settings)


@faces
@pytest.mark.parametrize(
    ("headers", "body", "counted"),
    [
        ((("content-encoding", "br"),), b"\x0b\x02\x80<a>\x03", COUNTED),
        ((("content-encoding", "zstd"),), b"(\xb5/\xfd", COUNTED),
        ((("content-encoding", "gzip, gzip"),), gzip.compress(gzip.compress(LINK, mtime=0), mtime=0), COUNTED),
        ((("content-encoding", "gzip"), ("content-encoding", "br")), b"\x1f\x8b", COUNTED),
        ((("content-encoding", "gzip"),), LINK, "encoded pages that were damaged or cut short"),
        ((("content-type", "application/xhtml+xml"),), LINK, "XHTML pages passed unread"),
        ((("content-type", "text/html; charset=utf-16"),), b"\xff\xfe<\0a\0", "pages in an unreadable charset"),
        ((("content-type", "text/html; charset=iso-2022-jp"),), LINK, "pages in an unreadable charset"),
        ((), LINK.decode().encode("utf-16"), "pages with places that could not be judged"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_passes_and_is_counted(
    face: str, headers: tuple[tuple[str, str], ...], body: bytes, counted: str, tmp_path: Path
) -> None:
    kind = () if any(name == "content-type" for name, _ in headers) else (("content-type", "text/html"),)
    site = counting(face, Site(200, (*kind, *headers), (body,)), tmp_path)
    assert site.ask().body == body
    assert counts(site, tmp_path) == {counted: 1}


@faces
def test_a_file_that_comes_encoded_is_not_touched(face: str) -> None:
    body = gzip.compress(LINK)
    site = Site(200, (("content-type", "application/gzip"), ("content-encoding", "gzip")), (body,))
    assert portal(face, site).ask().body == body


# --- ranges


def seen(face: str, *headers: tuple[str, str], method: str = "GET", **settings: str) -> dict[str, str | None]:
    """How the app is shown the conditions of a request, by what is edited."""
    edits: dict[str, str | None] = {}

    def view(visited: Any) -> Site:
        edits.update(visited._exchange.edits)
        return page_of("x")

    portal(face, view, **settings).ask("/", *headers, method=method)
    return edits


@faces
@pytest.mark.parametrize(
    ("headers", "method", "edited"),
    [
        ((*BROWSER, ("range", "bytes=0-9")), "GET", {"range": None}),
        ((*BROWSER, ("range", "bytes=0-9"), ("if-range", '"v1"')), "GET", {"range": None, "if-range": None}),
        ((("accept", "*/*"), ("range", "bytes=0-9"), ("if-range", '"v1"')), "GET", {}),  # a film, a file to be resumed
        ((*BROWSER, ("range", "bytes=0-9")), "PUT", {}),
    ],
)
def test_no_part_of_a_page_is_asked_for(
    face: str, headers: tuple[tuple[str, str], ...], method: str, edited: dict[str, str | None]
) -> None:
    found = seen(face, *headers, method=method)
    found.pop("accept-encoding", None)
    assert found == edited


@faces
def test_parts_pass_untouched(face: str) -> None:
    part = Site(
        206, (("content-type", "text/html"), ("content-range", "bytes 0-9/99"), ("content-length", "10")), (LINK[:10],)
    )
    answer = portal(face, part).ask("/", ("accept", "*/*"), ("range", "bytes=0-9"))
    assert (answer.status, answer.body, header(answer, "content-length")) == (206, LINK[:10], "10")


# --- five ways through a site, as docs/outbound.md tells them


def app(face: str, tmp_path: Path, **settings: str) -> Portal:
    """A portal with a login elsewhere, a payment elsewhere, a file, a fragment, and a page."""
    answers = {
        "/login": Site(302, (("location", "https://login.example/authorize?state=1"), ("set-cookie", "state=1")), ()),
        "/pay": page_of('<form method="post" action="https://pay.example/charge"><input name="sum"></form>'),
        "/file": page(LINK, ("content-disposition", 'attachment; filename="page.html"'), ("accept-ranges", "bytes")),
        "/fragment": page(LINK),
        "/page": page(LINK, ("etag", '"v1"'), ("last-modified", "Tue, 24 Nov 2026 00:00:00 GMT")),
    }
    return counting(face, lambda visited: answers[visited._exchange.path], tmp_path, **settings)


@faces
@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({}, 302),
        ({"outbound_redirects": "allow-list", "outbound_redirect_hosts": "login.example"}, 302),
        ({"outbound_redirects": "allow-list", "outbound_trusted": "*.example"}, 302),
        ({"outbound_redirects": "allow-list"}, 403),
    ],
)
def test_a_login_by_redirect(face: str, settings: dict[str, str], status: int, tmp_path: Path) -> None:
    answer = app(face, tmp_path, **settings).ask("/login")
    assert answer.status == status
    assert ("location" in names(answer)) == (status == 302)
    assert header(answer, "set-cookie") == "state=1"


@faces
def test_a_payment_form(face: str, tmp_path: Path) -> None:
    site = app(face, tmp_path)
    assert b'action="https://pay.example/charge"' in site.ask("/pay").body
    assert counts(site, tmp_path) == {"forms that post to another site": 1}


@faces
def test_a_download(face: str, tmp_path: Path) -> None:
    answer = app(face, tmp_path).ask("/file")
    assert (answer.body, header(answer, "content-length"), header(answer, "accept-ranges")) == (
        LINK,
        str(len(LINK)),
        "bytes",
    )


@faces
def test_a_fragment(face: str, tmp_path: Path) -> None:
    answer = app(face, tmp_path).ask("/fragment", ("accept", "*/*"), ("hx-request", "true"), ("host", HOST))
    assert answer.body.startswith(b'<a rel="external nofollow" href="/privacy/leaving/')
    assert header(answer, "content-length") == str(len(answer.body))


@faces
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"mode": "off"}, {}),
        ({"outbound_mode": "off"}, {}),
        ({"outbound_mode": "annotate"}, {"outbound_mode": "interstitial"}),
        ({}, {"outbound_paths": "/page=annotate"}),
        ({}, {"outbound_blocked": "other.example"}),
        ({}, {"outbound_redirects": "allow-list"}),
        ({}, {"mail_links": "off"}),
        ({}, {"personal_fields": "member_id"}),
    ],
)
def test_a_page_cached_from_before_a_change(
    face: str, before: dict[str, str], after: dict[str, str], tmp_path: Path
) -> None:
    """The browser asks whether its copy is still good; the app, which knows of no change, must not say so."""
    tag = header(app(face, tmp_path / "before", **before).ask("/page"), "etag")
    edits: dict[str, str | None] = {}

    def view(visited: Any) -> Site:
        edits.update(visited._exchange.edits)
        return page_of("x")

    sent = (("if-none-match", tag), ("if-modified-since", "Tue, 24 Nov 2026 00:00:00 GMT"))
    portal(face, view, **after).ask("/page", *NAVIGATION, *sent)
    assert edits["if-none-match"] is None
    assert edits["if-modified-since"] is None


# --- real servers

SERVERS = [
    pytest.param(gunicorn, "answers:wsgi", ["--worker-class", "gthread", "--threads", "2"], id="gunicorn"),
    pytest.param(uvicorn, "answers:asgi", [], id="uvicorn"),
]
ENVIRON = {"PRIVACYMW_DATA": "none", "PRIVACYMW_SECRET_KEY": SECRET, "PRIVACYMW_OUTBOUND_REDIRECTS": "allow-list"}


@pytest.mark.servers
@pytest.mark.parametrize(("start", "app", "options"), SERVERS)
def test_one_connection_carries_answers_of_every_framing(start: Any, app: str, options: list[str]) -> None:
    """A length that is false by one byte would shift all that follows it on the connection."""
    with start(app, folder=Path(__file__).parent / "apps", env=ENVIRON, options=options) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.connect()
        socket = connection.sock
        for _ in range(3):
            for path in ("/small", "/stream", "/large", "/gzip", "/file", "/held"):
                for method in ("GET", "HEAD"):
                    connection.request(method, path, headers={"Accept": "text/html"})
                    answer = connection.getresponse()
                    check_framing(path, method, answer)
                    assert connection.sock is socket, "the connection is kept"
        connection.close()
        assert "Traceback" not in server.log, server.log


def check_framing(path: str, method: str, answer: HTTPResponse) -> None:
    body = answer.read()
    length = answer.getheader("content-length")
    assert answer.status == (403 if path == "/held" else 200)
    if method == "HEAD":
        assert body == b""
        assert (length is not None) == (path in ("/file", "/held"))
    else:
        assert (length == str(len(body))) == (path in ("/small", "/gzip", "/file", "/held"))
        plain = gzip.decompress(body) if answer.getheader("content-encoding") == "gzip" else body
        assert (b"/privacy/leaving/" in plain) == (path not in ("/file", "/held"))


# --- two layers


@faces
@pytest.mark.parametrize("coding", ["", "gzip"])
def test_two_layers_of_a_small_page_have_one_effect(face: str, coding: str) -> None:
    body = packed(LINK, coding) if coding else LINK
    view = page(body, *([("content-encoding", coding)] if coding else []), ("etag", '"v1"'), size=7)
    inner, outer = portal(face).started.pipeline, portal(face).started.pipeline
    if face == "wsgi":
        twice = wsgi.PrivacyMiddleware(wsgi.PrivacyMiddleware(wsgi_app(view), inner), outer)
        answer = ask_wsgi(twice, environ_of(Request(headers=BROWSER))).answer
    else:
        double = asgi.PrivacyMiddleware(asgi.PrivacyMiddleware(asgi_app(view), inner), outer)
        answer = ask_asgi(double, scope_of(Request(headers=BROWSER))).answer
    assert answer == portal(face, view).ask()
