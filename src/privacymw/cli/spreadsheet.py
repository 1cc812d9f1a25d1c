"""CSV that a spreadsheet shows and does not run: what strangers sent may begin like a formula."""

import csv
import sys
from collections.abc import Iterable, Sequence
from typing import Final

from privacymw.cli.show import plain

# OWASP "CSV Injection": the signs with which a cell becomes a formula, and their full-width forms.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def cell(value: object) -> object:
    """Numbers as they are, None as an empty cell, text with a `'` in front where it would be a formula."""
    if value is None or isinstance(value, int | float):
        return value
    text = str(value)
    return ("'" if text.startswith(_FORMULA) else "") + plain(text)


def write(head: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Prints a table as CSV (RFC 4180, but for the line ends), a row as soon as it is there; how many rows."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(head)
    count = 0
    for row in rows:
        writer.writerow([cell(each) for each in row])
        count += 1
    return count
