"""What only WSGI can do: late starts, second starts, write(), close(), file wrappers, bodies to read."""

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

import pytest

from faces import (
    Always,
    Begins,
    Ends,
    Heard,
    Hides,
    Pages,
    Refuses,
    Request,
    Shouts,
    ask_wsgi,
    environ_of,
    fails,
    pipeline,
    validated,
)
from privacymw.core import MARKER, Exchange, Keeper, Outcome, text_reply
from privacymw.wsgi import PrivacyMiddleware

App = Callable[[dict[str, Any], Any], Iterable[bytes]]
HTML = [("Content-Type", "text/html")]
PIPES: dict[str, tuple[type[Keeper], ...]] = {"plain": (), "fixed": (Always,), "rewriting": (Always, Shouts)}
SENT = {"plain": b"<p>hi</p>", "fixed": b"<p>hi</p>", "rewriting": b"<P>HI</P><!-- end -->"}


class Body:
    """An iterator with close(), which remembers what was done to it."""

    def __init__(self, *chunks: bytes, breaks: bool = False) -> None:
        self.chunks = list(chunks)
        self.breaks = breaks
        self.closed = 0
        self.given = 0

    def __iter__(self) -> "Body":
        return self

    def __next__(self) -> bytes:
        if self.chunks:
            self.given += 1
            return self.chunks.pop(0)
        if self.breaks:
            fails()
        raise StopIteration

    def close(self) -> None:
        self.closed += 1


# --- apps of every make


def listed(_environ: Any, start: Any) -> Iterable[bytes]:
    start("200 OK", HTML)
    return [b"<p>", b"hi</p>"]


def tupled(_environ: Any, start: Any) -> Iterable[bytes]:
    start("200 OK", HTML)
    return (b"<p>hi</p>",)


def late(_environ: Any, start: Any) -> Iterator[bytes]:
    start("200 OK", HTML)
    yield b"<p>"
    yield b""
    yield b"hi</p>"


def iterating(_environ: Any, start: Any) -> Iterable[bytes]:
    start("200 OK", HTML)
    return Body(b"<p>hi", b"</p>")


def writing(_environ: Any, start: Any) -> Iterable[bytes]:
    write = start("200 OK", HTML)
    write(b"<p>")
    write(b"h")
    return [b"i</p>"]


def only_writing(_environ: Any, start: Any) -> Iterable[bytes]:
    start("200 OK", HTML)(b"<p>hi</p>")
    return []


def changing_its_mind(_environ: Any, start: Any) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "text/plain"), ("X-First", "1")])
    try:
        fails()
    except ValueError:
        start("200 OK", HTML, sys.exc_info())
    return [b"<p>hi</p>"]


def changing_its_mind_late(_environ: Any, start: Any) -> Iterator[bytes]:
    yield from changing_its_mind(_environ, start)


APPS: list[App] = [
    listed, tupled, late, iterating, writing, only_writing, changing_its_mind, changing_its_mind_late
]  # fmt: skip


@pytest.mark.parametrize("kind", PIPES)
@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize("check", [True, False], ids=["validated", "bare"])
def test_apps_of_every_make(app: App, kind: str, check: bool) -> None:
    ends = Ends()
    pipe = pipeline(*(make() for make in PIPES[kind]), ends)
    answer = ask_wsgi(validated(app, pipe) if check else PrivacyMiddleware(app, pipe), environ_of(Request())).answer
    assert (answer.status, answer.body) == (200, SENT[kind])
    assert [name for name, _ in answer.headers][:1] == ["content-type"]
    assert len(answer.headers) == (1 if kind == "plain" else 4)
    assert ends.seen == [(Outcome.ENDED, 200, False)]


@pytest.mark.parametrize("app", APPS)
def test_a_fallback_replaces_apps_of_every_make(app: App) -> None:
    def missing(environ: Any, start: Any) -> Iterable[bytes]:
        return app(environ, lambda _, *rest: start("404 Not Found", *rest))

    ends = Ends()
    answer = ask_wsgi(validated(missing, pipeline(Pages(), ends)), environ_of(Request(path="/privacy"))).answer
    assert (answer.status, answer.body) == (200, b"fallback")
    assert ends.seen == [(Outcome.ENDED, 200, True)]


# --- nothing stands between the server and what it can send itself


@pytest.mark.parametrize("body", [[b"a", b"b"], (b"a",), []])
@pytest.mark.parametrize("keepers", [(), (Always, Hides)])
def test_a_whole_body_is_returned_itself(body: Any, keepers: tuple[type[Keeper], ...]) -> None:
    app = _answering(body)
    face = PrivacyMiddleware(app, pipeline(*(make() for make in keepers)))
    assert face(environ_of(Request()), Heard().start_response) is body


@pytest.mark.parametrize(("keeper", "itself"), [(Always, True), (Shouts, False)])
def test_a_file_wrapper_is_returned_itself(keeper: type[Keeper], itself: bool) -> None:
    environ = {**environ_of(Request()), "wsgi.file_wrapper": FileWrapper}
    body, ends, heard = FileWrapper(io.BytesIO(b"<p>hi</p>")), Ends(), Heard()
    returned = PrivacyMiddleware(_answering(body), pipeline(keeper(), ends))(environ, heard.start_response)
    assert (returned is body) is itself
    assert heard.take(returned).answer.body == (b"<p>hi</p>" if itself else SENT["rewriting"])
    assert ends.seen == [(Outcome.ENDED, 200, False)]


def test_a_file_wrapper_that_is_a_function_is_watched() -> None:
    environ = {**environ_of(Request()), "wsgi.file_wrapper": lambda file: iter(file.readline, b"")}
    ends = Ends()
    body = environ["wsgi.file_wrapper"](io.BytesIO(b"one\ntwo\n"))
    assert ask_wsgi(PrivacyMiddleware(_answering(body), pipeline(ends)), environ).answer.body == b"one\ntwo\n"
    assert ends.seen == [(Outcome.ENDED, 200, False)]


def _answering(body: Any) -> App:
    def app(_environ: Any, start: Any) -> Iterable[bytes]:
        start("200 OK", HTML)
        returned: Iterable[bytes] = body
        return returned

    return app


# --- close


@pytest.mark.parametrize("keeper", [Keeper, Shouts])
@pytest.mark.parametrize(
    ("chunks", "taken", "outcome"),
    [(2, 9, Outcome.ENDED), (2, 1, Outcome.GONE), (2, 0, Outcome.GONE), (0, 9, Outcome.ENDED)],
)
def test_close_once(keeper: type[Keeper], chunks: int, taken: int, outcome: Outcome) -> None:
    body, ends = Body(*[b"x"] * chunks), Ends()
    face = PrivacyMiddleware(_answering(body), pipeline(keeper(), ends))
    returned: Any = face(environ_of(Request()), Heard().start_response)
    if taken:
        for _ in zip(range(taken), returned, strict=False):
            pass
    assert ends.seen == []
    returned.close()
    returned.close()
    assert body.closed == 1
    assert ends.seen == [(outcome, 200, False)]


def test_a_body_is_taken_no_faster_than_it_is_sent() -> None:
    body = Body(b"a", b"b", b"c")
    returned = PrivacyMiddleware(_answering(body), pipeline(Shouts()))(environ_of(Request()), Heard().start_response)
    for number, _ in zip(range(1, 4), returned, strict=False):
        assert body.given == number
    returned.close()  # type: ignore[attr-defined]


def test_a_failing_close_still_finishes() -> None:
    class Fails(Body):
        def close(self) -> None:
            fails()

    ends = Ends()
    with pytest.raises(ValueError, match="Jane"):
        ask_wsgi(PrivacyMiddleware(_answering(Fails(b"a")), pipeline(ends)), environ_of(Request()))
    assert ends.seen == [(Outcome.ENDED, 200, False)]


# --- exceptions


def raises_at_once(_environ: Any, _start: Any) -> Iterable[bytes]:
    return fails()  # type: ignore[no-any-return]


def raises_after_start(_environ: Any, start: Any) -> Iterable[bytes]:
    start("200 OK", HTML)
    return fails()  # type: ignore[no-any-return]


def raises_before_late_start(_environ: Any, _start: Any) -> Iterator[bytes]:
    fails()
    yield b""


def raises_between_chunks(_environ: Any, start: Any) -> Iterable[bytes]:
    start("200 OK", HTML)
    return Body(b"<p>", breaks=True)


def starts_again_too_late(_environ: Any, start: Any) -> Iterator[bytes]:
    start("200 OK", HTML)
    yield b"<p>"
    try:
        fails()
    except ValueError:
        start("500 Oh", HTML, sys.exc_info())
    yield b"never"


BREAKING: list[App] = [
    raises_at_once, raises_after_start, raises_before_late_start, raises_between_chunks,
    starts_again_too_late,
]  # fmt: skip


@pytest.mark.parametrize("kind", PIPES)
@pytest.mark.parametrize("app", BREAKING)
def test_exceptions_pass_through(app: App, kind: str) -> None:
    ends = Ends()
    face = validated(app, pipeline(*(make() for make in PIPES[kind]), ends))
    with pytest.raises(ValueError, match="Jane Doe"):
        ask_wsgi(face, environ_of(Request()))
    assert ends.seen == [(Outcome.RAISED, 500, False)]


def test_a_timeout_that_is_no_exception_is_no_lost_client() -> None:
    def app(_environ: Any, start: Any) -> Iterator[bytes]:
        start("200 OK", HTML)
        yield b"a"
        raise SystemExit(1)

    ends = Ends()
    with pytest.raises(SystemExit):
        ask_wsgi(PrivacyMiddleware(app, pipeline(ends)), environ_of(Request()))
    assert ends.seen == [(Outcome.RAISED, 500, False)]


def test_an_error_page_in_place_of_the_answer() -> None:
    def app(_environ: Any, start: Any) -> Iterable[bytes]:
        start("200 OK", [*HTML, ("Set-Cookie", "a=1")])
        try:
            fails()
        except ValueError:
            start("500 Oh", [("Content-Type", "text/plain")], sys.exc_info())
        return [b"oh"]

    ends = Ends()
    answer = ask_wsgi(validated(app, pipeline(Shouts(), Always(), ends)), environ_of(Request())).answer
    assert (answer.status, answer.body) == (500, b"oh")
    assert "set-cookie" not in dict(answer.headers)
    assert ends.seen == [(Outcome.ENDED, 500, False)]


def test_starting_twice_without_a_reason_is_the_servers_matter() -> None:
    def app(_environ: Any, start: Any) -> Iterable[bytes]:
        start("200 OK", HTML)
        start("200 OK", HTML)
        return []

    with pytest.raises(AssertionError, match="called again"):
        ask_wsgi(PrivacyMiddleware(app, pipeline()), environ_of(Request()))


@pytest.mark.parametrize(("line", "status"), [("2", 2), ("", 500), ("abc", 500), ("\uff12\uff10\uff10 OK", 500)])
def test_junk_for_a_status(line: str, status: int) -> None:
    def app(_environ: Any, start: Any) -> Iterable[bytes]:
        start(line, HTML)
        return [b""]

    ends, heard = Ends(), Heard()
    PrivacyMiddleware(app, pipeline(ends))(environ_of(Request()), heard.start_response)
    assert heard.status == line
    assert ends.seen == [(Outcome.ENDED, status, False)]


# --- bodies that a job reads


class Input(io.BytesIO):
    """Gives at most three bytes a read, as a slow client does, and knows how much was read."""

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size > 0
        return super().read(min(size, 3))


@pytest.mark.parametrize(
    ("length", "terminated", "body", "status", "got", "read"),
    [
        ("5", False, b"a=123 and more", 200, b"a=123", 5),
        ("0", False, b"more", 200, b"", 0),
        ("0005", False, b"a=123more", 200, b"a=123", 5),
        ("16", False, b"x" * 16, 200, b"x" * 16, 16),
        ("17", False, b"x" * 17, 413, None, 0),
        ("9" * 18, False, b"x", 413, None, 0),
        ("9" * 5_000, False, b"x", 413, None, 0),
        ("5", False, b"a=1", 400, None, 3),
        (None, True, b"a=123", 200, b"a=123", 5),
        (None, True, b"x" * 16, 200, b"x" * 16, 16),
        (None, True, b"x" * 99, 413, None, 17),
        (None, True, b"", 200, b"", 0),
        (None, False, b"not ours to read", 200, b"", 0),
        ("", False, b"not ours to read", 200, b"", 0),
        ("-1", False, b"x", 400, None, 0),
        ("1.5", True, b"x", 400, None, 0),
        ("0x5", False, b"x", 400, None, 0),
        (" 5", False, b"x", 400, None, 0),
        ("\u0665", False, b"x", 400, None, 0),
        ("5²", False, b"x", 400, None, 0),
    ],
)
def test_reading_a_form(
    length: str | None, terminated: bool, body: bytes, status: int, got: bytes | None, read: int
) -> None:
    stream, ends = Input(body), Ends()
    environ = {**environ_of(Request("POST", "/privacy/form")), "wsgi.input": stream}
    environ["wsgi.input_terminated"] = terminated
    environ |= {} if length is None else {"CONTENT_LENGTH": length}
    answer = ask_wsgi(PrivacyMiddleware(listed, pipeline(Pages(), ends)), environ).answer
    assert (answer.status, stream.tell()) == (status, read)
    assert got is None or answer.body == got
    assert ends.seen == [(Outcome.ENDED, status, True)]


def test_a_form_whose_client_breaks_off_is_finished() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError

    ends = Ends()
    environ = {**environ_of(Request("POST", "/privacy/form", body=b"a=1")), "wsgi.input": Broken()}
    with pytest.raises(OSError):
        ask_wsgi(PrivacyMiddleware(listed, pipeline(Pages(), ends)), environ)
    assert ends.seen == [(Outcome.RAISED, 500, True)]


def test_uploads_are_not_read_for_the_app() -> None:
    stream, seen = Input(b"x" * 9), []

    def app(environ: dict[str, Any], start: Any) -> Iterator[bytes]:
        assert environ["wsgi.input"] is stream
        start("200 OK", HTML)
        while chunk := environ["wsgi.input"].read(4):
            yield chunk

    environ = {**environ_of(Request("POST", body=b"x" * 9)), "wsgi.input": stream}
    returned = PrivacyMiddleware(app, pipeline(Always(), Hides()))(environ, Heard().start_response)
    for chunk in returned:
        seen.append((chunk, stream.tell()))
    assert seen == [(b"xxx", 3), (b"xxx", 6), (b"xxx", 9)]


# --- what the app is shown


@pytest.mark.parametrize(
    ("path", "decoded"),
    [
        ("/caf\xc3\xa9", "/café"),
        ("/caf\xe9", "/caf\ufffd"),
        ("/\xff\xfe", "/\ufffd\ufffd"),
        ("/a%2Fb", "/a%2Fb"),
        ("/\u65e5", "/?"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("key", ["PATH_INFO", "SCRIPT_NAME"])
def test_paths_are_decoded(path: str, decoded: str, key: str) -> None:
    begins = Begins()
    environ = {**environ_of(Request()), key: path}
    ask_wsgi(PrivacyMiddleware(listed, pipeline(begins)), environ)
    assert (begins.seen[0].path if key == "PATH_INFO" else begins.seen[0].root) == decoded
    assert environ[key] == path


def test_an_environ_without_paths_peer_or_query() -> None:
    begins = Begins()
    environ = {"REQUEST_METHOD": "GET", "wsgi.url_scheme": "http", "REMOTE_ADDR": ""}
    ask_wsgi(PrivacyMiddleware(listed, pipeline(begins)), environ)
    assert (begins.seen[0].root, begins.seen[0].path, begins.seen[0].query) == ("", "", "")


def test_edits_are_for_the_app_alone() -> None:
    shown: list[dict[str, Any]] = []

    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        shown.append(environ)
        return listed(environ, start)

    environ = environ_of(Request(headers=(("cookie", "a=1"), ("accept-encoding", "br"))))
    ask_wsgi(validator(PrivacyMiddleware(app, pipeline(Hides()))), environ)
    assert environ["HTTP_COOKIE"] == "a=1"
    assert environ["HTTP_ACCEPT_ENCODING"] == "br"
    assert "HTTP_COOKIE" not in shown[0]
    assert shown[0]["HTTP_ACCEPT_ENCODING"] == "identity"
    assert shown[0][MARKER] is environ[MARKER]


def test_the_environ_itself_is_passed_where_nothing_is_hidden() -> None:
    shown: list[int] = []

    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        shown.append(id(environ))
        return listed(environ, start)

    environ = environ_of(Request())
    ask_wsgi(PrivacyMiddleware(app, pipeline(Always())), environ)
    assert shown == [id(environ)]


def test_the_app_is_not_asked_where_we_answer() -> None:
    for path, keeper in (("/", Refuses()), ("/privacy/notice", Pages()), ("/privacy/form", Pages())):
        ask_wsgi(validated(raises_at_once, pipeline(keeper)), environ_of(Request(path=path)))


@pytest.mark.parametrize(("status", "line"), [(451, "451 Unavailable For Legal Reasons"), (299, "299 Unknown")])
def test_status_lines_of_our_own(status: int, line: str) -> None:
    class Says(Keeper):
        def on_request(self, exchange: Exchange) -> None:
            exchange.answer(text_reply(status, ""))

    assert ask_wsgi(validated(listed, pipeline(Says())), environ_of(Request())).status == line


def test_content_type_and_length_have_names_of_their_own() -> None:
    class Reads(Begins):
        reads = ("content-type", "content-length", "x-a-b")

    begins = Reads()
    environ = {**environ_of(Request()), "CONTENT_TYPE": "a/b", "CONTENT_LENGTH": "1", "HTTP_X_A_B": "c"}
    ask_wsgi(PrivacyMiddleware(listed, pipeline(begins)), environ)
    assert begins.seen[0].headers == {"content-type": "a/b", "content-length": "1", "x-a-b": "c"}


def test_a_server_that_refuses_the_start_finishes_the_exchange() -> None:
    def refuse(*_arguments: Any) -> Any:
        fails()

    ends = Ends()
    with pytest.raises(ValueError, match="Jane"):
        PrivacyMiddleware(listed, pipeline(Refuses(), ends))(environ_of(Request()), refuse)
    assert ends.seen == [(Outcome.RAISED, 500, True)]
