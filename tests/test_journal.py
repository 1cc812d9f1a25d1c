"""The hand-off and the clock: nothing blocks, nothing clear is stored, nothing is readable after its time."""

import contextlib
import gc
import json
import logging
import multiprocessing
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from disk import bytes_in, fill, small_disk
from places import SECRET
from privacymw.address import pack
from privacymw.seal import AddressSeal
from privacymw.store import TERMS, Terms, open_journal, open_keys, open_log, open_store
from privacymw.store.base import Query
from privacymw.store.heartbeat import beats
from privacymw.store.keyhome import DirectoryHome

fork = multiprocessing.get_context("fork")
forking_beside_a_thread = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
CLIENT = pack("203.0.113.9")
BRIEF = Terms(retention=4, epoch=1)


def url(data):
    return f"sqlite:///{data}/log.sqlite"


def journal_of(data, terms=TERMS, **options):
    store, keys = open_store(url(data)), open_keys(data / "keys", terms)
    return open_journal(store, keys, data=data, **options)


def event(packed=CLIENT, *, when=None, status=200):
    return (int(time.time() * 1000) if when is None else when, packed, "GET", "/x", status, 500, "", "", "")


def stored(at):
    """The rows of a place, or of a data folder."""
    with contextlib.suppress(Exception):
        return len(list((open_log(at) if isinstance(at, Path) else at.log()).rows()))
    return 0


def eventually(check, seconds=5.0):
    end = time.monotonic() + seconds
    while not (answer := check()) and time.monotonic() < end:
        time.sleep(0.02)
    return answer


@contextlib.contextmanager
def locked(place):
    """Another process's transaction that does not end."""
    with contextlib.ExitStack() as stack:
        if place.kind == "sqlite":
            db = stack.enter_context(
                contextlib.closing(sqlite3.connect(place.data / "log.sqlite", isolation_level=None))
            )
            db.execute("begin immediate")
        else:
            db = stack.enter_context(contextlib.closing(place.admin()))
            db.execute("begin")
            db.execute("lock table privacymw.log in exclusive mode")
        yield
        db.execute("rollback")


@pytest.fixture
def journal(place):
    made = place.journal()
    yield made
    made.close()


@pytest.mark.proves("addresses.what")
def test_what_is_put_is_stored(place, journal):
    for text in ("203.0.113.9", "2001:db8::7"):
        journal.put(event(pack(text)))
    journal.put(event(None))
    assert journal.flush()
    entries = list(place.log().rows())
    assert [entry.address for entry in entries] == ["203.0.113.9", "2001:db8::7", None]
    assert [entry.network for entry in entries] == ["203.0.113.0/24", "2001:db8::/48", None]
    assert [(e.method, e.route, e.status, e.duration) for e in entries] == [("GET", "/x", 200, 0.0005)] * 3
    assert journal.counts()["stored"] == 3


def test_the_thread_starts_with_the_first_event(place, journal):
    def writers():
        return [thread for thread in threading.enumerate() if thread.name == "privacymw-writer"]

    before = len(writers())
    assert journal.flush()
    journal.put(event())
    assert len(writers()) == before + 1
    assert eventually(lambda: stored(place)), "the thread stores without a flush"
    journal.close()
    assert len(writers()) == before


def test_a_full_queue_drops_the_newest_and_counts(place):
    journal = place.journal(capacity=10, interval=60)
    for status in range(25):
        journal.put(event(status=status))
    assert journal.flush()
    assert [entry.status for entry in place.log().rows()] == list(range(10))
    assert journal.counts()["dropped"] == 15
    journal.close()
    journal.put(event())
    assert journal.counts()["dropped"] == 16
    codes = {finding.code: finding.text for finding in place.log().verify()}
    assert codes["rows-dropped"].startswith("15 rows")


@pytest.mark.proves("addresses.sealed")
def test_no_address_stays_in_the_clear_while_the_store_does_not_answer(place, caplog):
    journal = place.journal()
    with locked(place):
        worst = 0.0
        for _ in range(12):
            journal.put(event())
            begun = time.monotonic()
            assert eventually(lambda: not journal._queue)
            worst = max(worst, time.monotonic() - begun)
        assert journal.counts()["waiting"] == 12
        assert worst < 0.25 + 0.1 * 3 + 0.25, "one drain interval, the store's patience, and a slow machine"
        waiting = [row for batch in journal._writer.backlog._batches for row in batch.rows]
        assert CLIENT not in [row.address for row in waiting]
    assert journal.flush()
    assert stored(place) == 12
    lines = [record.getMessage() for record in caplog.records]
    told = [line for line in lines if "diagnostics log, " in line and "well again" not in line]
    assert told, "a store that does not answer is told"
    assert len(told) == len(set(told)), "once, not at each try"
    assert not [line for line in lines if "203.0" in line]
    journal.close()


def test_a_put_never_waits_for_the_store(place, journal):
    with locked(place):
        journal.put(event())
        time.sleep(0.3)
        begun = time.perf_counter()
        for _ in range(1000):
            journal.put(event())
        assert time.perf_counter() - begun < 0.2


def test_the_backlog_is_bounded(place):
    journal = place.journal(backlog=100)
    with locked(place):
        for _ in range(150):
            journal.put(event())
        assert not journal.flush(0.3)
        assert journal.counts()["waiting"] == 100
        assert journal.counts()["failed"] == 50
    assert journal.flush()
    assert stored(place) == 100
    journal.close()


def test_a_full_disk_raises_into_no_request(tmp_path):
    with small_disk(tmp_path / "disk", "8m") as disk:
        journal = journal_of(disk)
        fill(disk)
        for _ in range(20_000):
            journal.put(event())
        assert not journal.flush(0.5)
        (disk / "ballast").unlink()
        assert journal.flush(5)
        assert journal.counts()["failed"] == 0
        assert stored(disk) == 20_000
        journal.close()


def test_without_a_key_a_row_is_kept_without_address(tmp_path):
    journal = journal_of(tmp_path)
    shutil.rmtree(tmp_path / "keys")
    journal.put(event(when=int((time.time() - 86_400 * 2) * 1000)))  # no key was made ahead for that one
    journal.put(event())
    assert journal.flush()
    assert [entry.status for entry in open_log(tmp_path).rows()] == [200, 200]
    assert journal.counts()["unsealed"] >= 1
    journal.close()


def test_an_event_that_is_none_does_not_end_the_writer(place, journal):
    journal.put(("not", "an", "event"))
    assert journal.flush()
    journal.put(event())
    assert journal.flush()
    assert stored(place) == 1


# --- processes ---


def in_child(act):
    """The exit status of a forked child that does this."""
    pid = os.fork()
    if pid == 0:
        status = 1
        with contextlib.suppress(BaseException):
            act()
            status = 0
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def put_and_flush(journal, count):
    for _ in range(count):
        journal.put(event())
    assert journal.flush(5)
    assert journal.counts()["stored"] == count
    journal.close()


@forking_beside_a_thread
def test_a_fork_after_the_first_event_loses_and_doubles_nothing(place, journal):
    for _ in range(100):
        journal.put(event())
    time.sleep(0.3)
    for _ in range(100):
        journal.put(event())
    assert in_child(lambda: put_and_flush(journal, 10)) == 0
    for _ in range(100):
        journal.put(event())
    assert in_child(lambda: put_and_flush(journal, 10)) == 0
    assert journal.flush()
    assert stored(place) == 320
    assert journal.counts()["stored"] == 300


@forking_beside_a_thread
def test_many_forks_under_load(place, journal):
    running = threading.Event()

    def load():
        while not running.wait(0.001):
            journal.put(event())

    thread = threading.Thread(target=load)
    thread.start()
    statuses = [in_child(lambda: put_and_flush(journal, 5)) for _ in range(15)]
    running.set()
    thread.join()
    assert statuses == [0] * 15
    assert journal.flush(5)
    assert stored(place) == journal.counts()["stored"] + 75
    if place.kind == "sqlite":
        with contextlib.closing(sqlite3.connect(place.data / "log.sqlite")) as db:
            assert db.execute("pragma integrity_check").fetchone() == ("ok",)


def test_a_preloading_server_forks_before_the_first_event(place, journal):
    assert [in_child(lambda: put_and_flush(journal, 10)) for _ in range(3)] == [0, 0, 0]
    assert stored(place) == 30


APP = """
import os, time
from pathlib import Path
from privacymw.store import open_journal, open_keys, open_store

data = Path(os.environ["DATA"])
journal = open_journal(open_store(f"sqlite:///{data}/log.sqlite"), open_keys(data / "keys"), data=data)

def app(environ, start_response):
    journal.put((int(time.time() * 1000), None, "GET", environ["PATH_INFO"], 200, 1, "", "", ""))
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""


def test_a_preloading_gunicorn_stores_each_request(tmp_path):
    pytest.importorskip("gunicorn")
    (tmp_path / "shop.py").write_text(APP)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--preload",
        "-w",
        "2",
        "-b",
        f"127.0.0.1:{port}",
        "shop:app",
    ]
    data = tmp_path / "data"
    server = subprocess.Popen(
        command,
        env={**environment(), "DATA": str(data), "PYTHONPATH": f"{tmp_path}:{environment()['PYTHONPATH']}"},
        stderr=subprocess.DEVNULL,
    )

    def ask():
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer,
        ):
            return answer.read()

    try:
        assert eventually(ask, 20) == b"ok"
        assert [ask() for _ in range(59)] == [b"ok"] * 59
    finally:
        server.terminate()
        server.wait(20)
    assert stored(data) == 60
    assert [beat["closed"] for beat in beats(data)] == [True] * len(beats(data))
    assert sum(beat["stored"] for beat in beats(data)) == 60


def put_for_ever(place, pipe):
    journal = place.journal()
    while True:
        journal.put(event())
        pipe.send_bytes(b".")
        time.sleep(0.001)


def test_a_killed_writer_is_told_from_one_that_went(place):
    receiving, sending = fork.Pipe(duplex=False)
    worker = fork.Process(target=put_for_ever, args=(place, sending))
    worker.start()
    receiving.recv_bytes()
    assert eventually(lambda: stored(place) and beats(place.data))
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    assert stored(place) > 0

    def alive(later):
        log = place.log(clock=lambda: time.time() + later)
        return next(finding for finding in log.verify() if finding.code == "writer-alive")

    assert alive(0).held
    assert not alive(60).held
    successor = place.journal()
    successor.put(event())
    successor.flush()
    successor.close()
    assert "1 ended without saying so" in alive(60).text
    for path in (place.data / "writers").glob(f"{worker.pid}-*.json"):
        path.unlink()
    assert not alive(0).held, "when all have said goodbye, nobody keeps time"
    assert "no writer is alive, 0 ended without saying so" in alive(0).text


def test_the_end_of_a_process_stores_what_waits(tmp_path):
    script = f"""
from pathlib import Path
from privacymw.store import open_journal, open_keys, open_store
data = Path({str(tmp_path)!r})
journal = open_journal(open_store("sqlite:///{tmp_path}/log.sqlite"), open_keys(data / "keys"), data=data)
import time
for _ in range(500):
    journal.put((int(time.time() * 1000), None, "GET", "/x", 200, 1, "", "", ""))
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, env=environment())
    assert done.stderr == b""
    assert done.returncode == 0
    assert stored(tmp_path) == 500
    (beat,) = beats(tmp_path)
    assert beat["closed"] is True
    assert beat["stored"] == 500


def environment():
    import privacymw

    return {**os.environ, "PYTHONPATH": str(Path(privacymw.__file__).parents[1])}


def test_importing_costs_neither_cipher_nor_database():
    script = (
        "import sys, privacymw.store, privacymw.address, privacymw.seal\n"
        "print([name for name in ('cryptography', 'sqlite3', 'dataclasses') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment())
    assert done.stdout.strip() == "[]", done.stderr


def test_a_heartbeat_says_how_the_writer_does(place, journal):
    journal.put(event())
    assert eventually(lambda: beats(place.data))
    (beat,) = beats(place.data)
    assert beat["pid"] == os.getpid()
    assert abs(beat["time"] - time.time()) < 5
    assert beat["store"]["kind"] == place.kind
    assert beat["store"]["secure_delete" if place.kind == "sqlite" else "tls"] is True
    assert "hush" not in json.dumps(beat)
    assert json.dumps(beat).count("203.0") == 0


def test_a_put_costs_next_to_nothing(tmp_path):
    journal = journal_of(tmp_path, capacity=1_000_000, interval=60)
    one = event()
    journal.put(one)
    gc.disable()
    try:
        costs = []
        for _ in range(5):
            begun = time.perf_counter()
            for _ in range(20_000):
                journal.put(one)
            costs.append((time.perf_counter() - begun) / 20_000 * 1e6)
    finally:
        gc.enable()
        journal._queue.clear()
        journal.close()
    assert min(costs) < 0.5, f"{min(costs):.2f} µs"


# --- the promise ---


def test_overdue_keys_die_before_the_first_request(place):
    keys = open_keys(place.keys_at, BRIEF, secrets=[SECRET])
    keys.prepare()
    secrets = [keys.home.load(info.lane, info.start)[1] for info in keys.home.live()]
    time.sleep(5.1)
    journal = place.journal(BRIEF)  # no event, no thread
    assert bytes_in(place.data, *secrets) == []
    journal.close()


def test_a_quiet_site_keeps_time_once_started(place):
    journal = place.journal(Terms(retention=1, epoch=1))
    journal.put(event())
    journal.flush()
    home = place.home()
    time.sleep(1.5)
    late = [info for info in home.live() if info.length and info.deadline / 1000 < time.time() - 0.2]
    journal.close()
    assert late == []


def every_token_opens(data, keys_folder):
    """Per stored token, whether any key of a folder opens it, asking nobody about deadlines."""
    home = DirectoryHome(keys_folder, create=False)
    seals = [AddressSeal(home.load(info.lane, info.start)[1], info.lane) for info in home.live() if info.length]
    rows = [row for _, row in open_store(url(data), create=False).read(Query())]
    tokens = [token for row in rows for token in (row.address, row.network) if token]
    return [any(seal.open(token) for seal in seals) for token in tokens]


@pytest.mark.proves("addresses.retention")
def test_after_its_time_no_address_can_be_read_anywhere(tmp_path, caplog):
    """The promise itself, on real files, by the real clock."""
    caplog.set_level(logging.DEBUG)
    data = tmp_path / "data"
    journal = journal_of(data, BRIEF)
    texts = [f"203.0.113.{host}" for host in range(1, 100)] + [f"2001:db8:{host:x}::7" for host in range(1, 100)]
    needles = [*(pack(text) for text in texts), *(text.encode() for text in texts)]
    for text in texts:
        journal.put(event(pack(text)))
        time.sleep(0.005)
    assert journal.flush()
    last = time.time()

    before = tmp_path / "before"
    shutil.copytree(data, before)
    assert bytes_in(data, *needles) == [], "not even while it may be read"
    opened = every_token_opens(before, before / "keys")
    assert len(opened) == 2 * len(texts)
    assert all(opened), "within its time the log is worth having"
    assert [entry.address for entry in open_log(before, terms=BRIEF).rows()] == texts
    home = DirectoryHome(before / "keys")
    spent = [home.load(i.lane, i.start)[1] for i in home.live() if i.start <= last * 1000]
    assert bytes_in(data, *spent), "the keys are there as long as they may be"

    time.sleep(max(last + 4 - time.time(), 0))
    shown = [entry.address for entry in open_log(data, terms=BRIEF).rows() if entry.address]
    assert shown == [], "at the limit, to the moment, whoever has purged or not"
    assert eventually(lambda: not bytes_in(data, *spent), 1), "a key is destroyed within a drain interval"
    assert not any(every_token_opens(before, data / "keys")), "a copy of the rows from before is shut too"
    assert eventually(lambda: stored(data) == 0), "rows follow their keys"
    assert bytes_in(data, *needles) == []
    findings = open_log(data, terms=BRIEF).verify()
    assert [finding for finding in findings if not finding.held] == []
    journal.close()
    assert bytes_in(data, *needles, *spent) == []
    assert not any(text in caplog.text for text in texts)


@pytest.mark.proves("addresses.retention")
def test_a_site_that_was_down_keeps_the_promise_at_its_next_start(place):
    journal = place.journal(BRIEF)
    journal.put(event())
    journal.flush()
    home = place.home()
    spent = [home.load(info.lane, info.start)[1] for info in home.live()]
    journal.close()
    time.sleep(5.1)
    assert [entry.address for entry in place.log(terms=BRIEF).rows()] == [None], "shut all the while"
    journal = place.journal(BRIEF)
    assert bytes_in(place.data, *spent) == []
    journal.put(event(None))
    assert eventually(lambda: stored(place) == 1), "the old row is gone, the new one there"
    journal.close()
