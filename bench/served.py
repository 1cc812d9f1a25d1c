"""The app that a real server is given: `BENCH_APP` names it, `BENCH_COUNT` a folder where answers are counted."""

import mmap
import os
import socket
from asyncio import base_events
from pathlib import Path
from typing import Any

from bench.apps import flask_app, starlette_app


def _made(name: str) -> Any:
    framework, _, more = name.partition("+")
    if framework == "starlette":
        app = starlette_app(_no_visit)
        if more:
            from privacymw.asgi import PrivacyMiddleware as Asgi

            return Asgi(app)
        return app
    app = flask_app(_no_visit)
    if more:
        from privacymw.wsgi import PrivacyMiddleware as Wsgi

        return Wsgi(app)
    return app


def _no_visit(request: Any) -> Any:
    """These apps are asked for `/` alone."""


def _cell() -> memoryview:
    """A number that is in this process's file as soon as it is counted, however the process ends."""
    path = Path(os.environ["BENCH_COUNT"], str(os.getpid()))
    path.write_bytes(bytes(8))
    with path.open("r+b") as file:
        return memoryview(mmap.mmap(file.fileno(), 8)).cast("Q")


class _CountedAsgi:
    def __init__(self, app: Any) -> None:
        self._app, self._answers = app, _cell()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            self._answers[0] += scope["type"] == "http"


class _CountedWsgi:
    def __init__(self, app: Any) -> None:
        self._app, self._answers = app, _cell()

    def __call__(self, environ: Any, start_response: Any) -> Any:
        self._answers[0] += 1
        return self._app(environ, start_response)


def _no_delay(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _counted(name: str) -> Any:
    # Workers of uvicorn share a socket that does not say it is TCP, and asyncio then leaves Nagle's algorithm on:
    # each answer waits 40 ms for the client's acknowledgement. With uvloop it is off.
    vars(base_events)["_set_nodelay"] = _no_delay
    if "BENCH_COUNT" not in os.environ:
        return _made(name)
    return (_CountedAsgi if name.startswith("starlette") else _CountedWsgi)(_made(name))


app = _counted(os.environ["BENCH_APP"])
