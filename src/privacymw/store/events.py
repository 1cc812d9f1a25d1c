"""From what the request path hands over to what may be stored."""

from collections.abc import Iterable, Iterator
from itertools import islice

from privacymw.address import network
from privacymw.errors import StoreError
from privacymw.routes import generalised
from privacymw.seal import AddressSeal
from privacymw.store.base import LANES, Batch, Row
from privacymw.store.details import Details
from privacymw.store.keys import Keys

Event = tuple[int, bytes | None, str, str | None, int, int, str, str, str]
"""Unix time in ms, packed address or None, method, route or None, status, duration in µs, and as they were sent:
the path where there is no route, `User-Agent` and `Host`, empty where they are not to be kept."""

_NONE = (TypeError, ValueError, LookupError, AttributeError)  # what is no event must not take others with it
_Origin = tuple[bytes | None, bytes | None, str | None, int | None]
_BATCH = 2000  # rows; written in one transaction of a few ms


class Sealer:
    """Turns events into batches. No address leaves it in the clear, and none is remembered."""

    def __init__(self, keys: Keys, details: Details) -> None:
        self._keys, self.details = keys, details
        self.unsealed = 0
        """Rows whose address was left out for want of a key."""
        self.lost = 0
        """Events that are none."""

    def seal(self, events: Iterable[Event]) -> Iterator[Batch]:
        """The events as batches, one epoch each."""
        epochs: dict[int, list[Event]] = {}
        for event in events:
            try:
                epochs.setdefault(self._keys.terms.start_of(event[0]), []).append(event)
            except _NONE:
                self.lost += 1
        for start, members in epochs.items():
            seals = tuple(self._seal(lane, start) for lane in LANES)
            waiting = iter(members)
            while part := list(islice(waiting, _BATCH)):
                yield Batch(start, list(self._rows(part, *seals)))

    def _rows(self, events: Iterable[Event], address: AddressSeal | None, net: AddressSeal | None) -> Iterator[Row]:
        seen: dict[bytes | None, _Origin] = {}  # goes with these events, which hold the same addresses
        agents, site_of = self.details.agent, self.details.site
        lacking = self._lacks(address, net)
        for event in events:
            try:
                when, packed, method, route, status, duration, path, agent, host = event
                raw = None
                if not route:
                    route = generalised(path)
                    raw = address.seal_path(path) if address and path != route else None
                origin = seen.get(packed) or seen.setdefault(packed, self._origin(packed, address, net))
                told, site = agents(agent), site_of(host)
            except _NONE:
                self.lost += 1
                continue
            self.unsealed += lacking and packed is not None
            client, neighbors, country, asn = origin
            yield Row(when, client, neighbors, method, route, status, duration, raw, *told, country, asn, site)

    def _lacks(self, *seals: AddressSeal | None) -> bool:
        """Whether a key is missing that the terms want."""
        return any(lane in self._keys.terms.lanes and not seal for lane, seal in zip(LANES, seals, strict=True))

    def _origin(self, packed: bytes | None, address: AddressSeal | None, net: AddressSeal | None) -> _Origin:
        if packed is None:
            return None, None, None, None
        client = address.seal(packed) if address else None
        neighbors = net.seal(network(packed)) if net else None
        return client, neighbors, *self.details.place(packed)

    def _seal(self, lane: str, start: int) -> AddressSeal | None:
        try:
            return self._keys.sealing(lane, start)
        except StoreError:  # a full disk, a lost folder: the row is worth keeping without
            return None

    def current(self, batch: Batch) -> Batch:
        """The batch as it may be stored now: a lane whose key has died while it waited is left out."""
        sealed = [lane for lane, has in zip(LANES, batch.lanes, strict=True) if has]
        return batch.without([lane for lane in sealed if self._keys.opening(lane, batch.epoch) is None])
