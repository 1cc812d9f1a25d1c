"""What the data folder itself says about the retention: nothing here asks the middleware."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privacymw.errors import StoreError
from privacymw.store.base import LANES, Finding, Query, Store
from privacymw.store.chain import digest, faults, told
from privacymw.store.doctor import memory
from privacymw.store.files import search
from privacymw.store.heartbeat import STALE, beats
from privacymw.store.ledger import Ledger
from privacymw.store.location import is_server, open_way
from privacymw.store.reader import Reader

if TYPE_CHECKING:
    from privacymw.store.keys import Keys

_GRACE = 60_000  # ms that rows may outlive their keys while they are swept
_TURN = 2_000  # ms a running writer may be late with a key: one turn, and a slow disk
_SAMPLE = 1000  # tokens tried

# RFC 5737 and 3849. As text, and packed as far as the network goes.
CANARIES = (
    *(text.encode() for text in ("192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:")),
    *(bytes(10) + b"\xff\xff" + bytes(net) for net in ((192, 0, 2), (198, 51, 100), (203, 0, 113))),
    bytes.fromhex("20010db8") + bytes(8),
)


class Log(Reader):
    """A reader that can also look for evidence; made by `open_log`, which never makes a store or a folder.

    `data` is the site's folder, `url` says where its rows are.
    """

    def __init__(self, store: Store, keys: "Keys", *, data: Path, url: str) -> None:
        super().__init__(store, keys)
        self.data, self.url = data, url

    def verify(self) -> list[Finding]:
        """All findings, held or not; looks at every file of the data folder.

        What cannot be read is a finding too, and does not keep the rest from being looked at.
        """
        checks = (
            self._live_keys,
            self._hold,
            self._destroyed_keys,
            self._rows_gone,
            self._lost_keys,
            self._chain,
            self._canaries,
            self._heartbeat,
            self._counts,
            self._missing,
            self._places,
            self._secure_delete,
            self._way,
            self._beside,
        )
        findings, faults = list[Finding](), dict[str, Finding]()
        for check in checks:
            try:
                findings += check()
            except StoreError as error:
                code = "keys-unreadable" if check in (self._live_keys, self._beside) else "store-unreadable"
                faults.setdefault(str(error), Finding(code, str(error), False))
        return [*faults.values(), *findings]

    def _live_keys(self) -> Iterator[Finding]:
        now = self.keys.now() - _TURN
        live = [info for info in self.keys.home.live() if info.length]  # else it is being overwritten just now
        late = [info for info in live if now >= self.keys.deadline(info)]
        text = f"{len(live)} live keys, {len(late)} of them past their deadline"
        yield Finding("retention-keys", text, not late)

    def _hold(self) -> Iterator[Finding]:
        """What a legal hold keeps alive, which is no breach: the page tells of it."""
        terms = self.keys.terms
        if terms.holds(self.keys.now()):
            days = [f"{datetime.fromtimestamp(each, UTC):%Y-%m-%d}" for each in (terms.hold_since, terms.hold_until)]
            live = self.keys.home.live()
            over = sum(self.keys.now() >= self.keys.ordinary_deadline(info) for info in live if info.length)
            text = f"a hold keeps what was logged from {days[0]} on until {days[1]}; {over} keys live by it"
            yield Finding("hold-in-force", text, True)

    def _destroyed_keys(self) -> Iterator[Finding]:
        """Tokens of epochs whose key is gone, tried with every key that is left."""
        live, gone = self.keys.census()
        seals = [(lane, seal) for lane, start in live if (seal := self.keys.opening(lane, start))]
        tried = opened = 0
        for epoch, row in self._sample(start for _, start in gone):
            for lane, token in zip(LANES, (row.address, row.network), strict=True):
                if token and (lane, epoch) in gone:
                    tried += 1
                    opened += any(seal.open(token) is not None for name, seal in seals if name == lane)
        text = f"{len(gone)} destroyed keys; {tried} tokens of theirs are still stored, {opened} of them open"
        yield Finding("retention-destroyed", text, not opened)

    def _sample(self, starts: Iterator[int]) -> Iterator[Any]:
        wanted = set(starts)
        if wanted:
            rows = self.store.read(Query())
            yield from islice((found for found in rows if found[0] in wanted), _SAMPLE)

    def _rows_gone(self) -> Iterator[Finding]:
        now = self.keys.now()
        late = [each for each, _ in self.store.epochs() if now - _GRACE >= self.keys.rows_deadline(each)]
        yield Finding("retention-rows", f"{len(late)} epochs of rows are past every deadline", not late)

    def _lost_keys(self) -> Iterator[Finding]:
        """An epoch with tokens and neither key nor tombstone: lost, which is told apart from destroyed."""
        live, gone = self.keys.census()
        known = live.keys() | gone.keys()
        here = {(lane, epoch.start) for epoch in self.store.epochs() for lane in epoch.lanes}
        lost = (here - known) | {(info.lane, info.start) for info in self.keys.home.lost()}
        if lost:
            yield Finding(
                "keys-lost", f"{len(lost)} keys are lost, not destroyed: their addresses are unreadable", True
            )

    def _chain(self) -> Iterator[Finding]:
        chain = self.keys.home.chain(self.data)
        lines = chain.lines() if chain is not None else []
        wrong = faults(lines)
        dead = {link.epoch for link in told(lines) if link.kind == "key-destroyed"}
        if alive := [info for info in self.keys.home.live() if info.length and (info.lane, info.start) in dead]:
            wrong.append(f"{len(alive)} keys that it tells as destroyed are there")
        if wrong:
            more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
            yield Finding("chain-broken", f"the chain of versions and keys: {wrong[0]}{more}", False)
        else:
            text = f"{len(lines)} entries, the newest has the digest {digest(lines[-1])}" if lines else "none yet"
            yield Finding("chain", f"the chain of versions and keys: {text}", True)

    def purge(self) -> int:
        """See Reader; the deaths are entered in the chain."""
        try:
            return super().purge()
        finally:
            with suppress(StoreError):  # the site enters them from the tombstones
                Ledger(self.keys, self.keys.home.chain(self.data)).record()

    def _canaries(self) -> Iterator[Finding]:
        found = sorted({path.relative_to(self.data).as_posix() for path, _ in search(self.data, CANARIES)})
        if not found and self.store.scan_for(CANARIES):  # it may lie elsewhere
            found = ["the store"]
        text = f"documentation addresses in the clear in {', '.join(found)}" if found else "no address in the clear"
        yield Finding("retention-canary", text, not found)

    def _heartbeat(self) -> Iterator[Finding]:
        """Without a living writer nobody keeps time: that all said goodbye is no evidence that keys will die."""
        ages = [self.keys.now() / 1000 - beat["time"] for beat in beats(self.data) if not beat.get("closed")]
        alive = sum(age <= STALE for age in ages)
        dead = f"{len(ages) - alive} ended without saying so"
        text = (
            f"{alive} writers alive, {dead}"
            if alive
            else f"no writer is alive, {dead}: the site is not running; overdue keys die at its next start"
        )
        yield Finding("writer-alive", text, bool(alive))

    def _counts(self) -> Iterator[Finding]:
        for name, why in (
            ("dropped", "the queue was full"),
            ("failed", "the store did not answer for too long"),
            ("unsealed", "no key could be had; they are stored without address"),
            ("trimmed", "the size cap was reached; they went early"),
        ):
            if count := sum(beat.get(name, 0) for beat in beats(self.data)):
                yield Finding(f"rows-{name}", f"{count} rows {name} in the last day: {why}", True)
        if lost := sum(beat.get("decisions_dropped", 0) for beat in beats(self.data)):
            text = f"{lost} records of decisions dropped in the last day: their receipts will find nothing"
            yield Finding("rows-decisions", text, True)

    def _missing(self) -> Iterator[Finding]:
        if count := self.missing():
            yield Finding("rows-missing", f"{count} requests are missing in the log, as its rows tell", True)

    def _places(self) -> Iterator[Finding]:
        if any("places" in beat.get("troubles", ()) for beat in beats(self.data) if not beat.get("closed")):
            text = "a file of PRIVACYMW_ADDRESSES_GEO_DATABASE cannot be read: rows may lack country or operator"
            yield Finding("rows-places", text, True)

    def _secure_delete(self) -> Iterator[Finding]:
        on = self.store.health().get("secure_delete")
        if on is not None:
            yield Finding("store-secure-delete", f"deleted rows are {'' if on else 'not '}overwritten", bool(on))

    def _way(self) -> Iterator[Finding]:
        if is_server(self.url) and (host := open_way(self.url)):
            yield Finding("rows-way", f"the log travels to {host}, which does not have to prove its name", True)

    def _beside(self) -> Iterator[Finding]:
        yield from self.keys.home.doctor(self.data, self.url)
        yield from memory([beat["pid"] for beat in beats(self.data) if not beat.get("closed")])
