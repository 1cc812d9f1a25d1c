"""Links that were judged before: a page repeats its links, and the pages of a site repeat each other's."""

from collections.abc import Callable, Hashable, Iterable
from operator import itemgetter
from typing import Final, NamedTuple

Change = tuple[int, int, bytes]  # start and end in a buffer, and the bytes for what stands there

_TAGS: Final = 2_048
_TAG_BYTES: Final = 400
_PLACES: Final = 4
"""Hosts, mounts and charsets are told apart; a host is what a client writes, and a flood of them is forgotten."""


class Known(NamedTuple):
    """What became of a link's start tag: the tag as it is written now, what is to name its host, and what was told."""

    tag: bytes
    suffix: str
    host: str
    told: tuple[str, ...]


class Recall:
    """What is known of the links of one page; it is shared with other pages for which the same holds.

    Args:
        known: by a start tag's bytes.
        tell: called each time that a change is made again, with what `Edit.again` says.
    """

    def __init__(self, known: dict[bytes, Known], tell: Callable[..., None]) -> None:
        self._known = known
        self._tell = tell

    def again(self, tag: bytes) -> Known | None:
        """What became of the same tag before; None where it has to be judged."""
        known = self._known.get(tag)
        if known is not None and known.told:
            self._tell(*known.told)
        return known

    def keep(self, tag: bytes, changes: Iterable[Change], suffix: str, host: str, told: tuple[str, ...]) -> None:
        """`changes` count from the start of the tag; `suffix` and `host` are those of `Edit`."""
        if len(tag) > _TAG_BYTES:
            return
        if len(self._known) >= _TAGS:
            self._known.clear()
        self._known[tag] = Known(rewritten(tag, len(tag), list(changes)), suffix, host, told)


class Shelf:
    """Keeps what is known from page to page, at most a few megabytes of it."""

    def __init__(self) -> None:
        self._places: dict[Hashable, dict[bytes, Known]] = {}

    def known(self, place: Hashable) -> dict[bytes, Known]:
        """What holds in one place: pages with an equal one are rewritten alike."""
        found = self._places.get(place)
        if found is None:
            if len(self._places) >= _PLACES:
                self._places.clear()
            found = self._places[place] = {}
        return found


def rewritten(buffer: bytes | bytearray, end: int, changes: list[Change]) -> bytes:
    """The buffer up to `end` with the changes; of two that overlap the one that begins first holds."""
    if not changes:
        return bytes(buffer[:end])
    parts: list[bytes | bytearray] = []
    done = 0
    for start, stop, new in sorted(changes, key=place):
        if start >= done:
            parts += (buffer[done:start], new)
            done = stop
    parts.append(buffer[done:end])
    return b"".join(parts)


place = itemgetter(0, 1)  # what is put in at a place goes before what is written over it
