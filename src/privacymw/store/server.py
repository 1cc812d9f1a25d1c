"""A PostgreSQL server that may be away: one connection, opened lazily, given up before a fork.

Texts of errors are the server's first line only: its details quote rows.
"""

import contextlib
import select
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from privacymw.errors import StoreError
from privacymw.faults import masked
from privacymw.store.fork import watch

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

SCHEMA: Final = "privacymw"
LOCK: Final = 0x70726976  # "priv": our advisory lock, around everything that makes or ends a table
_VERSION: Final = "privacymw {}"
_OLDEST: Final = 140000  # DETACH CONCURRENTLY came with PostgreSQL 14
_PAUSES: Final = (0.2, 2.0)  # seconds between two tries to connect, doubling
_MISSING: Final = ("42P01", "3F000")  # a table, a schema: dropped by hand, they are made with the next connection
_ASK_TIME: Final = 60.0
_FORK: Final = 2.0  # seconds; a hung network must not keep a server from forking
_abandoned: list[object] = []
"""A parent's connections, in use while it forked: closing one in the child would end the parent's session."""

_DEFAULTS: Final = {
    "application_name": "privacymw",
    "connect_timeout": "3",
    "client_encoding": "utf8",
    "keepalives_idle": "30",
    "tcp_user_timeout": "10000",  # ms; a cut cable is noticed
}
_SETTINGS: Final = (
    "select set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false),"
    " set_config('idle_in_transaction_session_timeout', '10s', false),"
    " set_config('search_path', %s, false), set_config('client_min_messages', 'error', false)"
)
_CLOCK: Final = "select extract(epoch from clock_timestamp())::float8"
_AWAY: Final = ("08", "53", "57P")  # connection lost, no room, shutting down or starting up
# What does not go away by waiting. The server does not say it in codes before a session is there.
_FINAL: Final = ("authentication failed", "does not exist", "no pg_hba.conf", "no password", "certificate", "SSL")


class ServerError(StoreError):
    """What the server said, or that it is away, perhaps only late; `state` is the SQLSTATE, if there is one."""

    def __init__(self, text: str, *, state: str = "", away: bool = False, late: bool = False) -> None:
        super().__init__(text)
        self.state, self.away, self.late = state, away or late, late


class NoTables(ServerError):
    """The tables are not there, and are not to be made."""


class NewerFormat(ServerError):
    """The tables were made by a newer version."""


class Part(NamedTuple):
    """Tables that are made together: the first is looked for, and bears the version, in a comment.

    `steps` are what makes of the tables of each version's predecessor that version's; the last is today's.
    """

    marker: str
    statements: Sequence[str]
    steps: Mapping[int, Sequence[str]] = {}

    @property
    def version(self) -> int:
        return max(self.steps, default=1)


class Server:
    """A server and at most one connection to it, for one thread at a time.

    Args:
        url: a libpq URL.
        part: the tables that are needed.
        create: make them if they are not there.
        statement: seconds a statement may take.
        lock: seconds it may wait for a lock.

    Raises:
        StoreError: psycopg is not installed, or the URL is none.
    """

    def __init__(self, url: str, part: Part, *, create: bool = True, statement: float = 10, lock: float = 2) -> None:
        self.shown = masked(url)
        self._parameters = _parameters(url)
        self._part, self._create = part, create
        self._limits = (f"{round(statement * 1000)}ms", f"{round(lock * 1000)}ms", f"{SCHEMA}, pg_temp")
        self._lock = threading.RLock()
        self._db: Connection | None = None
        self._retry_at, self._pause = 0.0, _PAUSES[0]
        self._time: tuple[float, float] | None = None  # the server's, and our uptime then
        self._lost = self._held = False
        watch(self)

    def now(self) -> float:
        """Unix seconds by the server's clock as far as it is known: machines that share it must agree."""
        known = self._time
        return known[0] + time.monotonic() - known[1] if known else time.time()

    @contextlib.contextmanager
    def using(self) -> "Iterator[Connection]":
        """The connection; whatever is said against it is raised as ServerError."""
        import psycopg

        with self._lock:
            try:
                yield self._connection()
            except psycopg.Error as error:
                gone = self._db is None or self._db.broken or self._db.closed
                if gone or error.sqlstate in _MISSING:
                    self.close()
                raise self._told(error, gone=gone) from None  # the original's details quote values

    @contextlib.contextmanager
    def writing(self, *, alone: bool = False) -> "Iterator[Connection]":
        """The connection within a transaction; `alone`: no other of ours makes or ends tables meanwhile."""
        with self.using() as db, db.transaction():
            if alone:
                db.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
            yield db

    def _told(self, error: "psycopg.Error", *, gone: bool) -> ServerError:
        said = error.diag.message_primary or " ".join(str(error).split())
        password = str(self._parameters.get("password") or "")
        said = said.replace(password, "***") if password else said
        state = error.sqlstate or ""
        away = state.startswith(_AWAY) if state else gone and not any(part in said for part in _FINAL)
        return ServerError(f"{self.shown}: {said[:300]}", state=state, away=away)

    def _connection(self) -> "Connection":
        if self._db is None:
            if time.monotonic() < self._retry_at:
                raise ServerError(f"{self.shown}: away; tried again in a moment", away=True)
            self._db = self._open()
        elif time.monotonic() - (self._time or (0, 0))[1] > _ASK_TIME:
            self._ask_time(self._db)
        return self._db

    def _open(self) -> "Connection":
        import psycopg

        self._retry_at = time.monotonic() + self._pause
        self._pause = min(self._pause * 2, _PAUSES[1])
        # Never a prepared statement: a pooler may hand the next transaction to another session.
        db = psycopg.connect(**self._parameters, autocommit=True, prepare_threshold=None)
        try:
            self._prepare(db)
        except BaseException:
            db.close()
            raise
        self._retry_at, self._pause = 0.0, _PAUSES[0]
        return db

    def _prepare(self, db: "Connection") -> None:
        if db.info.server_version < _OLDEST or db.info.parameter_status("server_encoding") != "UTF8":
            raise ServerError(f"{self.shown}: a database in UTF8 on PostgreSQL 14 or newer is needed")
        db.execute(_SETTINGS, self._limits)
        self._ask_time(db)
        version = self._version(db)
        if version is None:
            if not self._create:
                raise NoTables(f"{self.shown}: there is no log. Was the site started, and with this PRIVACYMW_STORE?")
            self._make(db)
        elif version > self._part.version:
            raise NewerFormat(
                f"{self.shown}: made by a newer privacymw (format {version}, this one reads {self._part.version})"
            )
        elif version < self._part.version:
            self._upgrade(db)

    def _version(self, db: "Connection") -> int | None:
        """Of the tables, None where there are none; what somebody else has written there is none of ours."""
        found = db.execute(
            "select coalesce(obj_description(to_regclass(%s), 'pg_class'), '') where to_regclass(%s) is not null",
            [f"{SCHEMA}.{self._part.marker}"] * 2,
        ).fetchone()
        if not found:
            return None
        number = str(found[0]).removeprefix(_VERSION.format(""))
        return int(number) if number.isdecimal() else 1

    def _make(self, db: "Connection") -> None:
        """The schema and the tables; of several machines one makes them."""
        with db.transaction():
            db.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
            here = db.execute("select to_regnamespace(%s) is not null", (SCHEMA,)).fetchone()
            if here is None or not here[0]:  # `if not exists` asks for the right to make it even where it exists
                db.execute(f"create schema {SCHEMA}")
            if self._version(db) is None:
                self._run(db, self._part.statements)

    def _upgrade(self, db: "Connection") -> None:
        """Older tables become today's, for all machines at once; a reader in the way is waited for elsewhere."""
        import psycopg

        try:
            with db.transaction():
                db.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
                before = self._version(db) or 0
                missing = [step for step in sorted(self._part.steps) if step > before]
                self._run(db, [statement for step in missing for statement in self._part.steps[step]])
        except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled):
            raise ServerError(f"{self.shown}: older tables wait for a reader to be extended", away=True) from None

    def _run(self, db: "Connection", statements: Sequence[str]) -> None:
        version = _VERSION.format(self._part.version)
        for statement in (*statements, f"comment on table {self._part.marker} is '{version}'"):
            db.execute(statement.encode())

    def _ask_time(self, db: "Connection") -> None:
        found = db.execute(_CLOCK).fetchone()
        assert found is not None
        self._time = (float(found[0]), time.monotonic())

    def was_lost(self) -> bool:
        """Whether a connection went since the last call: a server that crashed has emptied unlogged tables."""
        with self._lock:
            if self._db is not None and select.select([self._db.fileno()], [], [], 0)[0]:
                self.close()  # nothing is asked, so what can be read is the end
            lost, self._lost = self._lost, False
        return lost

    def close(self) -> None:
        """Close the connection; the next call opens it anew."""
        with self._lock:
            db, self._db = self._db, None
            if db:
                self._lost = True
                with contextlib.suppress(Exception):
                    db.close()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # a half-made object has no lock
            self.close()

    def before_fork(self) -> None:
        """Take no connection across: two processes on one would garble it."""
        self._held = self._lock.acquire(timeout=_FORK)
        if self._held:
            self.close()

    def after_fork(self, *, child: bool) -> None:
        """Go on, with a lock of the child's own there."""
        if child:
            self._lock = threading.RLock()
            _abandoned.append(self._db)
            self._db = None
        elif self._held:
            self._lock.release()


def _parameters(url: str) -> dict[str, Any]:
    try:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        raise StoreError("a PostgreSQL store needs psycopg: pip install 'privacymw[postgresql]'") from None
    try:
        return {**_DEFAULTS, **conninfo_to_dict(url)}
    except psycopg.ProgrammingError:  # its text quotes the bad part, which may be of the password
        raise StoreError(f"{masked(url)}: not a URL that PostgreSQL understands (is a sign not encoded?)") from None
