"""Records of decisions in the database of the log: one table beside it, for all machines."""

from collections.abc import Sequence
from typing import Final

from privacymw.store.decisions import Decision
from privacymw.store.server import Server

_CUT = 400  # rows deleted in one transaction
CREATE: Final = """create table decision (receipt bytea primary key, at bigint not null, until bigint not null,
    version text, answers text, signals text)"""
_INSERT: Final = "insert into decision values (%s, %s, %s, %s, %s, %s) on conflict (receipt) do nothing"
_FIND: Final = "select receipt, at, until, version, answers, signals from decision where receipt = %s"
# Rows that another machine is deleting just now are left to it.
_DROP: Final = (
    "delete from decision where receipt in"
    " (select receipt from decision where until <= %s or at < %s limit %s for update skip locked)"
)


class PostgresqlDecisions:
    """Decisions in a database that is shared with the log; see DecisionStore."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def note(self, decisions: Sequence[Decision]) -> None:
        """Keep all of them, or none."""
        with self._server.writing() as db:
            db.cursor().executemany(_INSERT, decisions)

    def noted(self, receipt: bytes) -> Decision | None:
        """The record of a receipt."""
        with self._server.using() as db:
            found = db.execute(_FIND, (receipt,)).fetchone()
        return Decision(*found) if found else None

    def drop(self, now: int, made_before: int) -> int:
        """Take away some whose time is over; how many."""
        with self._server.writing() as db:
            return db.execute(_DROP, (now, made_before, _CUT)).rowcount
