"""What `privacymw run` gives to the server: the operator's app with privacymw in front of it."""

import ast
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from privacymw.errors import PrivacyError, SettingsError

VARIABLE: Final = "_PRIVACYMW_RUN"
"""Names the app for the server's workers; not a setting, hence not named like one."""


_GIVE_UP: Final = 3
"""With this code of a worker gunicorn ends; with others it would start one after the other, for ever."""


def wsgi() -> Any:
    """The WSGI app of the variable, wrapped."""
    from privacymw.wsgi import PrivacyMiddleware

    return _wrapped(PrivacyMiddleware)


def asgi() -> Any:
    """The ASGI app of the variable, wrapped."""
    from privacymw.asgi import PrivacyMiddleware

    return _wrapped(PrivacyMiddleware)


def wrapped(app: Any, kind: str) -> Any:
    """An app with privacymw in front of it."""
    return import_module(f"privacymw.{kind}").PrivacyMiddleware(app)


def _wrapped(middleware: Callable[[Any], Any]) -> Any:
    try:
        return middleware(load(os.environ[VARIABLE]))
    except PrivacyError as error:  # its text says it all; a server would bury it in a traceback
        print(f"privacymw: {error}", file=sys.stderr, flush=True)
        raise SystemExit(_GIVE_UP) from None


def load(name: str) -> Any:
    """The app of `module:app`, `module:object.app` or `module:create_app()`.

    Raises:
        SettingsError: there is none of that name. What the app's own module raises is raised on.
    """
    module, _, path = name.partition(":")
    if not module or not path:
        raise SettingsError(f"{name}: write MODULE:APP, such as portal:app or portal:create_app()")
    try:
        found: Any = import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not (module + ".").startswith(error.name + "."):
            raise
        raise SettingsError(f"{name}: there is no module {error.name!r} in {os.getcwd()}") from None  # noqa: PTH109
    path, made, arguments = path.partition("(")
    for part in path.split("."):
        if not hasattr(found, part):
            raise SettingsError(f"{name}: {module!r} has no {path!r}")
        found = getattr(found, part)
    return found(*_arguments(name, arguments)) if made else found


def _arguments(name: str, text: str) -> tuple[Any, ...]:
    """What stands between a factory's parentheses, literal values only."""
    try:
        inner = text.removesuffix(")").strip()
        return tuple(ast.literal_eval(f"({inner},)")) if inner else ()
    except (ValueError, SyntaxError):
        raise SettingsError(f"{name}: a factory takes literal values only") from None
