"""One look at one app: what it was asked, what it answered, and what it left behind."""

import itertools
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from privacymw.evidence.claim import Claim
from privacymw.evidence.crawl import Visited
from privacymw.evidence.driver import BROWSER, Answer, Asked, Driver
from privacymw.evidence.markup import PARSER
from privacymw.evidence.places import Place, is_of, place
from privacymw.evidence.records import Records
from privacymw.store import open_log
from privacymw.store.files import search
from privacymw.store.reader import Entry

Pairs = tuple[tuple[str, str], ...]
FORM: Final = ("content-type", "application/x-www-form-urlencoded")
SAME_ORIGIN: Final = ("sec-fetch-site", "same-origin")
_PATIENCE: Final = 10.0
"""Seconds until what was driven has to stand in the store."""

_TURN: Final = 0.6
"""Seconds in which a request that was answered is in the store, if nothing is in its way."""


class Scratch(NamedTuple):
    """Where the app keeps what it keeps while it is looked at."""

    data: Path
    keys: Path
    log: Path

    def rows(self, address: str, clock: Callable[[], float] | None = None) -> list[Entry]:
        """The requests of an address, as far as a key opens them; of its network, where only that is kept."""
        if not self.log.exists():
            return []
        log = open_log(self.data, url=f"sqlite:///{self.log}", keys=self.keys, clock=clock)
        return list(log.rows(address=address)) or list(log.rows(network=address))

    def nameless(self) -> list[Entry]:
        """The requests that no key names."""
        if not self.log.exists():
            return []
        log = open_log(self.data, url=f"sqlite:///{self.log}", keys=self.keys)
        return [row for row in log.rows() if row.address is None and row.network is None]

    def settled(self) -> int:
        """How many requests no key names, once no more come: those before are written a moment later."""
        count, end = -1, time.monotonic() + _PATIENCE
        while count != (count := len(self.nameless())) and time.monotonic() < end:
            time.sleep(_TURN)
        return count

    def files_with(self, *needles: bytes) -> list[str]:
        """Names of files, keys left out of the names, that hold one of some bytes."""
        folders = dict.fromkeys((self.data, self.keys, self.log.parent))
        return sorted({path.name for each in folders if each.exists() for path, _ in search(each, needles)})

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """What stands in the store's own file; nothing where there is no such table."""
        if not self.log.exists():
            return []
        with closing(sqlite3.connect(f"file:{self.log}?mode=ro", uri=True, timeout=5)) as db:
            try:
                return db.execute(sql).fetchall()
            except sqlite3.OperationalError:
                return []

    def counts(self) -> dict[str, dict[str, int]]:
        """What the app's process counted."""
        from privacymw.tally import read_counts

        return read_counts(self.data)


class Elsewhere(Protocol):
    """The same app in a process of its own, with a folder of its own, whose clock can be set forward."""

    scratch: Scratch

    def ask(self, asked: Asked) -> Answer: ...
    def travel(self, seconds: float) -> None: ...
    def now(self) -> float: ...


class Probe:
    """Asks an app, and remembers who asked.

    Args:
        driver: the app.
        kind: `wsgi` or `asgi`.
        claim: what its page says.
        prefix: where our pages are.
        scratch: its data, where they are known.
        proxies: networks whose word it takes for the scheme.
        elsewhere: makes the app once more, in another process; None where it cannot be made.
    """

    parser = PARSER

    def __init__(
        self,
        driver: Driver,
        kind: str,
        claim: Claim,
        *,
        prefix: str = "/privacy",
        host: str = "",
        scratch: Scratch | None = None,
        proxies: Sequence[str] = (),
        elsewhere: Callable[[], Elsewhere] | None = None,
    ) -> None:
        self.driver, self.kind, self.claim, self.prefix = driver, kind, claim, prefix
        self.scratch, self.proxies = scratch, proxies
        self.records = Records()
        self.visited: list[Visited] = []
        self.own: Visited | None = None
        self.app: Any = None
        self.environ: Mapping[str, str] = {}
        self.hosts = tuple(_written(each) for each in claim.hosts)
        self.host = host or next((each.replace("*.", "www.") for each in self.hosts), "localhost")
        self._elsewhere = elsewhere
        self._there: Elsewhere | None = None
        self._addresses = itertools.count(2)

    @property
    def base(self) -> str:
        """The site's address."""
        return f"https://{self.host}/"

    def newcomer(self) -> str:
        """An address from whose network nobody has asked yet (RFC 3849)."""
        return f"2001:db8:{next(self._addresses):x}::1"

    def ask(self, path: str = "/", query: str = "", *headers: tuple[str, str], **more: Any) -> Answer:
        """The answer to a browser over https, from an address of its own unless one is given."""
        given = dict.fromkeys(name for name, _ in headers)
        sent = (*(each for each in BROWSER if each[0] not in given), *headers)
        more.setdefault("peer", "203.0.113.1")
        return self.driver.ask(Asked(path, query, headers=sent, host=self.host, **more))

    def post(self, path: str, body: str, *headers: tuple[str, str], query: str = "") -> Answer:
        """The answer to a form that was sent from one of the site's own pages."""
        return self.ask(path, query, FORM, SAME_ORIGIN, *headers, method="POST", body=body.encode())

    def ours(self, page: str) -> str:
        """The path of one of our pages."""
        return f"{self.prefix}/{page}"

    def foreign(self, href: str, at: str = "") -> Place | None:
        """Where an address leads, if that is another site."""
        found = place(href, at or self.base)
        own = (self.host.partition(":")[0], *self.hosts)
        return None if found is None or is_of(found.host, own) else found

    def at(self, visited: Visited) -> str:
        """The address of a page, against which its links are read."""
        here = self.base.rstrip("/") + visited.url
        base = place(visited.page.base, here) if visited.page.base else None
        return base.href if base else here

    @property
    def pages(self) -> Iterator[Visited]:
        """What was visited and is a page for people."""
        return (each for each in self.visited if each.answer.is_html and each.answer.body)

    @property
    def elsewhere(self) -> Elsewhere | None:
        """The app in another process; made when it is first asked for."""
        if self._there is None and self._elsewhere is not None:
            self._there = self._elsewhere()
        return self._there

    def known(self) -> Mapping[str, int]:
        """How often each status came on the walk."""
        found: dict[str, int] = {}
        for each in self.visited:
            found[str(each.answer.status)] = found.get(str(each.answer.status), 0) + 1
        return found


def until(what: Callable[[], Any], seconds: float = _PATIENCE) -> Any:
    """What a call gives as soon as it gives something, or at last: the log is written a moment later."""
    end = time.monotonic() + seconds
    while not (found := what()) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def _written(pattern: str) -> str:
    """A host pattern as addresses have it: in small letters and A-labels."""
    wild = "*." if pattern.startswith("*.") else ""
    found = place(f"https://{pattern.removeprefix('*.')}/", "https://localhost/")
    return wild + (found.host if found else pattern)
