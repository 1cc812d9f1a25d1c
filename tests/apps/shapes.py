"""Apps of odd shapes: one that knows no lifespan, and one that wraps only a part of itself."""

from typing import Any

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from privacymw.asgi import PrivacyMiddleware


async def _bare(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http", "this app knows nothing else"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def _page(request: Any) -> PlainTextResponse:
    return PlainTextResponse("hello")


def without_lifespan() -> Any:
    """Its lifespan is answered by the face."""
    return PrivacyMiddleware(_bare)


def mounted() -> Any:
    """No lifespan reaches the face."""
    inner = Starlette(routes=[Route("/page", _page)])
    return Starlette(routes=[Mount("/part", PrivacyMiddleware(inner)), Route("/page", _page)])
