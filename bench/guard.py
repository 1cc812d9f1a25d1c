"""What the cookie guard adds to an answer: without cookies, and with three."""

import time
from collections.abc import Callable
from typing import Any

from bench.clock import Subject, interleaved
from bench.options import Options
from bench.report import Report, against
from privacymw.core import Exchange
from privacymw.startup import start

BUDGETS = {"no cookie": 1.5, "three cookies": 6.0, "three that come, and three": None}
"""CPU microseconds; None where none was set."""
DECLARED = """[
  {name = "session", category = "necessary", purpose = "keeps you signed in", http_only = true},
  {name = "csrftoken", category = "necessary", purpose = "guards forms"},
  {name = "_stats", category = "statistics", purpose = "counts visits", lifetime = "30d"},
]"""
PAGE = [("content-type", "text/html; charset=utf-8")]
COOKIES = [
    ("set-cookie", "session=eyJhIjoxfQ.aaaa.bbbb; Secure; HttpOnly; Path=/; SameSite=Lax"),
    ("set-cookie", "csrftoken=abcdefghijklmnop; Secure; Path=/; SameSite=Lax"),
    ("set-cookie", "_stats=1.2.3; Path=/; Max-Age=86400; Secure"),
]


def guard(options: Options) -> Report:
    """The guard's own hooks in `enforce` mode; apart, what it takes to look at as many that a request brings."""
    environ = {
        "PRIVACYMW_DATA": "none", "PRIVACYMW_SECRET_KEY": "a secret for this bench alone",
        "PRIVACYMW_COOKIES_GUARD": "enforce", "PRIVACYMW_COOKIES_DECLARED": DECLARED,
    }  # fmt: skip
    pipeline = start(environ).pipeline
    keeper = next(each for each in pipeline.keepers if each.name == "cookies")
    header = "; ".join(value.partition(";")[0] for _, value in COOKIES)
    bare, full = (
        pipeline.begin("GET", "", "/", "", "https", None, {"host": "example.org", **more})
        for more in ({}, {"cookie": header})
    )
    exchanges = dict(zip(BUDGETS, ((bare, PAGE), (bare, [*PAGE, *COOKIES]), (full, [*PAGE, *COOKIES])), strict=True))
    subjects = {name: Subject(_timed(keeper, *each)) for name, each in exchanges.items()}
    figures = interleaved(subjects, options.rounds)
    rows = []
    for name, each in figures.items():
        budget = BUDGETS[name]
        judged = "" if budget is None else against(each.median, budget)
        rows.append([name, f"{each.median:.2f}", f"{each.low:.2f}-{each.high:.2f}", judged])
    numbers = {name: figure._asdict() for name, figure in figures.items()}
    return Report("The cookie guard", ["answer", "CPU µs", "quartiles", "budget"], rows, figures=numbers)


def _timed(keeper: Any, exchange: Exchange, headers: list[tuple[str, str]]) -> Callable[[int], float]:
    def run(count: int) -> float:
        begin = time.process_time()
        for _ in range(count):
            exchange.expires, exchange.edits = [], []
            keeper.on_request(exchange)
            keeper.on_response(exchange, headers)
        return time.process_time() - begin

    return run
