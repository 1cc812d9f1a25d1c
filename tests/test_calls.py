"""How many functions one request calls: exact on an interpreter, so that a slow change fails without a clock.

The app, the driver and the test's keepers are counted too; they are the same each time. A change of a
number is no fault in itself: look at what made it, and pin the new one.
"""

import contextlib
import sys
from collections.abc import Callable
from typing import Any

import pytest

from faces import (
    Always,
    Begins,
    Ends,
    Hides,
    Pages,
    Request,
    calls,
    environ_of,
    pipeline,
    scope_of,
)
from privacymw import asgi, wsgi
from privacymw.asgi import Message, Receive, Scope, Send
from privacymw.core import Exchange, Keeper
from privacymw.headers import Context, Header, Pairs, first, made_private, replace, with_vary

BODY = b"hello"
TEXT = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Length", "5"),
    ("Set-Cookie", "a=1"),
    ("X-A", "b"),
]
RAW = [(name.lower().encode(), value.encode()) for name, value in TEXT]
SENT = Request(headers=(("cookie", "a=1"), ("accept", "text/html"), ("user-agent", "me"), ("host", "localhost")))


class Counts(Keeper):
    """Looks at the answer and changes nothing."""

    touches = ("content-type",)

    def on_response(self, exchange: Exchange, headers: Pairs) -> Pairs:
        first(headers, "content-type")
        return headers


class Private(Keeper):
    """Changes the answer's headers."""

    reads = ("cookie",)
    touches = ("cache-control", "vary")

    def on_response(self, exchange: Exchange, headers: Pairs) -> Pairs:
        return with_vary(made_private(headers), ["cookie"])


class Fixes(Keeper):
    def __init__(self, name: str) -> None:
        self.name = name

    def fixed(self, context: Context) -> list[Header]:
        return [Header(self.name, "1", replace)]


def nine() -> list[Keeper]:
    return [
        Begins(), Hides(), Pages(), Always(), Fixes("x-one"), Fixes("x-two"), Counts(), Private(), Ends(),
    ]  # fmt: skip


PIPES: dict[str, Callable[[], list[Keeper]]] = {"none": list, "nine": nine}


def wsgi_request(app: Any) -> Callable[[], object]:
    environ = environ_of(SENT)
    return lambda: app(dict(environ), lambda status, headers: None)


def asgi_request(app: Any) -> Callable[[], object]:
    scope = scope_of(SENT)

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        pass

    def request() -> None:
        with contextlib.suppress(StopIteration):
            app(dict(scope), receive, send).send(None)

    return request


def bare_wsgi(_environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", TEXT)
    return [BODY]


async def bare_asgi(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": RAW})
    await send({"type": "http.response.body", "body": BODY})


FACES: dict[str, tuple[Any, Any, Any]] = {
    "wsgi": (wsgi.PrivacyMiddleware, bare_wsgi, wsgi_request),
    "asgi": (asgi.PrivacyMiddleware, bare_asgi, asgi_request),
}

PINNED = {  # less in 3.12, which runs comprehensions in place (PEP 709)
    (3, 11): {("wsgi", "none"): 35, ("wsgi", "nine"): 81, ("asgi", "none"): 39, ("asgi", "nine"): 101},
    (3, 12): {("wsgi", "none"): 33, ("wsgi", "nine"): 68, ("asgi", "none"): 37, ("asgi", "nine"): 85},
    (3, 13): {("wsgi", "none"): 33, ("wsgi", "nine"): 68, ("asgi", "none"): 37, ("asgi", "nine"): 85},
}


def counted(face: str, kind: str) -> int:
    """Calls of one request over those of the bare app."""
    middleware, app, request = FACES[face]
    ours, bare = request(middleware(app, pipeline(*PIPES[kind]()))), request(app)
    for warm in (ours, bare):
        warm()
    return len(calls(ours)) - len(calls(bare))


@pytest.mark.skipif(sys.version_info[:2] not in PINNED, reason="no numbers for this interpreter")
@pytest.mark.parametrize("kind", PIPES)
@pytest.mark.parametrize("face", FACES)
def test_calls_of_a_request(face: str, kind: str) -> None:
    old, new = PINNED[sys.version_info[:2]][face, kind], counted(face, kind)
    assert new == counted(face, kind), "the count must not depend on the run"
    assert new == old, f"{face}, {kind}: a request now makes {new} calls, pinned are {old}"
