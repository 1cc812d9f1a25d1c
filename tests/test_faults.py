"""What breaks around a site, tried with the real thing: no fault stops a visitor, and none keeps a key alive.

| fault | tests |
|---|---|
| a worker is killed (-9) in mid-batch | here; test_store: a_killed_writer_loses_nothing_it_was_told_is_stored |
| the store's file is damaged, newer, a folder, not ours | here; test_store: a_file_that_cannot_be_used... |
| the disk is full: running, at the start, keys | here; test_journal: a_full_disk...; test_store: a_key_dies_on... |
| PostgreSQL away, stopped hard, hanging, cut off | test_postgresql: "faults of the server"; under a site: here |
| a table or partition dropped by hand | test_store, test_postgresql: what_was_dropped_by_hand_is_made_anew |
| the folder of keys unreadable, or gone | here; test_journal: without_a_key_a_row_is_kept_without_address |
| processes race at the turn of an epoch | here; test_store: racing_workers...; test_postgresql: two_machines... |
| gunicorn: preload, max_requests; fork | here; test_journal: "processes" |
| uvicorn: several workers, SIGTERM | here |
| an app without lifespan, a mounted app | here |
| uWSGI: without threads, with, lazy; its own fork | here |
| the interpreter ends | test_journal: the_end_of_a_process_stores_what_waits |
| a burst over the queue | test_journal: a_full_queue_drops_the_newest_and_counts |
| the site is down for longer than the retention | test_journal: a_site_that_was_down...; under a server: here |
"""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import multiprocessing
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from disk import bytes_in, fill, small_disk
from privacymw.address import pack
from privacymw.seal import AddressSeal
from privacymw.store import Terms, open_journal, open_keys, open_log, open_store
from privacymw.store.base import Query, Row
from privacymw.store.heartbeat import beats
from privacymw.store.keyhome import DirectoryHome
from servers import HOST, Server, gunicorn, uvicorn, uwsgi

if TYPE_CHECKING:
    from places import PostgresqlPlace

pytestmark = pytest.mark.servers

fork = multiprocessing.get_context("fork")
APPS = Path(__file__).parent / "apps"
BACKUP = "a copy of the log without them cannot be read"
LOST = (OSError, http.client.HTTPException)  # what a client sees of a worker that ends
SEEN = "198.51.100.23"
SHORT = {"PRIVACYMW_ADDRESSES_RETENTION": "4s", "PRIVACYMW_ADDRESSES_EPOCH": "1s"}
TERMS = Terms(retention=4.0, epoch=1.0)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="becomes somebody else, which needs root")


def until(what: Callable[[], Any], seconds: float = 10) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def ask(server: Server, count: int = 1, path: str = "/", **headers: str) -> None:
    """So many requests, each on a connection of its own; all have to be answered."""
    for _ in range(count):
        with contextlib.closing(http.client.HTTPConnection(HOST, server.port, timeout=10)) as connection:
            connection.request("GET", path, headers={"connection": "close", **headers})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200


def stored(data: Path, **options: Any) -> list[Any]:
    """The rows of a log, [] while there is none."""
    with contextlib.suppress(Exception):
        return list(open_log(data, **options).rows())
    return []


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line, without the service's environment."""
    command = [sys.executable, "-m", "privacymw", "addresses", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def findings(data: Path) -> dict[str, dict[str, Any]]:
    """What `verify` found, by code."""
    return {each["code"]: each for each in json.loads(call("verify", "--json", "--data", str(data)).stdout)["findings"]}


def told(server: Server) -> list[str]:
    """The lines about the diagnostics log in a server's own log."""
    return [line for line in server.log.splitlines() if "diagnostics log, " in line]


# --- the file of the store


def damaged(path: Path) -> None:
    path.write_bytes(b"no database" * 500)


def newer(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("pragma user_version=99")


FILES = {"damaged": damaged, "newer": newer, "a folder": Path.mkdir}


@pytest.mark.parametrize("damage", FILES.values(), ids=FILES)
def test_a_store_that_cannot_be_used_stops_nobody(damage: Callable[[Path], None], data: Path) -> None:
    """Told once, a finding, no "none" for an answer; keys die on time; moved away, the log goes on by itself."""
    data.mkdir(mode=0o700)
    damage(data / "log.sqlite")
    with gunicorn("flask_hello:app", folder=APPS, env={"PRIVACYMW_DATA": str(data), **SHORT}) as server:
        ask(server, 5)
        assert until(lambda: told(server))
        assert until(lambda: open_keys(data / "keys", TERMS, create=False).home.gone(), 8), "keys die on time"
        assert len(told(server)) == 1, server.log
        assert "mv " in told(server)[0]

        listed = call("list", "--data", str(data))
        assert (listed.returncode, listed.stdout) == (1, "")
        assert "log.sqlite" in listed.stderr
        assert "no request matches" not in listed.stderr
        verified = call("verify", "--data", str(data))
        assert verified.returncode == 2
        found = findings(data)
        assert [code for code, each in found.items() if not each["held"]] == ["store-unreadable"], found
        assert "log.sqlite.broken" in found["store-unreadable"]["text"]
        assert found["retention-keys"]["held"]

        (data / "log.sqlite").rename(data / "log.sqlite.broken")
        assert until(lambda: ask(server) or stored(data, terms=TERMS), 35), "the longest pause"
        ask(server)
        assert until(lambda: "well again" in server.log), server.log
        assert [each for each in findings(data).values() if not each["held"]] == []


@as_root
def test_a_damaged_store_is_a_finding_also_for_root_who_is_not_its_owner(data: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="privacymw-") as scratch:
        Path(scratch).chmod(0o755)
        folder = Path(scratch, "data")
        with gunicorn("flask_hello:app", folder=APPS, env={"PRIVACYMW_DATA": str(folder)}) as server:
            ask(server)
            assert until(lambda: stored(folder))
        damaged(folder / "log.sqlite")
        for path in (folder, *folder.rglob("*")):
            os.chown(path, 65534, 65534)
        verified = call("verify", "--data", str(folder))
        assert verified.returncode == 2
        assert "store-unreadable" in verified.stdout
        listed = call("list", "--data", str(folder))
        assert (listed.returncode, listed.stdout) == (1, "")
        assert "not a database" in listed.stderr
        assert {path.stat().st_uid for path in folder.rglob("*")} == {65534}


def test_a_file_that_is_replaced_by_a_damaged_one_under_a_running_site(data: Path) -> None:
    with uvicorn("starlette_hello:app", folder=APPS, env={"PRIVACYMW_DATA": str(data)}) as server:
        ask(server, 3)
        assert until(lambda: len(stored(data)) == 3)
        with contextlib.closing(sqlite3.connect(data / "log.sqlite")) as db:
            db.execute("pragma wal_checkpoint(truncate)").fetchall()  # else the file is mended from its log
        damaged(data / "restored")
        (data / "restored").replace(data / "log.sqlite")
        ask(server, 3)
        assert until(lambda: told(server))
        (data / "log.sqlite").rename(data / "log.sqlite.broken")
        ask(server, 3)
        assert until(lambda: len(stored(data)) == 6, 10), "what waited, and what came"


def test_a_site_starts_on_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "2m") as disk:
        env = {"PRIVACYMW_DATA": str(disk / "data")}
        with gunicorn("flask_hello:app", folder=APPS, env=env) as server:
            ask(server)
            assert until(lambda: stored(disk / "data"))
        (disk / "data" / "log.sqlite").unlink()
        fill(disk)
        with gunicorn("flask_hello:app", folder=APPS, env=env) as server:
            ask(server, 10)
            assert until(lambda: told(server)), server.log
            (disk / "ballast").unlink()
            assert until(lambda: len(stored(disk / "data")) == 10, 35), server.log


# --- processes


def workers_of(server: Server) -> list[int]:
    path = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    return [int(pid) for pid in path.read_text().split()]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_worker_that_is_killed_under_load_tears_and_doubles_nothing(
    kind: str, data: Path, request: pytest.FixtureRequest
) -> None:
    """Only what waited in a killed worker's memory may be lost."""
    env = {"PRIVACYMW_DATA": str(data)}
    if kind == "postgresql":
        place: PostgresqlPlace = request.getfixturevalue("server_place")
        env |= {"PRIVACYMW_STORE": place.url, "PRIVACYMW_SECRET_KEY": "a-secret-that-is-long-enough-4711"}
    places = {"url": place.url} if kind == "postgresql" else {}

    def committed() -> list[tuple[int, Row]]:
        return list(open_log(data, **places).store.read(Query()))

    asked, seen = 0, list[tuple[int, Row]]()
    with gunicorn("flask_hello:app", folder=APPS, workers=2, env=env) as server:
        for _ in range(5):
            end = time.monotonic() + 1.0
            while time.monotonic() < end:
                with contextlib.suppress(LOST):  # it was this worker's
                    ask(server, path=f"/items/{asked}")
                    asked += 1
            seen += until(lambda known=frozenset(seen): set(committed()) - known, 20)
            os.kill(workers_of(server)[0], signal.SIGKILL)
            assert until(lambda: len(workers_of(server)) == 2)
        ask(server)
    found = committed()
    assert set(seen) <= set(found), "what was committed stays"
    rows = [row for _, row in found]
    kept = [row for row in rows if row.route == "/items/{item}"]
    lost = asked - len(kept)
    print(f"{asked} requests answered, {lost} lost with five killed workers")
    assert -5 <= lost < asked, "a drain interval's, of one worker in two; none twice, but for answers that got lost"
    assert rows[-1].route == "/", "the log goes on"
    if kind == "sqlite":
        with contextlib.closing(sqlite3.connect(data / "log.sqlite")) as db:
            assert db.execute("pragma integrity_check").fetchone() == ("ok",)


def test_workers_race_at_the_turn_of_each_epoch(data: Path) -> None:
    """Three workers, seven turns: none makes a key that another does not open, no row is without address."""
    env = {"PRIVACYMW_DATA": str(data), "PRIVACYMW_ADDRESSES_RETENTION": "60s", "PRIVACYMW_ADDRESSES_EPOCH": "1s"}
    asked = 0
    with gunicorn("flask_hello:app", folder=APPS, workers=3, env=env) as server:
        end = time.monotonic() + 7
        while time.monotonic() < end:
            ask(server)
            asked += 1
        log_text = server.log
    log = open_log(data, terms=Terms(60, epoch=1))
    rows = list(log.rows())
    assert len(rows) == asked
    assert {row.address for row in rows} == {HOST}
    assert len(set(log.store.epochs())) >= 7
    assert [beat["unsealed"] + beat["failed"] + beat["dropped"] for beat in beats(data)] == [0] * len(beats(data))
    assert "diagnostics log" not in log_text


ENDINGS = {
    "preload": (gunicorn, "flask_hello:app", ["--preload"]),
    "preload, max_requests": (gunicorn, "flask_hello:app", ["--preload", "--max-requests", "7"]),
    "max_requests": (gunicorn, "flask_hello:app", ["--max-requests", "7", "--max-requests-jitter", "3"]),
    "threads": (gunicorn, "flask_hello:app", ["--threads", "4"]),
    "uvicorn": (uvicorn, "starlette_hello:app", []),
    "uvicorn, limit": (uvicorn, "starlette_hello:app", ["--limit-max-requests", "9"]),
    "no lifespan": (uvicorn, "shapes:without_lifespan", ["--factory"]),
}


@pytest.mark.parametrize(("start", "app", "options"), ENDINGS.values(), ids=ENDINGS)
def test_after_sigterm_each_request_is_in_the_log_once(start: Any, app: str, options: list[str], data: Path) -> None:
    asked = 0
    with start(app, folder=APPS, workers=2, env={"PRIVACYMW_DATA": str(data)}, options=options) as server:
        for _ in range(40):
            with contextlib.suppress(LOST):  # of a worker that ends
                ask(server)
                asked += 1
        log_text = server.log
    rows = stored(data)
    assert asked >= 30
    assert asked <= len(rows) <= 40, log_text
    assert "--limit-max-requests" in options or len(rows) == asked, "uvicorn may end before it has sent an answer"
    assert {row.address for row in rows} == {HOST}
    assert all(beat["closed"] for beat in beats(data)), "and each writer has said goodbye"


@pytest.mark.parametrize(
    ("app", "path", "options"),
    [("mounted", "/part/page", []), ("without_lifespan", "/part/page", ["--lifespan", "off"])],
    ids=["mounted", "lifespan off"],
)
def test_an_app_that_no_lifespan_reaches_writes_by_interval(
    app: str, path: str, options: list[str], data: Path
) -> None:
    """uvicorn ends itself by the signal it got, so that nothing of Python's runs at the end: the last quarter
    of a second is lost, and the evidence tells a writer that went without a word."""
    options = ["--factory", *options]
    with uvicorn(f"shapes:{app}", folder=APPS, env={"PRIVACYMW_DATA": str(data)}, options=options) as server:
        ask(server, 7, path)
        assert until(lambda: len(stored(data)) == 7, 2)
        ask(server, 3, path)
    assert {row.route.replace("{}", "page") for row in stored(data)} == {"/part/page"}
    assert 7 <= len(stored(data)) <= 10


def test_a_site_that_was_down_for_too_long_keeps_its_promise_as_it_starts(data: Path) -> None:
    env = {"PRIVACYMW_DATA": str(data), **SHORT}
    with gunicorn("flask_hello:app", folder=APPS, env=env) as server:
        ask(server)
        assert until(lambda: [row.address for row in stored(data, terms=TERMS)] == [HOST])
    time.sleep(5)
    assert [row.address for row in stored(data, terms=TERMS)] == [None]
    spent = [(info.lane, info.start) for info in open_keys(data / "keys", TERMS, create=False).home.live()]
    with gunicorn("flask_hello:app", folder=APPS, env=env):
        left = open_keys(data / "keys", TERMS, create=False).home.live()
        assert not set(spent).intersection((info.lane, info.start) for info in left), "before the first request"


# --- uWSGI


@pytest.mark.parametrize(
    "options",
    [["--enable-threads"], ["--threads", "2"], ["--enable-threads", "--lazy-apps"],
     ["--enable-threads", "--py-call-osafterfork"]],
    ids=lambda options: " ".join(options),
)  # fmt: skip
def test_uwsgi_with_threads(options: list[str], data: Path) -> None:
    """It forks without telling Python: each worker still has a writer of its own, also one that nobody asks."""
    with uwsgi("flask_hello:app", folder=APPS, workers=2, env={"PRIVACYMW_DATA": str(data)}, options=options) as server:
        assert "enable-threads = true" not in server.log
        alive = until(lambda: len(beats(data)) == 2, 8)
        assert alive, "a quiet worker keeps time too"
        assert {beat["pid"] for beat in beats(data)} == set(workers_of(server)), "and their master does not write"
        ask(server, 30)
        assert until(lambda: len(stored(data)) == 30)
        ask(server, 30)
        if "--threads" in options:  # such a worker may end without Python's own end
            assert until(lambda: len(stored(data)) == 60)
        log_text = server.log
    assert len(stored(data)) == 60, log_text
    assert "--threads" in options or all(beat["closed"] for beat in beats(data))


@pytest.mark.parametrize("options", [[], ["--lazy-apps"]], ids=["forked", "lazy"])
def test_uwsgi_without_threads_is_told_and_logs_within_requests(options: list[str], data: Path) -> None:
    env = {"PRIVACYMW_DATA": str(data), **SHORT}
    with uwsgi("flask_hello:app", folder=APPS, workers=2, env=env, options=options) as server:
        assert until(lambda: "uWSGI was started without threads" in server.log)
        assert "To paste: enable-threads = true" in server.log
        for count in range(1, 11):
            ask(server)
            assert len(stored(data, terms=TERMS)) == count, "when the answer is there, so is the row"
        time.sleep(4.5)
        ask(server, 4)
        home = open_keys(data / "keys", TERMS, create=False).home
        assert home.gone(), "keys die with the next request"
        now = time.time() * 1000
        assert not [info for info in home.live() if info.deadline < now - 1000]
        assert until(lambda: not ask(server) and len(stored(data, terms=TERMS)) < 14, 5), "and rows follow"


# --- keys and the database


def log_as_nobody(folder: Path, ended: Any, results: Any) -> None:
    """A writer that is not root, whom no folder is closed to."""
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("privacymw.store").addHandler(handler)
    journal = open_journal(open_store(f"sqlite:///{folder}/log.sqlite"), open_keys(folder / "keys", TERMS), data=folder)
    while not ended.wait(0.05):
        journal.put((int(time.time() * 1000), pack(SEEN), "GET", "/x", 200, 1))
    journal.close()
    results.put((lines, journal.counts()))


@as_root
def test_a_folder_of_keys_that_cannot_be_read_stops_nobody(data: Path) -> None:
    """Rows come without address, which is told; it goes on by itself when the folder can be read again."""
    open_journal(open_store(f"sqlite:///{data}/log.sqlite"), open_keys(data / "keys"), data=data).close()  # imports
    with tempfile.TemporaryDirectory(prefix="privacymw-") as scratch:
        folder = Path(scratch)
        os.chown(folder, 65534, 65534)
        ended, results = fork.Event(), fork.Queue()
        worker = fork.Process(target=log_as_nobody, args=(folder, ended, results))
        worker.start()

        def seen() -> set[str | None]:
            now = time.time()
            return {row.address for row in stored(folder, terms=TERMS) if row.when > now - 0.5}

        try:
            assert until(lambda: seen() == {SEEN})
            os.chown(folder / "keys", 0, 0)
            assert until(lambda: None in seen()), "beyond the key that was made ahead"
            assert "keys-unreadable" not in {each.code for each in open_log(folder, terms=TERMS).verify()}, "for root"
            time.sleep(4.5)
            assert len(seen()) == 1, "rows are kept"
            os.chown(folder / "keys", 65534, 65534)
            assert until(lambda: seen() == {SEEN}), "it goes on by itself"
            now = time.time() * 1000
            home = open_keys(folder / "keys", TERMS, create=False).home
            assert until(lambda: not [info for info in home.live() if info.deadline < now]), "overdue ones have died"
        finally:
            ended.set()
            lines, counts = results.get(timeout=10)
            worker.join()
    assert counts["unsealed"] > 0
    assert counts["failed"] == counts["dropped"] == 0
    assert [line for line in lines if "Permission denied" in line]
    assert [line for line in lines if line.endswith("well again")]
    assert len(lines) < 10, "not at each try"


AWAY = float(os.environ.get("AWAY", "2"))
"""Seconds; `AWAY=60 pytest tests/test_faults.py -k away` tries a whole minute."""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "stopped hard"])
def test_a_site_whose_database_is_away_for_a_while(how: int, data: Path, server_place: PostgresqlPlace) -> None:
    secret = "a-secret-that-is-long-enough-4711"
    env = {"PRIVACYMW_DATA": str(data), "PRIVACYMW_STORE": server_place.url, "PRIVACYMW_SECRET_KEY": secret}
    with gunicorn("flask_hello:app", folder=APPS, workers=2, env=env) as server:
        ask(server, 10)
        server_place.cluster.stop(how)
        asked, slowest, end = 0, 0.0, time.monotonic() + AWAY
        while time.monotonic() < end:
            begun = time.monotonic()
            ask(server, 10)
            asked, slowest = asked + 10, max(slowest, (time.monotonic() - begun) / 10)
            time.sleep(0.02)
        server_place.cluster.start()
        ask(server, 10)

        def rows() -> list[Any]:
            return stored(data, url=server_place.url)

        assert until(lambda: len(rows()) == asked + 20, 40), f"{len(rows())} of {asked + 20}\n{server.log}"
        print(f"away for {AWAY:g} s: {asked} requests answered, each in {slowest * 1000:.1f} ms at most, none lost")
        assert slowest < 0.2
        log_text = server.log
    assert len(rows()) == asked + 20, "and none twice"
    assert server_place.cluster.PASSWORD not in log_text


# --- what stays behind, in both ways of making a backup


BACKED_UP = {"PRIVACYMW_ADDRESSES_RETENTION": "8s", "PRIVACYMW_ADDRESSES_EPOCH": "1s"}  # time for a backup
LONGER = Terms(retention=8.0, epoch=1.0)


def openings(folder: Path, keys: Path) -> list[bool]:
    """For each sealed value of a copy of the rows, whether any key of a folder opens it; nobody asks for deadlines."""
    home = DirectoryHome(keys, create=False)
    found = [(info.lane, home.load(info.lane, info.start)) for info in home.live()]
    seals = [AddressSeal(key[1], lane) for lane, key in found if key]
    store = open_store(f"sqlite:///{folder}/log.sqlite", create=False)
    tokens = [token for _, row in store.read(Query()) for token in (row.address, row.network) if token]
    return [any(seal.open(token) is not None for seal in seals) for token in tokens]


def page(server: Server) -> str:
    return httpx.get(f"{server.url}/privacy/notice", trust_env=False).text


@pytest.mark.parametrize("apart", [True, False], ids=["keys apart", "keys in the folder"])
def test_what_a_copied_folder_holds_after_the_deadline(apart: bool, tmp_path: Path) -> None:
    """Without keys: nothing that opens, ever. With keys: readable, and the page does not claim otherwise."""
    data, keys, copy = tmp_path / "data", tmp_path / "keys" if apart else tmp_path / "data" / "keys", tmp_path / "copy"
    env = {"PRIVACYMW_DATA": str(data), "PRIVACYMW_TRUSTED_PROXIES": HOST, **BACKED_UP}
    env |= {"PRIVACYMW_KEYS": str(keys)} if apart else {}
    texts = [f"2001:db8:4711:{number:x}::7" for number in range(1, 31)]
    needles = [form for text in texts for form in (text.encode(), pack(text) or b"")]
    with gunicorn("flask_hello:app", folder=APPS, workers=2, env=env) as server:
        assert (BACKUP in page(server)) == apart
        for text in texts:
            ask(server, **{"x-forwarded-for": text})
        assert until(lambda: {row.address for row in stored(data, keys=keys, terms=LONGER)} >= set(texts), 3)
        shutil.copytree(data, copy)  # while it runs, with its write-ahead log
        shutil.copytree(keys, tmp_path / "keys of then")
        assert until(lambda: not [row for row in stored(data, keys=keys, terms=LONGER) if row.address]), "in its time"
        assert until(lambda: stored(data, keys=keys, terms=LONGER) == [], 12), "rows follow"
        assert bytes_in(data, *needles) == bytes_in(keys, *needles) == []
    assert bytes_in(data, *needles) == bytes_in(copy, *needles) == [], "in no file, at no time"
    before = openings(copy, tmp_path / "keys of then")
    assert len(before) >= 2 * len(texts)
    assert all(before), "this is what a backup with the keys holds"
    assert not any(openings(copy, keys)), "the keys that are left open nothing of it"
    assert (copy / "keys").exists() != apart
    if not apart:
        assert all(openings(copy, copy / "keys")), "the page must not deny it"


@pytest.mark.parametrize("apart", [True, False], ids=["keys in a folder", "keys in the database"])
def test_what_a_dump_of_the_database_holds_after_the_deadline(
    apart: bool, data: Path, server_place: PostgresqlPlace
) -> None:
    """Readable is only a dump with unlogged tables of a database that holds the keys, and for who has the secret."""
    secret, place = "a-secret-that-is-long-enough-4711", server_place
    env = {"PRIVACYMW_DATA": str(data), "PRIVACYMW_TRUSTED_PROXIES": HOST, **BACKED_UP}
    env |= {"PRIVACYMW_STORE": place.url, "PRIVACYMW_SECRET_KEY": secret}
    env |= {} if apart else {"PRIVACYMW_KEYS": "postgresql:"}
    texts = [f"2001:db8:4711:{number:x}::7" for number in range(1, 31)]
    needles = [form for text in texts for form in (text.encode(), pack(text) or b"")]
    needles += [needle.hex().encode() for needle in needles]  # as a dump and a log of statements write bytes
    home: Any = {"keys": data / "keys" if apart else place.url, "secrets": [secret]}

    def addresses(url: str, keys: Any, clock: Callable[[], float] | None = None) -> set[str]:
        log = open_log(data, url=url, keys=keys, secrets=[secret], terms=LONGER, clock=clock)
        return {row.address for row in log.rows() if row.address}

    with gunicorn("flask_hello:app", folder=APPS, workers=2, env=env) as server:
        assert (BACKUP in page(server)) == apart
        for text in texts:
            ask(server, **{"x-forwarded-for": text})
        assert until(lambda: addresses(place.url, home["keys"]) >= set(texts), 3)
        then = time.time()
        dumps = {"whole": place.cluster.dump(place.url)}
        dumps["without"] = place.cluster.dump(place.url, "--no-unlogged-table-data")
        assert until(lambda: not addresses(place.url, home["keys"])), "in its time"
        assert until(lambda: not place.ask("select 1 from privacymw.log limit 1"), 12), "rows follow"
        assert place.cluster.holds(place.url, *needles) == []
        assert bytes_in(data, *needles) == []
    for kind, dump in dumps.items():
        assert not [needle for needle in needles if needle in dump.encode()]
        restored = place.cluster.database()
        place.cluster.restore(restored, dump)
        there = data / "keys" if apart else restored
        opened = addresses(restored, there, clock=lambda: then)  # a clock set back, so that no deadline is in the way
        assert opened - {HOST} == (set(texts) if kind == "whole" and not apart else set()), kind
        if not apart:
            log = open_log(data, url=restored, keys=restored, secrets=["another-secret-4711"], clock=lambda: then)
            assert not [row for row in log.rows() if row.address], "a dump alone opens nothing"
