"""The grammar of one HTML tag (HTML 13.2.5.6 to 13.2.5.40): patterns, and a walk that survives chunk ends."""

import re
from typing import NamedTuple

# Never \s: in a bytes pattern it takes VT, which is no white space in HTML.
# Repetitions of one class are possessive, which never changes what matches here and keeps every failure
# linear. Repetitions of a group are not: CPython before 3.11.5 gets those wrong (gh-106052).
_ATTRIBUTE = rb"""
    [\t\n\f\r\x20/]*+
    %s [^\t\n\f\r\x20/>][^\t\n\f\r\x20/>=]*+ )              # a name may begin with "="
    (?: [\t\n\f\r\x20]*+ = [\t\n\f\r\x20]*+
        (?: "%s [^"]*+ ) " | '%s [^']*+ ) ' | %s [^\t\n\f\r\x20>"'][^\t\n\f\r\x20>]*+ ) | (?=>) )
      | (?![\t\n\f\r\x20]*+=)                     # not "no value" while the value is only unfinished
    )"""

TAG = re.compile(
    rb"<(/?)([a-zA-Z][^\t\n\f\r\x20/>]*+)(?:" + _ATTRIBUTE % ((b"(?:",) * 4) + rb")*([\t\n\f\r\x20/]*+)>",
    re.VERBOSE,
)
ATTRIBUTE = re.compile(_ATTRIBUTE % ((b"(",) * 4), re.VERBOSE)
# The beginning of an attribute that is not over yet: its name, and what there is of its value.
BEGUN = re.compile(rb"""([^\t\n\f\r />][^\t\n\f\r />=]*+)(?:[\t\n\f\r ]*+=[\t\n\f\r ]*+["']?([^>]{0,256}))?""")
TAG_NAME = re.compile(rb"</?([a-zA-Z][^\t\n\f\r />]*+)")
_HEAD_NAME = re.compile(rb"/?[^\t\n\f\r />]*+")


class LongTag:
    """A tag handed on in parts: its `name` (of an end tag "/a") and what was `seen` in earlier parts."""

    def __init__(self, head: bytes) -> None:
        self.name = _HEAD_NAME.match(head)[0].lower()  # type: ignore[index]  # matches any bytes
        self.seen: dict[str, str] = {}


class Span(NamedTuple):
    """Where a tag that matters stands in the buffer: the whole of it, or a part of a long one.

    `part` is "whole"; "first" or "later" parts hold whole attributes; an "overlong" part is the beginning of
    a single attribute that is itself beyond the cap. `close` is where the end tag of a link stands, if that went
    by with it.
    """

    start: int
    end: int
    part: str = "whole"
    long: LongTag | None = None
    close: int = 0


class Attribute(NamedTuple):
    """One attribute as written: lower-case name, where it stands in the buffer, raw value."""

    name: bytes
    start: int
    end: int
    value: bytes


def attributes(buffer: bytes | bytearray, start: int, end: int) -> list[Attribute]:
    """The attributes between a tag's name and the end of the tag, duplicates and all, in order."""
    found = []
    # Not finditer, which would look for an attribute from every blank of a trailing run: the square of it.
    while one := ATTRIBUTE.match(buffer, start, end):
        start = one.end()
        name, double, single, bare = one.groups()
        found.append(Attribute(name.lower(), one.start(1), start, double or single or bare or b""))
    return found


def begun(buffer: bytes | bytearray, start: int, end: int) -> Attribute:
    """The attribute that begins at `start` and does not end before `end`; of its value the beginning."""
    one = BEGUN.match(buffer, start, end)
    assert one, "an attribute begins with its name"
    return Attribute(one[1].lower(), start, end, one[2] or b"")


# The walk: each state eats a run at C speed, then looks at one byte. Every byte of a tag is eaten once,
# however many chunks the tag comes in, which a pattern tried again from the start of it would not give.
NAME, BEFORE, ATTRIBUTE_NAME, AFTER, VALUE, DOUBLE, SINGLE, UNQUOTED, END = range(9)
_SPACES = dict.fromkeys(b"\t\n\f\r ", BEFORE)
_WALK: tuple[tuple[re.Pattern[bytes], dict[int, int], int], ...] = (
    # NAME, HTML 13.2.5.8
    (re.compile(rb"[^\t\n\f\r />]*+"), {**_SPACES, ord("/"): BEFORE, ord(">"): END}, NAME),
    # BEFORE, 13.2.5.32 with 13.2.5.39 and 13.2.5.40
    (re.compile(rb"[\t\n\f\r /]*+"), {ord(">"): END}, ATTRIBUTE_NAME),
    # ATTRIBUTE_NAME, 13.2.5.33
    (
        re.compile(rb"[^\t\n\f\r />=]*+"),
        {**dict.fromkeys(b"\t\n\f\r ", AFTER), ord("/"): BEFORE, ord("="): VALUE, ord(">"): END},
        ATTRIBUTE_NAME,
    ),
    # AFTER, 13.2.5.34
    (re.compile(rb"[\t\n\f\r ]*+"), {ord("/"): BEFORE, ord("="): VALUE, ord(">"): END}, ATTRIBUTE_NAME),
    # VALUE, 13.2.5.35
    (re.compile(rb"[\t\n\f\r ]*+"), {ord('"'): DOUBLE, ord("'"): SINGLE, ord(">"): END}, UNQUOTED),
    # DOUBLE, SINGLE, UNQUOTED, 13.2.5.36 to 13.2.5.38
    (re.compile(rb'[^"]*+'), {ord('"'): BEFORE}, DOUBLE),
    (re.compile(rb"[^']*+"), {ord("'"): BEFORE}, SINGLE),
    (re.compile(rb"[^\t\n\f\r >]*+"), {**_SPACES, ord(">"): END}, UNQUOTED),
)


def walk(state: int, buffer: bytes | bytearray, position: int) -> tuple[int, int]:
    """The next state and position; the same state at the end of the buffer asks for more."""
    run, moves, otherwise = _WALK[state]
    found = run.match(buffer, position)
    position = found.end() if found else position
    if position == len(buffer):
        return state, position
    return moves.get(buffer[position], otherwise), position + 1


def starts_attribute(before: int, after: int) -> bool:
    """Whether a step of the walk has just eaten the first byte of an attribute's name."""
    return after == ATTRIBUTE_NAME and before in (BEFORE, AFTER)
