"""Which answers of the app's are rewritten, and what becomes of the headers that described their bytes."""

from collections.abc import Callable
from typing import Final, NamedTuple

from privacymw import headers as fields
from privacymw.core import BODILESS, WHOLE, Exchange, Transform, Whole
from privacymw.encodings import CODINGS, Recoded
from privacymw.headers import Pairs
from privacymw.html import Rewriter, supported_charset

Count = Callable[[str, str], None]

_OUTDATED: Final = ("content-length", "content-md5", "digest", "content-digest", "repr-digest", "accept-ranges")
TOUCHES: Final = ("content-type", "content-encoding", "content-disposition", *_OUTDATED)
_PART: Final = 206


class Page(NamedTuple):
    """A page whose links can be rewritten: its charset as it is labelled, and its coding, empty for none."""

    charset: str
    coding: str


def page(exchange: Exchange, headers: Pairs, count: Count) -> Page | None:
    """The page that an answer is; None for one that passes as it is, counted where it may hold links."""
    content_type = fields.first(headers, "content-type")
    if "html" not in content_type.lower():
        return None
    kind, label = fields.media_type(content_type)
    if _passes(exchange, headers):
        return None
    if kind != "text/html":
        if kind == "application/xhtml+xml":  # XML, which is read by other rules
            count("outbound", "XHTML pages passed unread")
        return None
    coding = _coding(headers)
    if coding is None:
        count("outbound", "encoded pages passed unread")
        return None
    if supported_charset(label or "utf-8") is None:
        count("outbound", "pages in an unreadable charset")
        return None
    return Page(label or "utf-8", coding)


def _passes(exchange: Exchange, headers: Pairs) -> bool:
    """Whether an answer is no page to be looked at: a part, a file to be saved, or one without a body."""
    status = exchange.status
    attached = fields.first(headers, "content-disposition").lower().lstrip().startswith("attachment")
    return attached or status == _PART or status in BODILESS or status < 200


def _coding(headers: Pairs) -> str | None:
    """The one coding that can be undone; empty for none, None for what cannot be read (RFC 9110 8.4)."""
    codings = [each for value in fields.values(headers, "content-encoding") for each in fields.members(value)]
    named = [each for each in codings if each != "identity"]
    return "" if not named else CODINGS.get(named[0]) if len(named) == 1 else None


def described(headers: Pairs) -> Pairs:
    """The pairs without those that described the app's bytes; the length is told anew where it can be."""
    return fields.without(headers, *_OUTDATED)


def whole(headers: Pairs) -> Whole | None:
    """What gathers a small body of declared length; None where the length is unknown, false or large."""
    lengths = set(fields.values(headers, "content-length"))
    text = lengths.pop() if len(lengths) == 1 else ""
    known = text.isascii() and text.isdigit() and len(text) < 10
    return Whole(int(text)) if known and int(text) <= WHOLE else None


def transform(rewriter: Rewriter, coding: str, count: Count) -> Transform:
    """What a page's bytes go through."""
    told = _Told(rewriter, count)
    if not coding:
        return told
    return Recoded(coding, told, lambda: count("outbound", "encoded pages that were damaged or cut short"))


class _Told:
    """A rewriter that counts, at its end, what it could not judge."""

    def __init__(self, rewriter: Rewriter, count: Count) -> None:
        self._rewriter = rewriter
        self._count = count
        self.feed = rewriter.feed

    def close(self) -> bytes:
        rest = self._rewriter.close()
        if self._rewriter.ambiguous:
            self._count("outbound", "pages with places that could not be judged")
        return rest
