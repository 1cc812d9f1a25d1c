"""`privacymw addresses timeline`: requests and errors over time, as a plot of one line a bucket."""

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from privacymw.cli import show, spreadsheet
from privacymw.cli.addresses import filters
from privacymw.cli.site import find
from privacymw.errors import SettingsError

if TYPE_CHECKING:
    from privacymw.store.evidence import Log

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_NICE: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(_MINUTE * count for count in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * count for count in (1, 2, 3, 6, 12)),
    *(_DAY * count for count in (1, 2, 7, 14, 30)),
)
_LINES: Final = 24
_MOST: Final = 10_000
_WIDTH: Final = 80
_HEAD: Final = ("time (UTC)", "requests", "4xx", "5xx")


class Bucket(NamedTuple):
    """`start` is Unix seconds."""

    start: int
    requests: int
    errors_4xx: int
    errors_5xx: int


def timeline(options: Namespace) -> int:
    """`addresses timeline`."""
    site, query = find(options.data), filters.lately(options)
    with site.log() as log:
        until = query["until"] or log.keys.now() / 1000
        size = _size(query["since"], until, options.bucket)
        buckets = _buckets(log, query, size, until)
    requests = sum(bucket.requests for bucket in buckets)
    if options.json:
        rows = [bucket._asdict() for bucket in buckets]
        show.document({"since": query["since"], "until": until, "bucket": size, "requests": requests, "buckets": rows})
    elif options.csv:
        spreadsheet.write(Bucket._fields, ((show.iso(start), *counts) for start, *counts in buckets))
    elif requests:
        _plot(buckets, size)
    if not requests and not options.json:
        filters.told_nothing(site)
    return 0


def _size(since: float, until: float, asked: float | None) -> int:
    """Seconds of a bucket: what was asked for, else the first nice number that gives few lines."""
    length = max(until - since, 1)
    if asked is None:
        return next((size for size in _NICE if length / size < _LINES + 0.5), _NICE[-1])
    if asked < 1 or length / asked > _MOST:
        raise SettingsError(
            f"--bucket gives more than {_MOST:,} lines here; allowed are 1s and more, or a shorter time"
        )
    return round(asked)


def _buckets(log: "Log", query: dict[str, Any], size: int, until: float) -> list[Bucket]:
    """All of the range, empty ones too, since a silence is what may be looked for."""
    first = int(query["since"] // size * size)
    counts = [[0, 0, 0] for _ in range(first, max(int(-(-until // 1)), first + 1), size)]
    progress = filters.progress(log, query)
    for _, row in progress.watch(log.raw(**{**query, "until": until}), lambda pair: pair[1].when):
        each = counts[(row.when // 1000 - first) // size]
        each[0] += 1
        each[1] += 400 <= row.status < 500
        each[2] += row.status >= 500
    return [Bucket(first + place * size, *each) for place, each in enumerate(counts)]


def _plot(buckets: Sequence[Bucket], size: int) -> None:
    """Digits stand for answers of 4xx and 5xx, so that no legend and no color is needed."""
    heads = [[_moment(bucket.start, size), *(f"{count:,}" for count in bucket[1:])] for bucket in buckets]
    widths = [max(map(len, column)) for column in zip(_HEAD, *heads, strict=True)]
    columns = min(show.width() or _WIDTH, 200)
    room = max(columns - sum(widths) - 2 * len(widths) - 1, 10)
    most = max(bucket.requests for bucket in buckets)
    show.printed(
        _joined(_HEAD, widths) + f"  {'one sign is about' if most > room else 'one sign is'} {_sign(most, room)}"
    )
    for head, bucket in zip(heads, buckets, strict=True):
        show.bar(_joined(head, widths) + "  ", _parts(bucket, most, room))


def _sign(most: int, room: int) -> str:
    number = max(most / room, 1)
    return f"{number:,.0f} request{'s' if round(number) != 1 else ''}"


def _joined(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *numbers = [cell.rjust(size) for cell, size in zip(cells, widths, strict=True)]
    return "  ".join([first.strip().ljust(widths[0]), *numbers])


def _moment(start: float, size: int) -> str:
    text = show.utc(start)
    return text[:10] if size % _DAY == 0 else text if size < _MINUTE else text[:16]


def _parts(bucket: Bucket, most: int, room: int) -> list[tuple[str, int]]:
    """The kinds of answers and the signs of each; one that occurs has a sign at least."""
    fine = bucket.requests - bucket.errors_4xx - bucket.errors_5xx
    counts = (("", fine), ("4", bucket.errors_4xx), ("5", bucket.errors_5xx))
    scale = min(room / most, 1)
    signs = [(sign, max(round(count * scale), 1) if count else 0) for sign, count in counts]
    widest = max(range(len(signs)), key=lambda place: signs[place][1])
    over = max(sum(number for _, number in signs) - room, 0)
    return [(sign, number - over * (place == widest)) for place, (sign, number) in enumerate(signs)]
