"""How results are shown: tables for people, JSON for programs, and nothing that drives a terminal by surprise."""

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

_GAP: Final = 2
_NARROWEST: Final = 20  # columns to which the last cell may shrink and still be read
_STYLES: Final = {"held": "green", "note": "yellow", "BROKEN": "bold red"}


def document(content: Any) -> None:
    """Prints JSON, ASCII only: no sign in it means anything to a terminal."""
    print(json.dumps(content, indent=2))


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


def _aligned(
    head: Sequence[str], rows: list[list[str]], widths: list[int], right: Sequence[str], columns: int | None
) -> None:
    rest = max(columns - sum(widths[:-1]) - _GAP * (len(widths) - 1), 1) if columns else 0
    indent = " " * (sum(widths[:-1]) + _GAP * (len(widths) - 1))
    for row in [list(head), *rows]:
        *first, last = row
        parts = textwrap.wrap(last, rest) if columns and len(last) > rest else [last]
        padded = [_padded(*each, right) for each in zip(first, widths, head, strict=False)]
        end = parts[0].rjust(widths[-1]) if head[-1] in right else parts[0]
        printed((" " * _GAP).join([*padded, end]).rstrip())
        for part in parts[1:]:
            printed(indent + part)


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
    # no-color.org asks for no colour; bold and the like would still be escape sequences.
    colours: Mapping[str, Any] = {"color_system": None} if os.environ.get("NO_COLOR") else {}
    Console(file=sys.stdout, highlight=False, **colours).print(drawn)
    return True


def paragraph(text: str, *, indent: str = "") -> None:
    """Prints a paragraph, wrapped for reading."""
    columns = min(width() or 80, 80)
    printed(textwrap.fill(plain(text), columns, initial_indent=indent, subsequent_indent=indent))


def utc(seconds: float) -> str:
    """Unix seconds as `2026-01-31 12:00:05`, UTC."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
