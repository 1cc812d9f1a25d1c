"""sqlite-web, a browser for SQLite files (Flask), over a small file of its own."""

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import mkdtemp

from sqlite_web.sqlite_web import app as browser
from sqlite_web.sqlite_web import initialize_app

from privacymw.wsgi import PrivacyMiddleware

file = Path(mkdtemp(prefix="stranger-"), "visits.sqlite")
with closing(sqlite3.connect(file)) as db, db:
    db.execute("CREATE TABLE visit (id INTEGER PRIMARY KEY, member TEXT, day TEXT)")
    db.executemany("INSERT INTO visit (member, day) VALUES (?, ?)", [(f"M{n}", "2026-01-31") for n in range(3)])
initialize_app([str(file)])

bare = browser.wsgi_app
app = PrivacyMiddleware(bare)
