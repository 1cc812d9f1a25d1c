"""The tables of a PostgreSQL store: one partition an epoch, made ahead, taken away in nobody's way.

No DEFAULT partition, which would forbid DETACH CONCURRENTLY, and no index on tokens. A partition is made as
a table and attached, which locks out nobody: `create table ... partition of` would wait for every reader,
and all writers behind it.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, LiteralString

from privacymw.errors import StoreError
from privacymw.store.base import LANES, Epoch
from privacymw.store.postgresql_decisions import CREATE
from privacymw.store.server import Part, Server, ServerError

if TYPE_CHECKING:
    from psycopg.sql import Composable, Composed

_STEP = 0.1  # seconds a purge waits for readers before it lets go and tries again
_TRIES = 20
_IN_THE_WAY = ("55P03", "57014")  # lock_timeout, statement_timeout

COLUMNS: Final = {
    "at": "int8", "address": "bytea", "network": "bytea", "method": "text", "route": "text", "status": "int8",
    "duration": "int8", "path": "bytea", "browser": "text", "system": "text", "device": "text", "country": "text",
    "asn": "int8", "site": "text", "dropped": "int8",
}  # fmt: skip
"""Of a row, in the order of `Row`."""
# Of version 2. All partitions get them at once and no row is rewritten; what an older version still writes fits.
_MORE: Final = (
    "alter table log add path bytea, add browser text, add system text, add device text, add country text,"
    " add asn bigint, add site text, add dropped bigint not null default 0"
)
_TABLES = Part(
    "log",
    (
        "create sequence log_id cache 500",
        """create table log (id bigint not null default nextval('log_id'), epoch bigint not null, at bigint not null,
        address bytea, network bytea, method text, route text, status bigint, duration bigint)
        partition by list (epoch)""",
        _MORE,
        "create index on log (at, id)",
        "create table epoch (start bigint primary key, address boolean not null, network boolean not null)",
        CREATE,
        "create table lease (id integer primary key check (id = 1), owner text not null, until bigint not null)",
    ),
    {2: (_MORE,)},
)
_ENTER: Final = (
    "insert into epoch values (%s, %s, %s) on conflict (start) do update set"
    " address = epoch.address or excluded.address, network = epoch.network or excluded.network"
)
_STATE: Final = (  # of a partition: no row = no table, NULL = not attached, else whether its detaching was cut short
    "select (select inhdetachpending from pg_inherits where inhrelid = c.oid) from pg_class c"
    " where oid = to_regclass(%s)"
)
_USED: Final = (
    "select coalesce(sum(pg_total_relation_size(inhrelid)), 0) from pg_inherits where inhparent = to_regclass('log')"
)
_DETACH: Final = "alter table log detach partition {log} concurrently"
_FINISH: Final = "alter table log detach partition {log} finalize"
_BLOCKS: Final = "select pg_relation_size(to_regclass(%s)) / current_setting('block_size')::int"


class Partitions:
    """The partitions and the list of their epochs.

    Args:
        url: a libpq URL.
        create: make the tables if they are not there.
    """

    def __init__(self, url: str, *, create: bool) -> None:
        self.server = Server(url, _TABLES, create=create, statement=10 if create else 120)
        # Purges have a connection that touches nothing else: a snapshot of our own would be waited for.
        self._sweeper = Server(url, _TABLES, create=create, statement=_STEP, lock=_STEP)
        self.known: set[tuple[int, tuple[bool, ...]]] = set()

    def make(self, epoch: int, lanes: tuple[bool, ...]) -> None:
        """The partition of an epoch, and that these lanes may have tokens in it; remembered."""
        if (epoch, lanes) in self.known:
            return
        with self.server.writing(alone=True) as db:
            state = db.execute(_STATE, (f"log_{epoch}",)).fetchone()
            if state is None:
                db.execute(about("create table {log} (like log including defaults)", epoch))
                db.execute(about("alter table log attach partition {log} for values in ({epoch})", epoch))
            elif state[0] is not False:
                raise StoreError("rows of an epoch that is being purged have to wait")
            db.execute(_ENTER, (epoch, *lanes))
        self.known.add((epoch, lanes))

    def epochs(self) -> list[Epoch]:
        """The epochs that have a partition, oldest first."""
        with self.server.using() as db:
            rows = db.execute("select start, address, network from epoch order by start").fetchall()
        return [
            Epoch(start, tuple(lane for lane, here in zip(LANES, has, strict=True) if here)) for start, *has in rows
        ]

    def purge(self, epoch: int) -> Iterator[None]:
        """Detach and drop, each step a tenth of a second at most; StoreError if readers never leave."""
        self.known.clear()
        for _ in range(_TRIES):
            if self._remove(epoch):
                break
            yield
        else:
            raise StoreError(f"{self.server.shown}: a reader keeps rows from going; tried again later")
        yield

    def _remove(self, epoch: int) -> bool:
        try:
            with self._sweeper.using() as db:
                state = db.execute(_STATE, (f"log_{epoch}",)).fetchone()
                if state and state[0] is not None:
                    db.execute(about(_FINISH if state[0] else _DETACH, epoch))
                if state:
                    db.execute(about("drop table {log}", epoch))
            with self._sweeper.writing(alone=True) as db:
                if not db.execute(_STATE, (f"log_{epoch}",)).fetchone():  # else it was made anew just now
                    db.execute("delete from epoch where start = %s", (epoch,))
        except ServerError as error:
            if error.state in _IN_THE_WAY:
                return False
            raise
        return True

    def blocks(self, epoch: int) -> int:
        """The length of an epoch's table; 0 if it has no rows."""
        with self.server.using() as db:
            found = db.execute(_BLOCKS, (f"log_{epoch}",)).fetchone()
        return int(found[0] or 0) if found else 0

    def used(self) -> int:
        """Bytes of all partitions, with their indexes."""
        with self.server.using() as db:
            found = db.execute(_USED).fetchone()
        return int(found[0]) if found else 0

    def close(self) -> None:
        """Close the connections; the next call opens them anew."""
        self.server.close()
        self._sweeper.close()


def about(text: LiteralString, epoch: int, **parts: "Composable") -> "Composed":
    """A statement about one epoch's table, `{log}`; its text is one of ours, never of a visitor."""
    from psycopg import sql

    return sql.SQL(text).format(log=sql.Identifier(f"log_{epoch}"), epoch=sql.Literal(epoch), **parts)
