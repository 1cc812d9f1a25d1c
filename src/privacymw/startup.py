"""Start-up: from the environment to a pipeline."""

from typing import NamedTuple

from privacymw.pipeline import Pipeline


class Started(NamedTuple):
    """What a process keeps of its start."""

    pipeline: Pipeline


def start() -> Started:
    """The pipeline of the promises in force."""
    return Started(Pipeline([]))
