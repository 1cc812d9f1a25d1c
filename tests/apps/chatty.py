"""Apps that write each visitor's address into their own log: the default access logs stand beside it.

FACE says which of the two; logging is configured after privacymw started, as an app's settings often do it.
"""

import asyncio
import logging
import logging.config
import os
from collections.abc import Callable, Iterable
from typing import Any

from privacymw import asgi, wsgi

log = logging.getLogger("app.views")


def _wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    client = environ["REMOTE_ADDR"]
    log.info("hello from %s", client)
    log.info(f"hello from {client}")
    try:
        raise ValueError(f"no luck for {client}")
    except ValueError:
        log.exception("it failed")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


async def _asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    client = scope["client"]
    log.info("hello from %s", client[0])
    log.info("the peer is %r", client)
    await asyncio.gather(asyncio.create_task(_later(client[0])), asyncio.to_thread(log.info, "threaded %s", client[0]))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def _later(client: str) -> None:
    await asyncio.sleep(0)
    log.warning("a task of %s", client)


app: Any = asgi.PrivacyMiddleware(_asgi) if os.environ["FACE"] == "asgi" else wsgi.PrivacyMiddleware(_wsgi)

logging.config.dictConfig(
    {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "%(levelname)s %(name)s: %(message)s"}},
        "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "plain"}},
        "loggers": {"app": {"handlers": ["out"], "level": "DEBUG"}},
    }
)

if __name__ == "__main__":
    import sys

    from werkzeug.serving import run_simple

    run_simple("127.0.0.1", int(sys.argv[1]), app)
