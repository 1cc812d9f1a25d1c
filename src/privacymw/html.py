"""Rewrites the links of an HTML page as it streams by, and leaves every other byte as the app wrote it.

`Rewriter` holds the bytes that are not settled yet (of an ordinary page: the last unfinished tag), follows
one or more readings of them (`tokenizer.py`), and writes the changes (`outlets.py`) any of them asks for.
"""

import re
from operator import attrgetter
from typing import Final

from privacymw.characters import supported_charset
from privacymw.edits import Decide, Edit, Outlet
from privacymw.markup import Span
from privacymw.outlets import Editor
from privacymw.recall import Recall, place, rewritten
from privacymw.skips import DATA
from privacymw.tokenizer import Page, Reading

__all__ = ["Decide", "Edit", "Outlet", "Rewriter", "supported_charset"]

# Ambiguities inside ambiguities are followed this far; then the page goes on in the readings there are.
_READINGS = 8

# A page of its own rather than a piece of one, which a script will put into a page.
_DOCUMENT: Final = re.compile(rb"<(?:!doctype|html|head|body)\b", re.IGNORECASE)
_HEAD_BYTES: Final = 1_024

# Encoding Standard, "BOM sniff": it outranks every declared encoding. None: not for a byte scanner.
_BOMS = {b"\xef\xbb\xbf": "utf-8", b"\xfe\xff": None, b"\xff\xfe": None}


class Rewriter:
    """Feed it a page in chunks of any size; what it returns, joined, is the page with its links decided.

    `decide` is asked once for each `Outlet`, in the order of the page; None leaves its bytes alone. The
    end of the page is one too, at `</body>` and, of a whole page, where its bytes end. For `base` any
    `Edit` it answers says that the base is foreign, and is not applied.

    `passes_own` says that `decide` leaves alone every link that is relative on sight, as long as there is no
    `<base>`: it is then not asked about most of them, which is many times faster. With a `recall` it is not asked
    again about a link for which it said so (`Edit.again`).

    To be read at any time: `base`, the href of the first `<base>`, or None; `ambiguous`, the count of places
    that could not be judged (a foreign base after links that are out already, a link beyond the cap, a byte
    order mark of UTF-16, ambiguities within ambiguities).

    Raises ValueError for a charset that `supported_charset` does not know.
    """

    def __init__(
        self, decide: Decide, *, charset: str = "utf-8", passes_own: bool = False, recall: Recall | None = None
    ) -> None:
        codec = supported_charset(charset)
        if codec is None:
            raise ValueError(f"pages in {charset!r} cannot be rewritten; let them pass")
        self._editor = Editor(decide, codec, recall)
        self._buffer: bytes | bytearray = b""  # a chunk itself, as long as nothing is held back before it
        self._page = Page(own=passes_own)
        self._readings = [Reading(self._page)]
        self._begun = False
        self._head = b""

    @property
    def ambiguous(self) -> int:
        return self._editor.ambiguous

    @property
    def base(self) -> str | None:
        return self._editor.base

    def feed(self, chunk: bytes) -> bytes:
        """The bytes that are settled now; they may be none."""
        if not self._buffer:
            self._buffer = chunk
        elif isinstance(self._buffer, bytearray):
            self._buffer += chunk
        else:
            self._buffer = bytearray(self._buffer) + chunk
        if len(self._head) < _HEAD_BYTES:
            self._head += chunk[: _HEAD_BYTES - len(self._head)]
        if not self._begun and not self._begin():
            return b""
        self._advance()
        return self._written(min(map(_position, self._readings)))

    def close(self) -> bytes:
        """The rest. A tag that never ended is no tag and stays as it is (HTML 13.2.5, "eof-in-tag")."""
        rest = b""
        if self._buffer:
            self._advance(final=True)
            rest = self._written(len(self._buffer))
        return rest + self._editor.ended(self._buffer) if self._is_document() else rest

    def _is_document(self) -> bool:
        """Whether what is added now belongs to a page, and is not swallowed by what never ended."""
        return all(each.is_open for each in self._readings) and _DOCUMENT.search(self._head) is not None

    def _begin(self) -> bool:
        """Look for a byte order mark; False while there may be one to come."""
        head = bytes(self._buffer[:3])
        if any(mark.startswith(head) and mark != head for mark in _BOMS):
            return False
        self._begun = True
        for mark, codec in _BOMS.items():
            if head.startswith(mark):
                self._editor.read_as(codec or self._editor.codec)
                self._editor.ambiguous += codec is None
                self._readings[0].mode = DATA if codec else "plaintext"  # which holds no tags
        return True

    def _advance(self, *, final: bool = False) -> None:
        """Run the hindmost reading until it is not, and so on, so that readings that agree again meet.

        None goes beyond one that needs more bytes, lest the outcome hang on how the page is cut into chunks.
        """
        limit = len(self._buffer)
        active = sorted(self._readings, key=_position)
        while active and active[0].position < limit:
            first = active.pop(0)
            until = max(active[0].position, first.position + 1) if active else limit
            if first.run(self._buffer, until, alone=len(self._readings) == 1):
                active.append(first)
            elif not final:
                limit = min(limit, first.position)
            if len(self._readings) > 1 or self._page.forks:
                active = self._met(first, active)

    def _met(self, first: Reading, active: list[Reading]) -> list[Reading]:
        """The active readings, hindmost first, less those that another reads for from here on."""
        for reading in (first, *self._forked()):
            others = [one for one in self._readings if one is not reading]
            same = [one for one in others if one.position == reading.position and one.key() == reading.key()]
            if same:
                same[0].take(reading)
                self._readings = others
                active = [one for one in active if one is not reading]
            elif reading is not first:
                self._readings.append(reading)
                active.append(reading)
        return sorted(active, key=_position)

    def _forked(self) -> list[Reading]:
        forks = self._page.forks[: _READINGS - len(self._readings)]
        self._editor.ambiguous += len(self._page.forks) - len(forks)
        self._page.forks.clear()
        return forks

    def _written(self, settled: int) -> bytes:
        """Take from the buffer what every reading is done with, changes made."""
        # Two readings may have found the same tag; it is decided once.
        spans = self._page.spans
        if len(spans) > 1:
            spans = sorted({span[:2]: span for span in spans}.values(), key=place)
        waiting = [span for span in spans if span.end > settled] if spans and spans[-1].end > settled else []
        changes = [change for span in spans if span.end <= settled
                   for change in self._editor.changes(self._buffer, span)]  # fmt: skip
        settled = min([settled, *(span.start for span in waiting)])
        out = rewritten(self._buffer, settled, changes)
        self._editor.open.left(self._buffer, settled)
        self._drop(settled, waiting)
        return out

    def _drop(self, count: int, waiting: list[Span]) -> None:
        if isinstance(self._buffer, bytearray):
            del self._buffer[:count]
        else:
            self._buffer = self._buffer[count:]
        self._page.finds.clear()
        self._page.spans[:] = [span._replace(start=span.start - count, end=span.end - count) for span in waiting]
        for reading in self._readings:
            reading.shift(count)


_position = attrgetter("position")
