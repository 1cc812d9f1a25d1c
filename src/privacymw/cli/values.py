"""Values of options, from text."""

import argparse
import re
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import datetime

_CODE: Final = re.compile(r"[1-5](?:[0-9]{2}|xx)")


def moment(text: str) -> float:
    """Unix seconds of `1h` (ago) or of `2026-01-31T12:00` (UTC)."""
    from datetime import UTC, datetime

    from privacymw.kinds import KINDS

    try:
        return time.time() - float(KINDS["duration"].read(text))
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        allowed = "allowed are 30m, 1h, 2d, 2026-01-31 and 2026-01-31T12:00"
        raise argparse.ArgumentTypeError(f"{text!r} is no time: {allowed}") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def day(text: str) -> "datetime.date":
    """A date as `2026-01-31`."""
    from datetime import date

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date: write it as 2026-01-31") from None


def statuses(text: str) -> tuple[int, ...]:
    """The codes of `404`, `5xx` or `4xx,500`."""
    codes: list[int] = []
    for part in text.lower().split(","):
        if not _CODE.fullmatch(part.strip()):
            raise argparse.ArgumentTypeError(f"{part!r} is no status: allowed are 404, 5xx, and several with commas")
        first = int(part.replace("x", "0"))
        codes += range(first, first + (100 if "x" in part else 1))
    return tuple(dict.fromkeys(codes))


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
