"""Tables that can be read on a terminal, and the same figures for a program."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Report(NamedTuple):
    """What one part of the benchmarks found.

    Attributes:
        rows: as long as `head`, the first column text.
        notes: said below the table; what was skipped, and why.
        figures: the numbers, as JSON knows them.
    """

    title: str
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    notes: Sequence[str] = ()
    figures: Mapping[str, Any] = {}

    def show(self) -> str:
        """The report as text: the first column to the left, the others to the right."""
        lines = ["", self.title, "-" * len(self.title)]
        table = [self.head, *self.rows] if self.rows else []
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for row in table:
            first, *others = (
                cell.rjust(width) if at else cell.ljust(width)
                for at, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            lines.append("  ".join([first, *others]).rstrip())
        return "\n".join([*lines, *self.notes])


def against(value: float, budget: float) -> str:
    """`0.83 (≤ 1.00)`, with a mark where the budget is not met."""
    return f"{value:.2f} (≤ {budget:.2f}{'' if value <= budget else ' MISSED'})"
