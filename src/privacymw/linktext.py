"""Whether a link's text already shows the host to which it leads, so that it need not be named once more.

In doubt it does not: a host that is named twice harms nobody, one that is not seen does.
"""

import re
import unicodedata
from typing import Final

from privacymw.characters import decode
from privacymw.markup import TAG

LONGEST: Final = 2_048
"""Bytes of a link's content that are looked at; a longer one is taken not to show its host."""

# Elements that only mark a part of a line. Anything else, a script or a drawing, may show other text than it has.
_PHRASES: Final = frozenset(
    b"abbr b bdi big cite code dfn em font i ins kbd mark q samp small span strong sub sup tt u var".split()
)
_VOID: Final = {b"br": " ", b"wbr": "", b"img": " "}
_HIDDEN: Final = "\ufffc"
"""Stands for a character that a class, a style or `hidden` may keep from the eye."""
_WHITE: Final = re.compile(r"[\t\n\f\r ]")
_AROUND: Final = "()[]{}<>\"'\u201c\u201d\u2018\u2019\u2039\u203a«»,;:!?.…*"
_HOSTLIKE: Final = re.compile(r"\w[.\u2024\u3002\uff0e\uff61]\w")  # with what is read as a dot (UTS 46)
_ADDRESS: Final = re.compile(r"(?:https?://)?([^\s/?#:@\\]+)(?::[0-9]+)?(?:[/?#].*)?", re.IGNORECASE | re.DOTALL)


class OpenLink:
    """The link that a page is in, where it is to be named: what there is of its content.

    `suffix` is what names it, empty for none; with a `host`, only where the content does not show that.
    """

    def __init__(self) -> None:
        self.suffix = self.host = ""
        self._content = b""  # as far as it has left the buffer
        self._inside = 0  # where in the buffer the rest of it begins

    def begins(self, at: int) -> None:
        """Told where its start tag ends, or a part of that."""
        self._content, self._inside = b"", at

    def left(self, buffer: bytes | bytearray, count: int) -> None:
        """Told before so many bytes leave the front of the buffer."""
        if self.suffix:
            self._content = self._gathered(buffer, count)
            self._inside = max(self._inside - count, 0)

    def _gathered(self, buffer: bytes | bytearray, end: int) -> bytes:
        """Its content up to there, or the beginning of one that is too long to be looked at."""
        return self._content + buffer[self._inside : min(end, self._inside + LONGEST + 1 - len(self._content))]

    def ended(self, buffer: bytes | bytearray, end: int, codec: str) -> str:
        """What is to stand before its end; it is over then."""
        suffix, self.suffix = self.suffix, ""
        return "" if self.host and shows(self._gathered(buffer, end), codec, self.host) else suffix


def shows(content: bytes, codec: str, host: str) -> bool:
    """Whether the text of a link shows a host, given in A-labels, to whoever sees or hears it.

    Shown is a word that is the host, or an address at it; `www.` more or less does not matter. It has to stand
    in the text itself or in elements without attributes, for others may be hidden. Text that names another host
    too, or has signs that no eye sees, shows nothing.
    """
    found = _text(content, codec) if len(content) <= LONGEST else None
    return found is not None and says(found[0], host) and says(found[1], host, others=True)


def says(text: str, host: str, *, others: bool = False) -> bool:
    """Whether a plain text shows a host; `others`: it is enough that it shows no other one."""
    if any(unicodedata.category(each)[0] == "C" and not _WHITE.match(each) for each in text):
        return False
    named = [_named(word) for word in text.split() if _HOSTLIKE.search(word)]
    return (bool(named) or others) and all(each == _bare(host) for each in named)


def _named(word: str) -> str:
    """The host of an address in a text; empty for what is none, or not only that."""
    found = _ADDRESS.fullmatch(word.strip(_AROUND))
    return _bare(found[1].lower()) if found is not None and found[1].isascii() else ""


def _bare(host: str) -> str:
    rest = host.removeprefix("www.")
    return rest if "." in rest else host


def _text(content: bytes, codec: str) -> tuple[str, str] | None:
    """What is surely seen, and all that may be; None where the markup leaves a doubt."""
    sure, seen, hidden = [], [], list[bytes]()
    at = 0
    while at < len(content):
        mark = content.find(b"<", at)
        text = decode(content[at : mark if mark >= 0 else None], codec)
        seen.append(text)
        sure.append(_HIDDEN * len(text) if hidden else text)
        if mark < 0:
            break
        tag = TAG.match(content, mark)
        if tag is None or (tag[2].lower() not in _PHRASES and tag[2].lower() not in _VOID):
            return None
        at = tag.end()
        _follow(tag, hidden)
        space = "" if tag[1] else _VOID.get(tag[2].lower(), "")
        seen.append(space)
        sure.append(space)
    return "".join(sure), "".join(seen)


def _follow(tag: re.Match[bytes], hidden: list[bytes]) -> None:
    """Keep account of open elements from the first one on that may be hidden."""
    name = tag[2].lower()
    if name in _VOID:
        return
    if tag[1]:
        if name in hidden:
            del hidden[len(hidden) - 1 - hidden[::-1].index(name) :]
    elif hidden or tag.end(2) + 1 < tag.end():  # it has attributes
        hidden.append(name)
