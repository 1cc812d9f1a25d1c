"""What only ASGI can do: interleaving, extensions, WebSockets, lifespan, lost clients, two event loops."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
import trio

from faces import (
    LOOPS,
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
    Wire,
    asgi_app,
    ask_asgi,
    body_messages,
    fails,
    pipeline,
    run_asyncio,
    scope_of,
)
from privacymw.asgi import App, Message, PrivacyMiddleware, Receive, Scope, Send
from privacymw.core import MARKER, Exchange, Job, Keeper, Outcome, Reply, text_reply
from privacymw.headers import Pairs
from privacymw.modes import Observing, Off
from privacymw.pipeline import Pipeline

START: Message = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]}
LAST: Message = {"type": "http.response.body", "body": b"<p>"}
PATHSEND: Message = {"type": "http.response.pathsend", "path": "/a/file"}


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return LOOPS[request.param]


def sending(*messages: Message) -> App:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


# --- nothing is held back


@pytest.mark.parametrize("keeper", [Keeper, Shouts])
def test_an_event_goes_out_before_the_next_is_made(keeper: type[Keeper], run: Callable[..., Any]) -> None:
    events: list[str] = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(START)
        for number in range(3):
            events.append(f"made {number}")
            await send({"type": "http.response.body", "body": b"data: x\n\n", "more_body": True})
        await send({"type": "http.response.body"})

    async def hear(message: Message) -> None:
        events.append("heard" if message["type"] == "http.response.body" else "start")

    run(PrivacyMiddleware(app, pipeline(keeper())), scope_of(Request()), Wire().receive, hear)
    assert events == ["start", "made 0", "heard", "made 1", "heard", "made 2", "heard", "heard"]


def test_the_first_byte_is_out_before_the_last_is_in(run: Callable[..., Any]) -> None:
    events: list[bytes] = []
    says = list(body_messages(b"in 1", b"in 2"))

    async def echo(_scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        more = True
        while more:
            message = await receive()
            more = message["more_body"]
            await send({"type": "http.response.body", "body": message["body"], "more_body": more})

    async def say() -> Message:
        events.append(says[0]["body"])
        return says.pop(0)

    async def hear(message: Message) -> None:
        events.append(message.get("body", b"start").upper())

    run(PrivacyMiddleware(echo, pipeline(Always(), Hides())), scope_of(Request("POST")), say, hear)
    assert events == [b"START", b"in 1", b"IN 1", b"in 2", b"IN 2"]


# --- extensions and odd messages

EXTENSIONS: dict[str, dict[str, str]] = {
    "http.response.pathsend": {},
    "http.response.zerocopysend": {},
    "http.response.trailers": {},
}


@pytest.mark.parametrize(
    ("keeper", "seen"),
    [(Always, set(EXTENSIONS)), (Shouts, {"http.response.trailers"}), (Hides, set(EXTENSIONS))],
)
def test_sending_files_is_hidden_only_from_what_is_rewritten(keeper: type[Keeper], seen: set[str]) -> None:
    shown: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        shown.append(scope)
        await send(START)
        await send(LAST)

    scope = scope_of(Request(), extensions=EXTENSIONS)
    ask_asgi(PrivacyMiddleware(app, pipeline(keeper())), scope)
    assert set(shown[0]["extensions"]) == seen
    assert set(scope["extensions"]) == set(EXTENSIONS)


PASSING: dict[str, list[Message]] = {
    "path-send": [START, PATHSEND],
    "zero-copy": [START, {"type": "http.response.zerocopysend", "file": 3, "more_body": False}],
    "early hints": [{"type": "http.response.early_hint", "links": [b"</a>"]}, START, LAST],
    "trailers": [
        {**START, "trailers": True},
        LAST,
        {"type": "http.response.trailers", "headers": [(b"x", b"y")], "more_trailers": False},
    ],
    "debug": [{"type": "http.response.debug", "info": {"template": "a"}}, START, LAST],
    "push": [{"type": "http.response.push", "path": "/a", "headers": []}, START, LAST],
}


@pytest.mark.parametrize("name", PASSING)
def test_messages_that_pass(name: str) -> None:
    ends = Ends()
    wire = ask_asgi(PrivacyMiddleware(sending(*PASSING[name]), pipeline(ends)), scope_of(Request()))
    assert wire.heard == PASSING[name]
    assert ends.seen == [(Outcome.ENDED, 200, False)]


def test_trailers_pass_a_transform() -> None:
    wire = ask_asgi(PrivacyMiddleware(sending(*PASSING["trailers"]), pipeline(Shouts())), scope_of(Request()))
    assert wire.heard == [
        *PASSING["trailers"][:1],
        {**LAST, "body": b"<P><!-- end -->"},
        PASSING["trailers"][2],
    ]


def test_what_follows_a_replaced_answer_is_dropped() -> None:
    messages: list[Message] = [{**START, "status": 404}, {**LAST, "more_body": True}, LAST, *PASSING["trailers"][2:]]
    ends, fed = Ends(), []

    class Watches(Keeper):
        def on_response(self, exchange: Exchange, headers: Pairs) -> Pairs:
            exchange.transform = self
            return headers

        def feed(self, chunk: bytes) -> bytes:
            fed.append(chunk)
            return chunk

        def close(self) -> bytes:
            return b""

    app = PrivacyMiddleware(sending(*messages), pipeline(Watches(), Pages(), ends))
    assert ask_asgi(app, scope_of(Request(path="/privacy"))).answer.body == b"fallback"
    assert ends.seen == [(Outcome.ENDED, 200, True)]
    assert fed == []


def test_an_answer_is_replaced_at_once() -> None:
    heard: list[list[str]] = []
    wire = Wire()

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({**START, "status": 404})
        heard.append(wire.kinds)
        await send(LAST)
        heard.append(wire.kinds)

    face = PrivacyMiddleware(app, pipeline(Pages()))
    run_asyncio(face, scope_of(Request(path="/privacy")), wire.receive, wire.send)
    assert heard == [["http.response.start", "http.response.body"]] * 2


HEADERS: list[Any] = [
    [(b"Content-Type", b"text/html"), (b"CONTENT-LENGTH", b"3"), (b"X-A", b"1")],
    [[b"Content-Type", b"text/html"], [b"content-length", b"3"], [b"X-A", b"1"]],
    ((b"content-type", b"text/html"), (b"content-length", b"3"), (b"X-A", b"1")),
]


@pytest.mark.parametrize("headers", [*HEADERS, None], ids=["upper", "lists", "tuple", "generator"])
def test_sloppy_headers(headers: Any) -> None:
    given = (pair for pair in HEADERS[0]) if headers is None else headers
    app = PrivacyMiddleware(sending({**START, "headers": given}, LAST), pipeline(Shouts(), Always()))
    answer = ask_asgi(app, scope_of(Request())).answer
    assert answer.headers[:2] == [("x-a", "1"), ("content-type", "text/html")]
    assert "content-length" not in dict(answer.headers)


def test_the_apps_own_messages_are_not_changed() -> None:
    start = {**START, "headers": [(b"content-type", b"text/html")]}
    last = dict(LAST)
    ask_asgi(PrivacyMiddleware(sending(start, last), pipeline(Shouts(), Always())), scope_of(Request()))
    assert (start, last) == (START, LAST)


def test_a_start_without_headers() -> None:
    app = PrivacyMiddleware(sending({"type": "http.response.start", "status": 200}, LAST), pipeline(Always()))
    assert ask_asgi(app, scope_of(Request())).answer.headers[0] == ("x-content-type-options", "nosniff")


# --- the scope


@pytest.mark.parametrize(
    ("root", "path", "split"),
    [
        ("", "/a", ("", "/a")),
        ("/app", "/app/a", ("/app", "/a")),
        ("/app", "/app", ("/app", "")),
        ("/app", "/app/", ("/app", "/")),
        ("/app", "/a", ("/app", "/a")),
        ("/app", "/apple/a", ("/app", "/apple/a")),
        ("/app", "/app/app/a", ("/app", "/app/a")),
        ("/app/", "/app/a", ("/app", "/a")),
        ("/", "/a", ("", "/a")),
    ],
)
def test_mounts(root: str, path: str, split: tuple[str, str]) -> None:
    begins = Begins()
    scope = {**scope_of(Request()), "root_path": root, "path": path}
    ask_asgi(PrivacyMiddleware(asgi_app(Site()), pipeline(begins)), scope)
    assert (begins.seen[0].root, begins.seen[0].path) == split


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ([(b"cookie", b"a=1"), (b"cookie", b"b=2")], {"cookie": "a=1; b=2"}),
        ([(b"accept", b"a"), (b"x", b"y"), (b"accept", b"b")], {"accept": "a, b"}),
        ([(b"cookie", b"\xe9\xff")], {"cookie": "\xe9\xff"}),
        ([], {}),
    ],
)
def test_several_fields_of_one_name(headers: list[tuple[bytes, bytes]], text: dict[str, str]) -> None:
    begins = Begins()
    ask_asgi(PrivacyMiddleware(asgi_app(Site()), pipeline(begins)), {**scope_of(Request()), "headers": headers})
    assert begins.seen[0].headers == text


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_scope_with_what_must_be_there_alone(kind: str) -> None:
    begins = Begins()
    scope = {"type": kind, "path": "/a", "headers": [], "method": "GET", "query_string": b""}
    scope = scope if kind == "http" else {"type": kind, "path": "/a", "headers": []}
    ask_asgi(PrivacyMiddleware(asgi_app(Site()), pipeline(begins)), scope)
    (got,) = begins.seen
    assert (got.method, got.root, got.path, got.query, got.scheme) == ("GET", "", "/a", "", "http")


@pytest.mark.parametrize("client", [None, (), ("192.0.2.1", 1), ["192.0.2.1", 1]])
def test_clients(client: Any) -> None:
    app = PrivacyMiddleware(asgi_app(Site()), pipeline(Begins()))
    assert ask_asgi(app, scope_of(Request(), client=client)).answer.status == 200


def test_edits_are_for_the_app_alone() -> None:
    shown: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        shown.append(scope)
        await send(START)
        await send(LAST)

    scope = scope_of(Request(headers=(("cookie", "a=1"), ("accept-encoding", "br"), ("cookie", "b=2"), ("x", "y"))))
    ask_asgi(PrivacyMiddleware(app, pipeline(Hides())), scope)
    assert shown[0]["headers"] == [(b"x", b"y"), (b"accept-encoding", b"identity")]
    assert len(scope["headers"]) == 4
    assert shown[0][MARKER] is scope[MARKER]


def test_the_scope_itself_is_passed_where_nothing_is_hidden() -> None:
    shown: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        shown.append(scope)

    scope = scope_of(Request(), extensions=EXTENSIONS)
    ask_asgi(PrivacyMiddleware(app, pipeline(Always())), scope)
    assert shown[0] is scope


# --- a long page leaves the event loop to others


async def beside_asyncio(face: App, scope: Scope, wire: Wire, ticks: list[int]) -> None:
    async def tick() -> None:
        while True:
            ticks.append(len(wire.heard))
            await asyncio.sleep(0)

    task = asyncio.create_task(tick())
    await face(scope, wire.receive, wire.send)
    task.cancel()


async def beside_trio(face: App, scope: Scope, wire: Wire, ticks: list[int]) -> None:
    async def tick() -> None:
        while True:
            ticks.append(len(wire.heard))
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick)
        await face(scope, wire.receive, wire.send)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("size", [0, 1, 8_192, 8_193, 16_384, 1_000_001])
@pytest.mark.parametrize("more", [False, True])
def test_a_long_body_is_rewritten_in_slices(size: int, more: bool, run: Callable[..., Any]) -> None:
    bodies: list[Message] = [{"type": "http.response.body", "body": b"abc" * size, "more_body": more}]
    face = PrivacyMiddleware(sending(START, *bodies, *([LAST] if more else [])), pipeline(Shouts()))
    wire, ticks = Wire(), list[int]()
    run(beside_trio if run is trio.run else beside_asyncio, face, scope_of(Request()), wire, ticks)
    end = b"<P><!-- end -->" if more else b"<!-- end -->"
    assert b"".join(message["body"] for message in wire.heard[1:]) == b"ABC" * size + end
    between = [heard for heard in ticks if heard == 1]
    assert len(between) >= 3 * size // 8_192 - 2  # others had their turn after each slice


# --- exceptions and lost clients


@pytest.mark.parametrize("sent", [[], [START], [START, {**LAST, "more_body": True}], [START, LAST]])
@pytest.mark.parametrize("keepers", [(), (Always, Shouts)])
def test_exceptions_pass_through(sent: list[Message], keepers: Any, run: Callable[..., Any]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await sending(*sent)(scope, receive, send)
        fails()

    ends, wire = Ends(), Wire()
    face = PrivacyMiddleware(app, pipeline(*(make() for make in keepers), ends))
    with pytest.raises(ValueError, match="Jane Doe"):
        run(face, scope_of(Request()), wire.receive, wire.send)
    assert wire.kinds == [message["type"] for message in sent]
    assert ends.seen == [(Outcome.RAISED, 500, False)]


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ([], (Outcome.GONE, 499, False)),
        ([START], (Outcome.GONE, 200, False)),
        ([START, {**LAST, "more_body": True}], (Outcome.GONE, 200, False)),
        ([START, LAST], (Outcome.ENDED, 200, False)),
    ],
)
def test_an_app_that_stops_when_the_client_goes(sent: list[Message], seen: Any, run: Callable[..., Any]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await sending(*sent)(scope, receive, send)
        assert (await receive())["type"] == "http.disconnect"

    ends = Ends()
    wire = Wire({"type": "http.disconnect"})
    run(PrivacyMiddleware(app, pipeline(ends)), scope_of(Request()), wire.receive, wire.send)
    assert ends.seen == [seen]


class Deaf(Wire):
    """A server whose client goes after some messages (ASGI HTTP 2.4)."""

    def __init__(self, after: int) -> None:
        super().__init__(*body_messages(b""))
        self.after = after

    async def send(self, message: Message) -> None:
        if len(self.heard) == self.after:
            raise ConnectionResetError
        await super().send(message)


@pytest.mark.parametrize(
    ("after", "path", "own"),
    [
        (0, "/", False),
        (1, "/", False),
        (2, "/", False),
        (0, "/privacy/notice", True),
        (1, "/privacy/notice", True),
    ],
)
def test_a_server_that_cannot_send(after: int, path: str, own: bool) -> None:
    ends, wire = Ends(), Deaf(after)
    face = PrivacyMiddleware(asgi_app(Site()), pipeline(Pages(), ends))
    with pytest.raises(ConnectionResetError):
        run_asyncio(face, scope_of(Request(path=path)), wire.receive, wire.send)
    assert ends.seen == [(Outcome.GONE, 200, own)]


def test_an_operating_system_error_of_the_app_is_the_apps() -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise FileNotFoundError

    ends, wire = Ends(), Wire()
    with pytest.raises(FileNotFoundError):
        run_asyncio(PrivacyMiddleware(app, pipeline(ends)), scope_of(Request()), wire.receive, wire.send)
    assert ends.seen == [(Outcome.RAISED, 500, False)]


def waiting(*messages: Message) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await sending(*messages)(scope, receive, send)
        await receive()

    return app


async def silence() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def cancelled_by_asyncio(face: App, ends: Ends) -> None:
    async def request() -> None:
        await face(scope_of(Request()), silence, Wire().send)

    task = asyncio.create_task(request())
    for _ in range(9):
        await asyncio.sleep(0)
    assert ends.seen == []
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def cancelled_by_trio(face: App, ends: Ends) -> None:
    with trio.CancelScope() as cancel:

        async def receive() -> Message:
            assert ends.seen == []
            cancel.cancel()
            await trio.sleep_forever()
            raise AssertionError

        await face(scope_of(Request()), receive, Wire().send)


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ([], (Outcome.GONE, 499, False)),
        ([START], (Outcome.GONE, 200, False)),
        ([START, LAST], (Outcome.ENDED, 200, False)),
    ],
)
def test_cancellation(sent: list[Message], seen: Any, run: Callable[..., Any]) -> None:
    ends = Ends()
    face = PrivacyMiddleware(waiting(*sent), pipeline(ends, Always()))
    run(cancelled_by_trio if run is trio.run else cancelled_by_asyncio, face, ends)
    assert ends.seen == [seen]


# --- jobs


class Threads(Keeper):
    """A form that tells in which thread it was run."""

    def __init__(self) -> None:
        self.pages = {"form": lambda exchange, rest: Job(self.run, 16)}
        self.threads: list[threading.Thread] = []

    def run(self, body: bytes) -> Reply:
        self.threads.append(threading.current_thread())
        return text_reply(200, body.decode())


def test_a_job_runs_beside_the_event_loop(run: Callable[..., Any]) -> None:
    keeper = Threads()
    app = PrivacyMiddleware(fails, pipeline(keeper))
    wire = ask_asgi(app, scope_of(Request("POST", "/privacy/form")), *body_messages(b"a", b"", b"=1"), run=run)
    assert wire.answer.body == b"a=1"
    assert keeper.threads[0] is not threading.main_thread()


@pytest.mark.parametrize(
    ("says", "status", "left"),
    [
        ([{"type": "http.request"}], 200, 0),
        (list(body_messages(b"x" * 10, b"x" * 6)), 200, 0),
        (list(body_messages(b"x" * 10, b"x" * 7, b"x", b"x")), 413, 2),
        (list(body_messages(b"x" * 99)), 413, 0),
        ([{"type": "http.request", "body": b"a", "more_body": True}, {"type": "http.disconnect"}], None, 0),
        ([{"type": "http.disconnect"}], None, 0),
    ],
)
def test_reading_a_form(says: list[Message], status: int | None, left: int, run: Callable[..., Any]) -> None:
    ends, keeper = Ends(), Threads()
    wire = Wire(*says)
    run(
        PrivacyMiddleware(fails, pipeline(keeper, ends)),
        scope_of(Request("POST", "/privacy/form")),
        wire.receive,
        wire.send,
    )
    assert len(wire.says) == left
    assert [message["status"] for message in wire.heard[:1]] == ([] if status is None else [status])
    assert len(keeper.threads) == (status == 200)
    assert ends.seen == [(Outcome.GONE, 499, True) if status is None else (Outcome.ENDED, status, True)]


def test_uploads_are_not_read_for_the_app() -> None:
    read: list[int] = []
    wire = Wire(*body_messages(b"a", b"b", b"c"))

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        read.append(len(wire.says))
        await receive()
        read.append(len(wire.says))
        await send(START)
        await send(LAST)

    run_asyncio(
        PrivacyMiddleware(app, pipeline(Always(), Hides(), Shouts())),
        scope_of(Request()),
        wire.receive,
        wire.send,
    )
    assert read == [3, 2]


# --- WebSocket

CONNECT = {"type": "websocket.connect"}
ACCEPT = {
    "type": "websocket.accept",
    "subprotocol": "a",
    "headers": [(b"set-cookie", b"bad=1"), (b"x", b"y")],
}
HI = {"type": "websocket.send", "text": "hi"}
CLOSE = {"type": "websocket.close", "code": 1000}
REFUSED = {"type": "websocket.close", "code": 1008}
DENIAL = {"type": "websocket.http.response.start", "status": 401, "headers": [(b"set-cookie", b"bad=1")]}
DENIED = {"type": "websocket.http.response.body", "body": b"no"}
FIXED = [
    (b"x-content-type-options", b"nosniff"),
    (b"link", b'</privacy>; rel="privacy-policy"'),
    (b"x-open", b"yes"),
]


@pytest.mark.parametrize(
    ("sent", "keepers", "heard", "seen"),
    [
        ([ACCEPT, HI, CLOSE], [], [ACCEPT, HI, CLOSE], (Outcome.ENDED, 101, False)),
        (
            [ACCEPT, HI],
            [Hides(), Always()],
            [{**ACCEPT, "headers": [(b"x", b"y"), *FIXED]}, HI],
            (Outcome.ENDED, 101, False),
        ),
        ([CLOSE], [Hides(), Always()], [CLOSE], (Outcome.ENDED, 403, False)),
        ([DENIAL, DENIED], [], [DENIAL, DENIED], (Outcome.ENDED, 401, False)),
        (
            [DENIAL, DENIED],
            [Hides(), Always()],
            [{**DENIAL, "headers": FIXED}, DENIED],
            (Outcome.ENDED, 401, False),
        ),
        ([ACCEPT, HI, CLOSE], [Refuses()], [REFUSED], (Outcome.ENDED, 403, True)),
        ([ACCEPT, HI, CLOSE], [Fails("on_request", refuses=True)], [REFUSED], (Outcome.ENDED, 403, True)),
        ([ACCEPT, HI, CLOSE], [Fails("on_response", refuses=True)], [REFUSED], (Outcome.ENDED, 403, True)),
        ([DENIAL, DENIED], [Fails("on_response", refuses=True)], [REFUSED], (Outcome.ENDED, 403, True)),
        ([], [], [], (Outcome.ENDED, 499, False)),
    ],
)
def test_websockets(sent: Any, keepers: Any, heard: Any, seen: Any, run: Callable[..., Any]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert await receive() == CONNECT
        await sending(*sent)(scope, receive, send)

    ends, wire = Ends(), Wire(CONNECT)
    run(
        PrivacyMiddleware(app, pipeline(*keepers, ends)),
        scope_of(Request(), "websocket"),
        wire.receive,
        wire.send,
    )
    assert wire.heard == heard
    assert wire.says == []
    assert ends.seen == [seen]


@pytest.mark.parametrize("kind", [Observing, Off])
def test_looking_changes_no_websocket(kind: type[Pipeline]) -> None:
    pipe = pipeline(Hides(), Always(), Refuses(), Fails("on_response", refuses=True), kind=kind)
    wire = ask_asgi(PrivacyMiddleware(sending(ACCEPT, HI), pipe), scope_of(Request(), "websocket"), CONNECT)
    assert wire.heard == [ACCEPT, HI]


@pytest.mark.parametrize("path", ["/privacy/notice", "/privacy/form"])
def test_our_pages_speak_no_websocket(path: str) -> None:
    ends = Ends()
    app = PrivacyMiddleware(fails, pipeline(Pages(), ends))
    wire = ask_asgi(app, scope_of(Request(path=path), "websocket"), CONNECT)
    assert wire.heard == [REFUSED]
    assert ends.seen == [(Outcome.ENDED, 403, True)]


def test_a_websocket_app_that_raises() -> None:
    ends = Ends()
    with pytest.raises(ValueError, match="Jane"):
        ask_asgi(PrivacyMiddleware(fails, pipeline(ends)), scope_of(Request(), "websocket"), CONNECT)
    assert ends.seen == [(Outcome.RAISED, 500, False)]


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_routes_come_from_the_scope_that_the_app_saw(kind: str) -> None:
    class Route:
        path = "/members/{id:int}"

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        scope["route"] = Route()
        scope["root_path"] += "/sub"
        for message in [START, LAST] if kind == "http" else [ACCEPT]:
            await send(message)

    ends = Ends()
    ask_asgi(PrivacyMiddleware(app, pipeline(Hides(), ends)), scope_of(Request(root="/app"), kind))
    assert ends.routes == ["/app/sub/members/{id}"]


# --- lifespan

STARTUP, SHUTDOWN = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}
UP, DOWN = {"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}
NOT_UP = {"type": "lifespan.startup.failed", "message": "no"}
NOT_DOWN = {"type": "lifespan.shutdown.failed", "message": "no"}


async def unknown(scope: Scope, _receive: Receive, _send: Send) -> None:
    assert scope["type"] == "http"


async def silent(_scope: Scope, _receive: Receive, _send: Send) -> None:
    return


def knowing(*answers: Message) -> App:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        for answer in answers:
            await receive()
            await send(answer)

    return app


@pytest.mark.parametrize(
    ("app", "heard"),
    [
        (unknown, [UP, "closed", DOWN]),
        (silent, [UP, "closed", DOWN]),
        (knowing(UP, DOWN), [UP, "closed", DOWN]),
        (knowing(UP, NOT_DOWN), [UP, "closed", NOT_DOWN]),
        (knowing(NOT_UP), [NOT_UP]),
    ],
)
def test_lifespan(app: App, heard: list[Any], run: Callable[..., Any]) -> None:
    wire = Wire(STARTUP, SHUTDOWN)
    threads: list[threading.Thread] = []

    def close() -> None:
        threads.append(threading.current_thread())
        wire.heard.append("closed")  # type: ignore[arg-type]

    run(PrivacyMiddleware(app, pipeline(close=close)), {"type": "lifespan"}, wire.receive, wire.send)
    assert wire.heard == heard
    assert threading.main_thread() not in threads


@pytest.mark.parametrize("after", [[], [NOT_UP], [UP]])
def test_an_app_that_fails_in_lifespan(after: list[Message], run: Callable[..., Any]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await sending(*after)(scope, receive, send)
        fails()

    wire = Wire(STARTUP, SHUTDOWN)
    with pytest.raises(ValueError, match="Jane"):
        run(PrivacyMiddleware(app, pipeline()), {"type": "lifespan"}, wire.receive, wire.send)
    assert wire.heard == after


def test_two_layers_of_lifespan_close_both() -> None:
    closed: list[str] = []
    inner = PrivacyMiddleware(unknown, pipeline(close=lambda: closed.append("inner")))
    outer = PrivacyMiddleware(inner, pipeline(close=lambda: closed.append("outer")))
    wire = ask_asgi(outer, {"type": "lifespan"}, STARTUP, SHUTDOWN)
    assert wire.heard == [UP, DOWN]
    assert closed == ["inner", "outer"]


def test_other_scopes_pass() -> None:
    shown: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        shown.append(scope)

    ask_asgi(PrivacyMiddleware(app, pipeline(Refuses())), {"type": "webtransport"})
    assert shown == [{"type": "webtransport"}]
