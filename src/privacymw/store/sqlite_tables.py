"""The tables of the embedded store, and how those of an older version become today's."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3

VERSION: Final = 2
"""2 added what stands in COLUMNS after `duration`."""

COLUMNS: Final = {
    "at": "integer not null", "address": "blob", "network": "blob", "method": "text", "route": "text",
    "status": "integer", "duration": "integer", "path": "blob", "browser": "text", "system": "text",
    "device": "text", "country": "text", "asn": "integer", "site": "text", "dropped": "integer not null default 0",
}  # fmt: skip
"""Of a table of rows, in the order of `Row`."""

_SCHEMA: Final = (
    """create table if not exists epoch (
        start integer primary key, log text not null, address integer not null, network integer not null)""",
    "create table if not exists lease (id integer primary key check (id = 1), owner text, until integer)",
)


def make(db: "sqlite3.Connection") -> None:
    """Make what is missing in a new or older file; of several processes one does it, the others wait."""
    db.execute("begin immediate")
    try:
        for statement in _SCHEMA:
            db.execute(statement)
        for (log,) in db.execute("select distinct log from epoch").fetchall():
            make_log(db, log)
        db.execute(f"pragma user_version={VERSION}")
        db.execute("commit")
    except BaseException:
        db.execute("rollback")
        raise


def make_log(db: "sqlite3.Connection", log: str) -> None:
    """A table of rows; one that a process of an older version made gets the columns that it lacks."""
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    db.execute(f"create table if not exists {log} (id integer primary key, epoch integer not null, {columns})")
    here = {name for _, name, *_ in db.execute(f"pragma table_info({log})").fetchall()}
    for name, kind in COLUMNS.items():
        if name not in here:  # no row is rewritten by this
            db.execute(f"alter table {log} add column {name} {kind}")
