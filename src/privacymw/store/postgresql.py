"""The shared store: PostgreSQL, one partition an epoch, for several machines at once."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, LiteralString

from privacymw.errors import StoreError
from privacymw.store.base import LANES, SEALED, Batch, Epoch, Query, Row
from privacymw.store.decisions import Decision
from privacymw.store.filters import conditions
from privacymw.store.partitions import COLUMNS, Partitions, about
from privacymw.store.postgresql_decisions import PostgresqlDecisions
from privacymw.store.server import SCHEMA, NewerFormat, ServerError
from privacymw.store.window import follow

if TYPE_CHECKING:
    from psycopg.sql import Composed

_Found = tuple[int, Row]  # epoch start, row
_DAY = 86_400_000
_PAGE = 2000  # rows read at once
_BLOCKS = 100  # of the table, whose tokens are taken out in one transaction: a few thousand rows
_NO_PARTITION, _NO_TABLE = "23514", "42P01"

_COPY: Final = f"copy log (epoch, {', '.join(COLUMNS)}) from stdin (format binary)"
_TYPES: Final = ("int8", *COLUMNS.values())
_READ: Final = (
    "select {columns}, id from {log}"
    " where (at, id) {beyond} (%s, %s) and {where} order by at {order}, id {order} limit {page}"
).replace("{columns}", ", ".join(COLUMNS))
_FORGET: Final = (
    "update {log} set {nothing} where ({has})"
    " and ctid >= format('(%%s,0)', %s::int)::tid and ctid < format('(%%s,0)', %s::int)::tid"
)
_FORGOTTEN: Final = "update epoch set {lane} = false where start = {epoch}"
_SCAN: Final = (
    "select exists(select from {log}, unnest(array[address, network, path, textsend(method), textsend(route),"
    " textsend(browser), textsend(system), textsend(site)]) as held where position(%s::bytea in held) > 0)"
)
_SCAN_NOTES: Final = (
    "select exists(select from decision, unnest(array[receipt, textsend(answers), textsend(signals)]) as held"
    " where position(%s::bytea in held) > 0)"
)
_LEASE: Final = (
    "insert into lease values (1, %(owner)s, %(now)s + %(lasting)s) on conflict (id) do update set"
    " owner = excluded.owner, until = excluded.until where lease.owner = excluded.owner"
    " or lease.until <= %(now)s or lease.until > excluded.until"
)


class PostgresqlStore:
    """Rows in a PostgreSQL database, in the schema `privacymw`.

    Args:
        url: a libpq URL.
        max_bytes: size cap; the oldest epochs go first.
        create: make the tables if they are not there, and start even while the server is away or holds the tables
            of a newer version.

    Raises:
        StoreError: psycopg is missing, or the server refuses us; without `create` also if it is away.
    """

    def __init__(self, url: str, *, max_bytes: int = 1 << 30, create: bool = True) -> None:
        self._max_bytes = max_bytes
        self._partitions = Partitions(url, create=create)
        self._server = self._partitions.server
        self._decisions = PostgresqlDecisions(self._server)
        self._unsure: tuple[object, str] | None = None
        try:
            with self._server.using():
                pass
        except ServerError as error:
            if not create or not (error.away or isinstance(error, NewerFormat)):
                raise
        self.close()  # a server may fork next

    def now(self) -> float:
        """The time of the server: machines that share it must agree."""
        return self._server.now()

    def write(self, batch: Batch) -> None:
        """One COPY, its own transaction; the partition is made where another's purge took it away."""
        if not batch.rows or self._is_stored(batch):
            return
        try:
            self._enter(batch)
            self._copy(batch)
        except ServerError as error:
            self._partitions.known.clear()
            if error.state != _NO_PARTITION:
                raise
            self._enter(batch)
            self._copy(batch)

    def _copy(self, batch: Batch) -> None:
        with self._server.writing() as db:
            (number,) = db.execute("select pg_current_xact_id()::text").fetchone() or ("",)
            self._unsure = ((os.getpid(), batch.mark), number)  # not a child's: it has batches of its own
            with db.cursor().copy(_COPY) as copy:
                copy.set_types(_TYPES)
                for when, address, network, method, route, *rest in batch.rows:
                    copy.write_row((batch.epoch, when, address, network, _text(method), _text(route), *rest))
        self._unsure = None

    def _is_stored(self, batch: Batch) -> bool:
        """Whether a connection that was lost in mid-commit had stored it: a second time would be one too many."""
        unsure = self._unsure
        if unsure is None or unsure[0] != (os.getpid(), batch.mark):
            return False
        status: Any = None
        with suppress(ServerError), self._server.using() as db:  # a server restored from a backup knows no such number
            status = db.execute("select pg_xact_status(%s::text::xid8)", (unsure[1],)).fetchone()
        if status and status[0] == "in progress":
            raise StoreError("the server is still at the last rows")
        self._unsure = None
        return bool(status and status[0] == "committed")

    def _enter(self, batch: Batch) -> None:
        self._partitions.make(batch.epoch, batch.lanes)

    def prepare(self, epoch: int) -> None:
        """Make the partition of an epoch ahead."""
        self._partitions.make(epoch, tuple(False for _ in LANES))

    def epochs(self) -> list[Epoch]:
        """The epochs that have rows or a place for them, oldest first."""
        return self._partitions.epochs()

    def read(self, query: Query) -> Iterator[_Found]:
        """By time within an epoch, newest last."""
        if query.limit is None:
            yield from (found for _, found in self._numbered(query))
            return
        newest: list[_Found] = []
        for epoch in reversed(self._asked(query)):
            rows = self._rows(epoch, query, newest_first=True)
            newest.extend(found for _, (_, found) in zip(range(query.limit - len(newest)), rows, strict=False))
        yield from reversed(newest)

    def follow(self, ask: Callable[[], Query]) -> Iterator[list[_Found]]:
        """What is stored more than ten minutes late is left out."""
        return follow(ask, self._numbered, self.read, self._server.now)

    def _asked(self, query: Query) -> list[int]:
        """The epochs that a query may find something in."""
        since = query.since - _DAY if query.since is not None else None  # an epoch is a day at most
        return [
            start
            for start, _ in self.epochs()
            if (since is None or start >= since) and (query.tokens is None or start in query.tokens)
        ]

    def _numbered(self, query: Query) -> Iterator[tuple[int, _Found]]:
        for epoch in self._asked(query):
            yield from self._rows(epoch, query, newest_first=False)

    def _rows(self, epoch: int, query: Query, *, newest_first: bool) -> Iterator[tuple[int, _Found]]:
        """With their numbers, which are given out in no order."""
        from psycopg.sql import SQL, Literal

        where, values = _conditions(epoch, query)
        beyond, order, end = ("<", "desc", 1 << 62) if newest_first else (">", "asc", -(1 << 62))
        words = {"beyond": SQL(beyond), "order": SQL(order), "where": where, "page": Literal(_PAGE)}
        statement = about(_READ, epoch, **words)
        last, page = (end, end), None
        while page is None or len(page) == _PAGE:
            page = self._page(statement, (*last, *values))
            for *columns, number in page:
                yield number, (epoch, Row(*columns))
                last = (columns[0], number)

    def _page(self, statement: "Composed", values: Sequence[object]) -> list[tuple[Any, ...]]:
        try:
            with self._server.using() as db:
                return db.execute(statement, values).fetchall()
        except ServerError as error:
            if error.state == _NO_TABLE:  # purged while we read
                return []
            raise

    def forget(self, epoch: int, lane: str) -> Iterator[None]:
        """Take one lane's tokens out; changed rows go to the table's end, so one pass sees each of them."""
        from psycopg.sql import SQL, Identifier

        columns = [Identifier(column) for column in SEALED[lane]]
        nothing = SQL(", ").join([SQL("{} = null").format(column) for column in columns])
        has = SQL(" or ").join([SQL("{} is not null").format(column) for column in columns])
        for first in range(0, self._partitions.blocks(epoch), _BLOCKS):
            with self._server.writing() as db:
                db.execute(about(_FORGET, epoch, nothing=nothing, has=has), (first, first + _BLOCKS))
            yield
        self._partitions.known.clear()
        with self._server.writing() as db:
            db.execute(about(_FORGOTTEN, epoch, lane=Identifier(lane)))
        yield

    def purge(self, epoch: int) -> Iterator[None]:
        """Detach and drop; no writer waits, whoever reads. A step waits for readers a tenth of a second at most.

        Raises:
            StoreError: a reader, or any long query in this database, was in the way all the time.
        """
        return self._partitions.purge(epoch)

    def trim(self) -> int:
        """Rows that had to go to keep within the size cap, by whole epochs; the last one too if it is too large."""
        cut = 0
        while self._partitions.used() > self._max_bytes:
            filled = [start for start, _ in self.epochs() if self._partitions.blocks(start)]
            if not filled:
                break
            with self._server.using() as db:
                (count,) = db.execute(about("select count(*) from {log}", filled[0])).fetchone() or (0,)
            for _ in self.purge(filled[0]):
                pass
            cut += count
        return cut

    def note(self, decisions: Sequence[Decision]) -> None:
        """Keep records of decisions: all of them, or none."""
        self._decisions.note(decisions)

    def noted(self, receipt: bytes) -> Decision | None:
        """The record of a receipt, or None."""
        return self._decisions.noted(receipt)

    def drop_noted(self, now: int, made_before: int) -> int:
        """Take away some records whose time is over; how many."""
        return self._decisions.drop(now, made_before)

    def settle(self) -> bool:
        """Nothing to do: a dropped table's files go at once, and the write-ahead log holds sealed tokens only."""
        return True

    def lease(self, owner: str, now: int, lasting: int) -> bool:
        """One sweeper at a time; a lease that ends later than anyone could have asked for is void."""
        with self._server.using() as db:
            return db.execute(_LEASE, {"owner": owner, "now": now, "lasting": lasting}).rowcount == 1

    def scan_for(self, needles: Sequence[bytes]) -> set[bytes]:
        """Which byte strings are in rows; the server's files are not ours to read."""
        statements: list[LiteralString | Composed] = [_SCAN_NOTES, *(about(_SCAN, epoch) for epoch, _ in self.epochs())]
        return {needle for needle in needles if any(self._holds(statement, needle) for statement in statements)}

    def _holds(self, statement: "LiteralString | Composed", needle: bytes) -> bool:
        with self._server.using() as db:
            found = db.execute(statement, (needle,)).fetchone()
        return bool(found and found[0])

    def health(self) -> dict[str, object]:
        """Size in bytes and its cap, number of epochs, and how the server is reached."""
        used, epochs = self._partitions.used(), len(self.epochs())
        with self._server.using() as db:
            return {
                "kind": "postgresql",
                "bytes": used,
                "max_bytes": self._max_bytes,
                "epochs": epochs,
                "server": db.info.server_version,
                "tls": bool(db.pgconn.ssl_in_use),
                "schema": SCHEMA,
            }

    def close(self) -> None:
        """Close the connections; the next call opens them anew."""
        self._partitions.close()


def _text(value: str) -> str:
    """As PostgreSQL takes it: a path may hold a zero, or bytes that are no UTF-8."""
    return value.encode("utf-8", "replace").decode().replace("\0", "\ufffd") if not value.isprintable() else value


def _conditions(epoch: int, query: Query) -> tuple["Composed", list[object]]:
    """The where clause and its values; values are bound, never written into the text."""
    from psycopg.sql import SQL, Identifier

    parts: list[tuple[Composed, Sequence[object]]] = [
        (SQL(text).format(), values) for text, values in conditions(query, "%s")
    ]
    if query.tokens is not None:
        parts += [(SQL("{} = %s").format(Identifier(lane)), (token,)) for lane, token in query.tokens[epoch].items()]
    texts = SQL(" and ").join([SQL("true"), *(text for text, _ in parts)])
    return texts, [value for _, values in parts for value in values]
