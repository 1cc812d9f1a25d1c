"""Records of decisions in the embedded store's file: one table, made with the first of them."""

from collections.abc import Sequence

from privacymw.store.decisions import Decision
from privacymw.store.sqlite_file import SqliteFile

_CUT = 400  # rows deleted in one transaction: about 2 ms, so that no writer waits long
_CREATE = (
    "create table if not exists decision (receipt blob primary key, at integer not null, until integer not null,"
    " version text, answers text, signals text) without rowid"
)
_HERE = "select 1 from sqlite_master where name = 'decision'"
_INSERT = "insert or ignore into decision values (?, ?, ?, ?, ?, ?)"
_FIND = "select receipt from decision where {which} limit ?"
_DELETE = "delete from decision where receipt in ({marks})"


class SqliteDecisions:
    """Decisions in a SQLite file that is shared with the log; see DecisionStore.

    The table is no part of the file's format: an older version finds a log that it can read.
    """

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def note(self, decisions: Sequence[Decision]) -> None:
        """Keep all of them, or none."""
        with self._file.writing() as db:
            db.execute(_CREATE)
            db.executemany(_INSERT, decisions)

    def noted(self, receipt: bytes) -> Decision | None:
        """The record of a receipt."""
        with self._file.using() as db:
            if not db.execute(_HERE).fetchone():
                return None
            found = db.execute("select * from decision where receipt = ?", (receipt,)).fetchone()
        return Decision(*found) if found else None

    def drop(self, now: int, made_before: int) -> int:
        """Take away some whose time is over; how many."""
        return self._delete("until <= ? or at < ?", now, made_before)

    def drop_oldest(self) -> int:
        """Take some away where the file is full and holds no log any more; how many."""
        return self._delete("1 order by at")

    def _delete(self, which: str, *values: int) -> int:
        """Looked for outside of the transaction that deletes: no writer waits for a walk through the table."""
        with self._file.using() as db:
            if not db.execute(_HERE).fetchone():
                return 0
            found = db.execute(_FIND.format(which=which), (*values, _CUT)).fetchall()
        if not found:
            return 0
        with self._file.writing() as db:
            marks = ",".join("?" * len(found))
            return db.execute(_DELETE.format(marks=marks), [receipt for (receipt,) in found]).rowcount
