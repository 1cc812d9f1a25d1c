"""Validators of pages that are rewritten: a cache must not serve on what was written under other rules."""

import hashlib
import re
from typing import Final

from privacymw import headers as fields
from privacymw.core import Exchange
from privacymw.headers import Pairs

_CONDITIONS: Final = ("if-none-match", "if-match", "if-range", "if-modified-since", "if-unmodified-since")
_RANGE: Final = "range"
READS: Final = (_RANGE, *_CONDITIONS)
_TAG: Final = re.compile(r'(?:W/)?"[^"]*"')


class Mark:
    """What is added to an ETag: another one for other rules.

    Args:
        rules: a text that differs where the same page would be written otherwise.
    """

    def __init__(self, rules: str) -> None:
        self.text = "-pmw" + hashlib.sha256(rules.encode()).hexdigest()[:8]

    def confirms(self, exchange: Exchange) -> bool:
        """Whether a 304 is about a page that was rewritten by these rules."""
        return self.text in exchange.headers.get("if-none-match", "")

    def outward(self, headers: Pairs) -> Pairs:
        """The pairs with a weak, marked ETag (RFC 9110 8.8.1), without a date that knows nothing of our rules."""
        tag = fields.first(headers, "etag").removeprefix("W/")
        headers = fields.without(headers, "etag", "last-modified")
        if len(tag) > 2 and tag[0] == tag[-1] == '"':
            headers.append(("etag", f'W/"{tag[1:-1]}{self.text}"'))
        return headers

    def inward(self, exchange: Exchange) -> list[tuple[str, str | None]]:
        """What the app sees of a browser's validators: ours without the mark, none of those from before us.

        A page that a browser kept from before would be confirmed by a 304, with direct links in it. What
        guards a change (`If-Match` on a PUT, RFC 9110 13.1.1) is left as it is but for the mark. A range is
        not asked for: parts of the app's page and of the rewritten one do not fit together, and without its
        `If-Range` a part would be sent whatever changed.
        """
        headers, reading = exchange.headers, exchange.method in ("GET", "HEAD")
        edits: list[tuple[str, str | None]] = [(_RANGE, None)] if reading and _RANGE in headers else []
        for name in _CONDITIONS:
            if name not in headers:
                continue
            tags = _TAG.findall(headers[name])
            ours = ", ".join(tag.replace(self.text + '"', '"') for tag in tags if tag.endswith(self.text + '"'))
            if ours or reading:
                edits.append((name, ours or None))
        return edits
