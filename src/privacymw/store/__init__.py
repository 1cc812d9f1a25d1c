"""The address log: rows, the keys that open them, the clock that ends both; here its parts are put together.

store = open_store("sqlite:///privacymw-data/log.sqlite")
keys = open_keys(Path("privacymw-data/keys"), Terms(retention=30 * DAY))
journal = open_journal(store, keys, data=Path("privacymw-data"))     # overdue keys die here
journal.put((when_ms, packed, "GET", "/members/{id}", 200, duration_us, "", user_agent, host))

log = open_log(Path("privacymw-data"))                               # in another process; makes nothing
for entry in log.rows(limit=20): ...
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from privacymw.errors import StoreError
from privacymw.store.base import Batch, Row, Store
from privacymw.store.keys import Keys
from privacymw.store.location import SQLITE, is_server
from privacymw.store.terms import DAY, TERMS, Terms

if TYPE_CHECKING:
    from privacymw.store.chain import Link
    from privacymw.store.details import Details
    from privacymw.store.evidence import Log
    from privacymw.store.journal import Journal

__all__ = [
    "DAY",
    "Batch",
    "Keys",
    "Row",
    "Store",
    "Terms",
    "open_journal",
    "open_keys",
    "open_log",
    "open_store",
]


def open_store(url: str, *, max_bytes: int = 1 << 30, create: bool = True, patience: float = 0.1) -> Store:
    """The store of a URL: `sqlite:///folder/log.sqlite` (relative), `sqlite:////var/lib/log.sqlite`, `postgresql://...`.

    Args:
        url: what PRIVACYMW_STORE says.
        max_bytes: size cap; the oldest rows go first, and are counted.
        create: False: StoreError if there is none.
        patience: seconds to wait for another process.

    Raises:
        StoreError: another kind of URL, or a file, folder or server that cannot be used.
    """
    if is_server(url):
        from privacymw.store.courier import StoreCourier
        from privacymw.store.postgresql import PostgresqlStore

        store = PostgresqlStore(url, max_bytes=max_bytes, create=create)
        return StoreCourier(store) if create else store
    if not url.startswith(SQLITE) or len(url) == len(SQLITE):
        scheme = url.partition(":")[0]  # the rest of a database URL may hold a password
        raise StoreError(
            f"PRIVACYMW_STORE: {scheme!r} is not a kind of store; allowed: {SQLITE}<path of a file>,"
            " postgresql://<host>/<database>.\n"
            f"To paste: PRIVACYMW_STORE={SQLITE}privacymw-data/log.sqlite"
        )
    from privacymw.store.sqlite import SqliteStore

    return SqliteStore(Path(url[len(SQLITE) :]), max_bytes=max_bytes, create=create, patience=patience)


def open_keys(
    place: Path | str,
    terms: Terms = TERMS,
    *,
    clock: Callable[[], float] | None = None,
    create: bool = True,
    secrets: Sequence[str] = (),
) -> Keys:
    """The keys of a folder or database, made if it is not there; nothing is destroyed before a journal is opened.

    Args:
        place: a folder, or the URL of a PostgreSQL database.
        terms: how long what can be read.
        clock: Unix seconds; None: the database's, of a folder this machine's.
        create: False: nothing is made.
        secrets: what keys in a database are mixed with, the newest first.

    Raises:
        StoreError: the folder cannot be made or written.
        SettingsError: terms that cannot be kept.
    """
    if isinstance(place, str) and is_server(place):
        from privacymw.store.courier import HomeCourier
        from privacymw.store.serverhome import ServerHome

        home = ServerHome(place, secrets, create=create)
        return Keys(HomeCourier(home) if create else home, terms, clock=clock or home.server.now)
    from privacymw.store.keyhome import DirectoryHome

    return Keys(DirectoryHome(Path(place), create=create), terms, clock=clock or time)


def open_journal(
    store: Store,
    keys: Keys,
    *,
    data: Path | None = None,
    capacity: int = 20_000,
    interval: float = 0.25,
    backlog: int = 100_000,
    decisions: int | None = None,
    details: "Details | None" = None,
    versions: Sequence["Link"] = (),
) -> "Journal":
    """The journal of a process; overdue keys are destroyed before this returns.

    Args:
        store: where rows go.
        keys: what addresses are sealed with.
        data: folder for signs of life; None: none are given.
        capacity: events in the queue; errors and refusals have a quarter more room, here and in the backlog.
        interval: seconds between two drains.
        backlog: sealed rows kept while the store does not answer.
        decisions: seconds for which records of decisions are kept, if shorter than what each says; None: that.
        details: what is told of a request beside its address; None: nothing.
        versions: published versions of the notice, for the chain.

    Raises:
        StoreError: a key past its deadline cannot be destroyed.
    """
    from privacymw.store import uwsgi
    from privacymw.store.backlog import Backlog
    from privacymw.store.decisions import Notes
    from privacymw.store.details import Details
    from privacymw.store.events import Sealer
    from privacymw.store.heartbeat import Heartbeat
    from privacymw.store.journal import Journal
    from privacymw.store.ledger import Ledger
    from privacymw.store.retention import Retention
    from privacymw.store.writer import Writer

    writer = Writer(
        sealer=Sealer(keys, details or Details()),
        backlog=Backlog(store, rows_most=backlog),
        notes=Notes(store),
        retention=Retention(store, keys, decisions, ledger=Ledger(keys, keys.home.chain(data), versions)),
        heartbeat=lambda: Heartbeat(data),
        store=store,
        clock=lambda: keys.now() / 1000,
    )
    if uwsgi.here():
        from privacymw.store.uwsgi_journal import UwsgiJournal

        return UwsgiJournal(writer, capacity=capacity, interval=interval)
    return Journal(writer, capacity=capacity, interval=interval)


def open_log(
    data: Path,
    *,
    url: str | None = None,
    keys: Path | str | None = None,
    terms: Terms = TERMS,
    clock: Callable[[], float] | None = None,
    secrets: Sequence[str] = (),
) -> "Log":
    """The log of a site for reading, purging and verifying; makes neither store nor folder.

    Args:
        data: the data folder.
        url: of the store; None: `log.sqlite` in the data folder.
        keys: the folder or database of the keys; None: `keys` in the data folder.
        terms: what the site promises.
        clock: Unix seconds; None: the store's.
        secrets: what keys in a database are mixed with.

    Raises:
        StoreError: there is no such store, with the path that was tried.
    """
    from privacymw.store.evidence import Log

    url = url or f"{SQLITE}{data.absolute() / 'log.sqlite'}"
    store = open_store(url, create=False, patience=5)
    home = open_keys(keys or data / "keys", terms, clock=clock or store.now, create=False, secrets=secrets)
    return Log(store, home, data=data, url=url)
