"""The layers of an app from the outside in, as far as their objects show them."""

from collections.abc import Iterator
from typing import Any, Final

_INNER: Final = ("middleware_stack", "wsgi_app", "app", "application", "_app", "wrapped")
_OURS: Final = ("privacymw.wsgi", "privacymw.asgi", "privacymw.flask", "privacymw.starlette")
_PLAIN: Final = frozenset(
    ("Flask", "Starlette", "FastAPI", "Quart", "WSGIHandler", "ASGIHandler", "function", "method")
)
_DEPTH: Final = 50


def layers(app: Any, *, everywhere: bool = False) -> list[str]:
    """Names of the layers around privacymw; with `everywhere`, of all layers. Empty where we cannot be found."""
    names: list[str] = []
    for layer in _walk(app):
        if type(layer).__module__.startswith(_OURS) and not everywhere:
            return names
        if type(layer).__name__ not in _PLAIN:
            names.append(type(layer).__name__)
    return names if everywhere else []


def _walk(app: Any) -> Iterator[Any]:
    known: set[int] = set()
    while app is not None and id(app) not in known and len(known) < _DEPTH:
        known.add(id(app))
        yield app
        inner = (getattr(app, "__dict__", {}).get(name) for name in _INNER)
        app = next((each for each in inner if callable(each)), None)
        app = getattr(app, "__self__", app) if getattr(app, "__name__", "") == "wsgi_app" else app
