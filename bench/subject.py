"""privacymw with everything on, from this tree or from another one beside it."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from bench.traffic import HEADERS, HOST, PROXY

SOURCES = Path(__file__).resolve().parent.parent / "src"

SETTINGS = {
    "PRIVACYMW_ORGANISATION_NAME": "Example Health",
    "PRIVACYMW_SITES": HOST,
    "PRIVACYMW_TRUSTED_PROXIES": f"{PROXY},10.0.0.0/8",
    "PRIVACYMW_CONFIDENTIAL_PATHS": "/members,/claims/*/files",
    "PRIVACYMW_CHOICES_CATEGORIES": "statistics",
    "PRIVACYMW_CHOICES_PREFERENCES": "language=en|es",
    "PRIVACYMW_OUTBOUND_MODE": "interstitial",
    "PRIVACYMW_HEADERS_PRESET": "strict",
    "PRIVACYMW_SIGNALS_DNT": "disclose",
    "PRIVACYMW_SIGNALS_GPC": "2024-01-01",
    "PRIVACYMW_NOTICE_EFFECTIVE": "2014-04-19",
}
"""Everything on; the data folder is added."""


class Everything(NamedTuple):
    """A started policy and what goes with it, all of one tree."""

    wsgi: Callable[[Any], Any]
    asgi: Callable[[Any], Any]
    visit: Callable[[Any], Any]
    flush: Callable[[], object]
    stored: Callable[[], int]
    put: Callable[[Any], None]
    tokens: Callable[[int], list[str]]


@contextmanager
def everything_on(sources: Path = SOURCES) -> Iterator[Everything]:
    """privacymw as it stands under `sources`, started in a folder that goes with it."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "privacymw"]:
        del sys.modules[name]
    sys.path.insert(0, str(sources))
    with TemporaryDirectory(prefix="privacymw-bench-") as folder:
        startup, wsgi, asgi, view, cookie = (
            importlib.import_module(f"privacymw.{name}") for name in ("startup", "wsgi", "asgi", "view", "cookie")
        )
        assert Path(startup.__file__ or "").is_relative_to(sources)
        started = startup.start({**SETTINGS, "PRIVACYMW_DATA": folder})
        sys.path.remove(str(sources))
        pipeline, journal = started.pipeline, started.services.journal
        yield Everything(
            wsgi=lambda app: wsgi.PrivacyMiddleware(app, pipeline),
            asgi=lambda app: asgi.PrivacyMiddleware(app, pipeline),
            visit=view.visit,
            flush=journal.flush,
            stored=lambda: journal.counts()["stored"],
            put=journal.put,
            tokens=lambda count: _tokens(started, cookie, Path(folder, "secret").read_text().split(), count),
        )
        pipeline.close()


def _tokens(started: Any, cookie: Any, secrets: list[str], count: int) -> list[str]:
    """Preference cookies of so many visitors, each signed a second after the other."""
    exchange = started.pipeline.begin("GET", "", "/", "", "http", PROXY, dict(HEADERS))
    choice = cookie.Choice(answers={"statistics": False}, preferences={"language": "es"})
    ticks = iter(range(1_000_000_000))
    start = started.services.clock() - 100_000
    signer = cookie.PreferenceCookie(secrets, clock=lambda: start + next(ticks))
    lines = (signer.line(exchange, choice)[1] for _ in range(count))
    return [line.partition(";")[0] for line in lines]
