"""Many short slices in turn, on the CPU clock: on a shared machine only ratios within one run mean something."""

import gc
import random
import statistics
from collections.abc import Callable, Mapping
from typing import NamedTuple

SLICE = 0.004
"""CPU seconds of one slice: short, so that a slow moment of the machine falls on all alike."""


def nothing() -> None:
    """Does nothing."""


class Subject(NamedTuple):
    """Something to time.

    Attributes:
        run: does the work so many times, and returns the CPU seconds it took.
        settle: called after each slice, off the clock; such as what a queue holds.
    """

    run: Callable[[int], float]
    settle: Callable[[], object] = nothing


class Figure(NamedTuple):
    """CPU microseconds of one piece of work: the median of all slices, and the quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, samples: list[float]) -> "Figure":
        low, median, high = statistics.quantiles(samples, n=4)
        return cls(median, low, high)


def interleaved(subjects: Mapping[str, Subject], rounds: int) -> dict[str, Figure]:
    """Times all subjects in turn, in another order each round.

    The slower half of the rounds, in which the machine was busy with others, is left out for all subjects alike.
    """
    counts = {name: _calibrated(subject) for name, subject in subjects.items()}
    samples: dict[str, list[float]] = {name: [] for name in subjects}
    order = list(subjects)
    for _ in range(rounds):
        random.shuffle(order)
        gc.collect()
        for name in order:
            samples[name].append(subjects[name].run(counts[name]) / counts[name] * 1e6)
            subjects[name].settle()
    totals = [sum(each) for each in zip(*samples.values(), strict=True)]
    quiet = statistics.median(totals)
    return {
        name: Figure.of([each for each, total in zip(found, totals, strict=True) if total <= quiet])
        for name, found in samples.items()
    }


def _calibrated(subject: Subject) -> int:
    """How often the work fits into a slice, found when it is warm: a slice too short would measure a cold cache."""
    subject.run(100)
    subject.settle()
    count = 1
    while (seconds := subject.run(count)) < SLICE / 4:
        subject.settle()
        count *= 2
    subject.settle()
    return max(int(count * SLICE / seconds), 1)
