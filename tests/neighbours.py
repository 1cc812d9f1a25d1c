"""What stands around a site in browser tests: another site that records who asks, and a careless page cache."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

FILES = {
    "/film": ("text/html", "<!doctype html><html lang=en><title>Film</title><p>The film."),
    "/map.svg": ("image/svg+xml", '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
    "/count.js": ("text/javascript", 'document.documentElement.dataset.counted = "yes"'),
    "/weather.js": ("text/javascript", 'document.documentElement.dataset.weather = "rain"'),
}


class Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's own word
        pass

    def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def listening(handler: type[Quiet]) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def other_site() -> Iterator[tuple[str, list[str]]]:
    """Another site: its address, and the paths it was asked for."""
    asked: list[str] = []

    class Other(Quiet):
        def do_GET(self) -> None:
            asked.append(self.path)
            kind, text = FILES.get(self.path, ("text/plain", ""))
            self.answer(200, [("content-type", kind)], text.encode())

    with listening(Other) as port:
        yield f"http://127.0.0.1:{port}", asked


@contextlib.contextmanager
def page_cache(upstream: str) -> Iterator[tuple[str, list[str]]]:
    """A cache that heeds `private` and `no-store` and no `Vary`: its address, and the paths it answered itself."""
    kept: dict[str, tuple[int, list[tuple[str, str]], bytes]] = {}
    hits: list[str] = []
    client = httpx.Client(trust_env=False)

    class Cache(Quiet):
        def do_GET(self) -> None:
            if self.path in kept:
                hits.append(self.path)
            self.answer(*(kept.get(self.path) or self.fetched(b"")))

        def do_POST(self) -> None:
            self.answer(*self.fetched(self.rfile.read(int(self.headers["content-length"]))))

        def fetched(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            client.cookies.clear()  # a cache has no jar of its own
            got = client.request(self.command, upstream + self.path, headers=self.headers.items(), content=body)
            headers = [pair for pair in got.headers.multi_items() if pair[0] not in ("transfer-encoding", "connection")]
            found = got.status_code, headers, got.content
            rules = got.headers.get("cache-control", "")
            if self.command == "GET" and got.status_code == 200 and "private" not in rules and "no-store" not in rules:
                kept[self.path] = found
            return found

    with client, listening(Cache) as port:
        yield f"http://localhost:{port}", hits
