"""Whole sites under settings, driven through both faces: an app is a function from a visit to an answer."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from faces import Answer, Request, Site, asgi_app, ask_asgi, ask_wsgi, body_messages, environ_of, scope_of, wsgi_app
from privacymw import asgi, visit, wsgi
from privacymw.pipeline import Pipeline
from privacymw.startup import Started, start
from privacymw.view import Visit

SECRET = "a secret that the tests know of"
OTHER_SECRET = "a secret of another machine's own"
View = Callable[[Visit], Site]

HOST = "portal.example"
BROWSER = (("accept", "text/html,application/xhtml+xml,*/*;q=0.8"), ("host", HOST))
NAVIGATION = (*BROWSER, ("sec-fetch-site", "same-origin"))
FORM = ("content-type", "application/x-www-form-urlencoded")


def environ(**settings: str) -> dict[str, str]:
    """An environment with a secret and no folder, and with the settings given by their names in small letters."""
    named = {f"PRIVACYMW_{name.upper()}": value for name, value in settings.items()}
    return {"PRIVACYMW_DATA": "none", "PRIVACYMW_SECRET_KEY": SECRET, **named}


def started(**settings: str) -> Started:
    return start(environ(**settings))


def page_of(text: str, *headers: tuple[str, str], status: int = 200) -> Site:
    """A page of the app's; `headers` replace the content type where they name one."""
    kind = () if any(name == "content-type" for name, _ in headers) else (("content-type", "text/html"),)
    return Site(status, (*kind, *headers), (text.encode(),))


def through_wsgi(pipe: Pipeline, view: View, request: Request) -> Answer:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answer: Iterable[bytes] = wsgi_app(view(visit(environ)))(environ, start_response)
        return answer

    environ = environ_of(request)
    if "HTTP_CONTENT_TYPE" in environ:
        environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE")
    if not any(name == "host" for name, _ in request.headers):
        environ.pop("HTTP_HOST", None)
    return ask_wsgi(wsgi.PrivacyMiddleware(app, pipe), environ).answer


def through_asgi(pipe: Pipeline, view: View, request: Request) -> Answer:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asgi_app(view(visit(scope)))(scope, receive, send)

    half = len(request.body) // 2
    says = body_messages(request.body[:half], request.body[half:])
    return ask_asgi(asgi.PrivacyMiddleware(app, pipe), scope_of(request), *says).answer


FACES: dict[str, Callable[[Pipeline, View, Request], Answer]] = {"wsgi": through_wsgi, "asgi": through_asgi}


class Portal(NamedTuple):
    """A started site behind one face."""

    face: str
    started: Started
    view: View

    def ask(self, path: str = "/", *headers: tuple[str, str], **more: Any) -> Answer:
        """The answer to a request; a browser's usual headers where none are given."""
        return FACES[self.face](
            self.started.pipeline, self.view, Request(path=path, headers=headers or BROWSER, **more)
        )

    def post(self, path: str, body: str | bytes, *headers: tuple[str, str], **more: Any) -> Answer:
        """The answer to a form sent from one of our own pages, unless the headers say otherwise."""
        raw = body.encode() if isinstance(body, str) else body
        return self.ask(path, *(headers or (*NAVIGATION, FORM)), method="POST", body=raw, **more)


def portal(face: str, view: View | Site | None = None, /, **settings: str) -> Portal:
    if view is None:
        view = page_of("<p>hello</p>")
    if isinstance(view, Site):
        site = view
        return Portal(face, started(**settings), lambda _: site)
    return Portal(face, started(**settings), view)


def header(answer: Answer, name: str) -> str:
    """The one value of a header, or an empty text; a header sent twice is a fault.

    The cookie that only shows the answers to scripts is left out: it goes with the other one.
    """
    found = [value for each, value in answer.headers if each == name and "-view=" not in value.partition(";")[0]]
    assert len(found) < 2, answer.headers
    return found[0] if found else ""


def names(answer: Answer) -> set[str]:
    return {name for name, _ in answer.headers}


def cookie_of(answer: Answer) -> tuple[str, str]:
    """The Cookie header with which a browser would come back."""
    line = header(answer, "set-cookie")
    return "cookie", line.partition(";")[0]
