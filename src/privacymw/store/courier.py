"""A store, and a key home, on a server: as their protocols say, but no call takes long."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from privacymw.store.base import Batch, Epoch, Finding, KeyHome, KeyInfo, Store, Tombstone
from privacymw.store.chain import Chain, Head, Link
from privacymw.store.decisions import Decision
from privacymw.store.errands import Errands

T = TypeVar("T")
_STORE, _HOME = 0.1, 1.0  # seconds; without a key at once a row would be stored without address
_END = object()


class StoreCourier:
    """A store whose calls are late rather than long; reading goes straight to it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._errands = Errands(_STORE)
        self.now = store.now
        self.read = store.read
        self.follow = store.follow
        self.scan_for = store.scan_for
        self.noted = store.noted

    def prepare(self, epoch: int) -> None:
        self._errands.ask(("prepare", epoch), lambda: self.store.prepare(epoch))

    def write(self, batch: Batch) -> None:
        self._errands.ask(("write", batch.mark), lambda: self.store.write(batch))

    def epochs(self) -> Sequence[Epoch]:
        return self._errands.ask("epochs", self.store.epochs)

    def forget(self, epoch: int, lane: str) -> Iterator[None]:
        yield from self._steps(self.store.forget(epoch, lane))

    def purge(self, epoch: int) -> Iterator[None]:
        yield from self._steps(self.store.purge(epoch))

    def _steps(self, steps: Iterator[None]) -> Iterator[None]:
        this = object()
        while self._errands.ask(this, lambda: next(steps, _END)) is not _END:
            yield

    def trim(self) -> int:
        return self._errands.ask("trim", self.store.trim)

    def note(self, decisions: Sequence[Decision]) -> None:
        self._errands.ask(("note", decisions[0].receipt, len(decisions)), lambda: self.store.note(decisions))

    def drop_noted(self, now: int, made_before: int) -> int:
        return self._errands.ask("drop noted", lambda: self.store.drop_noted(now, made_before))

    def settle(self) -> bool:
        return self._errands.ask("settle", self.store.settle)

    def lease(self, owner: str, now: int, lasting: int) -> bool:
        return self._errands.ask("lease", lambda: self.store.lease(owner, now, lasting))

    def health(self) -> Mapping[str, object]:
        return self._errands.ask("health", self.store.health)

    def close(self) -> None:
        self._errands.ask("close", self.store.close)


class HomeCourier:
    """A key home whose calls are late rather than long."""

    def __init__(self, home: KeyHome) -> None:
        self.home = home
        self._errands = Errands(_HOME)
        self.shown = home.shown
        self.changed = home.changed

    def make(self, info: KeyInfo) -> bytes | None:
        return self._errands.ask(("make", *info[:2]), lambda: self.home.make(info))

    def load(self, lane: str, start: int) -> tuple[KeyInfo, bytes] | None:
        return self._errands.ask(("load", lane, start), lambda: self.home.load(lane, start))

    def destroy(self, lane: str, start: int, now: int) -> bool:
        return self._errands.ask(("destroy", lane, start), lambda: self.home.destroy(lane, start, now))

    def live(self) -> Sequence[KeyInfo]:
        return self._errands.ask("live", self.home.live)

    def gone(self) -> Sequence[Tombstone]:
        return self._errands.ask("gone", self.home.gone)

    def lost(self) -> Sequence[KeyInfo]:
        return self._errands.ask("lost", self.home.lost)

    def chain(self, data: Path | None) -> Chain | None:
        chain = self.home.chain(data)
        return None if chain is None else ChainCourier(chain)

    def doctor(self, data: Path, store: str) -> Iterator[Finding]:
        return self.home.doctor(data, store)


class ChainCourier:
    """A chain whose calls are late rather than long."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._errands = Errands(_HOME)

    def append(self, links: Sequence[Link], now: int) -> int:
        names = tuple(link.name for link in links)
        return self._errands.ask(("append", names), lambda: self._chain.append(links, now))

    def lines(self) -> list[bytes]:
        return self._errands.ask("lines", self._chain.lines)

    def head(self) -> Head | None:
        return self._errands.ask("head", self._chain.head)
