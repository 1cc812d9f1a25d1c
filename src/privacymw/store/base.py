"""What passes between the journal, a store and a key home. Times are UTC, in ms if nothing else is said."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from privacymw.store.decisions import DecisionStore

if TYPE_CHECKING:
    from privacymw.store.chain import Chain

LANES = ("address", "network")
"""Each lane has keys of its own: who is whose neighbor may be known for longer than who is who."""

SEALED: Mapping[str, tuple[str, ...]] = {"address": ("address", "path"), "network": ("network",)}
"""The columns that each lane's key opens, and that go with it."""

URGENT = frozenset((401, 403, 429, *range(500, 1000)))
"""Statuses of which rows survive an overload first: errors, refusals."""


def with_urgent(most: int) -> int:
    """Room for rows, with what is kept free for those of `URGENT`."""
    return most + most // 4


class Row(NamedTuple):
    """One request as it is stored. Duration in µs; None is what is not known or not kept.

    Attributes:
        address, network: sealed, 32 bytes.
        path: the raw path where there is no route, sealed with the key of the address, 17 bytes or more.
        browser, system: families such as "Firefox" and "Linux".
        device: desktop, mobile, tablet or bot.
        country: two capital letters (ISO 3166-1).
        asn: the number of the network's operator (AS).
        site: the own host that was asked.
        dropped: how many events of this process were lost since its last row that says so.
    """

    when: int
    address: bytes | None
    network: bytes | None
    method: str
    route: str
    status: int
    duration: int
    path: bytes | None = None
    browser: str | None = None
    system: str | None = None
    device: str | None = None
    country: str | None = None
    asn: int | None = None
    site: str | None = None
    dropped: int = 0


class Batch(NamedTuple):
    """Rows of one epoch, named by the epoch's start."""

    epoch: int
    rows: Sequence[Row]

    def without(self, lanes: Sequence[str]) -> "Batch":
        """The same rows with the tokens of these lanes left out."""
        nothing: dict[str, Any] = dict.fromkeys(column for lane in lanes for column in SEALED[lane])
        return Batch(self.epoch, [row._replace(**nothing) for row in self.rows]) if lanes else self

    @property
    def lanes(self) -> tuple[bool, ...]:
        """Of each lane, whether some row has anything sealed in it."""
        return any(row[1] or row[7] for row in self.rows), any(row[2] for row in self.rows)

    @property
    def mark(self) -> tuple[int, ...]:
        """Enough to know a batch again when it is tried once more, perhaps with a lane less."""
        first, last = (self.rows[0], self.rows[-1]) if self.rows else (None, None)
        ends = (first.when, first.duration, last.when, last.duration) if first and last else ()
        return self.epoch, len(self.rows), *ends


class Epoch(NamedTuple):
    """An epoch that has rows, and the lanes that may still have tokens in it."""

    start: int
    lanes: tuple[str, ...]


class Query(NamedTuple):
    """Which rows to read: those that match one value of each field that has any.

    `tokens`, if not None: per epoch start the lanes' tokens that all must match. A route that ends in `*`
    stands for all that begin so. `losses`: only rows that tell of lost events.
    """

    since: int | None = None
    until: int | None = None
    statuses: Sequence[int] = ()
    tokens: Mapping[int, Mapping[str, bytes]] | None = None
    limit: int | None = None
    methods: Sequence[str] = ()
    routes: Sequence[str] = ()
    countries: Sequence[str] = ()
    asns: Sequence[int] = ()
    sites: Sequence[str] = ()
    losses: bool = False


class KeyInfo(NamedTuple):
    """A key without its secret: rows of `length` ms from `start` on, readable until `deadline`.

    `id` differs where one that was lost has been replaced.
    """

    lane: str
    start: int
    deadline: int
    length: int
    id: str = ""


class Tombstone(NamedTuple):
    """What is left of a key: when it had to die and when it did."""

    lane: str
    start: int
    deadline: int
    destroyed: int


class Finding(NamedTuple):
    """One thing that was looked at; `held` is False where a promise is broken."""

    code: str
    text: str
    held: bool


class Store(DecisionStore, Protocol):
    """Where rows and records of decisions are kept.

    Each call may raise StoreError; a step of an iterator is one short transaction.
    """

    def now(self) -> float:
        """Unix seconds by the clock that judges its rows."""

    def prepare(self, epoch: int) -> None:
        """Make room for an epoch ahead; cheap where that is done."""

    def write(self, batch: Batch) -> None:
        """Keep all rows of the batch, or none."""

    def epochs(self) -> Sequence[Epoch]:
        """The epochs that have rows, oldest first."""

    def read(self, query: Query) -> Iterator[tuple[int, Row]]:
        """Pairs of epoch start and row, newest last."""

    def follow(self, ask: Callable[[], Query]) -> Iterator[list[tuple[int, Row]]]:
        """First the newest rows, `limit` of the query at most; then, at each step, those stored since the one before.

        It has no end. `ask` gives the query anew at each step, since tokens come with new epochs. What is stored
        late comes late, and nothing comes twice.
        """

    def forget(self, epoch: int, lane: str) -> Iterator[None]:
        """Take the tokens of one lane out of an epoch's rows."""

    def purge(self, epoch: int) -> Iterator[None]:
        """Take an epoch's rows away."""

    def trim(self) -> int:
        """Keep within the size cap; the number of rows that had to go, oldest first."""

    def settle(self) -> bool:
        """Clear what deleted rows left in logs beside the data; False if somebody is in the way."""

    def lease(self, owner: str, now: int, lasting: int) -> bool:
        """Whether `owner` may sweep until `now + lasting`; one owner at a time."""

    def scan_for(self, needles: Sequence[bytes]) -> Container[bytes]:
        """Which of these byte strings are in what the store keeps."""

    def health(self) -> Mapping[str, object]:
        """Facts for reports, ready for JSON."""

    def close(self) -> None:
        """Let go of connections; the next call opens them anew."""


class KeyHome(Protocol):
    """Where keys live, apart from the rows if the operator wants so. Each call may raise StoreError."""

    shown: str
    """The place as it is named to people, without a password."""

    def make(self, info: KeyInfo) -> bytes | None:
        """The epoch's secret, made if it is not there; the same for all who race; None once destroyed."""

    def load(self, lane: str, start: int) -> tuple[KeyInfo, bytes] | None:
        """A live key, or None."""

    def destroy(self, lane: str, start: int, now: int) -> bool:
        """End a key for good; True if this call did it."""

    def live(self) -> Sequence[KeyInfo]:
        """All keys that still exist, oldest first; what remains of a half-destroyed one has deadline 0."""

    def gone(self) -> Sequence[Tombstone]:
        """The tombstones, oldest first; old ones are dropped in time."""

    def lost(self) -> Sequence[KeyInfo]:
        """Keys known to be lost, not destroyed, until `destroy` ends them."""

    def changed(self) -> bool:
        """Whether keys may have been lost since the last call; cheap."""

    def chain(self, data: Path | None) -> "Chain | None":
        """Where births and deaths of its keys are told, for a site with this data folder; None: nowhere."""

    def doctor(self, data: Path, store: str) -> Iterator[Finding]:
        """What whoever runs the site should know of where the keys are, beside a data folder and a store's URL."""
