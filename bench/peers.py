"""What people put together today for a part of it: proxy headers, policy headers, a session read, an address log.

The log is the usual line of JSON through `logging`, into a file.
"""

import json
import logging
import time
from pathlib import Path
from typing import Any

from bench.apps import TEXT
from bench.traffic import PROXY

_KEY = "k" * 32


def starlette_stack(folder: Path) -> tuple[Any, str]:
    """The app and its session cookie.

    Raises:
        ImportError: a package of the stack is not installed.
    """
    import base64

    from itsdangerous import TimestampSigner
    from secure import Secure
    from secure.middleware import SecureASGIMiddleware
    from starlette.applications import Starlette
    from starlette.middleware.sessions import SessionMiddleware
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route
    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

    async def hello(request: Any) -> Any:
        assert request.session["language"] == "es"
        return PlainTextResponse(TEXT)

    session = base64.b64encode(json.dumps({"language": "es"}).encode())
    app: Any = _AsgiLog(Starlette(routes=[Route("/", hello)]), _logger(folder, "asgi"))
    app = SecureASGIMiddleware(SessionMiddleware(app, _KEY), secure=Secure.with_default_headers())
    return ProxyHeadersMiddleware(app, PROXY), f"session={TimestampSigner(_KEY).sign(session).decode()}"


def flask_stack(folder: Path) -> tuple[Any, str]:
    """The app and its session cookie.

    Raises:
        ImportError: a package of the stack is not installed.
    """
    import flask
    from secure import Secure
    from secure.middleware import SecureWSGIMiddleware
    from werkzeug.middleware.proxy_fix import ProxyFix

    app = flask.Flask(__name__)
    app.secret_key = _KEY

    @app.get("/")
    def hello() -> Any:
        assert flask.session["language"] == "es"
        return flask.Response(TEXT, mimetype="text/plain")

    interface: Any = app.session_interface
    cookie = interface.get_signing_serializer(app).dumps({"language": "es"})
    logged = _WsgiLog(app.wsgi_app, _logger(folder, "wsgi"))
    return ProxyFix(SecureWSGIMiddleware(logged, secure=Secure.with_default_headers())), f"session={cookie}"


def _logger(folder: Path, name: str) -> logging.Logger:
    logger = logging.getLogger(f"bench.{name}")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(logging.FileHandler(folder / f"{name}.log"))
    return logger


class _AsgiLog:
    def __init__(self, app: Any, logger: logging.Logger) -> None:
        self.app = app
        self.logger = logger

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        start = time.perf_counter()
        status = 0

        async def watched(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            agent = dict(scope["headers"]).get(b"user-agent", b"").decode("latin-1")
            line = _line(scope["client"][0], scope["method"], scope["path"], status, start, agent)
            self.logger.info(line)


class _WsgiLog:
    def __init__(self, app: Any, logger: logging.Logger) -> None:
        self.app = app
        self.logger = logger

    def __call__(self, environ: Any, start_response: Any) -> Any:
        start = time.perf_counter()
        status = 0

        def watched(line: str, headers: Any, exc_info: Any = None) -> Any:
            nonlocal status
            status = int(line[:3])
            return start_response(line, headers, exc_info)

        try:
            return self.app(environ, watched)
        finally:
            agent = environ.get("HTTP_USER_AGENT", "")
            path = environ["PATH_INFO"]
            self.logger.info(_line(environ["REMOTE_ADDR"], environ["REQUEST_METHOD"], path, status, start, agent))


def _line(address: str, method: str, path: str, status: int, start: float, agent: str) -> str:
    document = {"at": time.time(), "address": address, "method": method, "path": path, "status": status}
    return json.dumps({**document, "took": time.perf_counter() - start, "agent": agent})
