"""The request of all figures, and what plays the server: it sends the request and takes the answer."""

import io
import itertools
import sys
import time
from asyncio import Runner
from collections.abc import Iterable, Sequence
from typing import Any

HOST = "portal.health.example"
PROXY = "127.0.0.1"
CLIENT = "203.0.113.7"
HEADERS = (
    ("host", HOST),
    ("user-agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"),
    ("accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
    ("accept-encoding", "gzip, deflate, br"),
    ("accept-language", "en-GB,en;q=0.5"),
    ("referer", f"https://{HOST}/a"),
    ("x-forwarded-for", CLIENT),
    ("x-forwarded-proto", "https"),
    ("sec-gpc", "1"),
    ("connection", "keep-alive"),
)
"""Ten headers, as a browser sends them through a proxy."""


def cookies(one: str = "") -> str:
    """A Cookie header with `name=value` between two cookies of others."""
    return f"theme=dark; {one}; _ga=GA1.2.3" if one else "theme=dark; _ga=GA1.2.3"


def environ(path: str) -> dict[str, Any]:
    """The request as a WSGI server hands it over."""
    found: dict[str, Any] = {
        "REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "q=1",
        "SERVER_NAME": "h", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": PROXY,
        "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr,
        "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False,
    }  # fmt: skip
    return found | {"HTTP_" + name.upper().replace("-", "_"): value for name, value in HEADERS}


def scope(path: str) -> dict[str, Any]:
    """The request as an ASGI server hands it over."""
    headers = [(name.encode(), value.encode()) for name, value in HEADERS]
    return {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"q=1", "root_path": "",
        "client": (PROXY, 5), "server": (PROXY, 80), "headers": headers, "state": {},
    }  # fmt: skip


class Wsgi:
    """Plays a WSGI server."""

    def __init__(self, app: Any, path: str, cookie_headers: Iterable[str]) -> None:
        self._app = app
        self._environ = environ(path)
        self._cookies = itertools.cycle(list(cookie_headers))

    def _request(self) -> dict[str, Any]:
        return {**self._environ, "HTTP_COOKIE": next(self._cookies)}

    def run(self, count: int) -> float:
        """CPU seconds of so many requests."""
        app = self._app
        start = time.process_time()
        for _ in range(count):
            body = app(self._request(), _start_response)
            for _chunk in body:
                pass
            close = getattr(body, "close", None)
            if close is not None:
                close()
        return time.process_time() - start

    def answer(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """Status, headers with lower-case names, body."""
        heard: list[Any] = []
        chunks = self._app(self._request(), lambda *said: heard.append(said))
        body = b"".join(chunks)
        getattr(chunks, "close", lambda: None)()
        status, headers = heard[0][:2]
        return int(status[:3]), [(name.lower(), value) for name, value in headers], body


def _start_response(status: str, headers: Sequence[Any], exc_info: Any = None) -> None:
    """Takes it as a server does."""


class Asgi:
    """Plays an ASGI server."""

    def __init__(self, app: Any, path: str, cookie_headers: Iterable[str]) -> None:
        self._app = app
        self._scope = scope(path)
        self._cookies = itertools.cycle([each.encode() for each in cookie_headers])

    def _request(self) -> dict[str, Any]:
        scope = self._scope
        return {**scope, "headers": [*scope["headers"], (b"cookie", next(self._cookies))]}

    def run(self, count: int) -> float:
        """CPU seconds of so many requests."""
        return _LOOP.run(self._run(count))

    async def _run(self, count: int) -> float:
        app = self._app
        start = time.process_time()
        for _ in range(count):
            await app(self._request(), _receive, _send)
        return time.process_time() - start

    def answer(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """Status, headers with lower-case names, body."""
        heard: list[Any] = []

        async def send(message: Any) -> None:
            heard.append(message)

        _LOOP.run(self._app(self._request(), _receive, send))
        headers = [(name.decode().lower(), value.decode()) for name, value in heard[0]["headers"]]
        return heard[0]["status"], headers, b"".join(message["body"] for message in heard[1:])


_LOOP = Runner()
_EMPTY = {"type": "http.request", "body": b"", "more_body": False}


async def _receive() -> Any:
    return _EMPTY


async def _send(message: Any) -> None:
    """Takes it as a server does."""
