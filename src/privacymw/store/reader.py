"""The log as the command line reads it: addresses come out only as far as live keys open them."""

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

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


class Reader:
    """Reads rows and opens their addresses; each use of a key checks its deadline."""

    def __init__(self, store: Store, keys: Keys) -> None:
        self.store, self.keys = store, keys

    def rows(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        statuses: Sequence[int] = (),
        address: str | None = None,
        network: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Entry]:
        """Entries, newest last.

        Args:
            since: Unix seconds, included.
            until: Unix seconds, excluded.
            statuses: only these status codes; empty: all.
            address: only this client, found by computing its token under each live key.
            network: only this network ("203.0.113.0/24", or any address of it), found the same way.
            limit: the newest so many.

        Raises:
            SettingsError: the text is not an address or network.
            StoreError: the store fails.
        """
        asked = _wanted(address, network)
        query = Query(
            since=_ms(since),
            until=_ms(until),
            statuses=tuple(statuses),
            tokens=self._tokens(asked) if asked else None,
            limit=limit,
        )
        for epoch, row in self.store.read(query):
            yield self._entry(epoch, row)

    def _entry(self, epoch: int, row: Row) -> Entry:
        net = self._open("network", epoch, row.network)
        client = self._open("address", epoch, row.address)
        seal = self.keys.opening("address", epoch) if row.path else None
        return Entry(
            row.when / 1000,
            unpack(client) if client else None,
            network_text(net) if net else None,
            row.method,
            row.route,
            row.status,
            row.duration / 1_000_000,
            seal.open_path(row.path) if seal and row.path else None,
            *row[8:],
        )

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
