"""Drives a WSGI or ASGI app in this process, as a server would, and keeps what it answers."""

import asyncio
import contextlib
import inspect
import io
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import quote, unquote_to_bytes

from privacymw.errors import SettingsError

BODY_BYTES: Final = 4_000_000
"""What is read of one answer."""
SECONDS: Final = 10.0
"""How long one answer may take."""
FAILED: Final = 599
"""The status noted for an app that raised or did not answer in time: no server has it."""
BROWSER: Final = (
    ("accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
    ("accept-encoding", "gzip, deflate"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
)


class Asked(NamedTuple):
    """One request; header names lower-case, without Host."""

    path: str = "/"
    query: str = ""
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    scheme: str = "https"
    host: str = "localhost"
    peer: str = "203.0.113.1"


class Answer(NamedTuple):
    """What came back; header names lower-case, in the order and number in which they came."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    failure: str = ""

    def every(self, name: str) -> list[str]:
        """Each value of a header."""
        return [value for each, value in self.headers if each == name]

    def header(self, name: str) -> str:
        """The values of a header, joined; empty where there is none."""
        return ", ".join(self.every(name))

    @property
    def is_html(self) -> bool:
        return self.header("content-type").partition(";")[0].strip().lower() == "text/html"


Started = Callable[[Asked, int], None]
"""Called in the app's own context the moment an answer begins, as servers write their access logs."""


class Driver(Protocol):
    """A running app."""

    on_start: Started

    def ask(self, asked: Asked) -> Answer: ...
    def close(self) -> None: ...


def _nothing(asked: Asked, status: int) -> None:
    pass


def kind_of(app: Any, name: str) -> str:
    """`wsgi` or `asgi`, by how the app wants to be called (PEP 3333; the ASGI specification).

    Raises:
        SettingsError: the signature does not say.
    """
    call = app if inspect.isroutine(app) else getattr(app, "__call__", app)  # noqa: B004 - its signature is wanted
    if inspect.iscoroutinefunction(call):
        return "asgi"
    try:
        taken = [each for each in inspect.signature(call).parameters.values() if each.default is each.empty]
    except (TypeError, ValueError):
        taken = []
    positional = [each for each in taken if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    try:
        return {2: "wsgi", 3: "asgi"}[len(positional)]
    except KeyError:
        raise SettingsError(f"{name}: it does not show whether it is WSGI or ASGI; add --wsgi or --asgi") from None


def driver(app: Any, kind: str) -> Driver:
    """A driver for an app of a kind; an ASGI app is started by its lifespan.

    Raises:
        SettingsError: the app's own start-up failed.
    """
    return Wsgi(app) if kind == "wsgi" else Asgi(app)


def _read(chunks: Iterable[bytes]) -> bytes:
    """What comes within the bounds of size and time."""
    end, body = time.monotonic() + SECONDS, bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > BODY_BYTES or time.monotonic() > end:
            break
    return bytes(body)


class Wsgi:
    """A WSGI app; requests come one after the other."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.on_start: Started = _nothing

    def ask(self, asked: Asked) -> Answer:
        """The answer; one with a `failure` where the app raised."""
        heard: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            heard[:] = [int(status[:3]), tuple((name.lower(), value) for name, value in headers)]
            self.on_start(asked, heard[0])
            return written.append

        written: list[bytes] = []
        try:
            chunks = self._app(_environ(asked), start_response)
            try:
                body = _read(chunks)
            finally:
                getattr(chunks, "close", lambda: None)()
        except Exception as error:
            return Answer(FAILED, failure=type(error).__name__)
        return Answer(heard[0], heard[1], b"".join(written) + body)

    def close(self) -> None:
        """WSGI knows no end."""


def _environ(asked: Asked) -> dict[str, Any]:
    """PEP 3333: the path decoded, as bytes in latin-1."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": asked.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(asked.path).decode("latin-1"),
        "QUERY_STRING": asked.query,
        "SERVER_NAME": asked.host.partition(":")[0],
        "SERVER_PORT": "443" if asked.scheme == "https" else "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": asked.peer,
        "HTTP_HOST": asked.host,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": asked.scheme,
        "wsgi.input": io.BytesIO(asked.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in asked.headers:
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else "HTTP_" + key] = value
    if asked.body:
        environ["CONTENT_LENGTH"] = str(len(asked.body))
    return environ


class Asgi:
    """An ASGI app in an event loop of its own thread, between the start and the end of its lifespan."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.on_start: Started = _nothing
        self._state: dict[str, Any] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="privacymw-check", daemon=True)
        self._thread.start()
        self._says: asyncio.Queue[str] = asyncio.Queue()
        self._heard: asyncio.Queue[str] = asyncio.Queue()
        self._life = asyncio.run_coroutine_threadsafe(self._live(), self._loop)
        if failed := self._told("lifespan.startup"):
            raise SettingsError(f"the app's own start-up failed: {failed}")

    async def _live(self) -> None:
        async def receive() -> dict[str, Any]:
            return {"type": await self._says.get()}

        async def send(message: dict[str, Any]) -> None:
            text = str(message.get("message") or "it says no more")
            await self._heard.put(text if message["type"].endswith("failed") else "")

        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self._state}
        with contextlib.suppress(Exception):  # an app without a lifespan may raise (ASGI specification)
            await self._app(scope, receive, send)
        await self._heard.put("")

    def _told(self, what: str) -> str:
        """Why the app refuses; empty where it does not."""
        if self._life.done():
            return ""

        async def tell() -> str:
            await self._says.put(what)
            return await asyncio.wait_for(self._heard.get(), SECONDS)

        try:
            return asyncio.run_coroutine_threadsafe(tell(), self._loop).result(SECONDS + 1)
        except TimeoutError:
            return "" if what.endswith("shutdown") else "it does not say that it has started"

    def ask(self, asked: Asked) -> Answer:
        """The answer; one with a `failure` where the app raised or took too long."""
        future = asyncio.run_coroutine_threadsafe(self._asked(asked), self._loop)
        return future.result(SECONDS * 2)

    async def _asked(self, asked: Asked) -> Answer:
        start: dict[str, Any] = {}
        body = bytearray()
        whole = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if "told" not in start:
                start["told"] = True
                return {"type": "http.request", "body": asked.body, "more_body": False}
            await whole.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                self.on_start(asked, message["status"])
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
                if not message.get("more_body") or len(body) > BODY_BYTES:
                    whole.set()

        failure = ""
        task = asyncio.ensure_future(self._app({**_scope(asked), "state": self._state.copy()}, receive, send))
        try:
            await asyncio.wait_for(task, SECONDS)
        except Exception as error:
            failure = type(error).__name__
        if "status" not in start:
            return Answer(FAILED, failure=failure or "no answer")
        pairs = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in start["headers"])
        return Answer(start["status"], pairs, bytes(body), failure)

    def close(self) -> None:
        """Ends the lifespan and the loop."""
        self._told("lifespan.shutdown")
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        if not self._thread.is_alive():
            self._loop.close()


def _scope(asked: Asked) -> dict[str, Any]:
    headers = [(b"host", asked.host.encode()), *((n.encode(), v.encode("latin-1")) for n, v in asked.headers)]
    if asked.body:
        headers.append((b"content-length", str(len(asked.body)).encode()))
    path = unquote_to_bytes(asked.path)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": asked.method,
        "scheme": asked.scheme,
        "root_path": "",
        "path": path.decode(errors="replace"),
        "raw_path": quote(path, safe="/:@!$&'()*+,;=~").encode(),
        "query_string": asked.query.encode(),
        "headers": headers,
        "client": (asked.peer, 4711),
        "server": (asked.host.partition(":")[0], 443 if asked.scheme == "https" else 80),
    }
