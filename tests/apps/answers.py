"""Pages of every framing, behind privacymw: `wsgi` and `asgi`."""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

from privacymw import asgi as asgi_door
from privacymw import wsgi as wsgi_door

LINK = b'<!doctype html><p><a href="https://other.example/">x</a></p>'
HTML = ("Content-Type", "text/html; charset=utf-8")
LARGE = LINK + b"<p>a word</p>" * 20_000
PACKED = gzip.compress(LARGE)

# By path: headers, and the chunks of the body.
PAGES: dict[str, tuple[list[tuple[str, str]], list[bytes]]] = {
    "/small": ([HTML, ("Content-Length", str(len(LINK)))], [LINK[:9], LINK[9:]]),
    "/stream": ([HTML], [LINK, LARGE]),
    "/large": ([HTML, ("Content-Length", str(len(LARGE)))], [LARGE]),
    "/gzip": ([HTML, ("Content-Length", str(len(PACKED))), ("Content-Encoding", "gzip")], [PACKED]),
    "/file": ([("Content-Type", "image/png"), ("Content-Length", "5")], [b"\x89PNG\n"]),
    "/held": ([("Location", "https://evil.example/"), ("Content-Length", "0")], []),
}


def _bare_wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
    headers, chunks = PAGES[environ["PATH_INFO"]]
    start_response("302 Found" if environ["PATH_INFO"] == "/held" else "200 OK", headers)
    yield from chunks if environ["REQUEST_METHOD"] != "HEAD" else []


Message = MutableMapping[str, Any]


async def _bare_asgi(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    if scope["type"] != "http":
        raise RuntimeError("this app knows no lifespan")
    headers, chunks = PAGES[scope["path"]]
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": 302 if scope["path"] == "/held" else 200, "headers": raw})
    for chunk in chunks if scope["method"] != "HEAD" else []:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


wsgi = wsgi_door.PrivacyMiddleware(_bare_wsgi)
asgi = asgi_door.PrivacyMiddleware(_bare_asgi)
