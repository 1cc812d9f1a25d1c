"""The Flask door: `Privacy(app)`, or `privacy.init_app(app)` in an application factory."""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, cast

import click
import flask
from flask.cli import ScriptInfo

from privacymw.cli.flask import group
from privacymw.startup import start
from privacymw.view import Visit, visit
from privacymw.wsgi import PrivacyMiddleware

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_KEY = "privacymw"
_P = ParamSpec("_P")


class Privacy:
    """Puts privacymw in front of a Flask app; templates get `privacy`, the command line `flask privacy`.

    One `Privacy` may serve several apps; an app is wrapped once, however often it is given.

    Args:
        app: to be wrapped at once.
        declared: what the app says of itself: `preferences={"language": ["en", "es"]}`, `categories=["statistics"]`.
    """

    def __init__(self, app: flask.Flask | None = None, **declared: Any) -> None:
        self._declared = declared
        if app is not None:
            self.init_app(app)

    def init_app(self, app: flask.Flask) -> None:
        """Wraps the app. Under a `flask` command that serves nothing, it starts with the first request only.

        Raises:
            SettingsError: the environment variables cannot be obeyed.
            StoreError: the data folder cannot be used.
        """
        if _KEY in app.extensions:
            return
        app.extensions[_KEY] = self
        wrap = _Later if _commanded() else _wrapped
        app.wsgi_app = wrap(app.wsgi_app, self._declared)  # type: ignore[method-assign]
        app.context_processor(lambda: {"privacy": _current()})
        app.cli.add_command(group)


def _wrapped(app: Any, declared: Mapping[str, Any]) -> PrivacyMiddleware:
    return PrivacyMiddleware(app, start(**declared).pipeline)


def _commanded() -> bool:
    """Whether a `flask` command other than `run` loads the app: `flask privacy`, a migration, a shell.

    They are run by whom it may be, often root: a data folder made then would be none of the server's.
    """
    context = click.get_current_context(silent=True)
    return context is not None and context.find_object(ScriptInfo) is not None and context.info_name != "run"


class _Later:
    """The app, wrapped when it is called for the first time."""

    def __init__(self, app: Any, declared: Mapping[str, Any]) -> None:
        self._app = app
        self._declared = declared
        self._wrapped: PrivacyMiddleware | None = None

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        self._wrapped = self._wrapped or _wrapped(self._app, self._declared)
        return self._wrapped(environ, cast(Any, start_response))


def _current() -> Visit | None:
    """The visit for a template; None outside of a request, as in a mail."""
    return visit(flask.request) if flask.has_request_context() else None


def requires_choice(category: str) -> Callable[[Callable[_P, Any]], Callable[_P, Any]]:
    """A view that answers only who allows a category; others get a page (403) that leads to the choices.

    It goes below the route: `@app.get("/report")`, then `@requires_choice("statistics")`. Works for `async`
    views too. The answer is private and varies by cookie, whether it is the view's or the page.
    """

    def decorated(view: Callable[_P, Any]) -> Callable[_P, Any]:
        @functools.wraps(view)
        def checked(*args: _P.args, **kwargs: _P.kwargs) -> Any:
            current = visit(flask.request)
            if current.allows(category):
                return flask.current_app.ensure_sync(view)(*args, **kwargs)
            reply = current.refusal(category)
            return flask.Response(reply.body, reply.status, list(reply.headers))

        return checked

    return decorated
