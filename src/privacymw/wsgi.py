"""The WSGI face (PEP 3333): `app.wsgi_app = PrivacyMiddleware(app.wsgi_app)`."""

import http
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from typing import Any, Final

from privacymw.core import MARKER, Exchange, Job, Outcome, Reply, Transform, Whole, text_reply
from privacymw.headers import Pair
from privacymw.pipeline import Pipeline
from privacymw.routes import decoded, werkzeug_route

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
App = Callable[[Environ, StartResponse], Iterable[bytes]]

# CGI spells two request headers without the prefix (RFC 3875 4.1).
_BARE: Final = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


class PrivacyMiddleware:
    """Keeps a policy's promises around a WSGI app.

    Args:
        app: any WSGI app; it sees its environ unchanged but for what the policy hides.
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
        self._keys = tuple((name, _key(name)) for name in pipeline.request_names)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if MARKER in environ:
            return self.app(environ, start_response)
        exchange = environ[MARKER] = self._begin(environ)
        turn = _Turn(exchange, environ, start_response)
        try:
            if exchange.job is not None:
                exchange.reply = _run(exchange.job, environ)
            if exchange.reply is not None:
                return turn.replied(exchange.reply)
            if exchange.edits:
                turn.environ = _edited(environ, exchange.edits)
            body = self.app(turn.environ, turn.start_response)
        except BaseException:
            exchange.finish(Outcome.RAISED)
            raise
        return turn.body(body)

    def _begin(self, environ: Environ) -> Exchange:
        root, path = environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", "")
        if not (root.isascii() and path.isascii()):
            root, path = decoded(root), decoded(path)
        return self.pipeline.begin(
            environ["REQUEST_METHOD"],
            root,
            path,
            environ.get("QUERY_STRING", ""),
            environ["wsgi.url_scheme"],
            environ.get("REMOTE_ADDR") or None,  # empty on a Unix socket
            {name: environ[key] for name, key in self._keys if key in environ},
        )


@cache  # both are asked for the few names that keepers declare
def _key(name: str) -> str:
    return _BARE.get(name) or "HTTP_" + name.upper().replace("-", "_")


def _edited(environ: Environ, edits: Iterable[tuple[str, str | None]]) -> Environ:
    """A copy, since layers outside of us may still look at the request."""
    environ = dict(environ)
    for name, value in edits:
        if value is None:
            environ.pop(_key(name), None)
        else:
            environ[_key(name)] = value
    return environ


def _status_line(status: int) -> str:
    try:
        return f"{status} {http.HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} Unknown"


def _run(job: Job, environ: Environ) -> Reply:
    """Reads the body that a job wants, within its limit, and runs it."""
    declared: str = environ.get("CONTENT_LENGTH") or ""
    if not declared:  # without a length there is a body only where the server marks its end
        terminated = environ.get("wsgi.input_terminated")
        body = _read(environ["wsgi.input"], job.limit + 1) if terminated else b""
        return job.run(body) if len(body) <= job.limit else job.too_large()
    if not (declared.isascii() and declared.isdigit()):
        return text_reply(400, "The Content-Length of this request is not a number.\n")
    if len(declared) > _DIGITS or int(declared) > job.limit:
        return job.too_large()
    body = _read(environ["wsgi.input"], int(declared))
    return job.run(body) if len(body) == int(declared) else _CUT_SHORT


_DIGITS: Final = 18  # more are no size of anything, and int() refuses thousands
_CUT_SHORT: Final = text_reply(400, "The body of this request ended early.\n")  # half a form is no form


def _read(stream: Any, size: int) -> bytes:
    chunks = []
    while size > 0 and (chunk := stream.read(size)):
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)


class _Turn:
    """One exchange on the wire: `start_response`, and the body that follows.

    As a body it finishes the exchange when the server closes it.
    """

    __slots__ = ("chunks", "closed", "environ", "exchange", "head", "outcome", "server_start", "write")

    def __init__(self, exchange: Exchange, environ: Environ, server_start: StartResponse) -> None:
        self.exchange = exchange
        self.environ = environ
        self.server_start = server_start
        self.chunks: Iterable[bytes] = ()
        self.outcome = Outcome.GONE
        self.closed = False
        self.head: Any = ()  # what starts the answer, held back until a small body is there
        self.write: Callable[[bytes], object] = _discard

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        """What the app calls, late or again; whether again is too late, the server judges (PEP 3333)."""
        exchange = self.exchange
        names = exchange.pipeline.response_names
        touched = [(low, value) for name, value in headers if (low := name.lower()) in names]
        pairs = exchange.respond(_code(status), touched, werkzeug_route(self.environ))
        if exchange.reply is not None:
            self._start(exchange.reply, exc_info)
            return _discard
        if pairs is not touched:
            if pairs[: len(touched)] != touched:  # more than added to
                headers = [pair for pair in headers if pair[0].lower() not in names]
                touched = []
            headers = headers + [(_spelled(name), value) for name, value in pairs[len(touched) :]]
        headers = headers + exchange.fixed.text
        if exchange.whole is not None:
            self.head = (status, headers, *_given(exc_info))
            return self._written
        self.head = ()
        self.write = write = self.server_start(status, headers, *_given(exc_info))
        return write if exchange.transform is None else self._written

    def _start(self, reply: Reply, exc_info: Any = None) -> None:
        pairs = self.exchange.respond(reply.status, reply.pairs(), self.exchange.route)
        headers: list[Pair] = [(_spelled(name), value) for name, value in pairs]
        self.server_start(_status_line(reply.status), headers + self.exchange.fixed.text, *_given(exc_info))

    def replied(self, reply: Reply) -> list[bytes]:
        """The whole answer without the app."""
        self._start(reply)
        self.exchange.finish(Outcome.ENDED)
        return [self._body_of(reply)]

    def _body_of(self, reply: Reply) -> bytes:
        return b"" if self.exchange.method == "HEAD" else reply.body

    def body(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """The app's iterable itself wherever nothing has to watch it, so that servers can send files."""
        exchange = self.exchange
        if exchange.status and exchange.transform is None and exchange.reply is None and self._whole(body):
            exchange.finish(Outcome.ENDED)
            return body
        self.chunks = body
        return self

    def _written(self, chunk: bytes) -> None:
        """What an app calls that writes (PEP 3333, "The write() Callable")."""
        if out := self._through(chunk):
            self.write(out)

    def _through(self, chunk: bytes) -> bytes:
        """What can be sent of a chunk now; nothing while a small body is gathered."""
        transform, whole = self.exchange.transform, self.exchange.whole
        out = chunk if transform is None else transform.feed(chunk)
        if whole is None:
            return out
        whole.add(len(chunk), out)
        return self._released(whole) if whole.overflows else b""

    def _released(self, whole: Whole, *length: Pair) -> bytes:
        """Starts the answer that was held back, and gives what there is of its body."""
        self.exchange.whole = None
        (status, headers, *exc_info), self.head = self.head, ()
        self.write = self.server_start(status, headers + [(_spelled(name), text) for name, text in length], *exc_info)
        return whole.body

    def _rest(self, transform: Transform) -> bytes:
        rest, whole = transform.close(), self.exchange.whole
        if whole is None:
            return rest
        whole.add(0, rest)
        return self._released(whole, whole.length)

    def _whole(self, body: Iterable[bytes]) -> bool:
        if type(body) in (list, tuple):
            return True
        wrapper = self.environ.get("wsgi.file_wrapper")
        return isinstance(wrapper, type) and isinstance(body, wrapper)

    def __iter__(self) -> Iterator[bytes]:
        """The body's chunks as they come, through the transform or replaced by a reply."""
        exchange = self.exchange
        try:
            for chunk in self.chunks:
                if exchange.reply is not None:
                    break
                out = chunk if exchange.transform is None else self._through(chunk)
                # A body of known length is one piece: nothing can be yielded before its head (PEP 3333).
                if exchange.whole is None:
                    yield out
            if exchange.reply is not None:
                yield self._body_of(exchange.reply)
            elif exchange.transform is not None:
                yield self._rest(exchange.transform)
            self.outcome = Outcome.ENDED
        except GeneratorExit:  # the server went on without the rest
            raise
        except BaseException:
            self.outcome = Outcome.RAISED
            raise

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        try:
            close = getattr(self.chunks, "close", None)
            if close is not None:
                close()
        finally:
            self.exchange.finish(self.outcome)


@lru_cache(maxsize=256)  # of status lines, which are the app's
def _code(status: str) -> int:
    code = status[:3]
    return int(code) if code.isascii() and code.isdigit() else 500


def _discard(chunk: bytes) -> None:
    """Takes what the app writes after its answer was replaced."""


def _given(exc_info: Any) -> tuple[Any, ...]:
    return () if exc_info is None else (exc_info,)


_SPELLED: Final = {"etag": "ETag", "www-authenticate": "WWW-Authenticate"}


@cache
def _spelled(name: str) -> str:
    return _SPELLED.get(name) or name.title()
