"""The embedded store: one SQLite file, which every worker process of a machine shares.

One table an epoch, or an hour if epochs are shorter, and no index on tokens: a purge ends in DROP, and with
`secure_delete` nothing readable stays in old pages. Indexes were seen to leave copies behind.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privacymw.store.base import LANES, SEALED, Batch, Epoch, Query, Row
from privacymw.store.decisions import Decision
from privacymw.store.files import search
from privacymw.store.filters import sqlite_conditions
from privacymw.store.sqlite_decisions import SqliteDecisions
from privacymw.store.sqlite_file import SqliteFile
from privacymw.store.sqlite_tables import COLUMNS, make_log

if TYPE_CHECKING:
    import sqlite3

_Found = tuple[int, Row]  # epoch start, row
_HOUR = 3_600_000
_DAY = 86_400_000
_CUT = 400  # rows deleted in one transaction: about 2 ms, so that no writer waits long
_PAGE = 2000  # rows read at once
_TRIM_STEPS = 25
_HIGH = 1 << 62  # beyond the number of any row
_PATIENCE = 0.1  # seconds a writer waits for another process; longer, and the next drain would be late

_ENTER = (
    "insert into epoch values (?, ?, ?, ?) on conflict (start) do update set"
    " address = max(address, excluded.address), network = max(network, excluded.network)"
)
_COLUMNS = 1 + len(COLUMNS)
_INSERT = "insert into {log} (epoch, {columns}) values ".replace("{columns}", ", ".join(COLUMNS))
_VALUES = f"({','.join('?' * _COLUMNS)})"
_LIMIT_VARIABLES = 9  # SQLITE_LIMIT_VARIABLE_NUMBER of sqlite3, which is not imported yet
_CUT_EPOCH = "delete from {log} where id in (select id from {log} where epoch = ? limit ?)"
_CUT_OLDEST = "delete from {log} where id in (select id from {log} order by id limit ?)"
_NEXT_TOKENS = "select max(id) from (select id from {log} where id > ? and epoch = ? and {has} order by id limit ?)"
_FORGET = "update {log} set {nothing} where id > ? and id <= ? and epoch = ?"
_FORGOTTEN = "update epoch set {lane} = 0 where start = ?"
_READ = (
    "select id, epoch, {columns} from {log} where id > ? and id < ? and {where} order by id {order} limit ?"
).replace("{columns}", ", ".join(COLUMNS))


class SqliteStore:
    """Rows in a SQLite file.

    Args:
        path: of the file; its folder is made private, the file 0600.
        max_bytes: size cap; the oldest rows go first.
        create: make folder and file if they are not there.
        patience: seconds to wait for another process's transaction.

    Raises:
        StoreError: the folder cannot be made or written; without `create`, there is no file. A file that cannot
            be used is told by each call.
    """

    def __init__(
        self, path: Path, *, max_bytes: int = 1 << 30, create: bool = True, patience: float = _PATIENCE
    ) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._variables = 999
        self._file = SqliteFile(path, create=create, patience=patience)
        self._decisions = SqliteDecisions(self._file)

    def now(self) -> float:
        """The time of this machine."""
        return time.time()

    def prepare(self, epoch: int) -> None:
        """Nothing: a table is made with its first row, by which nobody is kept waiting."""

    def write(self, batch: Batch) -> None:
        """One statement for as many rows as SQLite takes, which is its own transaction if one is enough.

        Each statement gives the interpreter away a few times, and beside a busy handler waits 5 ms to get it
        back: `executemany`, which does so after each row, stores 417 rows a second there, this 25,000.
        """
        log = self._enter(batch)
        most = self._variables // _COLUMNS
        parts = [batch.rows[first : first + most] for first in range(0, len(batch.rows), most)]
        with self._file.writing() if len(parts) > 1 else self._file.using() as db:
            for part in parts:
                values = chain.from_iterable((batch.epoch, *row) for row in part)
                db.execute(_INSERT.format(log=log) + ",".join([_VALUES] * len(part)), tuple(values))

    def _enter(self, batch: Batch) -> str:
        """The table of the batch's epoch; remembered, so that after another's purge a write fails once."""
        lanes = batch.lanes
        with self._file.using():  # a file that was moved away is noticed here
            if known := self._file.known.get((batch.epoch, lanes)):
                return known
        with self._file.writing() as db:
            db.execute(_ENTER, (batch.epoch, f"log_{batch.epoch // _HOUR}", *lanes))
            log = self._log_of(db, batch.epoch)
            self._variables = db.getlimit(_LIMIT_VARIABLES)
        self._file.known[batch.epoch, lanes] = log
        return log

    @staticmethod
    def _log_of(db: "sqlite3.Connection", epoch: int) -> str:
        """The table of an epoch, which is there: made anew where somebody dropped it by hand."""
        found = db.execute("select log from epoch where start = ?", (epoch,)).fetchone()
        if found:
            make_log(db, found[0])
        return str(found[0]) if found else ""

    def epochs(self) -> list[Epoch]:
        """The epochs that have rows, oldest first."""
        with self._file.using() as db:
            rows = db.execute("select start, address, network from epoch order by start").fetchall()
        return [
            Epoch(start, tuple(lane for lane, here in zip(LANES, has, strict=True) if here)) for start, *has in rows
        ]

    def read(self, query: Query) -> Iterator[_Found]:
        """In the order stored, newest last: the order of time, but for batches that had to be tried again."""
        if query.limit is None:
            for log, epochs in self._logs(query):
                yield from self._rows(log, epochs, query, newest_first=False)
            return
        yield from self._newest(query, query.limit)

    def _newest(self, query: Query, limit: int, ends: Mapping[str, int] | None = None) -> list[_Found]:
        """So many rows, the newest last; none beyond the ends of the tables."""
        found: list[_Found] = []
        for log, epochs in reversed(self._logs(query)):
            rows = self._rows(
                log, epochs, query, newest_first=True, high=_HIGH if ends is None else ends.get(log, 0) + 1
            )
            found.extend(row for _, row in zip(range(limit - len(found)), rows, strict=False))
        return found[::-1]

    def follow(self, ask: Callable[[], Query]) -> Iterator[list[_Found]]:
        """By their numbers, which are given when rows are stored, whatever time they are of."""
        query, ends = ask(), self._ends()
        yield self._newest(query, _HIGH if query.limit is None else query.limit, ends)
        while True:
            before, ends, query = ends, self._ends(), ask()
            fresh: list[_Found] = []
            for log, epochs in self._logs(query):
                end, seen = ends.get(log, 0), before.get(log, 0)
                low = seen if seen <= end else 0  # the table was dropped, and made anew
                fresh += self._rows(log, epochs, query, newest_first=False, low=low, high=end + 1)
            yield fresh

    def _ends(self) -> dict[str, int]:
        """The last number of each table."""
        with self._file.using() as db:
            logs = db.execute("select distinct log from epoch join sqlite_master on name = log").fetchall()
            return {log: db.execute(f"select max(id) from {log}").fetchone()[0] or 0 for (log,) in logs}  # noqa: S608

    def _logs(self, query: Query) -> list[tuple[str, list[int]]]:
        logs: dict[str, list[int]] = {}
        since = query.since - _DAY - _HOUR if query.since is not None else None  # an epoch is a day at most
        with self._file.using() as db:
            for start, log in db.execute("select start, log from epoch order by start").fetchall():
                if (since is None or start >= since) and (query.tokens is None or start in query.tokens):
                    logs.setdefault(log, []).append(start)
        return list(logs.items())

    def _rows(
        self, log: str, epochs: Sequence[int], query: Query, *, newest_first: bool, low: int = 0, high: int = _HIGH
    ) -> Iterator[_Found]:
        """Those whose numbers lie between `low` and `high`."""
        where, values = sqlite_conditions(epochs, query)
        statement = _READ.format(log=log, where=where, order="desc" if newest_first else "asc")
        page: list[tuple[Any, ...]] | None = None
        while page is None or len(page) == _PAGE:
            with self._file.using() as db:
                here = db.execute("select 1 from sqlite_master where name = ?", (log,)).fetchone()
                page = (
                    db.execute(statement, (low, high, *values, _PAGE)).fetchall() if here else []
                )  # purged while we read
            for _, epoch, *columns in page:
                yield epoch, Row(*columns)
            if page:
                low, high = (low, page[-1][0]) if newest_first else (page[-1][0], high)

    def forget(self, epoch: int, lane: str) -> Iterator[None]:
        """Take one lane's tokens out: without their key they still say who is the same."""
        last: int | None = 0
        while last is not None:
            last = self._forget_some(epoch, lane, last)
            yield

    def _forget_some(self, epoch: int, lane: str, last: int) -> int | None:
        has = " or ".join(f"{column} is not null" for column in SEALED[lane])
        nothing = ", ".join(f"{column} = null" for column in SEALED[lane])
        self._file.known.clear()
        with self._file.writing() as db:
            if log := self._log_of(db, epoch):
                some = (last, epoch, _CUT)
                upto = db.execute(_NEXT_TOKENS.format(log=log, has=f"({has})"), some).fetchone()[0]
                if upto is not None:
                    db.execute(_FORGET.format(log=log, nothing=nothing), (last, upto, epoch))
                    return int(upto)
                db.execute(_FORGOTTEN.format(lane=lane), (epoch,))
        return None

    def purge(self, epoch: int) -> Iterator[None]:
        """Delete in short transactions, then drop: DROP of a full table blocks writers for half a second."""
        self._file.known.clear()
        while self._cut(epoch):
            yield
        yield

    def _cut(self, epoch: int) -> bool:
        with self._file.writing() as db:
            log = self._log_of(db, epoch)
            if not log:
                return False
            if db.execute(_CUT_EPOCH.format(log=log), (epoch, _CUT)).rowcount:
                return True
            db.execute("delete from epoch where start = ?", (epoch,))
            if not db.execute("select 1 from epoch where log = ?", (log,)).fetchone():
                db.execute(f"drop table if exists {log}")
        return False

    def trim(self) -> int:
        """Rows that had to go to keep within the size cap; a bounded number a call."""
        cut = 0
        for _ in range(_TRIM_STEPS):
            if self._file.used() <= self._max_bytes:
                break
            cut += self._cut_oldest() or self._decisions.drop_oldest()
        return cut

    def _cut_oldest(self) -> int:
        with self._file.writing() as db:
            oldest = db.execute("select log from epoch order by start limit 1").fetchone()
            if not oldest:
                return 0
            make_log(db, oldest[0])
            cut = db.execute(_CUT_OLDEST.format(log=oldest[0]), (_CUT,)).rowcount
            if not cut:
                self._file.known.clear()
                db.execute("delete from epoch where log = ?", oldest)
                db.execute(f"drop table if exists {oldest[0]}")
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
        """Empty the write-ahead log, which keeps what was deleted; False if somebody is in the way."""
        return self._file.checkpoint()

    def close(self) -> None:
        """Close the connection; the next call opens it anew."""
        self._file.close()

    def lease(self, owner: str, now: int, lasting: int) -> bool:
        """One sweeper at a time; a lease that ends later than anyone could have asked for is void."""
        with self._file.writing() as db:
            held = db.execute("select owner, until from lease").fetchone()
            if held and held[0] != owner and now < held[1] <= now + lasting:
                return False
            db.execute("insert or replace into lease values (1, ?, ?)", (owner, now + lasting))
        return True

    def scan_for(self, needles: Sequence[bytes]) -> set[bytes]:
        """Which byte strings are in the file, its write-ahead log or its shared memory."""
        mine = {self.path.name, f"{self.path.name}-wal", f"{self.path.name}-shm"}
        return {needle for path, needle in search(self.path.parent, needles) if path.name in mine}

    def health(self) -> dict[str, object]:
        """Size in bytes and its cap, number of epochs, and the settings the promises rest on."""
        with self._file.using() as db:
            return {
                "kind": "sqlite",
                "bytes": self._file.used(),
                "max_bytes": self._max_bytes,
                "epochs": db.execute("select count(*) from epoch").fetchone()[0],
                "secure_delete": bool(db.execute("pragma secure_delete").fetchone()[0]),
                "journal_mode": db.execute("pragma journal_mode").fetchone()[0],
            }
