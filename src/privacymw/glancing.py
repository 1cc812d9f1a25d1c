"""The glance at work: past all that matters to nobody, in as few steps as the page allows."""

import re
from typing import Final

from privacymw.markup import Span
from privacymw.quick import Glance, glance

_GLANCE: Final = glance()
_END: Final = len(b"</a>")


class Sight:
    """What is known of a page for the glance, and the `spans` of the tags that matter so far.

    `own`: whether links within the site may go by unseen. `passed`: a link was seen. `based`: a `<base>` was.
    """

    def __init__(self, *, own: bool) -> None:
        self.spans: list[Span] = []
        self.own = own
        self.passed = self.based = False
        self.glance: Glance | None = _GLANCE

    def past(self, buffer: bytes | bytearray, position: int, *, sure: bool, linked: bool) -> tuple[int, bool]:
        """The place of what has to be looked at, and whether a link may be open there.

        For a page's only reading, in the data state and in no svg or math. `sure`: parsers may differ on some tags
        here. `linked`: a link may be open.
        """
        glance = self.glance
        while glance:
            start = self._pattern(glance, sure=sure, linked=linked).match(buffer, position)
            position = start.end() if start else position  # it matches always
            head = buffer[position : position + 2]
            if head == b"<a" and (link := glance.whole.match(buffer, position)):
                position, linked = self._taken(buffer, link), False
            elif head == b"<s" and not sure and (drawn := glance.drawing.match(buffer, position)):
                position = drawn.end()
            else:
                break
        return position, linked

    def meets(self, buffer: bytes | bytearray, start: int) -> None:
        """Note the link that begins there, if it is one."""
        self.passed = self.passed or _GLANCE.link.match(buffer, start) is not None

    def _pattern(self, glance: Glance, *, sure: bool, linked: bool) -> re.Pattern[bytes]:
        if sure:
            return glance.sure
        return glance.own if self.own and self.passed and not (self.based or linked) else glance.dull

    def _taken(self, buffer: bytes | bytearray, link: re.Match[bytes]) -> int:
        """Keep the span of a link that was met whole; the place behind it."""
        start, end = link.span()
        self.meets(buffer, start)
        self.spans.append(Span(start, link.end(1), "whole", None, end - _END))
        return end
