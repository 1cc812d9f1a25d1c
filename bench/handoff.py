"""What the request pays for the address log, and what the writer's thread pays later."""

import time
from typing import Any

from bench.clock import Figure, Subject, interleaved
from bench.options import Options
from bench.report import Report, against
from bench.subject import everything_on
from bench.traffic import CLIENT, HEADERS, HOST

FITS = 10_000
"""Events that wait in the queue at most: beyond its end they would be dropped, which costs otherwise."""
BUDGET = 0.5
"""CPU microseconds."""
AGENT = dict(HEADERS)["user-agent"]


def handoff(options: Options) -> Report:
    """`journal.put` beside an append to a list, and a row stored."""
    with everything_on() as tree:
        stored: list[float] = []

        def settle() -> None:
            before, start = tree.stored(), time.process_time()
            tree.flush()
            took, rows = time.process_time() - start, tree.stored() - before
            if rows > 1_000:
                stored.append(took / rows * 1e6)

        def put(count: int) -> float:
            took = 0.0
            for first in range(0, count, FITS):
                took += _timed(tree.put, min(FITS, count - first))
                settle()
            return took

        subjects = {"journal.put": Subject(put), "list.append": Subject(lambda count: _timed([].append, count))}
        figures = interleaved(subjects, options.rounds)
    figures["a row stored by the writer, off the request"] = Figure.of(stored)
    rows = [[name, f"{each.median:.3f}", f"{each.low:.3f}-{each.high:.3f}", ""] for name, each in figures.items()]
    rows[0][3] = against(figures["journal.put"].median, BUDGET)
    numbers = {name: figure._asdict() for name, figure in figures.items()}
    return Report("Hand-off to the address log", ["what", "CPU µs", "quartiles", "budget"], rows, figures=numbers)


def _timed(take: Any, count: int) -> float:
    now = time.time_ns() // 1_000_000
    packed = bytes(10) + b"\xff\xff" + bytes(map(int, CLIENT.split(".")))
    event = (now, packed, "GET", "/members/{id}", 200, 321, "", AGENT, HOST)
    start = time.process_time()
    for _ in range(count):
        take(event)
    return time.process_time() - start
