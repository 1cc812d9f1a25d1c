"""Values of options, from text."""

import argparse
import re
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import datetime

_CODE: Final = re.compile(r"([1-5])xx|([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?")
_DAY: Final = 86_400
_DAYS: Final = {"today": 0, "yesterday": 1}
_METHOD: Final = re.compile(r"[A-Z-]{1,32}")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_HOST: Final = re.compile(r"[A-Z0-9.-]{1,253}")
_AS: Final = re.compile(r"(?:AS)?([0-9]{1,10})")


def moment(text: str) -> float:
    """Unix seconds of `1h` (ago), `yesterday` (its start, UTC) or `2026-01-31T12:00` (UTC)."""
    from datetime import UTC, datetime

    from privacymw.kinds import KINDS

    now = time.time()
    if text == "now" or text in _DAYS:
        return now if text == "now" else now // _DAY * _DAY - _DAYS[text] * _DAY
    try:
        return now - float(KINDS["duration"].read(text))
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        allowed = "allowed are 30m, 1h, 2d (ago), today, yesterday, 2026-01-31 and 2026-01-31T12:00 (UTC)"
        raise argparse.ArgumentTypeError(f"{text!r} is no time: {allowed}") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def span(text: str) -> float:
    """Seconds of `90s`, `15m` or `1h`."""
    from privacymw.kinds import KINDS

    try:
        return float(KINDS["duration"].read(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: allowed are 90s, 15m, 1h, 1d") from None


def day(text: str) -> "datetime.date":
    """A date as `2026-01-31`."""
    from datetime import date

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date: write it as 2026-01-31") from None


def statuses(text: str) -> tuple[int, ...]:
    """The codes of `404`, `5xx`, `400-403` or `4xx,500`."""
    codes: list[int] = []
    for part in text.lower().split(","):
        found = _CODE.fullmatch(part.strip())
        allowed = "allowed are 404, 5xx, 400-403, and several with commas"
        if not found:
            raise argparse.ArgumentTypeError(f"{part!r} is no status: {allowed}")
        first = int(found[2] or found[1] + "00")
        last = first + 99 if found[1] else int(found[3] or first)
        if last < first:
            raise argparse.ArgumentTypeError(f"{part!r} ends before it begins: {allowed}")
        codes += range(first, last + 1)
    return tuple(dict.fromkeys(codes))


def routes(text: str) -> tuple[str, ...]:
    """A route as the log has it, `/members/{id}`, or `/members/*` for all below. No list: a route may hold a comma."""
    if not text.startswith("/") or "*" in text.removesuffix("/*"):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no route: allowed are /members/{{id}}, and /members/* for all below"
        )
    return (text,)


def methods(text: str) -> tuple[str, ...]:
    """The methods of `GET` or `post,put`."""
    return _several(text, _METHOD, "method", "GET, POST")


def countries(text: str) -> tuple[str, ...]:
    """The country codes (ISO 3166-1) of `DE` or `de,at`."""
    return _several(text, _COUNTRY, "country", "two letters such as DE")


def hosts(text: str) -> tuple[str, ...]:
    """The hosts of `www.example.org,example.org`."""
    return tuple(each.lower() for each in _several(text, _HOST, "host", "www.example.org"))


def asns(text: str) -> tuple[int, ...]:
    """The numbers of autonomous systems of `3320` or `AS3320,AS680`."""
    return tuple(int(each.removeprefix("AS")) for each in _several(text, _AS, "AS number", "3320 or AS3320"))


def _several(text: str, form: re.Pattern[str], what: str, allowed: str) -> tuple[str, ...]:
    parts = [part.strip().upper() for part in text.split(",")]
    for part in parts:
        if not form.fullmatch(part):
            raise argparse.ArgumentTypeError(f"{part!r} is no {what}: allowed are {allowed}, and several with commas")
    return tuple(dict.fromkeys(parts))


def count(text: str) -> int:
    """A whole number, not negative."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return int(text)


def assignment(text: str) -> tuple[str, str]:
    """The variable and the value of `ADDRESSES_RETENTION=7d`; the prefix may be left out."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} has no =: write NAME=VALUE, such as ADDRESSES_RETENTION=7d")
    name = name.strip().upper()
    return name if name.startswith("PRIVACYMW_") else f"PRIVACYMW_{name}", value
