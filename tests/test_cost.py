"""What a request costs, counted in calls: exact on an interpreter, where a clock would not be."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from faces import Heard, Request, Site, Wire, asgi_app, environ_of, scope_of, wsgi_app
from privacymw import asgi, wsgi
from privacymw.pipeline import Pipeline
from privacymw.startup import start

ENVIRON = {
    "PRIVACYMW_TRUSTED_PROXIES": "127.0.0.1",
    "PRIVACYMW_CONFIDENTIAL_PATHS": "/members",
    "PRIVACYMW_CHOICES_PREFERENCES": "language=en|es",
    "PRIVACYMW_HEADERS_PRESET": "strict",
    "PRIVACYMW_NOTICE_EFFECTIVE": "2014-04-19",
}
REQUEST = Request(
    peer="127.0.0.1",
    headers=(
        ("host", "portal.health.example"),
        ("accept", "text/html"),
        ("accept-encoding", "gzip"),
        ("cookie", "theme=dark"),
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-proto", "https"),
    ),
)
SITE = Site(headers=(("content-type", "text/plain"), ("content-length", "5")), chunks=(b"hello",))


@pytest.fixture(name="pipe")
def _pipe(tmp_path: Path) -> Iterator[Pipeline]:
    pipe = start({**ENVIRON, "PRIVACYMW_DATA": str(tmp_path / "data")}).pipeline
    yield pipe
    pipe.close()


def through_wsgi(pipe: Pipeline) -> Any:
    face = wsgi.PrivacyMiddleware(wsgi_app(SITE), pipe)
    return lambda: face(environ_of(REQUEST), Heard().start_response)


def through_asgi(pipe: Pipeline) -> Any:
    face = asgi.PrivacyMiddleware(asgi_app(SITE), pipe)

    def ask() -> None:
        wire: Any = Wire()
        turn: Any = face(scope_of(REQUEST), wire.receive, wire.send)
        with pytest.raises(StopIteration):  # nothing in it waits
            turn.send(None)

    return ask


# Two of them set and reset the client for the process's other logs (PRIVACYMW_ADDRESSES_OTHER_LOGS=off saves them).
# Reasons to raise one: a promise that did not exist. 3.12 and later call less, comprehensions being inlined.
@pytest.mark.parametrize(("through", "most"), [(through_wsgi, 71), (through_asgi, 91)])
def test_a_request_with_everything_on_takes_no_more_calls(pipe: Pipeline, through: Any, most: int) -> None:
    ask = through(pipe)
    ask()
    assert len(our_calls(ask)) <= most


def our_calls(function: Callable[[], object]) -> list[str]:
    """The calls of our functions, and those of C functions that they make."""
    package, names = str(Path(wsgi.__file__).parent), []

    def note(frame: Any, event: str, argument: Any) -> None:
        if frame.f_code.co_filename.startswith(package) and event in ("call", "c_call"):
            names.append(frame.f_code.co_qualname if event == "call" else argument.__qualname__)

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return names
