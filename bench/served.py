"""The app that a real server is given: `BENCH_APP` names it."""

import os
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


app = _made(os.environ["BENCH_APP"])
