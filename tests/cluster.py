"""A PostgreSQL server of our own: on loopback, as another user where we are root, gone with the session."""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from disk import bytes_in
from servers import Certificate

_PLACES = [os.environ.get("PATH", ""), *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)]
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "shared_buffers": "16MB",
    "ssl": "on",
    "fsync": "off",  # a crashed server is tried here, not a crashed machine
    "log_min_duration_statement": "0",  # the log of statements is searched for keys and addresses
    "log_min_messages": "warning",
    "max_wal_size": "32MB",
}


def program(name):
    """The path of one of PostgreSQL's programs; skips without it, which fails in CI."""
    found = shutil.which(name, path=os.pathsep.join(_PLACES))
    if found is None:
        skip = pytest.fail if os.environ.get("CI") else pytest.skip
        skip(f"{name} is not here: PostgreSQL is not tested (tools/system-packages installs it)")
    return found


def _user():
    """Whom the server runs as: it refuses root."""
    if os.geteuid():
        return pwd.getpwuid(os.geteuid()).pw_name
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    return "nobody"


class Cluster:
    """A server with a role `site` that owns the databases it is given; `admin` is its superuser.

    The role has a password, so that it can be looked for where it must not be.
    """

    PASSWORD = "hush-4711"

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="pmw-pg-", dir="/tmp"))  # short: a socket's path is
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self._user = _user()
        self._process = None
        self._numbers = itertools.count()
        if os.geteuid() == 0:
            shutil.chown(self.folder, self._user)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.port = listening.getsockname()[1]
        self.certificate = Certificate.make(self.folder)  # the server takes a key that others can read for none
        for path in (self.certificate.certificate, self.certificate.key):
            path.chmod(0o600)
            shutil.chown(path, self._user)
        self._run(
            "initdb", "-D", self.data, "-U", "admin", "-A", "trust", "-E", "UTF8", "--locale=C", "-N", "--wal-segsize=1"
        )
        (self.data / "pg_hba.conf").write_text(
            "local all all trust\nhost all admin 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        )
        self.start()
        with self.admin("postgres") as db:
            db.execute(f"create role site login password '{self.PASSWORD}'")

    def _as_user(self):
        return {"user": self._user, "group": self._user, "extra_groups": []} if os.geteuid() == 0 else {}

    def _run(self, name, *arguments, told=""):
        command = [program(name), *map(str, arguments)]
        done = subprocess.run(command, input=told, capture_output=True, text=True, cwd=self.folder, **self._as_user())
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self):
        tls = {"ssl_cert_file": self.certificate.certificate, "ssl_key_file": self.certificate.key}
        settings = {**_SETTINGS, **tls, "port": str(self.port), "unix_socket_directories": str(self.folder)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [program("postgres"), "-D", self.data, *options],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C in a terminal is for the tests; they stop it
                **self._as_user(),
            )
        self.wait()

    def wait(self, seconds=20.0):
        """Until it answers; it does not while it recovers from a crash."""
        end = time.monotonic() + seconds
        while True:
            try:
                with self.admin("postgres"):
                    return
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def stop(self, how=signal.SIGINT):
        """Stop it: SIGINT as a restart does, SIGQUIT as a crash."""
        process, self._process = self._process, None
        if process:
            process.send_signal(how)
            process.wait(20)

    def crash(self):
        """All backends die at once; the server then recovers, and empties unlogged tables."""
        self.stop(signal.SIGQUIT)
        self.start()

    def close(self):
        self.stop(signal.SIGQUIT)  # nothing of it is needed any more
        shutil.rmtree(self.folder, ignore_errors=True)

    def admin(self, database):
        return psycopg.connect(host="127.0.0.1", port=self.port, user="admin", dbname=database, autocommit=True)

    def database(self):
        """The URL of a new database."""
        name = f"site{next(self._numbers)}"
        with self.admin("postgres") as db:
            db.execute(f"create database {name} owner site")
        return f"postgresql://site:{self.PASSWORD}@127.0.0.1:{self.port}/{name}"

    def dump(self, url, *options):
        """What pg_dump writes."""
        return self._run("pg_dump", "-d", url, "-n", "privacymw", *options)

    def restore(self, url, dump):
        """A dump in another database."""
        self._run("psql", "-d", url, "-q", "-v", "ON_ERROR_STOP=1", told=dump)

    def holds(self, url, *needles):
        """Which needles are in which of the server's files, with everything written to them.

        Other tests' databases are left out.
        """
        with self.admin(url.rpartition("/")[2]) as db:
            db.execute("checkpoint")
            (own,) = db.execute("select oid::text from pg_database where datname = current_database()").fetchone()
        folders = [each for each in self.data.iterdir() if each.is_dir() and each.name != "base"]
        folders.append(self.data / "base" / own)
        return [found for folder in folders for found in bytes_in(folder, *needles)]
