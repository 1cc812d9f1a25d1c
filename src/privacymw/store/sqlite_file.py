"""A SQLite file that several processes share: opened lazily, private, closed before a fork."""

import os
import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from privacymw.errors import StoreError
from privacymw.store.files import private_folder, unusable
from privacymw.store.fork import watch
from privacymw.store.sqlite_tables import VERSION, make

if TYPE_CHECKING:
    import sqlite3

PRAGMAS = (
    "journal_mode=wal",
    "synchronous=normal",
    "secure_delete=on",
    "temp_store=memory",
    "wal_autocheckpoint=400",  # pages; the default of 1000 made a writer wait 20 ms beside a purge, this 4
)
_MOVE_AWAY = "Move it away, and the log goes on in a new file: mv {path} {path}.broken"


class SqliteFile:
    """A SQLite file and at most one connection to it, for one thread at a time.

    A file that cannot be used (damaged, of a newer version, somebody else's) stops nobody here: each call
    raises StoreError until it is mended or moved away, and then goes on.

    Args:
        path: of the file; its folder is made private, the file 0600.
        create: make folder and file if they are not there.
        patience: seconds to wait for another process's transaction.

    Raises:
        StoreError: the folder cannot be made or written; without `create`, there is no file.
    """

    def __init__(self, path: Path, *, create: bool, patience: float) -> None:
        self.path = path
        self._create, self._patience = create, patience
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._inode = 0
        self.known: dict[Hashable, str] = {}
        """What is known of the schema; forgotten with the connection, and so after each fault."""
        if create:
            private_folder(path.parent)
            with suppress(StoreError), self.using():  # the writer tells it, tries again, and counts what is lost
                pass
            self.close()  # a server may fork next
        elif not path.exists():
            raise StoreError(f"{path}: there is no log. Was the site started, and with this PRIVACYMW_DATA?")
        watch(self)

    @contextmanager
    def using(self) -> Iterator["sqlite3.Connection"]:
        """The connection; whatever SQLite says against it is raised as StoreError (texts without values)."""
        import sqlite3

        with self._lock:
            try:
                yield self._connection()
            except (sqlite3.Error, OSError) as error:
                self.close()  # a moved file, a full disk: the next call starts from a clean state
                raise StoreError(f"{self.path}: {error}{self._way_out(error)}") from error

    def _way_out(self, error: Exception) -> str:
        """What to do where waiting does not help; SQLite says "not a database" and "malformed" by the base class."""
        import sqlite3

        bad = type(error) is sqlite3.DatabaseError or isinstance(error, (IsADirectoryError, PermissionError))
        if bad or "unable to open" in str(error):
            return f". {_MOVE_AWAY.format(path=self.path)}"
        return ""

    def _connection(self) -> "sqlite3.Connection":
        if self._db and not self._is_same_file():
            self.close()
        if not self._db:
            self._db = self._open()
            self._inode = self.path.stat().st_ino
        return self._db

    def _is_same_file(self) -> bool:
        """SQLite writes on into a file that was deleted or replaced; nobody would ever read that."""
        with suppress(OSError):
            return self.path.stat().st_ino == self._inode
        return False

    def _open(self) -> "sqlite3.Connection":
        import sqlite3

        if self._create:
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        uri = f"{self.path.absolute().as_uri()}?mode=rw"
        db = sqlite3.connect(uri, uri=True, timeout=5, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(db)
        except (sqlite3.Error, StoreError):
            db.close()
            raise
        return db

    def _prepare(self, db: "sqlite3.Connection") -> None:
        import sqlite3

        version = int(db.execute("pragma user_version").fetchone()[0])
        if version > VERSION:
            raise StoreError(
                f"{self.path}: written by a newer privacymw (format {version}, this one reads {VERSION})."
                f" Install that one, or: {_MOVE_AWAY.format(path=self.path)}"
            )
        try:
            for pragma in PRAGMAS:
                db.execute(f"pragma {pragma}").fetchall()
            here = db.execute("select count(*) from sqlite_master where name in ('epoch', 'lease')").fetchone()[0]
            if version < VERSION or here < 2:  # one may have been dropped by hand
                make(db)
        except sqlite3.OperationalError as error:
            if "readonly" in str(error):
                raise unusable(self.path, error) from error
            raise
        self._be_patient(db)

    @contextmanager
    def writing(self) -> Iterator["sqlite3.Connection"]:
        """The connection within a transaction, committed at the end or rolled back."""
        with self.using() as db:
            db.execute("begin immediate")  # a deferred one fails when another writer was faster, at once
            try:
                yield db
                db.execute("commit")
            except BaseException:
                with suppress(Exception):
                    db.execute("rollback")
                raise

    def close(self) -> None:
        """Close the connection; the next call opens it anew."""
        with self._lock:
            db, self._db = self._db, None
            self.known.clear()
            if db:
                with suppress(Exception):
                    db.close()

    def __del__(self) -> None:
        with suppress(Exception):  # a half-made object has no lock
            self.close()

    def before_fork(self) -> None:
        """Wait for the transaction that runs, and take no connection across."""
        self._lock.acquire()
        self.close()

    def after_fork(self, *, child: bool) -> None:
        """Go on, with a lock of the child's own there."""
        if child:
            self._lock = threading.RLock()
        else:
            self._lock.release()

    def checkpoint(self) -> bool:
        """Empty the write-ahead log, which keeps what was deleted; False if a reader or writer is in the way.

        First passively, in nobody's way; then without waiting, for a truncation that waits blocks all
        writers.
        """
        with self.using() as db:
            db.execute("pragma wal_checkpoint(passive)").fetchall()
            db.execute("pragma busy_timeout=0")
            try:
                busy = db.execute("pragma wal_checkpoint(truncate)").fetchone()[0]
            finally:
                self._be_patient(db)
        return not busy

    def _be_patient(self, db: "sqlite3.Connection") -> None:
        db.execute(f"pragma busy_timeout={round(self._patience * 1000)}")

    def used(self) -> int:
        """Bytes of the pages that are in use."""
        with self.using() as db:
            pages, free, size = (
                int(db.execute(f"pragma {name}").fetchone()[0])
                for name in ("page_count", "freelist_count", "page_size")
            )
        return (pages - free) * size
