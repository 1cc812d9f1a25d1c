"""What a log record costs more where the process's other logs are looked at."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.clock import Subject, interleaved
from bench.options import Options
from bench.report import Report
from bench.traffic import CLIENT
from privacymw.address import pack
from privacymw.logs import records as other

_ATOMS = {
    "h": CLIENT, "l": "-", "u": "-", "t": "[24/Nov/2026:10:00:00 +0000]", "r": "GET /a?b=1 HTTP/1.1", "s": "200",
    "b": "12", "f": "-", "a": "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0.0.0",
}  # fmt: skip
_LINE = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"'
_CASES = {
    "the app's, without an address": ("bench.app", "user %s did %s in %d ms", ("jane", "something", 12)),
    "the app's, with it": ("bench.app", "user %s from %s", ("jane", CLIENT)),
    "uvicorn.access": ("uvicorn.access", '%s - "%s %s HTTP/%s" %d', (CLIENT + ":5000", "GET", "/a?b=1", "1.1", 200)),
    "gunicorn.access": ("gunicorn.access", _LINE, (_ATOMS,)),
}
_MODES = {"off": None, "report": False, "mask": True}


class _Formats(logging.Handler):
    """Formats, as every handler does, and writes nowhere."""

    def emit(self, record: logging.LogRecord) -> None:
        self.format(record)


def records(options: Options) -> Report:
    """Each kind of record during a request, in the three modes of PRIVACYMW_ADDRESSES_OTHER_LOGS."""
    subjects = {
        f"{kind}: {mode}": Subject(_timed(case, mask)) for kind, case in _CASES.items() for mode, mask in _MODES.items()
    }
    figures = interleaved(subjects, options.rounds)
    rows = [
        [kind, *(f"{figures[f'{kind}: {mode}'].median:.1f}" for mode in _MODES)] for kind in _CASES
    ]  # made, masked and formatted
    numbers = {name: figure._asdict() for name, figure in figures.items()}
    return Report("Other logs, CPU µs a record", ["record", *_MODES], rows, figures=numbers)


def _timed(case: tuple[str, str, tuple[object, ...]], mask: bool | None) -> Callable[[int], float]:
    name, line, args = case

    def take(count: int) -> float:
        with _logger(name) as logger, _watched(mask):
            start = time.process_time()
            for _ in range(count):
                logger.info(line, *args)
            return time.process_time() - start

    return take


@contextmanager
def _logger(name: str) -> Iterator[logging.Logger]:
    logger = logging.getLogger(name)
    logger.handlers, logger.propagate, logger.level = [_Formats()], False, logging.INFO
    yield logger


@contextmanager
def _watched(mask: bool | None) -> Iterator[None]:
    """As during a request of the client's; Python's own factory where nothing is looked at."""
    before = logging.getLogRecordFactory()
    watch = None if mask is None else other.Watch(mask=mask, count=lambda kind, name: None)
    token = other.CLIENT.set(pack(CLIENT))
    try:
        yield
    finally:
        other.CLIENT.reset(token)
        logging.setLogRecordFactory(before)
        del watch
