"""Sites for `check` to look at: a whole one, and ways to break it from the outside."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from privacymw import asgi, wsgi
from privacymw.evidence.driver import driver
from privacymw.evidence.looking import Report, claim_of, look
from privacymw.evidence.probe import Elsewhere, Probe, Scratch
from privacymw.startup import start

Environ = dict[str, Any]
HTML = ("Content-Type", "text/html; charset=utf-8")


class Page(NamedTuple):
    """What the app answers at a path."""

    body: str | bytes = "<h1>hello</h1>"
    headers: tuple[tuple[str, str], ...] = (HTML,)
    status: int = 200


PAGES: Mapping[str, Page] = {
    "/": Page(
        '<!doctype html><body><a href="/about">about</a> <a href="/members/7">you</a> <a href="https://partner.example/in?a=1">in</a>'
        '<form action="https://codes.example/find"><input name="q"></form><img src="/logo.svg" alt=""></body>'
    ),
    "/about": Page('<!doctype html><body><h1>about</h1> <a href="mailto:us@portal.example">us</a></body>'),
    "/members/7": Page(
        '<!doctype html><body><h1>your claims</h1> <a href="https://partner.example/claims">more</a></body>'
    ),
}
WHOLE = {
    "organisation_name": "Example Health",
    "organisation_contact": "privacy@portal.example",
    "sites": "portal.example",
    "notice_effective": "2026-01-31",
    "headers_preset": "strict",
    "confidential_paths": "/members",
    "choices_categories": "statistics",
    "signals_gpc": "on",
    "transport_redirect": "on",
    "cookies_declared": '[{name = "_ad", category = "advertising", purpose = "shows offers", lifetime = "30d"}]',
}


def wsgi_app(pages: Mapping[str, Page], seen: Callable[[Environ], object] = lambda environ: None) -> Any:
    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        seen(environ)
        page = pages.get(environ["PATH_INFO"], Page("not here", status=404))
        body = page.body(environ) if callable(page.body) else page.body
        start_response(f"{page.status} Said", list(page.headers))
        return [body.encode() if isinstance(body, str) else body]

    return app


def asgi_app(pages: Mapping[str, Page]) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                await send({"type": kind + ".complete"})
                if kind.endswith("shutdown"):
                    return
        page = pages.get(scope["path"], Page("not here", status=404))
        body = page.body.encode() if isinstance(page.body, str) else page.body
        headers = [(name.lower().encode(), value.encode()) for name, value in page.headers]
        await send({"type": "http.response.start", "status": page.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


Change = Callable[[str, list[tuple[str, str]], bytes], tuple[list[tuple[str, str]], bytes]]


class Outside:
    """A layer around privacymw that changes what comes out of it, or what goes in."""

    def __init__(
        self,
        app: Any,
        change: Change = lambda path, headers, body: (headers, body),
        inward: Callable[[Environ], object] = lambda environ: None,
    ) -> None:
        self.app, self.change, self.inward = app, change, inward

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        self.inward(environ)
        heard: list[Any] = []
        chunks = self.app(environ, lambda status, headers, exc_info=None: heard.extend((status, headers)))
        body = b"".join(chunks)
        getattr(chunks, "close", lambda: None)()
        headers, body = self.change(path, [(name, value) for name, value in heard[1]], body)
        headers = [pair for pair in headers if pair[0].lower() != "content-length"]
        start_response(heard[0], headers)
        return [body]


def probe(
    folder: Path,
    app: Any,
    kind: str = "wsgi",
    *,
    outside: Callable[[Any], Any] = lambda app: app,
    logs: bool = False,
    elsewhere: Callable[[Mapping[str, str]], Elsewhere] | None = None,
    **settings: str,
) -> tuple[Probe, Callable[[], None]]:
    """A probe of an app behind privacymw, and what ends both; `elsewhere` makes it once more from its settings."""
    named = {f"PRIVACYMW_{name.upper()}": text for name, text in {**WHOLE, **settings}.items() if text}
    scratch = Scratch(folder / "data", folder / "keys", folder / "data" / "log.sqlite")
    if settings.get("keys") == "beside":
        scratch = scratch._replace(keys=scratch.data / "keys")
    places = {"PRIVACYMW_DATA": str(scratch.data), "PRIVACYMW_KEYS": str(scratch.keys)}
    started = start({**named, **places})
    middleware: Any = wsgi.PrivacyMiddleware if kind == "wsgi" else asgi.PrivacyMiddleware
    whole = outside(middleware(app, started.pipeline))
    driven = driver(whole, kind)
    claim = claim_of(driven, "/privacy")
    assert claim is not None
    there = None if elsewhere is None else functools.partial(elsewhere, named)
    made = Probe(driven, kind, claim, scratch=scratch if logs else None, elsewhere=there)
    made.app = whole

    def close() -> None:
        driven.close()
        started.pipeline.close()

    return made, close


def looked(folder: Path, app: Any = None, kind: str = "wsgi", **more: Any) -> Report:
    """What `check` sees of an app behind privacymw."""
    made, close = probe(folder, wsgi_app(PAGES) if app is None else app, kind, **more)
    try:
        return look(made, "tests:app")
    finally:
        close()
