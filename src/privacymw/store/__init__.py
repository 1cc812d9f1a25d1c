"""The address log: rows, the keys that open them, the clock that ends both; here its parts are put together.

store = open_store("sqlite:///privacymw-data/log.sqlite")
keys = open_keys(Path("privacymw-data/keys"), Terms(retention=30 * DAY))
journal = open_journal(store, keys, data=Path("privacymw-data"))     # overdue keys die here
journal.put((when_ms, packed, "GET", "/members/{id}", 200, duration_us))

log = open_log(Path("privacymw-data"))                               # in another process; makes nothing
for entry in log.rows(limit=20): ...
"""

from collections.abc import Callable
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from privacymw.errors import StoreError
from privacymw.store.base import Batch, Row, Store
from privacymw.store.keys import DAY, TERMS, Keys, Terms

if TYPE_CHECKING:
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

_SQLITE = "sqlite:///"


def open_store(url: str, *, max_bytes: int = 1 << 30, create: bool = True, patience: float = 0.1) -> Store:
    """The store of a URL: `sqlite:///folder/log.sqlite` (relative) or `sqlite:////var/lib/log.sqlite`.

    Args:
        url: what PRIVACYMW_STORE says.
        max_bytes: size cap; the oldest rows go first, and are counted.
        create: False: StoreError if there is none.
        patience: seconds to wait for another process.

    Raises:
        StoreError: another kind of URL, or a file or folder that cannot be used.
    """
    if not url.startswith(_SQLITE) or len(url) == len(_SQLITE):
        scheme = url.partition(":")[0]  # the rest of a database URL may hold a password
        raise StoreError(
            f"PRIVACYMW_STORE: {scheme!r} is not a kind of store; allowed: {_SQLITE}<path of a file>.\n"
            f"To paste: PRIVACYMW_STORE={_SQLITE}privacymw-data/log.sqlite"
        )
    from privacymw.store.sqlite import SqliteStore

    return SqliteStore(Path(url[len(_SQLITE) :]), max_bytes=max_bytes, create=create, patience=patience)


def open_keys(folder: Path, terms: Terms = TERMS, *, clock: Callable[[], float] = time, create: bool = True) -> Keys:
    """The keys of a folder, made if it is not there; nothing is destroyed before a journal is opened.

    Raises:
        StoreError: the folder cannot be made or written.
        SettingsError: terms that cannot be kept.
    """
    from privacymw.store.keyhome import DirectoryHome

    return Keys(DirectoryHome(folder, create=create), terms, clock=clock)


def open_journal(
    store: Store,
    keys: Keys,
    *,
    data: Path | None = None,
    capacity: int = 20_000,
    interval: float = 0.25,
    backlog: int = 100_000,
    decisions: int | None = None,
) -> "Journal":
    """The journal of a process; overdue keys are destroyed before this returns.

    Args:
        store: where rows go.
        keys: what addresses are sealed with.
        data: folder for signs of life; None: none are given.
        capacity: events in the queue.
        interval: seconds between two drains.
        backlog: sealed rows kept while the store does not answer.
        decisions: seconds for which records of decisions are kept, if shorter than what each says; None: that.

    Raises:
        StoreError: a key past its deadline cannot be destroyed.
    """
    from privacymw.store.backlog import Backlog
    from privacymw.store.decisions import Notes
    from privacymw.store.events import Sealer
    from privacymw.store.heartbeat import Heartbeat
    from privacymw.store.journal import Journal
    from privacymw.store.retention import Retention
    from privacymw.store.writer import Writer

    writer = Writer(
        sealer=Sealer(keys),
        backlog=Backlog(store, rows_most=backlog),
        notes=Notes(store),
        retention=Retention(store, keys, decisions),
        heartbeat=lambda: Heartbeat(data),
        store=store,
        clock=lambda: keys.now() / 1000,
    )
    return Journal(writer, capacity=capacity, interval=interval)


def open_log(
    data: Path,
    *,
    url: str | None = None,
    keys: Path | None = None,
    terms: Terms = TERMS,
    clock: Callable[[], float] = time,
) -> "Log":
    """The log of a site for reading, purging and verifying; makes neither store nor folder.

    Args:
        data: the data folder.
        url: of the store; None: `log.sqlite` in the data folder.
        keys: the folder of the keys; None: `keys` in the data folder.
        terms: what the site promises.
        clock: Unix seconds.

    Raises:
        StoreError: there is no such store, with the path that was tried.
    """
    from privacymw.store.evidence import Log

    store = open_store(url or f"{_SQLITE}{data.absolute() / 'log.sqlite'}", create=False, patience=5)
    folder = keys or data / "keys"
    return Log(store, open_keys(folder, terms, clock=clock, create=False), data=data, keys_folder=folder)
