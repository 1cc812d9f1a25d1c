"""What a log can still answer for a time: which keys open it, which have died, and what nobody knows."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from privacymw.store.base import KeyInfo, Tombstone
from privacymw.store.reader import Reader

OPEN: Final = "open"
DESTROYED: Final = "destroyed"
OVERDUE: Final = "overdue"
"""Past its deadline, and opened no longer; a running site destroys it in a moment."""
LOST: Final = "lost"
UNKNOWN: Final = "unknown"
"""No key and no trace of one: nothing was logged then, or it is so long ago that the trace has gone too."""


class Span(NamedTuple):
    """One stretch of time of one lane, in ms; `until` is excluded. `by` is when its key dies, died, or had to."""

    since: int
    until: int
    state: str
    by: int | None = None


def spans(log: Reader, lane: str) -> list[Span]:
    """What is known of a lane, oldest first; between two spans nothing is."""
    live, gone = log.keys.census()
    found = {start: _alive(log, info) for (each, start), info in live.items() if each == lane}
    found |= {start: _dead(log, grave) for (each, start), grave in gone.items() if each == lane}
    lost = [info.start for info in log.keys.home.lost() if info.lane == lane]
    lost += [epoch.start for epoch in log.store.epochs() if lane in epoch.lanes]
    for start in lost:
        found.setdefault(start, Span(start, start + log.keys.terms.length, LOST))
    return list(_apart([found[start] for start in sorted(found)]))


def _alive(log: Reader, info: KeyInfo) -> Span:
    end, by = info.start + (info.length or log.keys.terms.length), log.keys.deadline(info)
    return Span(info.start, end, OPEN if info.length and log.keys.now() < by else OVERDUE, by)


def _dead(log: Reader, grave: Tombstone) -> Span:
    return Span(grave.start, grave.start + log.keys.terms.length, DESTROYED, grave.destroyed)


def _apart(found: Sequence[Span]) -> Iterator[Span]:
    """None reaches into the next: a tombstone does not say how long its epoch was."""
    for span, following in zip(found, [*found[1:], None], strict=True):
        yield span._replace(until=min(span.until, following.since)) if following else span


def within(found: Sequence[Span], since: int, until: int) -> list[Span]:
    """The spans of a stretch of time, without a gap: what no span covers is unknown."""
    parts, at = [], since
    for span in found:
        if span.until <= at or span.since >= until:
            continue
        if span.since > at:
            parts.append(Span(at, span.since, UNKNOWN))
        parts.append(span._replace(since=max(span.since, at), until=min(span.until, until)))
        at = parts[-1].until
    return [*parts, Span(at, until, UNKNOWN)] if at < until else parts


def joined(found: Sequence[Span]) -> list[Span]:
    """Neighbours of one state as one span; of their deaths the last."""
    parts: list[Span] = []
    for span in found:
        if parts and parts[-1].state == span.state and parts[-1].until == span.since:
            by = max(filter(None, (parts[-1].by, span.by)), default=None)
            parts[-1] = parts[-1]._replace(until=span.until, by=by)
        else:
            parts.append(span)
    return parts
