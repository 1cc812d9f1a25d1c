"""`privacymw run`: an app that knows nothing of privacymw, under the server that is installed."""

import os
import sys
from argparse import Namespace
from importlib.util import find_spec
from typing import Final, NoReturn

from privacymw.cli.target import VARIABLE, load
from privacymw.errors import SettingsError, StoreError
from privacymw.evidence.driver import kind_of

_SERVERS: Final = {"wsgi": "gunicorn", "asgi": "uvicorn"}


def run(options: Namespace) -> NoReturn:
    """`run`: becomes the server."""
    from privacymw.policies import Policy

    Policy.from_env()  # all faults before a server has workers that could each tell them
    if os.getcwd() not in sys.path:  # noqa: PTH109 - where both servers look for the app
        sys.path.insert(0, os.getcwd())  # noqa: PTH109
    kind = options.kind or kind_of(load(options.app), options.app)
    server = _SERVERS[kind]
    if find_spec(server) is None:
        raise StoreError(
            f"{options.app} is a {kind.upper()} app, and {server} is not installed.\nTo paste: pip install {server}"
        )
    os.environ[VARIABLE] = options.app
    target = f"privacymw.cli.target:{kind}"
    command = _gunicorn(options.bind, target) if kind == "wsgi" else _uvicorn(options.bind, target)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", server, *command, *options.server])  # noqa: S606 - no shell


def _gunicorn(bind: str, target: str) -> list[str]:
    return ["--bind", bind, f"{target}()"]


def _uvicorn(bind: str, target: str) -> list[str]:
    if bind.startswith("unix:"):
        return ["--factory", "--uds", bind.removeprefix("unix:"), target]
    host, _, port = bind.rpartition(":")
    if not host or not port.isdigit():
        raise SettingsError(f"--bind {bind}: allowed are HOST:PORT, [::1]:8000 and unix:PATH")
    return ["--factory", "--host", host.strip("[]"), "--port", port, target]
