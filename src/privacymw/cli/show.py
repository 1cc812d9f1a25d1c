"""How results are shown: tables for people, JSON for programs, and nothing that drives a terminal by surprise."""

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

AHEAD: Final = 200
"""Rows that are looked at before a table is drawn while its rows come."""
_GAP: Final = 2
_NARROWEST: Final = 20  # columns to which the last cell may shrink and still be read
_SIGNS: Final = {"4": "yellow", "5": "bold red"}
_STYLES: Final = {"held": "green", "note": "yellow", "BROKEN": "bold red"}


def document(content: Any) -> None:
    """Prints JSON, ASCII only: no sign in it means anything to a terminal."""
    print(json.dumps(content, indent=2))


def documents(things: Iterable[Any]) -> int:
    """Prints a list as JSON, each thing as soon as it is there; how many."""
    count = 0
    for count, thing in enumerate(things, 1):
        text = textwrap.indent(json.dumps(thing, indent=2), "  ")
        print(f"{',' if count > 1 else '['}\n{text}", end="")
    print("\n]" if count else "[]")
    return count


def plain(text: object) -> str:
    r"""The text with every sign escaped that does not print (`\x1b`): stored values come from strangers."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in str(text))


def shortened(text: str, size: int) -> str:
    """The text, escaped, with at most `size` signs; the whole of it is in the JSON form."""
    escaped = plain(text)
    return escaped if len(escaped) <= size else escaped[: size - 2] + ".."


def printed(text: str = "") -> None:
    """Prints text for a person; what the terminal's encoding lacks is escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


def told(text: str) -> None:
    """Prints what is not the result itself, such as where it comes from, to standard error."""
    print(text, file=sys.stderr)


def width() -> int | None:
    """Columns of the terminal; None where there is none, and lines may be as long as they are."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """Prints a table; `right` names the columns of numbers. Where it is too wide, one block a row."""
    cells = [[plain(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    columns = width()
    if columns and sum(widths[:-1]) + _GAP * (len(widths) - 1) + min(widths[-1], _NARROWEST) > columns:
        _blocks(head, cells, columns)
    elif not (columns and _rich(head, cells, right)):
        _aligned(head, cells, widths, right, columns)


def stream(head: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> int:
    """Prints a table whose rows are still coming, columns as wide as the first rows need; how many rows.

    It imports nothing, so it can be used where nothing can be imported.
    """
    rows = iter(rows)
    ahead = [[plain(cell) for cell in row] for row in islice(rows, AHEAD)]
    widths = [max(map(len, column)) for column in zip(head, *ahead, strict=True)]
    columns = width()
    columns = columns if columns and columns - sum(widths[:-1]) >= _NARROWEST else None
    _aligned(head, ahead, widths, right, columns)
    count = len(ahead)
    for row in rows:
        _line([plain(cell) for cell in row], head, widths, right, columns)
        count += 1
    return count


def _aligned(
    head: Sequence[str], rows: list[list[str]], widths: list[int], right: Sequence[str], columns: int | None
) -> None:
    for row in [list(head), *rows]:
        _line(row, head, widths, right, columns)


def _line(
    row: Sequence[str], head: Sequence[str], widths: list[int], right: Sequence[str], columns: int | None
) -> None:
    """One row; its last cell goes on below where it is too long."""
    before = sum(widths[:-1]) + _GAP * (len(widths) - 1)
    rest = max(columns - before, 1) if columns else 0
    *first, last = row
    parts = textwrap.wrap(last, rest) if columns and len(last) > rest else [last]
    padded = [_padded(*each, right) for each in zip(first, widths, head, strict=False)]
    end = parts[0].rjust(widths[-1]) if head[-1] in right else parts[0]
    printed((" " * _GAP).join([*padded, end]).rstrip())
    for part in parts[1:]:
        printed(" " * before + part)


def _padded(cell: str, size: int, name: str, right: Sequence[str]) -> str:
    return cell.rjust(size) if name in right else cell.ljust(size)


def _blocks(head: Sequence[str], rows: list[list[str]], columns: int) -> None:
    size = max(map(len, head))
    for first, *others in rows:
        printed(first)
        for name, cell in zip(head[1:], others, strict=True):
            label = f"  {name.ljust(size)}  "
            if cell:
                printed(textwrap.fill(cell, columns, initial_indent=label, subsequent_indent=" " * len(label)))


def _rich(head: Sequence[str], rows: list[list[str]], right: Sequence[str]) -> bool:
    """Whether the table was printed with `rich`, where that is installed."""
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return False
    drawn = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for name in head:
        drawn.add_column(name, justify="right" if name in right else "left", no_wrap=name != head[-1])
    for row in rows:
        drawn.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    Console(file=sys.stdout, highlight=False, **_colours()).print(drawn)
    return True


def bar(head: str, parts: Sequence[tuple[str, int]]) -> None:
    """Prints a line of a plot: after `head` so many of each sign; of `""` a block, where the terminal has one."""
    block = "\u2588" if _has("\u2588") else "#"
    signs = [(sign or block) * count for sign, count in parts]
    if not (width() and _rich_bar(head, list(zip(signs, parts, strict=True)))):
        printed((head + "".join(signs)).rstrip())


def _has(sign: str) -> bool:
    try:
        sign.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _rich_bar(head: str, parts: Sequence[tuple[str, tuple[str, int]]]) -> bool:
    try:
        from rich.console import Console
        from rich.text import Text
    except ImportError:
        return False
    line = Text(head)
    for text, (sign, _) in parts:
        line.append(text, style=_SIGNS.get(sign, ""))
    Console(file=sys.stdout, highlight=False, soft_wrap=True, **_colours()).print(line)
    return True


def _colours() -> Mapping[str, Any]:
    """no-color.org asks for no colour; bold and the like would still be escape sequences."""
    return {"color_system": None} if os.environ.get("NO_COLOR") else {}


def paragraph(text: str, *, indent: str = "") -> None:
    """Prints a paragraph, wrapped for reading."""
    columns = min(width() or 80, 80)
    wrapper = textwrap.TextWrapper(columns, indent, indent, break_on_hyphens=False)  # dates stay whole
    printed(wrapper.fill(plain(text)))


def utc(seconds: float) -> str:
    """Unix seconds as `2026-01-31 12:00:05`, UTC."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def iso(seconds: float) -> str:
    """Unix seconds as `2026-01-31T12:00:05.123Z`."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
