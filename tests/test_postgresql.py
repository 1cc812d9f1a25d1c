"""A real PostgreSQL that is restarted, crashes, hangs, loses answers and is read while rows go."""

import contextlib
import multiprocessing
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest

from places import SECRET
from privacymw.address import pack
from privacymw.errors import SettingsError, StoreError
from privacymw.seal import AddressSeal
from privacymw.store import Batch, Row, Terms, open_journal, open_keys, open_store
from privacymw.store.base import KeyInfo, Query
from privacymw.store.errands import Errands
from privacymw.store.postgresql import PostgresqlStore
from privacymw.store.server import ServerError
from privacymw.store.serverhome import TOMBSTONES, ServerHome

pytestmark = pytest.mark.servers
fork = multiprocessing.get_context("fork")
CLIENT = pack("203.0.113.9")
BRIEF = Terms(retention=4, epoch=1)
DAY = 86_400_000


def event(packed=CLIENT, *, status=200):
    return (int(time.time() * 1000), packed, "GET", "/x", status, 500, "", "", "")


def rows(count=3, *, address=b"a" * 32, net=b"n" * 32, when=0):
    return [Row(when + i, address, net, "GET", "/x", 200, 5) for i in range(count)]


def eventually(check, seconds=8.0):
    end = time.monotonic() + seconds
    while not (answer := check()) and time.monotonic() < end:
        time.sleep(0.02)
    return answer


def statuses(place):
    """The statuses of all rows, in order: tests number their events by them."""
    return sorted(entry.status for entry in place.log().rows())


@pytest.fixture
def place(server_place):
    return server_place


@pytest.fixture
def journal(place):
    made = place.journal()
    yield made
    made.close()


@contextlib.contextmanager
def load(journal, pause=0.002):
    """Events without end, numbered by their status; how many is known at the end."""
    ended, count = threading.Event(), [0]

    def put():
        while not ended.wait(pause):
            journal.put(event(status=count[0]))
            count[0] += 1

    thread = threading.Thread(target=put)
    thread.start()
    try:
        yield count
    finally:
        ended.set()
        thread.join()


def backends(place):
    """The sessions of the site in a database."""
    found = place.ask("select pid from pg_stat_activity where datname = current_database() and usename = 'site'")
    return [pid for (pid,) in found]


# --- faults of the server


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["restarted", "crashed"])
def test_nothing_is_lost_or_doubled_while_the_server_is_away(place, journal, how):
    with load(journal) as count:
        time.sleep(0.5)
        place.cluster.stop(how)
        time.sleep(1.0)
        begun = time.perf_counter()
        for _ in range(1000):
            journal.put(event(status=-1))
        assert time.perf_counter() - begun < 0.2, "nobody waits for a server that is away"
        place.cluster.start()
        time.sleep(0.5)
    assert journal.flush(10)
    assert statuses(place) == [-1] * 1000 + list(range(count[0]))
    assert journal.counts()["stored"] == count[0] + 1000


def test_nothing_is_lost_or_doubled_while_connections_are_cut(place, journal):
    with load(journal) as count:
        for _ in range(15):
            time.sleep(0.15)
            for pid in backends(place):
                place.ask("select pg_terminate_backend(%s)", pid)
    assert journal.flush(10)
    assert statuses(place) == list(range(count[0]))


class Relay:
    """A cable to the server that is cut between a commit and its answer, once."""

    def __init__(self, port):
        self.cut = False
        self._to = ("127.0.0.1", port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, socket.create_connection(self._to) as server, contextlib.suppress(OSError):
            while True:
                ready, _, _ = select.select([client, server], [], [])
                if client in ready:
                    data = client.recv(65536)
                    server.sendall(data)
                    if self.cut and b"COMMIT" in data:
                        self.cut = not server.recv(65536)  # it has committed; its answer goes nowhere
                        return
                if server in ready:
                    data = server.recv(65536)
                    client.sendall(data)
                if not data:
                    return

    def close(self):
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


def test_a_commit_whose_answer_was_lost_is_not_made_twice(place):
    with contextlib.closing(Relay(place.cluster.port)) as relay:
        url = place.url.replace(f":{place.cluster.port}/", f":{relay.port}/") + "?sslmode=disable"
        store = PostgresqlStore(url)
        store.write(Batch(0, rows(1)))
        relay.cut = True
        batch = Batch(0, rows(7, when=100))
        with pytest.raises(StoreError):
            store.write(batch)
        assert not relay.cut
        assert place.ask("select count(*) from privacymw.log") == [(8,)]
        store.write(batch)
        store.write(Batch(0, rows(2, when=200)))
        assert place.ask("select count(*) from privacymw.log") == [(10,)]
        store.close()


def test_a_server_that_hangs_keeps_no_address_in_the_clear(place, journal):
    journal.put(event())
    assert journal.flush()
    stopped = backends(place)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        worst = 0.0
        for _ in range(8):
            journal.put(event())
            begun = time.monotonic()
            assert eventually(lambda: not journal._queue)
            worst = max(worst, time.monotonic() - begun)
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    assert worst < 0.25 + 0.1 + 0.25, "one drain interval, our patience, and a slow machine"
    assert journal.flush(5)
    assert len(statuses(place)) == 9


def test_a_site_starts_while_the_server_is_away(place):
    place.journal().close()
    place.cluster.stop()
    try:
        journal = place.journal()
        journal.put(event())
        time.sleep(0.5)
        assert journal.counts()["waiting"] == 1
    finally:
        place.cluster.start()
    assert eventually(lambda: journal.counts()["stored"] == 1)
    assert len(list(place.log().rows())) == 1
    journal.close()
    assert "hush" not in str(journal._writer._troubles)


# --- readers, and several machines


def test_no_insert_waits_for_a_reader_while_rows_go(place):
    store = place.store()
    store.write(Batch(0, rows(1000)))
    with contextlib.closing(place.admin()) as reader:
        reader.execute("begin")
        reader.execute("select count(*) from privacymw.log").fetchone()
        worst, waited = 0.0, False
        for step, _ in enumerate(store.purge(0)):
            begun = time.monotonic()
            store.write(Batch(DAY * (step + 1), rows(10)))  # a partition of its own each time
            worst = max(worst, time.monotonic() - begun)
            if step == 8:
                waited = True
                reader.execute("commit")
    assert waited, "a purge lets a reader end"
    assert worst < 0.2
    assert 0 not in [epoch.start for epoch in store.epochs()]
    assert place.ask("select to_regclass('privacymw.log_0')") == [(None,)]


def test_a_purge_that_was_cut_short_is_finished(place):
    store = place.store()
    store.write(Batch(0, rows(10)))
    with contextlib.closing(place.admin()) as reader:
        reader.execute("begin")
        reader.execute("select count(*) from privacymw.log").fetchone()
        with pytest.raises(StoreError, match="tried again later"):
            list(store.purge(0))
        assert place.ask("select inhdetachpending from pg_inherits where inhdetachpending") == [(True,)]
        with pytest.raises(StoreError, match="being purged"):
            place.store().write(Batch(0, rows(1)))
        reader.execute("rollback")
    list(place.store().purge(0))
    assert store.epochs() == []
    store.write(Batch(0, rows(1)))
    assert len(list(store.read(Query()))) == 1


def make_partitions(place, barrier, results):
    store = place.store()
    barrier.wait()
    try:
        for epoch in range(20):
            store.write(Batch(epoch, rows(2)))
        results.put("done")
    except Exception as error:
        results.put(repr(error))


def test_racing_machines_make_each_partition_once(place):
    barrier, results = fork.Barrier(8), fork.Queue()
    workers = [fork.Process(target=make_partitions, args=(place, barrier, results)) for _ in range(8)]
    for worker in workers:
        worker.start()
    answers = [results.get(timeout=30) for _ in workers]
    for worker in workers:
        worker.join()
    assert answers == ["done"] * 8, "also the tables themselves were made by one of them"
    assert place.ask("select count(*) from privacymw.log") == [(320,)]


def run_machine(place, results):
    journal = place.journal(BRIEF)
    end = time.monotonic() + 7
    while time.monotonic() < end:
        journal.put(event())
        time.sleep(0.005)
    flushed = journal.flush(5)
    counts = journal.counts()
    journal.close()
    results.put((flushed, counts["unsealed"], counts["failed"], counts["dropped"], sorted(journal._writer._troubles)))


def test_two_machines_share_keys_write_and_purge(place):
    results = fork.Queue()
    machines = [fork.Process(target=run_machine, args=(place, results)) for _ in range(2)]
    for machine in machines:
        machine.start()
    answers = [results.get(timeout=30) for _ in machines]
    for machine in machines:
        machine.join()
    assert answers == [(True, 0, 0, 0, [])] * 2
    log = place.log(terms=BRIEF)
    starts = [epoch.start for epoch in log.store.epochs()]
    assert len(starts) <= 9, "epochs of seven seconds, less what was purged, and one ahead"
    assert {entry.address for entry in log.rows()} <= {"203.0.113.9", None}
    assert any(entry.address for entry in log.rows())


# --- what was dropped by hand, and who may do what


def test_what_was_dropped_by_hand_is_made_anew(place):
    store = place.store()
    store.write(Batch(0, rows(3)))
    place.ask("drop table privacymw.log_0")
    store.write(Batch(0, rows(3)))
    assert len(list(store.read(Query()))) == 3
    place.ask("drop schema privacymw cascade")
    with pytest.raises(StoreError, match="does not exist"):
        store.write(Batch(0, rows(3)))
    store.write(Batch(0, rows(2)))
    assert len(list(store.read(Query()))) == 2


def test_a_store_of_a_newer_version_is_left_alone(place):
    place.store()
    place.ask("comment on table privacymw.log is 'privacymw 10'")
    store = place.store()  # a rollback starts
    with pytest.raises(StoreError, match="tried again"):
        store.write(Batch(0, rows()))
    with pytest.raises(StoreError, match="newer privacymw"):
        place.log()


OLD = (
    "create schema privacymw", "set search_path to privacymw", "create sequence log_id cache 500",
    """create table log (id bigint not null default nextval('log_id'), epoch bigint not null, at bigint not null,
    address bytea, network bytea, method text, route text, status bigint, duration bigint)
    partition by list (epoch)""",
    "create index on log (at, id)",
    "create table epoch (start bigint primary key, address boolean not null, network boolean not null)",
    "create table lease (id integer primary key check (id = 1), owner text not null, until bigint not null)",
    "create table log_0 (like log including defaults)",
    "alter table log attach partition log_0 for values in (0)",
    "insert into epoch values (0, true, true)",
    """insert into log (epoch, at, address, network, method, route, status, duration) values
    (0, 0, repeat('a', 32)::bytea, repeat('n', 32)::bytea, 'GET', '/x', 200, 5)""",
    "comment on table log is 'privacymw 1'",
)  # fmt: skip


def test_a_store_of_the_version_before_is_extended(place):
    with psycopg.connect(place.url, autocommit=True) as db:
        for statement in OLD:
            db.execute(statement)
        db.execute("begin")
        db.execute("select count(*) from privacymw.log")  # a reader that stays: nothing waits for it for long
        store = place.store()
        with pytest.raises(StoreError, match="wait for a reader"):
            list(store.read(Query()))
        db.execute("rollback")
    full = rows(1)[0]._replace(path=b"p" * 40, browser="Firefox", country="ES", asn=64500, dropped=7)
    assert eventually(lambda: quiet(lambda: [row for _, row in store.read(Query())])) == rows(1)
    store.write(Batch(0, [full]))
    store.write(Batch(DAY, [full]))
    assert [row for _, row in place.store().read(Query())] == [*rows(1), full, full]


def quiet(ask):
    with contextlib.suppress(StoreError):
        return ask()


def test_a_role_that_owns_the_schema_alone_is_enough(place):
    """What docs/postgresql.md grants."""
    database = place.url.rpartition("/")[2]
    place.ask(f"alter database {database} owner to admin")
    with pytest.raises(StoreError, match="permission denied for database"):
        place.store()
    place.ask("create schema privacymw authorization site")
    store = place.store()
    store.write(Batch(0, rows(3)))
    list(store.purge(0))
    assert place.home().make(KeyInfo("address", 0, 1, 1))


def test_a_wrong_password_is_told_at_the_start_and_not_shown(place):
    wrong = place.url.replace(place.cluster.PASSWORD, "sesame%2Fopen")
    with pytest.raises(StoreError, match="password authentication failed") as caught:
        open_store(wrong)
    assert "sesame" not in str(caught.value)
    assert ":***@127.0.0.1" in str(caught.value)
    with pytest.raises(StoreError, match="not a URL") as caught:
        open_store("postgresql://site:ses%ame@127.0.0.1/x")
    assert "ame" not in str(caught.value).replace("PostgreSQL", "")


def test_without_psycopg_one_line_says_what_to_install(place):
    script = (
        f"import sys; sys.modules['psycopg'] = None\nfrom privacymw.store import open_store\nopen_store({place.url!r})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment())
    assert done.stderr.splitlines()[-1].endswith("pip install 'privacymw[postgresql]'")


def environment():
    import privacymw

    return {**os.environ, "PYTHONPATH": str(Path(privacymw.__file__).parents[1])}


def test_a_server_proves_its_name(place, certificate):
    port, database = place.cluster.port, place.url.rpartition("/")[2]
    url = f"postgresql://site:{place.cluster.PASSWORD}@localhost:{port}/{database}?sslmode=verify-full&sslrootcert="
    own = place.cluster.folder / "certificate.pem"
    assert PostgresqlStore(f"{url}{own}").health()["tls"] is True
    with pytest.raises(StoreError, match="certificate"):
        PostgresqlStore(f"{url}{certificate.certificate}")


def test_any_text_can_be_stored(place):
    store = place.store()
    odd = ["/zero\0", "/half\udcff", "/naïve/☃", "/tab\t\n\\."]
    store.write(Batch(0, [Row(i, None, None, "GET", route, 200, 5) for i, route in enumerate(odd)]))
    assert [row.route for _, row in store.read(Query())] == ["/zero\ufffd", "/half?", "/naïve/☃", "/tab\t\n\\."]


# --- keys


def test_a_crash_loses_keys_which_is_told_and_made_good(place, caplog):
    journal = place.journal()
    journal.put(event(status=1))
    assert journal.flush()
    before = {info.id for info in place.home().live()}
    place.cluster.crash()
    assert eventually(lambda: len(place.home().live()) == 4), "the running site notices by itself"
    time.sleep(0.5)
    journal.put(event(status=2))
    assert journal.flush(5)
    assert before.isdisjoint({info.id for info in place.home().live()})
    assert {entry.status: entry.address for entry in place.log().rows()} == {1: None, 2: "203.0.113.9"}
    codes = {finding.code: finding for finding in place.log().verify()}
    assert codes["keys-lost"].text.startswith("4 keys are lost, not destroyed")
    assert place.home().gone() == [], "a tombstone says that a key was destroyed"
    assert "was lost with a crash" in caplog.text
    journal.close()
    keys = open_keys(place.keys_at, secrets=[SECRET], clock=lambda: time.time() + 40 * 86_400)
    assert keys.destroy_overdue() >= 4
    assert place.home().lost() == []


def test_a_dump_alone_opens_nothing(place):
    """Also with the unlogged tables in it: what is sealed with is mixed with a secret of the machines."""
    home = place.home()
    secret = home.make(KeyInfo("address", 0, 99, 1))
    assert home.make(KeyInfo("address", 0, 99, 1)) == secret
    assert ServerHome(place.url, ["another secret that is long", SECRET]).load("address", 0)[1] == secret
    assert ServerHome(place.url, ["another secret that is long"]).load("address", 0) is None
    (random,) = re.findall(r"\\\\x([0-9a-f]{160})", place.cluster.dump(place.url))
    assert secret.hex() not in random
    assert not re.findall(r"\\\\x[0-9a-f]{160}", place.cluster.dump(place.url, "--no-unlogged-table-data"))


def test_tombstones_are_bounded(place):
    home = place.home()
    home.gone()
    place.ask(f"insert into privacymw.key_gone select 'network', n, n, n from generate_series(1, {TOMBSTONES + 50}) n")
    home.make(KeyInfo("network", 1000, 1, 1))
    assert home.destroy("network", 1000, 5)
    graves = home.gone()
    assert len(graves) == TOMBSTONES
    assert graves[-1].start == 1000


def test_the_doctor_tells_where_keys_are(place):
    place.home().make(KeyInfo("address", 0, 1 << 50, DAY))
    place.store()
    codes = {finding.code: finding.text for finding in place.log().verify()}
    assert "--no-unlogged-table-data" in codes["keys-beside-rows"]
    assert "keys-logged" not in codes
    place.ask("alter table privacymw.key_address_0 set logged")
    assert "keys-logged" in {finding.code for finding in place.log().verify()}


# --- the promise


def tokens_of(dump):
    """The sealed addresses and networks in a dump: 32 bytes as hex."""
    return [bytes.fromhex(found) for found in re.findall(r"\\\\x([0-9a-f]{64})(?![0-9a-f])", dump)]


def openings(home, tokens):
    """Which tokens any key that is left opens, asking nobody about deadlines."""
    loaded = [(info.lane, home.load(info.lane, info.start)) for info in home.live()]
    seals = [AddressSeal(found[1], lane) for lane, found in loaded if found]
    return [any(seal.open(token) for seal in seals) for token in tokens]


def test_after_its_time_no_address_can_be_read_anywhere(place):
    """The promise itself: the server's own files, its log of statements, and a dump from before."""
    begun = place.cluster.log.stat().st_size
    journal = place.journal(BRIEF)
    texts = [f"203.0.113.{host}" for host in range(1, 100)] + [f"2001:db8:4711::{host:x}" for host in range(1, 100)]
    packed = [pack("203.0.113.9")[:15], pack("2001:db8:4711::")[:15]]
    needles = [*packed, *(each.hex().encode() for each in packed), b"203.0.113.", b"2001:db8:4711:"]
    for text in texts:
        journal.put(event(pack(text)))
        time.sleep(0.005)
    assert journal.flush(5)
    last = time.time()

    assert [entry.address for entry in place.log(terms=BRIEF).rows()] == texts
    dump = place.cluster.dump(place.url)
    tokens = tokens_of(dump)
    assert len(tokens) == 2 * len(texts)
    home = place.home()
    assert all(openings(home, tokens)), "within its time the log is worth having"
    spent = [place.ask(f"select random from privacymw.key_{i.lane}_{i.start}")[0][0] for i in home.live()
             if i.start <= last * 1000]  # fmt: skip
    assert spent
    found = place.cluster.holds(place.url, *needles, *spent, tokens[0])
    assert {needle for _, needle in found} == {tokens[0]}, "not even while it may be read; keys are in memory only"

    time.sleep(max(last + 4 - time.time(), 0))
    assert [entry.address for entry in place.log(terms=BRIEF).rows() if entry.address] == [], "to the moment"
    assert eventually(lambda: not any(openings(home, tokens)), 2), "a dump of the rows from before is shut"
    assert place.cluster.holds(place.url, *needles, *spent) == []
    assert eventually(lambda: not place.ask("select 1 from privacymw.log limit 1"), 5), "rows follow their keys"
    log = place.cluster.log.read_bytes()[begun:]
    hexes = [each.hex().encode() for each in spent]
    assert b"copy log" in log, "each statement is there"
    assert not [needle for needle in (*needles, *spent, *hexes) if needle in log]
    assert [finding for finding in place.log(terms=BRIEF).verify() if not finding.held] == []
    journal.close()


# --- calls that are late


def test_a_late_answer_is_kept_for_who_asks_again():
    errands, done = Errands(0.05), []

    def slow():
        time.sleep(0.15)
        done.append(1)
        return "answer"

    with pytest.raises(ServerError, match="at once"):
        errands.ask("slow", slow)
    with pytest.raises(ServerError, match="does not answer yet"):
        errands.ask("other", lambda: 1)
    time.sleep(0.2)
    assert errands.ask("other", lambda: 1) == 1
    assert errands.ask("slow", slow) == "answer"
    assert done == [1]


def test_an_error_is_handed_on_with_its_kind():
    def fail():
        raise SettingsError("as it is")

    with pytest.raises(SettingsError, match="as it is"):
        Errands(1).ask("fail", fail)


def test_deadlines_go_by_the_clock_of_the_server(place):
    store = place.store()
    store.write(Batch(0, rows(1)))
    (server,) = place.ask("select extract(epoch from clock_timestamp())::float8")[0]
    assert abs(store.now() - server) < 0.5
    assert store._server._time is not None, "asked of the server, and counted on by the uptime"


def test_rows_a_second(place):
    """A figure, printed; the bound is far below it."""
    store, batch = place.store(), Batch(0, rows(2000))
    store.write(batch)
    begun = time.perf_counter()
    for _ in range(30):
        store.write(batch)
    rate = 60_000 / (time.perf_counter() - begun)
    print(f"{rate:,.0f} rows/s")
    assert rate > 10_000


def test_a_journal_of_a_store_and_keys_apart(place, tmp_path):
    journal = open_journal(open_store(place.url), open_keys(tmp_path / "keys"), data=tmp_path)
    journal.put(event())
    assert journal.flush()
    log = place.log(keys=tmp_path / "keys")
    assert [entry.address for entry in log.rows()] == ["203.0.113.9"]
    assert "keys-beside-rows" in {finding.code for finding in log.verify()}
    journal.close()


def test_an_idle_connection_that_ended_is_noticed(place):
    store = place.store()
    store.write(Batch(0, rows(1)))
    assert not store._server.was_lost() or not store._server.was_lost()
    for pid in backends(place):
        place.ask("select pg_terminate_backend(%s)", pid)
    assert eventually(store._server.was_lost)
    store.write(Batch(0, rows(1)))
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(place.url.replace(place.cluster.PASSWORD, "x"))
