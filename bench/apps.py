"""The smallest apps of both frameworks: a text, the same after asking for a preference, a page with a link."""

from collections.abc import Callable
from typing import Any

TEXT = "hello"
PAGE = '<!doctype html><title>Hello</title><p>hello <a href="https://www.cdc.gov/flu/">outside</a>'
LINK = "https://www.cdc.gov/flu/"


def starlette_app(visit: Callable[[Any], Any]) -> Any:
    """`/`, `/reads` and `/page` in Starlette."""
    from starlette.applications import Starlette
    from starlette.responses import HTMLResponse, PlainTextResponse
    from starlette.routing import Route

    async def hello(request: Any) -> Any:
        return PlainTextResponse(TEXT)

    async def reads(request: Any) -> Any:
        return PlainTextResponse(visit(request).preferences["language"])

    async def page(request: Any) -> Any:
        return HTMLResponse(PAGE)

    return Starlette(routes=[Route("/", hello), Route("/reads", reads), Route("/page", page)])


def flask_app(visit: Callable[[Any], Any]) -> Any:
    """`/`, `/reads` and `/page` in Flask."""
    import flask

    app = flask.Flask(__name__)

    @app.get("/")
    def hello() -> Any:
        return flask.Response(TEXT, mimetype="text/plain")

    @app.get("/reads")
    def reads() -> Any:
        return flask.Response(visit(flask.request).preferences["language"], mimetype="text/plain")

    @app.get("/page")
    def page() -> str:
        return PAGE

    return app.wsgi_app
