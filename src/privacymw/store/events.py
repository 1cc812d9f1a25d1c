"""From what the request path hands over to what may be stored."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from privacymw.address import network
from privacymw.errors import StoreError
from privacymw.routes import generalised
from privacymw.store.base import LANES, Batch, Row
from privacymw.store.keys import Keys

Event = tuple[int, bytes | None, str, str | None, int, int, str, str, str]
"""Unix time in ms, packed address or None, method, route or None, status, duration in µs, and as they were sent:
the path where there is no route, `User-Agent` and `Host`, empty where they are not to be kept."""

_NONE = (TypeError, ValueError, LookupError, AttributeError)  # what is no event must not take others with it
_BATCH = 2000  # rows; written in one transaction of a few ms


class Sealer:
    """Turns events into batches. No address leaves it in the clear, and none is remembered."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
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
            seals = tuple(self._token(lane, start) for lane in LANES)
            waiting = iter(members)
            while part := list(islice(waiting, _BATCH)):
                yield Batch(start, list(self._rows(part, *seals)))

    def _rows(self, events: Iterable[Event], address: "_Token", net: "_Token") -> Iterator[Row]:
        for event in events:
            try:
                yield self._row(event, address, net)
            except _NONE:
                self.lost += 1

    def _row(self, event: Event, address: "_Token", net: "_Token") -> Row:
        when, packed, method, route, status, duration, path, _, _ = event
        if route is None:
            route = generalised(path)
        if packed is None:
            return Row(when, None, None, method, route, status, duration)
        self.unsealed += self._lacks(address, net)
        return Row(
            when,
            address(packed) if address else None,
            net(network(packed)) if net else None,
            method,
            route,
            status,
            duration,
        )

    def _lacks(self, *seals: "_Token") -> bool:
        """Whether a key is missing that the terms want."""
        return any(lane in self._keys.terms.lanes and not seal for lane, seal in zip(LANES, seals, strict=True))

    def _token(self, lane: str, start: int) -> "_Token":
        try:
            seal = self._keys.sealing(lane, start)
        except StoreError:  # a full disk, a lost folder: the row is worth keeping without
            return None
        return seal.seal if seal else None

    def current(self, batch: Batch) -> Batch:
        """The batch as it may be stored now: a lane whose key has died while it waited is left out."""
        sealed = [lane for lane, has in zip(LANES, batch.lanes, strict=True) if has]
        return batch.without([lane for lane in sealed if self._keys.opening(lane, batch.epoch) is None])


_Token = Callable[[bytes], bytes] | None
