"""A legal hold on the log: its two days, what may be said of them together, and what an operator hears."""

import datetime
from collections.abc import Iterator
from typing import Final

MOST: Final = 366
"""Days that a hold lasts; a longer one has to be asked for again, which moves its first day."""

_SINCE, _UNTIL = "PRIVACYMW_ADDRESSES_HOLD_SINCE", "PRIVACYMW_ADDRESSES_HOLD_UNTIL"
_SOME: Final = 90
_Day = datetime.date | None


def contradictions(since: _Day, until: _Day) -> Iterator[tuple[str, str, datetime.date]]:
    """As `Group.contradictions`: both days or neither, in order, and not too far from each other."""
    if since is None and until is not None:
        yield "hold_since", f"not set, while {_UNTIL} is: a hold has two days", _later(until, -_SOME)
    if since is not None and until is None:
        yield "hold_until", f"not set, while {_SINCE} is: a hold has an end", _later(since, _SOME)
    if since is not None and until is not None:
        if until <= since:
            yield "hold_until", f"not after {_SINCE}", _later(since, _SOME)
        if until > _later(since, MOST):
            yield "hold_until", f"more than {MOST} days after {_SINCE}", _later(since, MOST)


def remarks(since: _Day, until: _Day, today: datetime.date) -> Iterator[str]:
    """As `Promise.remarks`: that a hold lasts, or that it is over."""
    if since is None or until is None:
        return
    if today < until:
        yield f"a legal hold keeps what was logged from {since} on until {until}; the page says so"
    else:
        yield f"the legal hold ended on {until}: it is withdrawn, the retention holds again. Unset {_SINCE}, {_UNTIL}"


def seconds(day: _Day) -> float:
    """The beginning of a day in UTC, Unix seconds; 0 for none."""
    if day is None:
        return 0
    return datetime.datetime.combine(day, datetime.time(), datetime.UTC).timestamp()


def _later(day: datetime.date, count: int) -> datetime.date:
    """So many days later, as far as the calendar goes."""
    number = day.toordinal() + count
    return datetime.date.fromordinal(min(max(number, 1), datetime.date.max.toordinal()))
