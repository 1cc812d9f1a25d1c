"""The chain in PostgreSQL, beside the keys: one for all machines that share them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from privacymw.store.chain import Head, Link, head_of, longer
from privacymw.store.server import NoTables, Part, Server

if TYPE_CHECKING:
    from privacymw.store.server import Connection

_TABLES: Final = Part("chain", ("create table chain (entry bigint primary key, line text not null)",))
_LINES: Final = "select line from chain order by entry"
_LAST: Final = "select line from chain order by entry desc limit 1"


class ServerChain:
    """The lines in a table of the schema `privacymw`; a connection is held only while one is needed.

    Args:
        url: a libpq URL.
        create: make the table if it is not there.
    """

    def __init__(self, url: str, *, create: bool) -> None:
        self._server = Server(url, _TABLES, create=create, statement=5, lock=0.5)

    @contextmanager
    def _connected(self, *, alone: bool) -> "Iterator[Connection]":
        """A connection within a transaction, closed afterwards."""
        try:
            with self._server.writing(alone=alone) as db:
                yield db
        finally:
            self._server.close()

    def append(self, links: Sequence[Link], now: int) -> int:
        """See Chain."""
        with self._connected(alone=True) as db:
            lines = [line.encode() for (line,) in db.execute(_LINES).fetchall()]
            added = longer(lines, links, now)
            for entry, line in enumerate(added, len(lines) + 1):
                db.execute("insert into chain values (%s, %s)", (entry, line.decode()))
        return len(added)

    def lines(self) -> list[bytes]:
        """See Chain."""
        with suppress(NoTables), self._connected(alone=False) as db:
            return [line.encode() for (line,) in db.execute(_LINES).fetchall()]
        return []

    def head(self) -> Head | None:
        """See Chain."""
        with suppress(NoTables), self._connected(alone=False) as db:
            found = db.execute(_LAST).fetchone()
            return head_of(found[0].encode()) if found else None
        return None
