"""The Flask door: `Privacy(app)`, or `privacy.init_app(app)` in an application factory."""

from typing import Any, cast

import flask

from privacymw.startup import start
from privacymw.view import Visit, visit
from privacymw.wsgi import PrivacyMiddleware

_KEY = "privacymw"


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
        """Wraps the app.

        Raises:
            SettingsError: the environment variables cannot be obeyed.
            StoreError: the data folder cannot be used.
        """
        if _KEY in app.extensions:
            return
        app.extensions[_KEY] = self
        app.wsgi_app = PrivacyMiddleware(cast(Any, app.wsgi_app), start(**self._declared).pipeline)  # type: ignore[method-assign]
        app.context_processor(lambda: {"privacy": _current()})
        from privacymw.cli.flask import group

        app.cli.add_command(group)


def _current() -> Visit | None:
    """The visit for a template; None outside of a request, as in a mail."""
    return visit(flask.request) if flask.has_request_context() else None
