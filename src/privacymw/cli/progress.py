"""How far a long reading is: on standard error, where that is a terminal, once it has taken a second."""

import io
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Final, TypeVar

T = TypeVar("T")
_PATIENCE: Final = 1.0  # seconds without a bar
_STEP: Final = 0.2
_WIDTH: Final = 30
_Draw = Callable[[float, int], None]  # share that is done, number of rows


class Progress:
    """Counts what passes, and draws from a thread of its own.

    Args:
        since, until: the times, in any one unit, between which the things that pass lie.
        quiet: draw nothing, since rows appear on the same terminal.
    """

    def __init__(self, since: float, until: float, *, quiet: bool = False) -> None:
        self._since, self._length = since, max(until - since, 1e-9)
        self._shown = not quiet and sys.stderr.isatty()
        self._at, self._count = since, 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._draw, daemon=True)
        # Made now: the log is read as its owner, who may not be able to read what would be imported then.
        self._drawing: Callable[[], AbstractContextManager[_Draw]] = _rich() or _bare if self._shown else _bare

    def watch(self, things: Iterable[T], when: Callable[[T], float]) -> Iterator[T]:
        """The things, as they come; `when` says where in time one lies."""
        with self._drawn():
            for thing in things:
                self._at, self._count = when(thing), self._count + 1
                yield thing

    def end(self) -> None:
        """Take the bar away, since something is shown now."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    @contextmanager
    def _drawn(self) -> Iterator[None]:
        if not self._shown:
            yield
            return
        self._thread.start()
        try:
            yield
        finally:
            self.end()

    def _draw(self) -> None:
        if self._ended.wait(_PATIENCE):
            return
        with self._drawing() as draw:
            while not self._ended.wait(_STEP):
                draw(min(max((self._at - self._since) / self._length, 0.0), 1.0), self._count)


@contextmanager
def _bare() -> Iterator[_Draw]:
    """A bar of plain signs on one line, which is cleared at the end."""

    def draw(share: float, count: int) -> None:
        done = "#" * round(share * _WIDTH)
        line = f"reading [{done:<{_WIDTH}}] {share:4.0%}  {count:,} rows"
        sys.stderr.write(f"\r{line}")
        sys.stderr.flush()

    try:
        yield draw
    finally:
        sys.stderr.write(f"\r{' ' * (_WIDTH + 40)}\r")
        sys.stderr.flush()


def _rich() -> Callable[[], AbstractContextManager[_Draw]] | None:
    """The bar of `rich`, where that is installed."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: F401
    except ImportError:
        return None
    columns = (
        TextColumn("reading"),
        BarColumn(_WIDTH),
        TextColumn("{task.percentage:3.0f} %  {task.fields[rows]} rows"),
    )
    colours: dict[str, Any] = {"color_system": None} if os.environ.get("NO_COLOR") else {}
    # It would lead standard output through itself, and so to the terminal.
    calm: dict[str, Any] = dict.fromkeys(("auto_refresh", "redirect_stdout", "redirect_stderr"), False)
    for file in (io.StringIO(), sys.stderr):  # the first loads whatever drawing needs
        bar = Progress(*columns, console=Console(file=file, **colours), transient=True, **calm)
        task = bar.add_task("", total=1.0, rows="0")
        if file is not sys.stderr:
            with bar:
                bar.refresh()

    @contextmanager
    def drawn() -> Iterator[_Draw]:
        with ExitStack() as stack:
            stack.enter_context(bar)
            yield lambda share, count: bar.update(task, completed=share, rows=f"{count:,}", refresh=True)

    return drawn
