"""Keys in PostgreSQL: an UNLOGGED table for each epoch and lane, filled inside the server.

An unlogged table is in no write-ahead log, archive, replica or base backup, and a crash empties it: such a
key is *lost*, which is told apart from destroyed. The random bytes never stand in a statement, so no log of
statements has them; what is sealed with is mixed from them and PRIVACYMW_SECRET_KEY, so that a stolen dump
alone opens nothing.
"""

import hashlib
import hmac
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, LiteralString

from privacymw.store.base import Finding, KeyInfo, Tombstone
from privacymw.store.location import same_database
from privacymw.store.server import Part, Server, ServerError
from privacymw.store.serverchain import ServerChain

if TYPE_CHECKING:
    from psycopg.sql import Composed

    from privacymw.store.server import Connection

TOMBSTONES: Final = 400
"""A lane's tombstones kept as evidence."""
_log = logging.getLogger("privacymw.store")

_COLUMNS: Final = "(lane text, start bigint, deadline bigint not null, length bigint not null, id text not null"
_TABLES = Part(
    "key_gone",
    (
        """create table key_gone (lane text, start bigint, deadline bigint not null, destroyed bigint not null,
        primary key (lane, start))""",
        f"create table key {_COLUMNS}, mixed text not null, primary key (lane, start))",
        f"create table key_lost {_COLUMNS})",
    ),
)
_NO_TABLE: Final = "42P01"
# Five random UUIDs: 610 random bits where 512 are needed (six bits of each are fixed, RFC 9562 5.4).
_FILL: Final = (
    "create unlogged table {key} as select decode(replace(concat(gen_random_uuid(), gen_random_uuid(),"
    " gen_random_uuid(), gen_random_uuid(), gen_random_uuid()), '-', ''), 'hex') as random"
)
_ENTER: Final = (
    "insert into key values (%s, %s, %s, %s, left(gen_random_uuid()::text, 8), %s) on conflict (lane, start) do"
    " update set deadline = excluded.deadline, length = excluded.length, id = excluded.id, mixed = excluded.mixed"
)
_LOSE: Final = (
    "insert into key_lost select lane, start, deadline, length, id from key where lane = %s and start = %s returning id"
)
# Its size, not its rows: one look at the catalogue for all tables; after a crash they have none.
_LIVE: Final = (
    "select lane, start, deadline, length, id from key"
    " where (coalesce(pg_relation_size(to_regclass(concat('key_', lane, '_', start))), 0) > 0) = %s"
)
_THIS: Final = " and lane = %s and start = %s"
_KNOWN: Final = (
    "select deadline, length, id, mixed, to_regclass(concat('key_', lane, '_', start)) from key"
    " where lane = %s and start = %s"
)
_REPLACED: Final = "select lane, start, deadline, length, id from key_lost"
_END: Final = (
    "with one as (delete from key where lane = %(lane)s and start = %(start)s returning deadline),"
    " lost as (delete from key_lost where lane = %(lane)s and start = %(start)s returning deadline)"
    " insert into key_gone select %(lane)s, %(start)s, min(deadline), %(now)s"
    " from (select * from one union all select * from lost) as ended having count(*) > 0 on conflict do nothing"
)
_LOGGED: Final = """select 1 from key join pg_class c on c.oid = to_regclass(concat('key_', lane, '_', start))
    where relpersistence <> 'u'"""
_PRUNE: Final = (
    "delete from key_gone where lane = %s and start <="
    " (select start from key_gone where lane = %s order by start desc offset %s limit 1)"
)


class ServerHome:
    """The keys in the schema `privacymw` of a database.

    Args:
        url: a libpq URL.
        secrets: what keys are mixed with; the first for new keys, all for those that are there.
        create: make the tables if they are not there.

    Raises:
        StoreError: psycopg is missing.
    """

    def __init__(self, url: str, secrets: Sequence[str], *, create: bool = True) -> None:
        self.server = Server(url, _TABLES, create=create, statement=5, lock=0.5)
        self._url, self._create, self.shown = url, create, self.server.shown
        self._secrets = {_name(each): each.encode() for each in secrets}
        self._newest = next(iter(self._secrets), "")

    def make(self, info: KeyInfo) -> bytes | None:
        """The secret all machines get; a key that a crash has emptied is replaced, and counted as lost."""
        with self.server.writing(alone=True) as db:
            gone = db.execute("select 1 from key_gone where lane = %s and start = %s", (info.lane, info.start))
            if gone.fetchone():
                return None
            if not db.execute(_LIVE + _THIS, (True, info.lane, info.start)).fetchone():
                self._fill(db, info)
        found = self.load(info.lane, info.start)
        return found[1] if found else None

    def _fill(self, db: "Connection", info: KeyInfo) -> None:
        lost = db.execute(_LOSE, (info.lane, info.start)).fetchone()
        if lost:
            _log.warning("a key of the diagnostics log was lost with a crash of its server; a new one is made")
        db.execute(_about("drop table if exists {key}", info.lane, info.start))
        db.execute(_about(_FILL, info.lane, info.start))
        db.execute(_ENTER, (*info[:4], self._newest))

    def load(self, lane: str, start: int) -> tuple[KeyInfo, bytes] | None:
        """A live key with its secret; None also where what it was mixed with is not here."""
        try:
            return self._loaded(lane, start)
        except ServerError as error:
            if error.state != _NO_TABLE:
                raise
        return None  # it died while we looked

    def _loaded(self, lane: str, start: int) -> tuple[KeyInfo, bytes] | None:
        with self.server.writing() as db:
            found = db.execute(_KNOWN, (lane, start)).fetchone()
            deadline, length, number, mixed, table = found or (0, 0, "", None, None)
            random = db.execute(_about("select random from {key}", lane, start)).fetchone() if table else None
        if mixed not in self._secrets or not random:
            return None
        return KeyInfo(lane, start, deadline, length, number), _mixed(random[0], self._secrets[mixed], lane, start)

    def destroy(self, lane: str, start: int, now: int) -> bool:
        """Drop the table, whose bytes go at once, and leave a tombstone; whoever reads it (a dump) is in the way."""
        with self.server.writing(alone=True) as db:
            ended = db.execute(_END, {"lane": lane, "start": start, "now": now}).rowcount
            db.execute(_about("drop table if exists {key}", lane, start))
            db.execute(_PRUNE, (lane, lane, TOMBSTONES))
        return bool(ended)

    def live(self) -> list[KeyInfo]:
        """All keys that still exist, oldest first."""
        return self._infos(_LIVE, True)

    def lost(self) -> list[KeyInfo]:
        """Keys that a crash has emptied, replaced or not; kept until their deadline."""
        return [*self._infos(_REPLACED), *self._infos(_LIVE, False)]

    def _infos(self, statement: str, *values: object) -> list[KeyInfo]:
        with self.server.using() as db:
            rows = db.execute(f"{statement} order by start".encode(), values or None).fetchall()
        return [KeyInfo(*row) for row in rows]

    def gone(self) -> list[Tombstone]:
        """The tombstones, oldest first."""
        with self.server.using() as db:
            rows = db.execute("select lane, start, deadline, destroyed from key_gone order by start").fetchall()
        return [Tombstone(*row) for row in rows]

    def changed(self) -> bool:
        """Whether the server may have lost keys: a connection went."""
        return self.server.was_lost()

    def chain(self, data: Path | None) -> ServerChain:
        """Beside the keys: all machines that share them tell one chain."""
        return ServerChain(self._url, create=self._create)

    def doctor(self, data: Path, store: str) -> Iterator[Finding]:
        """What a backup of this database holds, and whether each key's table is unlogged."""
        with self.server.using() as db:
            logged = db.execute(_LOGGED).fetchall()
        if logged:
            text = f"{len(logged)} keys are in tables that are logged: write-ahead log and backups hold them"
            yield Finding("keys-logged", text, True)
        if same_database(self._url, store):
            text = (
                "the keys are in the database of the rows: dump it with pg_dump --no-unlogged-table-data, or a dump"
                " keeps addresses readable"
            )
            yield Finding("keys-beside-rows", text, True)


def _name(secret: str) -> str:
    """What a secret is called in the table of keys; tells nothing of it."""
    return hmac.digest(secret.encode(), b"privacymw keys: name", "sha256").hex()[:8]


def _mixed(random: bytes, secret: bytes, lane: str, start: int) -> bytes:
    """64 bytes by HKDF with SHA-512, whose first block is as long (RFC 5869): extract with the secret as salt."""
    return hmac.digest(hmac.digest(secret, random, hashlib.sha512), f"{lane} {start}\x01".encode(), hashlib.sha512)


def _about(text: LiteralString, lane: str, start: int) -> "Composed":
    """A statement about one key's table, `{key}`."""
    from psycopg import sql

    return sql.SQL(text).format(key=sql.Identifier(f"key_{lane}_{start}"))
