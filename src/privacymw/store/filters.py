"""What a query asks of single rows, in the SQL that both stores speak."""

from collections.abc import Iterable, Sequence

from privacymw.store.base import LANES, Query

Condition = tuple[str, Sequence[object]]
"""A text with marks and what is bound to them: no value is ever written into the text."""


def conditions(query: Query, mark: str) -> list[Condition]:
    """All that must hold, but for tokens, which hang on the epoch. `mark` stands for a bound value."""
    parts: list[Condition] = []
    if query.since is not None:
        parts.append((f"at >= {mark}", (query.since,)))
    if query.until is not None:
        parts.append((f"at < {mark}", (query.until,)))
    if query.losses:
        parts.append(("dropped > 0", ()))
    for column, values in (
        ("status", query.statuses),
        ("method", query.methods),
        ("country", query.countries),
        ("asn", query.asns),
        ("site", query.sites),
    ):
        if values:
            parts.append(_among(column, tuple(values), mark))
    if query.routes:
        parts.append(_any(_route(route, mark) for route in query.routes))
    return parts


def _among(column: str, values: Sequence[object], mark: str) -> Condition:
    return f"{column} in ({', '.join([mark] * len(values))})", values


def _route(route: str, mark: str) -> Condition:
    """Itself, or with a star at its end all that begins so; no pattern: a route may hold any sign."""
    if not route.endswith("*"):
        return f"route = {mark}", (route,)
    begin = route[:-1]
    return f"substr(route, 1, {len(begin)}) = {mark}", (begin,)


def _any(parts: Iterable[Condition]) -> Condition:
    texts, values = zip(*parts, strict=True)
    return f"({' or '.join(texts)})", [value for each in values for value in each]


def sqlite_conditions(epochs: Sequence[int], query: Query) -> tuple[str, list[object]]:
    """The where clause and its values; values are bound, never written into the text."""
    parts: list[Condition] = [("1", ()), *conditions(query, "?")]
    if query.tokens is not None:
        lanes = [lane for lane in LANES if any(lane in query.tokens[start] for start in epochs)]
        each = " and ".join(["epoch = ?", *(f"{lane} is ?" for lane in lanes)])
        bound = [value for start in epochs for value in (start, *map(query.tokens[start].get, lanes))]
        parts.append((f"({' or '.join([f'({each})'] * len(epochs))})", bound))
    return " and ".join(text for text, _ in parts), [value for _, values in parts for value in values]
