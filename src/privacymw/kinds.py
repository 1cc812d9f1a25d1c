"""The kinds of settings: text to value, value to text, and what is allowed in words."""

import datetime
import re
import tomllib
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from privacymw.faults import masked

Meta = msgspec.Meta


def setting(
    help: str,  # noqa: A002 - the field's own word for it
    kind: str = "text",
    *,
    ge: int | None = None,
    le: int | None = None,
    secret: bool = False,
    check: Callable[[Any], object] | None = None,
    example: str = "",
) -> Meta:
    """What a settings field says of itself, for `Annotated`.

    Args:
        help: one sentence for the settings table.
        kind: a key of `KINDS`, which says how a text is read.
        ge, le: bounds, in seconds or bytes for those kinds.
        secret: never shown, not even in an error.
        check: raises ValueError, saying why, when the converted value cannot be used.
        example: a value that would be accepted, where the kind's own would not be.
    """
    extra = {"kind": kind, "secret": secret, "check": check, "example": example}
    return Meta(description=help, ge=ge, le=le, extra=extra)


class Refused(ValueError):
    """A text that is not of its kind; `at` is where in the text the fault begins."""

    def __init__(self, why: str, at: int = 0) -> None:
        super().__init__(why)
        self.at = at


_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def printable(text: str) -> str:
    """The text, if it can be shown and written: an environment may hold bytes that are no UTF-8 (PEP 383)."""
    found = _CONTROL.search(text)
    if found is not None:
        raise Refused("a control character, or a byte that is not UTF-8", found.start())
    return text


_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_BYTES: Final = {"B": 1, "kB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}
_SWITCH: Final = {"on": True, "true": True, "yes": True, "1": True,
                  "off": False, "false": False, "no": False, "0": False}  # fmt: skip
_NUMBER: Final = re.compile(r"[0-9]{1,12}")


def days(count: int) -> int:
    """Seconds of so many days."""
    return count * _SECONDS["d"]


def _quantity(text: str, units: dict[str, int], what: str) -> int:
    number = _NUMBER.match(text)
    if number is None:
        raise Refused(f"{what} begins with a whole number")
    unit = text[number.end() :].strip()
    if unit not in units:
        raise Refused("it needs a unit" if not unit else "no such unit", number.end())
    return int(number[0]) * units[unit]


def _duration(text: str) -> int:
    return _quantity(text, _SECONDS, "a duration")


def _size(text: str) -> int:
    return _quantity(text, _BYTES, "a size")


def _switch(text: str) -> bool:
    try:
        return _SWITCH[text.lower()]
    except KeyError:
        raise Refused("neither on nor off") from None


def _list(text: str) -> list[str]:
    return [part for part in (part.strip() for part in text.split(",")) if part]


def _date(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError as error:
        raise Refused(str(error)) from None


def _switch_or_date(text: str) -> bool | datetime.date:
    return _switch(text) if text.lower() in _SWITCH else _date(text)


def _table(text: str) -> dict[str, list[str]]:
    found = {}
    for part in _list(text):
        name, equals, values = part.partition("=")
        if not equals:
            raise Refused("a name and its values are joined by =", text.find(part))
        found[name.strip()] = [value.strip() for value in values.split("|")]
    return found


def _tables(text: str) -> Any:
    try:
        return tomllib.loads(f"tables = {text}")["tables"]
    except (ValueError, RecursionError):
        raise Refused("no TOML array of tables; the file of PRIVACYMW_CONFIG is a better place") from None


def _texts(text: str) -> Any:
    try:
        return tomllib.loads(f"texts = {text}")["texts"]
    except (ValueError, RecursionError):
        raise Refused("no TOML table of texts; the file of PRIVACYMW_CONFIG is a better place") from None


def show_quantity(value: int, units: dict[str, int]) -> str:
    """The value in the largest unit that divides it."""
    unit = max((unit for unit in units if value % units[unit] == 0), key=lambda unit: units[unit])
    return f"{value // units[unit]}{unit}"


def show_duration(seconds: int) -> str:
    """`2592000` as `30d`; weeks are read but never shown."""
    units = {unit: size for unit, size in _SECONDS.items() if unit != "w"}
    return show_quantity(seconds, units) if seconds else "0s"


def _show_table(value: Any) -> str:
    return ", ".join(f"{name}={'|'.join(values)}" for name, values in value.items())


class Kind(NamedTuple):
    """How a setting's text is read and shown."""

    read: Callable[[str], Any]
    show: Callable[[Any], str]
    allowed: str
    example: str


def _show_switch(value: Any) -> str:
    return {True: "on", False: "off"}.get(value, str(value))


def _show_size(value: Any) -> str:
    return show_quantity(value, _BYTES)


def _show_tables(value: Any) -> str:
    return f"{len(value)} given"


KINDS: Final = {
    "text": Kind(str, str, "any text", "text"),
    "word": Kind(str.lower, str, "", ""),
    "duration": Kind(_duration, show_duration, "a whole number with s, m, h, d or w", "30d"),
    "size": Kind(_size, _show_size, "a whole number with B, kB, MB or GB", "1GB"),
    "switch": Kind(_switch, _show_switch, "on or off", "on"),
    "list": Kind(_list, ", ".join, "items, separated by commas", "one, two"),
    "date": Kind(_date, str, "a date as YYYY-MM-DD", "2026-01-31"),
    "switch or date": Kind(_switch_or_date, _show_switch, "on, off, or a date as YYYY-MM-DD", "on"),
    "table": Kind(_table, _show_table, "name=value|value, separated by commas", "language=en|es"),
    "store": Kind(str, masked, "sqlite:///path/of/file, postgresql://host/database, or none", "none"),
    "keys": Kind(str, masked, "a folder, postgresql: for the store's database, or postgresql://host/database", "keys"),
    "texts": Kind(_texts, _show_tables, "a table of texts in the file of PRIVACYMW_CONFIG", "{}"),
    "tables": Kind(_tables, _show_tables, "tables in the file of PRIVACYMW_CONFIG", "[]"),
}
