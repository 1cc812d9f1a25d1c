"""Where a site logs addresses and where their keys are, from its settings."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from privacymw.errors import SettingsError, StoreError
from privacymw.faults import masked
from privacymw.policy import Site
from privacymw.store import Keys, Terms, open_journal, open_keys, open_store
from privacymw.store.account import Witness
from privacymw.store.chain import Link
from privacymw.store.details import Details
from privacymw.store.journal import Journal
from privacymw.store.location import SAME, SQLITE, is_server, same_database

_EPOCHS_MOST: Final = 10_000  # each is a table in a database; planning slows down long before


class LogPlace(NamedTuple):
    """Where addresses are logged, or would be: the store's URL, the folder or database of the keys, and how long.

    `secrets` are what keys in a database are mixed with.
    """

    url: str
    keys: Path | str
    terms: Terms
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"LogPlace({self.shown!r}, {masked(str(self.keys))!r}, {self.terms})"

    @property
    def shown(self) -> str:
        """The store's URL without a password."""
        return masked(self.url)

    @property
    def networked(self) -> bool:
        """Whether rows or keys are in a database."""
        return is_server(self.url) or isinstance(self.keys, str)

    def has_keys(self) -> bool:
        """Whether there may be keys of an earlier start, whose deadlines are to be kept."""
        return isinstance(self.keys, str) or self.keys.is_dir()

    def document(self) -> dict[str, Any]:
        """For `running.json`. A database's URL holds a password: it is shown, but of no use to whoever reads it."""
        if self.networked:
            return {"store": "", "server": self.shown}
        return {"store": self.url, "keys": str(self.keys), "terms": self.terms._asdict()}

    def journal(
        self,
        data: Path | None,
        *,
        max_bytes: int,
        decisions: int | None = None,
        details: Details | None = None,
        versions: Sequence[Link] = (),
    ) -> Journal:
        """The journal of this process, with a thread of its own; overdue keys are destroyed before this returns.

        Raises:
            SettingsError: terms that cannot be kept there.
            StoreError: the store or the keys cannot be used.
        """
        terms = self.terms
        epochs = int(max(terms.longest, terms.hold_until - terms.hold_since) / terms.epoch)
        if self.networked and epochs > _EPOCHS_MOST:
            raise SettingsError(
                f"a database would hold {epochs} tables, one an epoch; {_EPOCHS_MOST} are the most.\n"
                "To paste: PRIVACYMW_ADDRESSES_EPOCH=1d"
            )
        store = open_store(self.url, max_bytes=max_bytes)
        keys = open_keys(self.keys, self.terms, clock=store.now if is_server(self.url) else None, secrets=self.secrets)
        journal = open_journal(store, keys, data=data, decisions=decisions, details=details, versions=versions)
        journal.start()
        return journal

    def witness(self, data: Path | None) -> Witness:
        """Who tells what the log holds; touches nothing until it is asked, and makes nothing then."""
        return Witness(
            lambda: open_store(self.url, create=False, patience=0.5), self._open_keys, terms=self.terms, data=data
        )

    def _open_keys(self, clock: Callable[[], float]) -> Keys:
        if isinstance(self.keys, Path) and not self.keys.is_dir():
            raise StoreError(f"{self.keys}: the folder of the keys is not there")  # which is not: no key lives
        return open_keys(self.keys, self.terms, clock=clock, create=False, secrets=self.secrets)


def log_place(site: Site, terms: Terms, data: Path | None) -> LogPlace | None:
    """Where addresses are logged with this data folder; None where there is no place."""
    if site.store.lower() == "none" or (data is None and not (site.store and site.keys)):
        return None
    base = data or Path()
    url = _absolute(site.store) or f"{SQLITE}{base / 'log.sqlite'}"
    return LogPlace(url, _keys(site, base), terms, site.secret_key)


def _keys(site: Site, base: Path) -> Path | str:
    if database := site.databases.get("keys"):
        return database
    return Path(site.keys).absolute() if site.keys else base / "keys"


def _absolute(url: str) -> str:
    """The URL of a store that is found from every folder, as the command line has to."""
    path = url.removeprefix(SQLITE)
    return f"{SQLITE}{Path(path).absolute()}" if path != url and path else url


def keys_apart(site: Site) -> bool:
    """Whether a copy of the log (its folder, the data folder, its database) is one without the keys."""
    store, keys = site.databases.get("store"), site.databases.get("keys")
    if store or keys:
        return not (store and keys and same_database(store, keys))
    if not site.keys or site.keys == SAME:
        return False
    folder = Path(site.keys).resolve()
    others = [Path(site.data)] if site.data.lower() != "none" else []
    others += [Path(site.store.removeprefix(SQLITE)).parent] if site.store.startswith(SQLITE) else []
    return not any(folder.is_relative_to(each.resolve()) for each in others)
