"""Drives one site through the core, the WSGI face and the ASGI face, and keepers to try them with."""

import asyncio
import gc
import io
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, NamedTuple
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import trio

from privacymw import asgi, wsgi
from privacymw.asgi import Message, Receive, Scope, Send
from privacymw.core import Exchange, Job, Keeper, Outcome, Reply, text_reply
from privacymw.forwarding import Forwarding, Origin
from privacymw.headers import Context, Header, Pair, Pairs, append, first, replace, without
from privacymw.pipeline import Pipeline


class Request(NamedTuple):
    method: str = "GET"
    path: str = "/"
    query: str = ""
    headers: tuple[Pair, ...] = ()
    body: bytes = b""
    root: str = ""
    scheme: str = "http"
    peer: str = "192.0.2.1"


class Site(NamedTuple):
    """An app that always answers alike."""

    status: int = 200
    headers: tuple[Pair, ...] = (("content-type", "text/html; charset=utf-8"),)
    chunks: tuple[bytes, ...] = (b"<p>hello ", b"you</p>")
    breaks: bool = False


class Answer(NamedTuple):
    status: int
    headers: Pairs
    body: bytes


class Direct(Forwarding):
    """Believes the server; what a proxy says is another module's matter, and another module's cost."""

    plain = Origin(None, None, False)
    secure = Origin(None, "https", False)

    def __init__(self) -> None:
        super().__init__(())

    def resolve(self, peer: str | None, scheme: str, headers: object) -> Origin:
        return self.secure if scheme == "https" else self.plain


def pipeline(*keepers: Keeper, kind: type[Pipeline] = Pipeline, **options: Any) -> Pipeline:
    return kind(keepers, forwarding=Direct(), **options)


# --- keepers


class Ends(Keeper):
    """Remembers how exchanges ended."""

    name = "ends"

    def __init__(self) -> None:
        self.seen: list[tuple[Outcome, int, bool]] = []
        self.routes: list[str | None] = []

    def on_finish(self, exchange: Exchange, outcome: Outcome) -> None:
        self.seen.append((outcome, exchange.status, exchange.own))
        self.routes.append(exchange.route)


class Begins(Keeper):
    """Remembers what a face handed over."""

    name = "begins"
    reads = ("cookie", "accept", "x-sent")

    def __init__(self) -> None:
        self.seen: list[Exchange] = []

    def on_request(self, exchange: Exchange) -> None:
        self.seen.append(exchange)


class Pages(Keeper):
    """A page, a form, a page that is not there, one that fails, and a fallback."""

    name = "pages"
    standing = frozenset(("leaving",))

    def __init__(self) -> None:
        self.pages = {
            "notice": lambda exchange, rest: text_reply(200, f"notice {rest}"),
            "leaving": lambda exchange, rest: text_reply(200, f"leaving {rest}"),
            "form": lambda exchange, rest: Job(lambda body: text_reply(200, body.decode()), 16),
            "nothing": lambda exchange, rest: None,
            "empty": lambda exchange, rest: Reply(204, (), b""),
            "broken": fails,
            "broken-form": lambda exchange, rest: Job(fails, 16),
        }
        self.fallbacks = {"/privacy": lambda exchange: text_reply(200, "fallback"), "/broken": fails}


def fails(*_arguments: object) -> Any:
    raise ValueError("of Jane Doe")


class Always(Keeper):
    """Headers that are fixed, for the secure and the confidential apart."""

    name = "always"

    def __init__(self) -> None:
        self.asked: list[Context] = []

    def fixed(self, context: Context) -> Iterable[Header]:
        self.asked.append(context)
        yield Header("x-content-type-options", "nosniff", replace)
        yield Header("link", f'<{context.root}/privacy>; rel="privacy-policy"', append)
        if context.secure:
            yield Header("strict-transport-security", "max-age=3600", replace)
        if not context.confidential:
            yield Header("x-open", "yes", replace)


class Upper:
    """Keeps the last byte back until more comes, as a scanner of markup does."""

    def __init__(self) -> None:
        self.kept = b""

    def feed(self, chunk: bytes) -> bytes:
        data = self.kept + chunk
        self.kept = data[-1:]
        return data[:-1].upper()

    def close(self) -> bytes:
        return self.kept.upper() + b"<!-- end -->"


class Shouts(Keeper):
    """Rewrites pages."""

    name = "shouts"
    touches = ("content-type", "content-length")

    def on_request(self, exchange: Exchange) -> None:
        exchange.rewrites = True

    def on_response(self, exchange: Exchange, headers: Pairs) -> Pairs:
        if not first(headers, "content-type").startswith("text/html"):
            return headers
        exchange.transform = Upper()
        return without(headers, "content-length")


class Hides(Keeper):
    """Shows the app no cookie, and its own choice of encodings."""

    name = "hides"
    touches = ("set-cookie",)

    def on_request(self, exchange: Exchange) -> None:
        exchange.edits += [("cookie", None), ("accept-encoding", "identity")]

    def on_response(self, exchange: Exchange, headers: Pairs) -> Pairs:
        kept = [pair for pair in headers if not pair[1].startswith("bad=")]
        return headers if len(kept) == len(headers) else kept


class Refuses(Keeper):
    name = "refuses"

    def on_request(self, exchange: Exchange) -> None:
        exchange.answer(text_reply(451, "not here"))


class Fails(Keeper):
    """Fails in the named hooks."""

    name = "fails"

    def __init__(self, *hooks: str, refuses: bool) -> None:
        self.hooks = hooks
        self.refuses = refuses

    def on_request(self, exchange: Exchange) -> None:
        if "on_request" in self.hooks:
            fails()

    def on_response(self, exchange: Exchange, headers: Pairs) -> Pairs:
        return fails() if "on_response" in self.hooks else headers

    def on_finish(self, exchange: Exchange, outcome: Outcome) -> None:
        if "on_finish" in self.hooks:
            fails()


# --- the core, driven by hand


def through_core(pipe: Pipeline, site: Site, request: Request) -> Answer:
    headers = {name: value for name, value in request.headers if name in pipe.request_names}
    exchange = pipe.begin(
        request.method, request.root, request.path, request.query, request.scheme, request.peer, headers
    )
    if exchange.job is not None:
        fits = len(request.body) <= exchange.job.limit
        exchange.reply = exchange.job.run(request.body) if fits else exchange.job.too_large()
    answer = _replied(exchange) if exchange.reply is not None else _answered(exchange, site)
    exchange.finish(Outcome.ENDED)
    return answer


def _answered(exchange: Exchange, site: Site) -> Answer:
    names = exchange.pipeline.response_names
    touched = [pair for pair in site.headers if pair[0] in names]
    pairs = exchange.respond(site.status, touched, None)
    if exchange.reply is not None:
        return _replied(exchange)
    headers = list(site.headers)
    if pairs is not touched:
        headers = [pair for pair in headers if pair[0] not in names] + pairs
    chunks = site.chunks
    if exchange.transform is not None:
        chunks = (*map(exchange.transform.feed, chunks), exchange.transform.close())
    if exchange.whole is not None:
        exchange.whole.add(sum(map(len, site.chunks)), b"".join(chunks))
        headers += [] if exchange.whole.overflows else [exchange.whole.length]
    return Answer(site.status, _lower(headers + exchange.fixed.text), b"".join(chunks))


def _replied(exchange: Exchange) -> Answer:
    reply = exchange.reply
    assert reply is not None
    pairs = exchange.respond(reply.status, reply.pairs(), None)
    body = b"" if exchange.method == "HEAD" else reply.body
    return Answer(reply.status, _lower(pairs + exchange.fixed.text), body)


def _lower(pairs: Iterable[Pair]) -> Pairs:
    return [(name.lower(), value) for name, value in pairs]


# --- the WSGI face


def environ_of(request: Request) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": _latin(request.root),
        "PATH_INFO": _latin(request.path),
        "QUERY_STRING": request.query,
        "REMOTE_ADDR": request.peer,
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": io.BytesIO(request.body),
    }
    for name, value in request.headers:
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    if request.body:
        environ["CONTENT_LENGTH"] = str(len(request.body))
    setup_testing_defaults(environ)
    return environ


def _latin(path: str) -> str:
    return path.encode().decode("latin-1")


def wsgi_app(site: Site) -> Any:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if site.breaks:
            fails()
        start_response(f"{site.status} Said", [(name.title(), value) for name, value in site.headers])
        return list(site.chunks)

    return app


class Heard:
    """A server's side of WSGI."""

    def __init__(self) -> None:
        self.status = ""
        self.headers: list[Pair] = []
        self.written: list[bytes] = []
        self.starts = 0

    def start_response(self, status: str, headers: list[Pair], exc_info: Any = None) -> Any:
        if exc_info and self.written:
            raise exc_info[1].with_traceback(exc_info[2])
        assert exc_info or not self.starts, "start_response called again without exc_info"
        self.starts += 1
        self.status, self.headers = status, headers
        return self.written.append

    def take(self, body: Iterable[bytes]) -> "Heard":
        try:
            for chunk in body:
                assert self.starts
                self.written.append(chunk)
        finally:
            if hasattr(body, "close"):
                body.close()
        return self

    @property
    def answer(self) -> Answer:
        return Answer(int(self.status[:3]), _lower(self.headers), b"".join(self.written))


def ask_wsgi(app: Any, environ: dict[str, Any]) -> Heard:
    heard = Heard()
    return heard.take(app(environ, heard.start_response))


def validated(app: Any, pipe: Pipeline) -> Any:
    """The face between two of the standard library's validators."""
    return validator(wsgi.PrivacyMiddleware(validator(app), pipe))


def through_wsgi(pipe: Pipeline, site: Site, request: Request) -> Answer:
    return ask_wsgi(validated(wsgi_app(site), pipe), environ_of(request)).answer


# --- the ASGI face


def scope_of(request: Request, kind: str = "http", **more: Any) -> Scope:
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.scheme,
        "root_path": request.root,
        "path": request.root + request.path,
        "query_string": request.query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in request.headers],
        "client": (request.peer, 4711),
        **more,
    }


def asgi_app(site: Site) -> Any:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if site.breaks:
            fails()
        await send({"type": "http.response.start", "status": site.status, "headers": _raw(site.headers)})
        for chunk in site.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body"})

    return app


def _raw(pairs: Iterable[Pair]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in pairs]


class Wire:
    """A server's side of ASGI: what it will say, and what it heard."""

    def __init__(self, *says: Message) -> None:
        self.says = list(says)
        self.heard: list[Message] = []

    async def receive(self) -> Message:
        return self.says.pop(0) if self.says else {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.heard.append(message)

    @property
    def kinds(self) -> list[str]:
        return [message["type"] for message in self.heard]

    @property
    def answer(self) -> Answer:
        start, *bodies = self.heard
        assert start["type"] == "http.response.start"
        assert [message.get("more_body", False) for message in bodies] == [True] * (len(bodies) - 1) + [False]
        headers = [(name.decode(), value.decode("latin-1")) for name, value in start["headers"]]
        return Answer(start["status"], _lower(headers), b"".join(each.get("body", b"") for each in bodies))


def body_messages(*chunks: bytes) -> Iterator[Message]:
    for number, chunk in enumerate(chunks, 1):
        yield {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}


def run_asyncio(function: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
    async def main() -> Any:
        return await function(*arguments)

    return asyncio.run(main())


LOOPS: dict[str, Callable[..., Any]] = {"asyncio": run_asyncio, "trio": trio.run}


def ask_asgi(app: Any, scope: Scope, *says: Message, run: Callable[..., Any] = run_asyncio) -> Wire:
    wire = Wire(*(says or body_messages(b"")))
    run(app, scope, wire.receive, wire.send)
    return wire


def through_asgi(pipe: Pipeline, site: Site, request: Request, run: Callable[..., Any] = run_asyncio) -> Answer:
    app = asgi.PrivacyMiddleware(asgi_app(site), pipe)
    half = len(request.body) // 2
    says = body_messages(request.body[:half], request.body[half:])
    return ask_asgi(app, scope_of(request), *says, run=run).answer


def through_trio(pipe: Pipeline, site: Site, request: Request) -> Answer:
    return through_asgi(pipe, site, request, trio.run)


FACES = {"core": through_core, "wsgi": through_wsgi, "asgi": through_asgi, "trio": through_trio}


# --- what was called


def calls(function: Callable[[], object]) -> list[str]:
    """The names of all functions, Python's and C's, that a call of `function` calls."""
    names: list[str] = []

    def note(frame: Any, event: str, argument: Any) -> None:
        if event == "call":
            names.append(frame.f_code.co_qualname)
        elif event == "c_call":
            names.append(argument.__qualname__)

    before = sys.getprofile()
    gc.disable()  # a collection calls whoever listens to it
    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(before)
        gc.enable()
    return names[1:-1]  # less `function` itself and the setprofile that ends it
