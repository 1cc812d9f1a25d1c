"""The log as the command line reads it: addresses come out only as far as live keys open them."""

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypedDict, Unpack

from privacymw.address import network, network_text, unpack, wanted
from privacymw.store.base import Query, Row, Store
from privacymw.store.keys import Keys
from privacymw.store.retention import sweep


class Entry(NamedTuple):
    """One request as a person reads it; `address`, `network` and `path` are text, None if not known any more.

    `when` is Unix time in seconds, `duration` seconds; the rest is as in `Row`.
    """

    when: float
    address: str | None
    network: str | None
    method: str
    route: str
    status: int
    duration: float
    path: str | None = None
    browser: str | None = None
    system: str | None = None
    device: str | None = None
    country: str | None = None
    asn: int | None = None
    site: str | None = None
    dropped: int = 0

    def __repr__(self) -> str:
        return f"Entry(when={self.when}, address=<hidden>, method={self.method!r}, status={self.status})"


class Asked(TypedDict, total=False):
    """What is asked of the log; all of it must hold.

    Attributes:
        since: Unix seconds, included.
        until: Unix seconds, excluded.
        statuses, methods, countries, asns, sites: only these; empty: all.
        routes: only these; one that ends in `*` stands for all that begin so.
        address: only this client, found by computing its token under each live key.
        network: only this network ("203.0.113.0/24", or any address of it), found the same way.
        limit: the newest so many.
    """

    since: float | None
    until: float | None
    statuses: Sequence[int]
    methods: Sequence[str]
    routes: Sequence[str]
    countries: Sequence[str]
    asns: Sequence[int]
    sites: Sequence[str]
    address: str | None
    network: str | None
    limit: int | None


class Reader:
    """Reads rows and opens their addresses; each use of a key checks its deadline."""

    def __init__(self, store: Store, keys: Keys) -> None:
        self.store, self.keys = store, keys

    def rows(self, **asked: Unpack[Asked]) -> Iterator[Entry]:
        """Entries, newest last.

        Raises:
            SettingsError: the text is not an address or network.
            StoreError: the store fails.
        """
        for epoch, row in self.raw(**asked):
            yield self.entry(epoch, row)

    def raw(self, **asked: Unpack[Asked]) -> Iterator[tuple[int, Row]]:
        """Pairs of epoch start and row as it is stored, newest last; opens nothing. Errors as `rows`."""
        yield from self.store.read(self.query(**asked))

    def follow(self, **asked: Unpack[Asked]) -> Iterator[list[Entry]]:
        """First the newest entries, `limit` at most; then, at each step, those stored since the step before.

        It has no end. A new epoch's key is looked up when it comes. Errors as `rows`.
        """
        for found in self.store.follow(lambda: self.query(**asked)):
            yield [self.entry(epoch, row) for epoch, row in found]

    def query(self, **asked: Unpack[Asked]) -> Query:
        """What to ask the store; SettingsError if an address is none."""
        since, until = _ms(asked.get("since")), _ms(asked.get("until"))
        sealed = _wanted(asked.pop("address", None), asked.pop("network", None))
        tokens = self._tokens(sealed) if sealed else None
        return Query(**{**asked, "since": since, "until": until, "tokens": tokens})  # type: ignore[arg-type]

    def entry(self, epoch: int, row: Row) -> Entry:
        """A row as a person reads it."""
        seal = self.keys.opening("address", epoch) if row.path else None
        return Entry(
            row.when / 1000,
            self.text("address", epoch, row.address),
            self.text("network", epoch, row.network),
            row.method,
            row.route,
            row.status,
            row.duration / 1_000_000,
            seal.open_path(row.path) if seal and row.path else None,
            *row[8:],
        )

    def text(self, lane: str, epoch: int, token: bytes | None) -> str | None:
        """The address or network of a token; None if it cannot be opened any more."""
        packed = self._open(lane, epoch, token)
        if packed is None:
            return None
        return network_text(packed) if lane == "network" else unpack(packed)

    def missing(self, *, since: float | None = None, until: float | None = None) -> int:
        """How many requests of a time (Unix seconds) are missing in the log, as its rows tell."""
        return sum(row.dropped for _, row in self.store.read(Query(_ms(since), _ms(until), losses=True)))

    def _open(self, lane: str, epoch: int, token: bytes | None) -> bytes | None:
        seal = self.keys.opening(lane, epoch) if token else None
        return seal.open(token) if seal and token else None

    def _tokens(self, asked: dict[str, bytes]) -> dict[int, dict[str, bytes]]:
        """What to look for in each epoch; one where a wanted lane's key is gone is left out."""
        tokens: dict[int, dict[str, bytes]] = {}
        for info in self.keys.home.live():
            if info.lane in asked and (seal := self.keys.opening(info.lane, info.start)):
                tokens.setdefault(info.start, {})[info.lane] = seal.seal(asked[info.lane])
        return {start: lanes for start, lanes in tokens.items() if len(lanes) == len(asked)}

    def purge(self) -> int:
        """Do what a running site does itself: destroy keys that are due, sweep rows; how many keys died."""
        died = self.keys.destroy_overdue()
        for _ in sweep(self.store, self.keys):
            time.sleep(0.002)  # the site's writers get their turn
        return died


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _wanted(client: str | None, net: str | None) -> dict[str, bytes]:
    found = {"address": wanted(client)} if client else {}
    return {**found, "network": network(wanted(net))} if net else found
