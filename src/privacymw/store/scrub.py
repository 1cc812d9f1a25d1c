"""Overwrites what freed addresses leave behind: Python does not empty the memory that it frees.

CPython keeps small objects in blocks of a few sizes (its `Objects/obmalloc.c`), and hands out what was freed last
first. So objects full of zeros, made as soon as addresses are freed and in their sizes, take their very places. No
pointer is touched, and where memory is managed in another way it does nothing worse than take the time.
"""

import time
from itertools import repeat
from typing import Final

_HEAD: Final = 33
"""Bytes of an empty `bytes` object, its closing NUL among them: so much less of zeros fills a block."""
_PACKED: Final = 64 - _HEAD
"""Zeros in the place of sixteen packed bytes (49 bytes, in a block of 64)."""
_TEXTS: Final = tuple(size - _HEAD for size in (48, 80, 96, 112, 128, 144))
"""Zeros in the places of an address as text (with 64), of two in one header, and of an IPv4 address of four bytes."""
_MARGIN: Final = 2_000
"""Free blocks that may lie before those of addresses: 200 to 750 were seen in workers of a small app."""
_MARGIN_TEXT: Final = 500
_PAUSE: Final = 0.1
"""Seconds between two times: where requests do the writer's work, not each of them pays for it."""


class Scrubber:
    """Scrubs after addresses were freed, and once more with a later turn: a request may end after its event left it.

    It takes 0.4 ms of CPU, and 0.1 µs an event; in an idle site nothing.
    """

    def __init__(self) -> None:
        self._freed = 0
        self._late = False
        self._next = 0.0  # by the uptime

    def scrub(self, events: int) -> bool:
        """Take the places of so many events that were just freed; False if it was not due."""
        self._freed += events
        now = time.monotonic()
        if not (self._freed or self._late) or now < self._next:
            return False
        # All at once, before any is freed: else one block would be overwritten again and again.
        held = [list(map(bytes, repeat(_PACKED, self._freed + _MARGIN)))]
        held += [list(map(bytes, repeat(size, _MARGIN_TEXT))) for size in _TEXTS]
        self._freed, self._late, self._next = 0, self._freed > 0, now + _PAUSE
        return True
