"""The places where rows and keys may be, each with the same calls: what holds for one store holds for the other."""

from pathlib import Path

from cluster import Cluster
from privacymw.store import Keys, Terms, open_journal, open_keys, open_log, open_store
from privacymw.store.keyhome import DirectoryHome
from privacymw.store.postgresql import PostgresqlStore
from privacymw.store.serverhome import ServerHome
from privacymw.store.sqlite import SqliteStore

SECRET = "the secret that all machines share"


class _Place:
    """`data` is the data folder, `url` leads to the store, `keys_at` to the keys."""

    kind: str
    data: Path
    url: str
    keys_at: Path | str

    def keys(self, clock, **terms):
        """Keys under a clock that is set by hand."""
        return Keys(self.home(), Terms(**terms), clock=clock, uptime=clock.uptime)

    def journal(self, terms=Terms(), **options):  # noqa: B008 - a value
        """A journal as a process of the site opens it."""
        store, keys = open_store(self.url), open_keys(self.keys_at, terms, secrets=[SECRET])
        return open_journal(store, keys, data=self.data, **options)

    def log(self, **options):
        """The log as the command line opens it."""
        return open_log(self.data, **{"url": self.url, "keys": self.keys_at, "secrets": [SECRET], **options})


class SqlitePlace(_Place):
    kind = "sqlite"

    def __init__(self, data: Path) -> None:
        self.data = data
        self.url, self.keys_at = f"sqlite:///{data}/log.sqlite", data / "keys"

    def store(self, **options):
        return SqliteStore(self.data / "log.sqlite", **{"patience": 5, **options})

    def home(self):
        return DirectoryHome(self.data / "keys")


class PostgresqlPlace(_Place):
    kind = "postgresql"

    def __init__(self, data: Path, cluster: Cluster) -> None:
        self.data, self.cluster = data, cluster
        self.url = self.keys_at = cluster.database()

    def store(self, **options):
        return PostgresqlStore(self.url, **options)

    def home(self):
        return ServerHome(self.url, [SECRET])

    def admin(self):
        """A connection of the administrator's."""
        return self.cluster.admin(self.url.rpartition("/")[2])

    def ask(self, statement, *values):
        """An administrator's question to the database."""
        with self.admin() as db:
            answer = db.execute(statement, values or None)
            return answer.fetchall() if answer.description else []
