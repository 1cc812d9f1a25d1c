"""The ASGI face (ASGI 3.0, HTTP and WebSocket 2.5): `app = PrivacyMiddleware(app)`."""

from collections.abc import Iterable
from typing import Any, Final

from privacymw.core import MARKER, Exchange, Job, Outcome, Reply, Whole
from privacymw.lifespan import App, Lifespan, Message, Receive, Scope, Send, in_thread, others_first
from privacymw.pipeline import Pipeline
from privacymw.routes import scope_route

# With these the server sends a file that no transform would see (ASGI extensions).
_UNSEEN: Final = ("http.response.pathsend", "http.response.zerocopysend")
_SLICE: Final = 8_192
"""Bytes of a page that are rewritten at a time: what else waits in the event loop waits no longer than that."""
_SCHEMES: Final = {"https": "https", "wss": "https"}


class PrivacyMiddleware:
    """Keeps a policy's promises around an ASGI app.

    Args:
        app: any ASGI 3 app; it sees its scope unchanged but for what the policy hides.
        pipeline: made from the environment variables when not given.
        declared: what the app says of itself: `preferences={"language": ["en", "es"]}`, `categories=["statistics"]`.

    Raises:
        SettingsError: the environment variables cannot be obeyed.
        StoreError: the data folder cannot be used.
    """

    def __init__(self, app: App, pipeline: Pipeline | None = None, **declared: Any) -> None:
        if pipeline is None:
            from privacymw.startup import start

            pipeline = start(**declared).pipeline
        self.app = app
        self.pipeline = pipeline
        self._request_names = {name.encode(): name for name in pipeline.request_names}
        self._response_names = {name.encode(): name for name in pipeline.response_names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or MARKER in scope:
            await self._other(scope, receive, send)
            return
        exchange = self._begin(scope)
        turn = _Turn(self._response_names, exchange, scope, send)
        try:
            if exchange.job is not None:
                exchange.reply = await _run(exchange.job, receive)
            elif exchange.reply is None:
                if exchange.edits or exchange.rewrites:
                    turn.scope = _edited(scope, exchange)
                await self.app(turn.scope, receive, turn.send)
            if exchange.reply is not None and turn.outcome is not Outcome.ENDED:
                await turn.reply(exchange.reply)
        except Exception:
            if not turn.lost:
                turn.outcome = Outcome.RAISED
            raise
        finally:
            exchange.finish(turn.outcome)

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and MARKER not in scope:
            await self._websocket(scope, receive, send)
        elif scope["type"] == "lifespan":
            await Lifespan(self.app, self.pipeline, scope, receive, send).run()
        else:
            await self.app(scope, receive, send)

    def _begin(self, scope: Scope) -> Exchange:
        root: str = scope.get("root_path") or ""
        path: str = scope["path"]
        if root:
            root = root.rstrip("/")
            if path == root or path.startswith(root + "/"):
                path = path[len(root) :]  # the ASGI path includes root_path; older servers left it out
        names = self._request_names
        pairs = [(names[raw], value.decode("latin-1")) for raw, value in scope["headers"] if raw in names]
        headers = dict(pairs)
        peer, port = scope.get("client") or (None, None)
        # uvicorn believes proxies itself, and then gives the client without its port.
        resolved = port == 0 and peer is not None and peer in headers.get("x-forwarded-for", "")
        exchange = scope[MARKER] = self.pipeline.begin(
            scope.get("method", "GET"),
            root,
            path,
            (scope.get("query_string") or b"").decode("latin-1"),
            _SCHEMES.get(scope.get("scheme", ""), "http"),
            peer,
            headers if len(headers) == len(pairs) else _joined(pairs),
            resolved=resolved,
        )
        return exchange

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = self._begin(scope)
        if exchange.reply is not None or exchange.job is not None:
            exchange.respond(403, [], None)
            exchange.finish(Outcome.ENDED)
            await receive()
            await send(_REFUSED)
            return
        turn = _Turn(self._response_names, exchange, _edited(scope, exchange), send)
        try:
            await self.app(turn.scope, receive, turn.shake)
            turn.outcome = Outcome.ENDED
        except Exception:
            turn.outcome = Outcome.RAISED
            raise
        finally:
            exchange.finish(turn.outcome)


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Several fields of a name as one: cookies come in parts (RFC 9113 8.2.3), others are lists (RFC 9110 5.3)."""
    headers: dict[str, str] = {}
    for name, text in pairs:
        headers[name] = headers[name] + ("; " if name == "cookie" else ", ") + text if name in headers else text
    return headers


_REFUSED: Final = {"type": "websocket.close", "code": 1008}


def _edited(scope: Scope, exchange: Exchange) -> Scope:
    """A copy where the app is shown something else; layers outside of us keep what they had."""
    extensions = scope.get("extensions")
    if exchange.rewrites and extensions and not extensions.keys().isdisjoint(_UNSEEN):
        seen = {name: extensions[name] for name in extensions if name not in _UNSEEN}
        scope = {**scope, "extensions": seen}
    if exchange.edits:
        hidden = {name.encode(): value for name, value in exchange.edits}
        headers = [pair for pair in scope["headers"] if pair[0] not in hidden]
        headers += [(name, value.encode("latin-1")) for name, value in hidden.items() if value is not None]
        scope = {**scope, "headers": headers}
    return scope


async def _run(job: Job, receive: Receive) -> Reply | None:
    """Reads the body that a job wants and runs it in a thread; None when the client went away."""
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        more = message.get("more_body", False)
        if size > job.limit:
            return job.too_large()
    return await in_thread(job.run, b"".join(chunks))


class _Turn:
    """One exchange on the wire: what the app sends, and what becomes of it."""

    __slots__ = ("exchange", "head", "lost", "names", "outcome", "scope", "server_send")

    def __init__(self, names: dict[bytes, str], exchange: Exchange, scope: Scope, send: Send) -> None:
        self.names = names
        self.exchange = exchange
        self.scope = scope
        self.server_send = send
        self.outcome = Outcome.GONE
        self.lost = False
        self.head: Message | None = None  # held back until a small body is there

    async def send(self, message: Message) -> None:
        """What the app calls; after a reply of ours, what it sends is dropped."""
        kind = message["type"]
        exchange = self.exchange
        if kind == "http.response.start":
            message = self._started(message, message["status"])
        if exchange.reply is not None:
            if self.outcome is not Outcome.ENDED:
                await self.reply(exchange.reply)
            return
        messages = (message,) if exchange.transform is None else self._through(message, await self._begun(message))
        try:
            for each in messages:
                await self.server_send(each)
        except OSError:  # so a server tells that the client went (ASGI HTTP 2.4)
            self.lost = True
            raise
        if kind in _BODIES and not message.get("more_body"):
            self.outcome = Outcome.ENDED

    async def shake(self, message: Message) -> None:
        """What a WebSocket app calls; its first answer goes through the response hooks."""
        kind = message["type"]
        exchange = self.exchange
        if exchange.state == "open":
            if kind == "websocket.close":  # before it was accepted: the server answers 403
                exchange.respond(403, [], scope_route(self.scope))
            elif kind in ("websocket.accept", "websocket.http.response.start"):
                message = self._started(message, message.get("status", 101))
            if exchange.reply is not None:
                exchange.respond(403, [], exchange.route)
                await self.server_send(_REFUSED)
        if exchange.reply is None:
            await self.server_send(message)

    def _started(self, message: Message, status: int) -> Message:
        exchange, names = self.exchange, self.names
        headers = list(message.get("headers") or ())
        touched = [(names[low], value.decode("latin-1")) for name, value in headers if (low := name.lower()) in names]
        pairs = exchange.respond(status, touched, scope_route(self.scope))
        if pairs is not touched:
            if pairs[: len(touched)] != touched:  # more than added to
                headers = [pair for pair in headers if pair[0].lower() not in names]
                touched = []
            headers += _encoded(pairs[len(touched) :])
        headers += exchange.fixed.raw
        return {**message, "headers": headers}

    async def _begun(self, message: Message) -> bytes:
        """What becomes of a long body but for its last slice; others have their turn in between."""
        body, transform = message.get("body", b""), self.exchange.transform
        assert transform is not None
        parts = []
        for at in range(0, len(body) - _SLICE, _SLICE):
            parts.append(transform.feed(body[at : at + _SLICE]))
            await others_first()
        return b"".join(parts)

    def _through(self, message: Message, begun: bytes) -> tuple[Message, ...]:
        """What can be sent now of an answer that is rewritten, of which `begun` is made already."""
        transform, whole = self.exchange.transform, self.exchange.whole
        assert transform is not None
        if message["type"] == "http.response.body":
            came = message.get("body", b"")
            body = begun + transform.feed(came[(len(came) - 1) // _SLICE * _SLICE :] if came else b"")
            if not message.get("more_body"):
                body += transform.close()
            message = {**message, "body": body}
            if whole is not None:
                whole.add(len(came), body)
        return (message,) if whole is None else self._gathered(message, whole)

    def _gathered(self, message: Message, whole: Whole) -> tuple[Message, ...]:
        """Nothing until a small body is whole; then its head, with a true length, and all of it."""
        if message["type"] == "http.response.start":
            self.head = message
            return ()
        is_body, more = message["type"] == "http.response.body", message.get("more_body")
        if is_body and more and not whole.overflows:
            return ()
        head, self.exchange.whole = self.head, None
        assert head is not None
        if is_body and not more:
            head = {**head, "headers": head["headers"] + _encoded([whole.length])}
        return head, {**message, "body": whole.body} if is_body else message

    async def reply(self, reply: Reply) -> None:
        """Sends a whole answer of our own."""
        self.outcome = Outcome.ENDED
        pairs = self.exchange.respond(reply.status, reply.pairs(), self.exchange.route)
        headers = [*_encoded(pairs), *self.exchange.fixed.raw]
        body = b"" if self.exchange.method == "HEAD" else reply.body
        try:
            await self.server_send({"type": "http.response.start", "status": reply.status, "headers": headers})
            await self.server_send({"type": "http.response.body", "body": body})
        except OSError:
            self.outcome, self.lost = Outcome.GONE, True
            raise


_BODIES: Final = frozenset(("http.response.body", *_UNSEEN))


def _encoded(pairs: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in pairs]
