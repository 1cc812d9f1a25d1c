"""Hears what the process writes while the app is driven: log records, and what goes to standard output."""

import contextlib
import io
import logging
from collections.abc import Iterator
from types import TracebackType
from typing import Any, NamedTuple

from privacymw.evidence.driver import Asked


class Record(NamedTuple):
    """A record as it goes to the handlers: the logger's name and the text."""

    name: str
    text: str


class Records:
    """Listens between `with` and its end; at the place where records are handed to handlers."""

    def __init__(self) -> None:
        self.heard: list[Record] = []
        self.printed = io.StringIO()
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> "Records":
        before = logging.Logger.callHandlers

        def listened(logger: logging.Logger, record: logging.LogRecord) -> None:
            with contextlib.suppress(Exception):  # the app's own mistake in a format
                self.heard.append(Record(record.name, record.getMessage()))
            before(logger, record)

        place: Any = logging.Logger
        place.callHandlers = listened
        self._undo.callback(setattr, logging.Logger, "callHandlers", before)
        self._undo.enter_context(contextlib.redirect_stdout(self.printed))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    def writers_of(self, text: str) -> Iterator[str]:
        """Who wrote down a text: names of loggers, or standard output."""
        yield from dict.fromkeys(each.name for each in self.heard if text in each.text)
        if text in self.printed.getvalue():
            yield "standard output"


SERVERS = {"asgi": "uvicorn.access", "wsgi": "werkzeug"}


class ServerLog:
    """Writes an access log in the manner of a server while an app answers, to see what becomes of it.

    Called in the app's own context, when an answer begins. The lines go nowhere but to `lines`.
    """

    def __init__(self, kind: str) -> None:
        self.lines: list[str] = []
        self._kind = kind
        self.logger = SERVERS[kind]

    def __call__(self, asked: Asked, status: int) -> None:
        logger = logging.getLogger(self.logger)
        line = f"{asked.method} {asked.path}?{asked.query} HTTP/1.1"
        uvicorn = ('%s - "%s %s HTTP/%s" %d', (asked.peer + ":4711", asked.method, asked.path, "1.1", status))
        werkzeug = (f'{asked.peer} - - [31/Jan/2026 12:00:00] "%s" %s %s', (line, status, "-"))
        msg, args = uvicorn if self._kind == "asgi" else werkzeug
        factory: Any = logging.getLogRecordFactory()
        record = factory(logger.name, logging.INFO, __file__, 0, msg, args, None)
        self.lines.append(record.getMessage())
