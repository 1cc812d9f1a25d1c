"""Walks through the app's own links as a polite visitor: GET alone, no form, no way out, within bounds."""

import re
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from privacymw.evidence.driver import Answer
from privacymw.evidence.markup import Page, page
from privacymw.evidence.places import is_of, place

PAGES: Final = 80
SECONDS: Final = 15.0
_ALIKE: Final = 6
"""Pages of one shape, such as `/members/M1001`: a calendar has no end."""
_ACTS: Final = re.compile(r"log-?(?:out|off)|sign-?(?:out|off)|delete|remove|cancel|unsubscribe|destroy", re.IGNORECASE)
_SHAPE: Final = re.compile(r"[^/]*\d[^/]*")


class Visited(NamedTuple):
    """An address of the site and what it answered."""

    path: str
    query: str
    answer: Answer

    @property
    def url(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def page(self) -> Page:
        """What stands in it, decoded where it came encoded in a way that the standard library knows."""
        return parsed(self.answer)


def parsed(answer: Answer) -> Page:
    """The page in an answer."""
    charset = re.search(r"charset=[\"']?([\w.:-]+)", answer.header("content-type"), re.IGNORECASE)
    return page(decoded(answer), charset[1] if charset else "utf-8")


def decoded(answer: Answer) -> bytes:
    """The body without its content coding; as it is where the coding is unknown or damaged."""
    import gzip
    import zlib

    coding = answer.header("content-encoding").strip().lower()
    try:
        if coding in ("gzip", "x-gzip"):
            return gzip.decompress(answer.body)
        return zlib.decompress(answer.body) if coding == "deflate" else answer.body
    except (OSError, EOFError, zlib.error):
        return answer.body


class Crawl:
    """One walk; `visited` grows while it goes on.

    Args:
        ask: gives the answer for a path and a query.
        base: the site's address, such as `https://example.org/`.
        hosts: hosts that are the site's own; only links to the first are followed.
        skip: a path under which our own pages stand.
    """

    def __init__(
        self,
        ask: Callable[[str, str], Answer],
        *,
        base: str,
        skip: str,
        told: Callable[[str], None],
        pages: int = PAGES,
    ) -> None:
        self.visited: list[Visited] = []
        self.left_out = 0
        self._ask, self._base, self._skip, self._told, self._most = ask, base, skip, told, pages
        self._host = base.split("/")[2].partition(":")[0]
        self._shapes: Counter[str] = Counter()
        self._known: set[tuple[str, str]] = set()
        self._waiting: deque[tuple[str, str]] = deque()

    def walk(self, starts: Iterable[str]) -> list[Visited]:
        """What was visited, from some paths on."""
        end = time.monotonic() + SECONDS
        for start in starts:
            self._wish(start, self._base)
        while self._waiting and len(self.visited) < self._most and time.monotonic() < end:
            path, query = self._waiting.popleft()
            self._told(f"{len(self.visited) + 1} pages: {path}")
            self._visit(path, query)
        self.left_out += len(self._waiting)
        return self.visited

    def _visit(self, path: str, query: str) -> None:
        found = Visited(path, query, self._ask(path, query))
        self.visited.append(found)
        here = self._base.rstrip("/") + found.url
        if location := found.answer.header("location"):
            self._wish(location, here)
        if found.answer.is_html:
            seen = found.page
            base = place(seen.base, here) if seen.base else None
            for link in seen.links():
                if link.follows:
                    self._wish(link.href, base.href if base else here)

    def _wish(self, href: str, at: str) -> None:
        """Remembers an address of this host; what looks as if it did something is left alone."""
        target = place(href, at)
        if target is None or not is_of(target.host, (self._host,)) or target.path.startswith(self._skip + "/"):
            return
        key = (target.path, target.query)
        if key in self._known:
            return
        self._known.add(key)
        shape = _SHAPE.sub("*", target.path)
        self._shapes[shape] += 1
        if _ACTS.search(target.path + "?" + target.query) or self._shapes[shape] > _ALIKE:
            self.left_out += 1
        else:
            self._waiting.append(key)
