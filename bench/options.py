"""How much is measured, and beside what."""

from pathlib import Path
from typing import NamedTuple


class Options(NamedTuple):
    """What was asked for on the command line.

    Attributes:
        quick: fewer rounds: to see that it runs, not to judge by.
        against: the `src` folder of another tree, measured in the same run; None for none.
        seconds: how long a saturating load lasts.
        postgresql: whether the load is also put on a log in PostgreSQL.
        trees: folders of real pages for the scanner instead of made ones.
    """

    quick: bool = False
    against: Path | None = None
    seconds: int = 30
    postgresql: bool = False
    trees: tuple[Path, ...] = ()

    @property
    def rounds(self) -> int:
        """Rounds of interleaved slices."""
        return 15 if self.quick else 151
