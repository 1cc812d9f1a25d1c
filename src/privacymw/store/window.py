"""New rows of a store whose numbers come in no order: looks that overlap, and a memory of what they have shown."""

from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Final

from privacymw.store.base import Query, Row

Found = tuple[int, Row]
Numbered = Callable[[Query], Iterable[tuple[int, Found]]]
"""Rows of a query, oldest first, each with its number."""

_NEAR: Final = 15_000  # ms; a writer drains four times a second
LATE: Final = 600_000
"""How late, in ms, a row may be stored and still be shown: writers wait for a server that is away."""
_FAR_EACH: Final = 20  # looks; every so many one goes back as far as LATE


def follow(
    ask: Callable[[], Query], look: Numbered, read: Callable[[Query], Iterable[Found]], now: Callable[[], float]
) -> Iterator[list[Found]]:
    """First the newest rows, then at each step those that no step before has given; see `Store.follow`."""
    seen: dict[int, int] = {}  # number and time of what was shown
    for turn in count():
        far = turn % _FAR_EACH == 0
        query, at = ask(), round(now() * 1000)
        since = max(at - (LATE if far else _NEAR), query.since or 0)
        fresh = []
        for number, found in look(query._replace(since=since, limit=None)):
            if number not in seen:
                seen[number] = found[1].when
                fresh.append(found)
        yield fresh if turn else _newest(fresh, query, since, read)
        if far:
            seen = {number: when for number, when in seen.items() if when >= at - LATE}


def _newest(found: list[Found], query: Query, since: int, read: Callable[[Query], Iterable[Found]]) -> list[Found]:
    """As many as the query asks for, also from before the window."""
    until = since if query.until is None else min(since, query.until)
    if query.limit is None:
        return [*read(query._replace(until=until)), *found]
    older = read(query._replace(until=until, limit=max(query.limit - len(found), 0)))
    return [*older, *found][-query.limit :] if query.limit else []
