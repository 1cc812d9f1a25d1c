"""A WSGI and an ASGI app that answer, as JSON, with what the server told them."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]


def seen(path: str, scheme: str, peer: str, headers: Iterable[tuple[str, str]]) -> bytes:
    facts = {"path": path, "scheme": scheme, "peer": peer, "headers": dict(headers)}
    return json.dumps(facts | {"process": os.getpid(), "marker": os.environ.get("MIRROR_MARKER")}).encode()


def wsgi(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
    print("the WSGI app was asked", flush=True)
    headers = (
        (name[5:].replace("_", "-").lower(), value) for name, value in environ.items() if name.startswith("HTTP_")
    )
    body = seen(environ["PATH_INFO"], environ["wsgi.url_scheme"], environ["REMOTE_ADDR"], headers)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


async def asgi(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    if scope["type"] == "lifespan":
        raise RuntimeError("this app knows no lifespan")
    print("the ASGI app was asked", flush=True)
    headers = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    body = seen(scope["path"], scope["scheme"], scope["client"][0], headers)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})
