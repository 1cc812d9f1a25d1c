"""Keys that die and rows that follow them: real files, real processes, a clock that is an argument."""

import contextlib
import multiprocessing
import os
import shutil
import signal
import sqlite3
import stat
import time
from pathlib import Path

import pytest

from disk import bytes_in, fill, small_disk
from privacymw.address import network, pack
from privacymw.errors import SettingsError, StoreError
from privacymw.seal import KEY_BYTES
from privacymw.store import DAY, Batch, Keys, Row, Terms, open_log, open_store
from privacymw.store.base import KeyInfo, Query
from privacymw.store.keyhome import TOMBSTONES, DirectoryHome
from privacymw.store.retention import sweep
from privacymw.store.sqlite import SqliteStore

fork = multiprocessing.get_context("fork")
NOW = 1_800_000_000.0  # a quarter past an hour, within a day
START = int(NOW // DAY * DAY * 1000)
CLIENT = pack("203.0.113.9")


class Clock:
    """A wall clock that is set by hand; the uptime goes with it unless the clock is set wrong."""

    def __init__(self, now=NOW):
        self.now = now
        self.up = 1000.0

    def __call__(self):
        return self.now

    def uptime(self):
        return self.up

    def go(self, seconds):
        self.now += seconds
        self.up += seconds


@pytest.fixture
def clock():
    return Clock()


def keys_of(folder, clock, **terms):
    return Keys(DirectoryHome(folder), Terms(**terms), clock=clock, uptime=clock.uptime)


def store_of(folder, **options):
    return SqliteStore(folder / "log.sqlite", **{"patience": 5, **options})


def rows(count=3, *, address=b"a" * 32, net=b"n" * 32, when=START, status=200):
    return [Row(when + i, address, net, "GET", "/x", status, 5) for i in range(count)]


def written(store, **query):
    return list(store.read(Query(**query)))


# --- keys ---


def race(place, barrier, results):
    home = place.home()
    barrier.wait()
    results.put([home.make(KeyInfo("address", epoch, 1, 1)) for epoch in range(30)])


def test_racing_workers_agree_on_every_key(place):
    barrier, results = fork.Barrier(8), fork.Queue()
    workers = [fork.Process(target=race, args=(place, barrier, results)) for _ in range(8)]
    for worker in workers:
        worker.start()
    answers = [results.get(timeout=30) for _ in workers]
    for worker in workers:
        worker.join()
    assert all(len(secret) == KEY_BYTES for secret in answers[0])
    assert len(set(answers[0])) == 30
    assert answers == [answers[0]] * 8
    assert not list(place.data.glob("keys/.*.tmp"))


def test_a_key_folder_is_private_and_kept_out_of_backups(tmp_path, clock):
    keys_of(tmp_path / "keys", clock).prepare()
    folder = tmp_path / "keys"
    assert (folder / "CACHEDIR.TAG").read_bytes().startswith(b"Signature: 8a477f597d28d172789f06886806bc55")
    assert (folder / ".gitignore").read_text() == "*\n"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_the_next_epochs_keys_are_made_ahead_and_lanes_share_none(place, clock):
    keys = place.keys(clock)
    keys.prepare()
    names = {(info.lane, info.start) for info in keys.home.live()}
    assert names == {(lane, start) for lane in ("address", "network") for start in (START, START + 86_400_000)}
    secrets = {keys.home.load(*name)[1] for name in names}
    assert len(secrets) == 4


def test_the_same_address_has_another_token_in_each_epoch(place, clock):
    keys = place.keys(clock)
    today = keys.sealing("address", START).seal(CLIENT)
    clock.go(DAY)
    tomorrow = keys.sealing("address", START + 86_400_000)
    assert tomorrow.seal(CLIENT) != today
    assert tomorrow.open(today) is None
    assert keys.opening("address", START).open(today) == CLIENT


def test_a_key_dies_at_its_deadline_counted_from_the_start_of_the_epoch(place, clock):
    keys = place.keys(clock, retention=30 * DAY)
    token = keys.sealing("address", START).seal(CLIENT)
    secret = keys.home.load("address", START)[1]
    assert len(secret) == KEY_BYTES
    clock.go(START / 1000 + 30 * DAY - 0.01 - NOW)
    assert keys.destroy_overdue() == 0
    assert keys.opening("address", START).open(token) == CLIENT
    clock.go(0.01)
    assert keys.opening("address", START) is None  # whether or not anybody has destroyed it yet
    assert keys.destroy_overdue() == 1
    assert bytes_in(place.data, secret) == []
    assert keys.home.load("address", START) is None
    assert [(g.lane, g.start, g.destroyed) for g in keys.home.gone()] == [("address", START, keys.now())]


def test_a_destroyed_key_is_never_made_again(place, clock):
    keys = place.keys(clock)
    assert keys.sealing("address", START)
    keys.home.destroy("address", START, keys.now())
    again = place.keys(clock)
    assert again.sealing("address", START) is None
    assert again.sealing("network", START)
    assert not keys.home.destroy("address", START, keys.now())


def test_a_key_destroyed_between_look_and_link_stays_dead(tmp_path):
    home = DirectoryHome(tmp_path)
    info = KeyInfo("address", 5, 10, 1)
    home.make(info)
    home.destroy("address", 5, 11)
    home._link(info)  # a slow racer, who looked for the tombstone before it was there
    assert home.load("address", 5) is None
    assert home.make(info) is None


def test_no_key_is_made_for_an_epoch_far_away(place, clock):
    keys = place.keys(clock)
    assert keys.sealing("address", START - 86_400_000)  # the clocks of machines differ
    assert keys.sealing("address", START - 2 * 86_400_000) is None
    assert keys.sealing("address", START + 2 * 86_400_000) is None


def test_a_half_destroyed_key_opens_nothing_and_is_buried(tmp_path, clock):
    keys = keys_of(tmp_path, clock)
    keys.prepare()
    path = tmp_path / f"address-{START}.key"
    path.write_bytes(bytes(path.stat().st_size))  # overwritten, then killed
    fresh = keys_of(tmp_path, clock)
    assert fresh.opening("address", START) is None
    assert fresh.destroy_overdue() == 1
    assert not path.exists()
    assert fresh.sealing("address", START) is None


def test_a_shorter_retention_holds_at_once_and_a_longer_one_only_for_new_keys(place, clock):
    place.keys(clock, retention=10 * DAY).prepare()
    (short,) = [i for i in place.keys(clock).home.live() if (i.lane, i.start) == ("address", START)]
    assert place.keys(clock, retention=2 * DAY).deadline(short) == START + 2 * 86_400_000
    assert place.keys(clock, retention=90 * DAY).deadline(short) == START + 10 * 86_400_000


def test_live_keys_are_capped_when_the_clock_was_set_back(place, clock):
    keys = place.keys(clock, retention=4 * DAY)
    for _ in range(20):  # each day a key of its own, none of which has seen its deadline
        keys.prepare()
        clock.now += DAY
    clock.now -= 20 * DAY
    clock.go(1)
    keys.destroy_overdue()
    assert len([info for info in keys.home.live() if info.lane == "address"]) == 6


def test_a_clock_that_leaps_ahead_is_watched_for_a_while_then_obeyed(place, clock):
    keys = place.keys(clock)
    keys.prepare()
    assert keys.destroy_overdue() == 0
    clock.now += 400 * DAY  # the uptime stands still
    assert keys.destroy_overdue() == 0
    assert keys.opening("address", START) is None  # nothing is shown meanwhile
    clock.now -= 400 * DAY
    assert keys.destroy_overdue() == 0
    assert keys.opening("address", START)
    clock.now += 400 * DAY
    assert keys.destroy_overdue() == 0
    clock.go(601)
    assert keys.destroy_overdue() == 4


def test_at_a_start_the_clock_is_obeyed(place, clock):
    place.keys(clock).prepare()
    clock.now += 400 * DAY
    assert place.keys(clock).destroy_overdue() == 4


def test_tombstones_are_bounded(tmp_path):
    home = DirectoryHome(tmp_path)
    for start in range(TOMBSTONES + 20):
        (tmp_path / f"address-{start}.gone").write_bytes(b"")
    assert [grave.start for grave in home.gone()] == list(range(20, TOMBSTONES + 20))
    assert len(list(tmp_path.glob("*.gone"))) == TOMBSTONES


def test_a_lost_key_is_told_apart_from_a_destroyed_one(tmp_path, clock):
    keys, store = keys_of(tmp_path / "keys", clock), store_of(tmp_path)
    for epoch in (START, START + 86_400_000):
        token = keys.sealing("address", epoch).seal(CLIENT)
        store.write(Batch(epoch, rows(1, address=token, net=None)))
    keys.home.destroy("address", START + 86_400_000, keys.now())
    (tmp_path / "keys" / f"address-{START}.key").unlink()
    log = open_log(tmp_path, clock=clock)
    codes = {finding.code: finding for finding in log.verify()}
    assert codes["keys-lost"].text.startswith("1 keys are lost")
    assert [entry.address for entry in log.rows()] == [None, None]


def test_a_lost_key_is_replaced_and_logging_goes_on(tmp_path, clock):
    keys = keys_of(tmp_path / "keys", clock)
    keys.prepare()
    shutil.rmtree(tmp_path / "keys")
    keys.destroy_overdue()
    with pytest.raises(StoreError, match="cannot make a key"):  # not made anew: it may have been a mounted tmpfs
        keys.sealing("address", START)
    keys_of(tmp_path / "keys", clock)
    assert keys.sealing("address", START)


def test_a_key_dies_on_a_full_disk_where_rows_cannot(tmp_path, clock):
    with small_disk(tmp_path / "disk") as disk:
        keys, store = keys_of(disk / "keys", clock), store_of(disk)
        keys.prepare()
        secret = keys.home.load("address", START)[1]
        fill(disk)
        with pytest.raises(StoreError, match="full"):
            store.write(Batch(START, rows(20_000)))
        clock.go(40 * DAY)
        assert keys.destroy_overdue() == 4
        assert bytes_in(disk, secret) == []
        with pytest.raises(StoreError, match="cannot make a key"):
            keys.prepare()
        store.close()


@pytest.mark.parametrize(
    ("terms", "told"),
    [({"epoch": 2 * DAY}, "allowed are 1 s"), ({"epoch": 0}, "allowed are 1 s"),
     ({"retention": 5}, "shorter than an epoch"),
     ({"network_retention": 5}, "network retention")],
)  # fmt: skip
def test_terms_that_cannot_be_kept_are_refused(tmp_path, clock, terms, told):
    with pytest.raises(SettingsError, match=told):
        keys_of(tmp_path, clock, **terms)


def test_no_repr_shows_a_secret(place, clock):
    keys = place.keys(clock)
    keys.prepare()
    secret = keys.home.load("address", START)[1]
    shown = repr([keys, keys.home, keys.census(), keys.opening("address", START)])
    assert secret.hex() not in shown
    assert repr(secret)[2:-1] not in shown


# --- rows ---


def test_rows_come_back_newest_last(place):
    store = place.store()
    first, second = rows(3), rows(2, when=START + 86_400_000, status=500)
    store.write(Batch(START, first))
    store.write(Batch(START + 86_400_000, second))
    assert [row for _, row in written(store)] == [*first, *second]
    assert [row for _, row in written(store, limit=3)] == [first[2], *second]
    assert [row for _, row in written(store, limit=99)] == [*first, *second]
    assert [row for _, row in written(store, statuses=(500,))] == second
    assert [row for _, row in written(store, since=START + 1, until=START + 86_400_001)] == [
        *first[1:],
        second[0],
    ]
    assert written(store, tokens={}) == []
    assert len(written(store, tokens={START: {"address": b"a" * 32}})) == 3
    assert written(store, tokens={START: {"address": b"n" * 32}}) == []
    assert len(written(store, tokens={START: {"address": b"a" * 32, "network": b"n" * 32}})) == 3
    assert written(store, tokens={START: {"address": b"a" * 32, "network": b"x" * 32}}) == []


FULL = Row(
    START, b"a" * 32, b"n" * 32, "POST", "/a%b/{id}", 404, 5, b"p" * 40, "Firefox", "Linux", "desktop", "ES", 64500,
    "portal.example", 7,
)  # fmt: skip


def test_a_row_comes_back_as_it_was_written(place):
    store = place.store()
    store.write(Batch(START, [FULL, *rows(1)]))
    assert [row for _, row in written(store)] == [FULL, *rows(1)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"methods": ("POST",)}, "b"),
        ({"methods": ("POST", "GET")}, "abcd"),
        ({"countries": ("ES", "FR")}, "bc"),
        ({"asns": (64500,)}, "b"),
        ({"asns": (64500, 64501), "countries": ("FR",)}, "c"),
        ({"routes": ("/a",)}, ""),
        ({"routes": ("/a%b/{id}",)}, "b"),
        ({"routes": ("/a*",)}, "bc"),
        ({"routes": ("/a%*",)}, "b"),
        ({"routes": ("/x", "/a%*")}, "abd"),
        ({"routes": ("*",)}, "abcd"),
        ({"routes": ("/a_b*",)}, ""),
        ({"routes": ("'; drop table epoch; --",)}, ""),
        ({"routes": ("/a*",), "statuses": (404,), "limit": 1}, "c"),
        ({"countries": ("ES",), "tokens": {START: {"address": b"a" * 32}}}, "b"),
        ({"countries": ("ES",), "tokens": {START: {"address": b"x" * 32}}}, ""),
        ({"methods": ("GET",), "since": START + 1}, "d"),
    ],
)
def test_rows_are_found_by_what_is_in_them(place, query, found):
    store = place.store()
    other = FULL._replace(when=START + 1, route="/ab", country="FR", asn=64501)
    all_rows = {"a": rows(1)[0], "b": FULL, "c": other._replace(method="PUT"), "d": rows(1, when=START + 2)[0]}
    if "POST" in query.get("methods", ()) and found == "abcd":
        all_rows["c"] = other
    store.write(Batch(START, list(all_rows.values())))
    assert [row for _, row in written(store, **query)] == [all_rows[name] for name in found]


@pytest.mark.proves("addresses.path")
def test_a_raw_path_goes_with_the_address(place):
    store = place.store()
    without = FULL._replace(address=None)  # a proxy on a unix socket, which nobody has declared
    store.write(Batch(START, [FULL, without]))
    assert [epoch.lanes for epoch in store.epochs()] == [("address", "network")]
    for _ in store.forget(START, "address"):
        pass
    gone = FULL._replace(address=None, path=None)
    assert [row for _, row in written(store)] == [gone, gone]
    assert [epoch.lanes for epoch in store.epochs()] == [("network",)]
    assert Batch(START, [FULL]).without(["address"]).rows == [gone]
    assert Batch(START, [without]).lanes == (True, True)
    assert Batch(START, [gone]).lanes == (False, True)


def test_a_store_of_the_version_before_is_extended(tmp_path):
    path = tmp_path / "log.sqlite"
    log = f"log_{START // 3_600_000}"
    old = (
        """create table epoch (start integer primary key, log text not null, address integer not null,
        network integer not null)""",
        "create table lease (id integer primary key check (id = 1), owner text, until integer)",
        f"""create table {log} (id integer primary key, epoch integer not null, at integer not null,
        address blob, network blob, method text, route text, status integer, duration integer)""",
        f"insert into epoch values ({START}, '{log}', 1, 1)",
        f"insert into {log} values (1, {START}, {START}, x'{'61' * 32}', x'{'6e' * 32}', 'GET', '/x', 200, 5)",
        "pragma user_version=1",
    )
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in old:
            db.execute(statement)
    assert [row for _, row in written(store_of(tmp_path, create=False))] == rows(1)
    store = store_of(tmp_path)
    store.write(Batch(START, [FULL]))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:  # a worker of before, still running
        db.execute(old[2].replace(log, "log_9"))
        db.execute("insert into epoch values (32400000, 'log_9', 0, 0)")
        assert db.execute("pragma user_version").fetchone() == (2,)
    store.write(Batch(32_400_000, [FULL]))
    assert [row for _, row in written(store)] == [FULL, *rows(1), FULL]


def test_many_rows_are_read_in_pages(place):
    store = place.store()
    store.write(Batch(START, rows(5000)))
    assert [row.when for _, row in written(store)] == list(range(START, START + 5000))
    assert [row.when for _, row in written(store, limit=4100)] == list(range(START + 900, START + 5000))


def test_the_file_is_private(tmp_path):
    store = store_of(tmp_path / "data")
    store.write(Batch(START, rows()))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()}
    assert set(modes.values()) == {0o600}
    assert "log.sqlite-wal" in modes
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def pour(place, count, mark):
    store = place.store()
    for i in range(count):
        store.write(Batch(START, rows(10, address=bytes([mark]) * 32, when=START + i)))


def test_processes_share_a_store_while_one_purges(place):
    store = place.store()
    store.write(Batch(START - 86_400_000, rows(20_000)))
    workers = [fork.Process(target=pour, args=(place, 200, mark)) for mark in (1, 2)]
    for worker in workers:
        worker.start()
    for _ in store.purge(START - 86_400_000):
        time.sleep(0.002)
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert len(written(store)) == 4000
    assert [epoch.start for epoch in store.epochs()] == [START]


def pour_for_ever(place, pipe):
    store = place.store()
    for i in range(1_000_000):
        store.write(Batch(START, rows(10, when=START + i * 10)))
        pipe.send_bytes(b"%d" % i)


def test_a_killed_writer_loses_nothing_it_was_told_is_stored(place):
    for _ in range(3):
        receiving, sending = fork.Pipe(duplex=False)
        worker = fork.Process(target=pour_for_ever, args=(place, sending))
        worker.start()
        last = int(receiving.recv_bytes())
        end = time.monotonic() + 0.2
        while time.monotonic() < end:
            last = int(receiving.recv_bytes())
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
        store = place.store()
        found = len(written(store))
        assert found % 10 == 0
        assert found >= (last + 1) * 10
        if place.kind == "sqlite":
            with contextlib.closing(sqlite3.connect(place.data / "log.sqlite")) as db:
                assert db.execute("pragma integrity_check").fetchone() == ("ok",)
        for _ in store.purge(START):
            pass


@pytest.mark.proves("addresses.retention")
def test_a_purged_row_is_in_no_file(tmp_path):
    store = store_of(tmp_path)
    gone, kept = os.urandom(32), os.urandom(32)
    for _ in range(20):
        store.write(Batch(START, rows(200, address=gone)))
    store.write(Batch(START + 86_400_000, rows(address=kept)))
    assert store.scan_for([gone, kept, b"elsewhere"]) == {gone, kept}
    for _ in store.purge(START):
        pass
    assert store.settle()
    assert store.scan_for([gone, kept]) == {kept}
    assert bytes_in(tmp_path, gone) == []


def test_a_reader_in_the_way_is_told(tmp_path):
    store = store_of(tmp_path)
    store.write(Batch(START, rows()))
    with contextlib.closing(sqlite3.connect(tmp_path / "log.sqlite", isolation_level=None)) as reader:
        reader.execute("begin")
        reader.execute("select count(*) from epoch").fetchone()
        store.write(Batch(START, rows()))
        assert not store.settle()
        reader.execute("commit")
    assert store.settle()


def test_a_row_may_be_purged_while_it_is_read(place):
    store = place.store()
    for day in range(2):
        store.write(Batch(START + day * 86_400_000, rows(3000)))
    reading = store.read(Query())
    next(reading)
    for day in range(2):
        for _ in store.purge(START + day * 86_400_000):
            pass
    assert len(list(reading)) == 1999  # the page it had


@pytest.mark.proves("addresses.network")
def test_an_address_may_die_before_its_network(place, clock):
    keys = place.keys(clock, retention=7 * DAY, network_retention=30 * DAY)
    store = place.store()
    address = keys.sealing("address", START).seal(CLIENT)
    net = keys.sealing("network", START).seal(network(CLIENT))
    store.write(Batch(START, rows(1000, address=address, net=net)))
    clock.go(8 * DAY)
    keys.destroy_overdue()
    list(sweep(store, keys))
    assert {(row.address, row.network) for _, row in written(store)} == {(None, net)}
    assert [epoch.lanes for epoch in store.epochs()] == [("network",)]
    clock.go(23 * DAY)
    keys.destroy_overdue()
    list(sweep(store, keys))
    assert written(store) == []
    assert store.epochs() == []


def test_rows_whose_key_was_lost_go_at_their_limit(place, clock):
    keys, store = place.keys(clock), place.store()
    store.write(Batch(START, rows()))
    list(sweep(store, keys))
    assert len(written(store)) == 3
    clock.go(31 * DAY)
    list(sweep(store, keys))
    assert written(store) == []


def test_one_process_at_a_time_sweeps(place):
    one, two = place.store(), place.store()
    assert one.lease("one", 1000, 60_000)
    assert not two.lease("two", 2000, 60_000)
    assert one.lease("one", 2000, 60_000)
    assert two.lease("two", 62_000, 60_000)
    assert one.lease("one", 900, 60_000)  # the clock was set back: nobody can have asked for that long


@pytest.mark.proves("addresses.size")
def test_the_oldest_rows_go_when_the_store_is_full(place):
    store = place.store(max_bytes=400_000)
    for day in range(10):
        store.write(Batch(START + day * 86_400_000, rows(1000, when=START + day * 86_400_000)))
        store.trim()
    left = written(store)
    assert store.health()["bytes"] <= 400_000
    assert 1000 <= len(left) < 10_000
    assert left[-1][1].when == START + 9 * 86_400_000 + 999
    assert left == sorted(left)


def test_a_table_that_another_process_purged_is_made_anew(place):
    one, two = place.store(), place.store()
    one.write(Batch(START, rows()))
    for _ in two.purge(START):
        pass
    if place.kind == "sqlite":  # told once; the backlog tries again
        with pytest.raises(StoreError, match="no such table"):
            one.write(Batch(START, rows()))
    one.write(Batch(START, rows()))
    assert len(written(two)) == 3
    assert [epoch.start for epoch in two.epochs()] == [START]


def test_what_was_dropped_by_hand_is_made_anew(tmp_path, clock):
    keys, store = keys_of(tmp_path / "keys", clock), store_of(tmp_path)

    def drop(kind):
        with contextlib.closing(sqlite3.connect(tmp_path / "log.sqlite")) as db:
            for (name,) in db.execute(f"select name from sqlite_master where type = 'table' and {kind}").fetchall():
                db.execute(f"drop table {name}")

    for kind in ("name like 'log%'", "name = 'epoch'", "name = 'lease'", "1"):
        store.write(Batch(START, rows()))
        drop(kind)
        for call in (lambda: store.write(Batch(START, rows(2))), store.epochs, lambda: store.lease("one", 0, 1)):
            with contextlib.suppress(StoreError):  # told once, and tried again
                call()
        store.write(Batch(START, rows(2)))
        assert len(written(store)) >= 2
        assert store.lease("one", 1000, 60_000)
    drop("name like 'log%'")
    store.close()
    clock.go(40 * DAY)
    list(sweep(store, keys))
    assert store.epochs() == [], "a table that is not there does not keep others from going"


def test_a_store_that_is_moved_away_is_made_anew(tmp_path):
    store = store_of(tmp_path)
    store.write(Batch(START, rows()))
    for path in tmp_path.glob("log.sqlite*"):
        path.unlink()
    store.write(Batch(START, rows(2)))
    assert len(written(store)) == 2


@pytest.mark.parametrize("url", ["mysql://user:secret@host/db", "sqlite://x", "sqlite:///", "log.sqlite", ""])
def test_other_urls_are_refused_with_what_is_allowed(url):
    with pytest.raises(StoreError, match=r"allowed: sqlite:///") as caught:
        open_store(url)
    assert "secret" not in str(caught.value)


def newer(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("pragma user_version=99")


def rubbish(path):
    path.write_bytes(b"no database" * 500)


UNUSABLE = [
    pytest.param(newer, "written by a newer privacymw", id="newer"),
    pytest.param(rubbish, "not a database", id="rubbish"),
    pytest.param(Path.mkdir, "Is a directory", id="a folder"),
]


@pytest.mark.parametrize(("damage", "told"), UNUSABLE)
def test_a_file_that_cannot_be_used_is_told_by_each_call_and_left_alone(tmp_path, damage, told):
    path = tmp_path / "log.sqlite"
    damage(path)
    before = path.is_file() and path.read_bytes()
    store = store_of(tmp_path)
    for call in (store.epochs, store.health, lambda: store.write(Batch(START, rows()))):
        with pytest.raises(StoreError, match=told) as caught:
            call()
        assert f"mv {path} {path}.broken" in str(caught.value), "what to do"
    assert before == (path.is_file() and path.read_bytes())
    path.rename(tmp_path / "log.sqlite.broken")
    store.write(Batch(START, rows(2)))
    assert len(written(store)) == 2, "it goes on in a new one"


def test_what_a_damaged_file_left_beside_it_does_not_get_into_the_new_one(tmp_path):
    store = store_of(tmp_path)
    store.write(Batch(START, rows(500)))
    damaged = tmp_path / "log.sqlite"
    with damaged.open("r+b") as file:  # the write-ahead log stays as it is
        file.write(os.urandom(4096))
    shutil.copy(f"{damaged}-wal", tmp_path / "wal")
    store.close()
    shutil.copy(tmp_path / "wal", f"{damaged}-wal")
    damaged.rename(tmp_path / "log.sqlite.broken")
    store.write(Batch(START, rows(3)))
    assert len(written(store)) == 3
    with contextlib.closing(sqlite3.connect(damaged)) as db:
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize(("damage", "told"), UNUSABLE)
def test_the_evidence_of_a_file_that_cannot_be_used(tmp_path, clock, damage, told):
    """It is a finding, the keys are looked at all the same, and rows are not answered with none."""
    damage(tmp_path / "log.sqlite")
    keys = keys_of(tmp_path / "keys", clock)
    keys.prepare()
    log = open_log(tmp_path, clock=clock)
    findings = {finding.code: finding for finding in log.verify()}
    assert not findings["store-unreadable"].held
    assert told in findings["store-unreadable"].text or "unable to open" in findings["store-unreadable"].text
    assert findings["retention-keys"].held
    assert findings["retention-canary"].held
    with pytest.raises(StoreError, match=r"log\.sqlite: "):
        list(log.rows())
    clock.go(31 * DAY)
    assert not {finding.code: finding.held for finding in log.verify()}["retention-keys"]
    with pytest.raises(StoreError):
        log.purge()
    assert keys.home.live() == [], "its keys die all the same"


def test_the_evidence_of_keys_that_cannot_be_listed(tmp_path, clock):
    store_of(tmp_path).write(Batch(START, rows()))
    (tmp_path / "keys").write_text("in the way")
    findings = open_log(tmp_path, clock=clock).verify()
    assert [each.code for each in findings if not each.held] == ["keys-unreadable", "writer-alive"]


def open_as_nobody(folder, results):
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    for make in (lambda: store_of(folder / "data"), lambda: DirectoryHome(folder / "keys")):
        try:
            make()
            results.put("made")
        except StoreError as error:
            results.put(str(error))


def test_a_folder_that_cannot_be_written_is_refused_with_two_ways_out(tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    for parent in (tmp_path, *list(tmp_path.parents)[:2]):
        parent.chmod(parent.stat().st_mode | 0o055)
    results = fork.Queue()
    worker = fork.Process(target=open_as_nobody, args=(folder, results))
    worker.start()
    texts = [results.get(timeout=10) for _ in range(2)]
    worker.join()
    for text in texts:
        assert "Two ways out" in text
        assert "PRIVACYMW_DATA=" in text


# --- the log as it is read ---


def test_the_command_line_makes_nothing(tmp_path):
    with pytest.raises(StoreError, match=r"log\.sqlite: there is no log"):
        open_log(tmp_path / "nowhere")
    store_of(tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    list(open_log(tmp_path).rows())
    open_log(tmp_path).verify()
    assert sorted(path.name for path in tmp_path.iterdir() if "log.sqlite-" not in path.name) == before


def test_a_client_is_found_by_its_token(place, clock):
    keys, store = place.keys(clock), place.store()
    for day in range(2):
        for text in ("203.0.113.9", "203.0.113.8", "2001:db8::7"):
            epoch, packed = START + day * 86_400_000, pack(text)
            tokens = (
                keys.sealing("address", epoch).seal(packed),
                keys.sealing("network", epoch).seal(network(packed)),
            )
            store.write(Batch(epoch, rows(1, address=tokens[0], net=tokens[1], when=epoch)))
        clock.go(DAY)
    log = place.log(clock=clock)
    assert [entry.address for entry in log.rows(address="203.0.113.9")] == ["203.0.113.9"] * 2
    assert {entry.network for entry in log.rows(network="203.0.113.0/24")} == {"203.0.113.0/24"}
    assert len(list(log.rows(network="203.0.113.77"))) == 4
    assert len(list(log.rows(address="203.0.113.9", network="203.0.113.0/24"))) == 2
    assert list(log.rows(address="203.0.113.9", network="2001:db8::/48")) == []
    assert [entry.address for entry in log.rows(limit=1)] == ["2001:db8::7"]
    assert "203.0" not in repr(next(log.rows()))
    with pytest.raises(SettingsError, match="allowed") as caught:
        list(log.rows(address="203.0.113.999"))
    assert "203.0.113.999" not in str(caught.value)


def test_purge_by_hand_does_what_a_running_site_does(place, clock):
    keys, store = place.keys(clock), place.store()
    keys.prepare()
    store.write(Batch(START, rows()))
    clock.go(31 * DAY)
    log = place.log(clock=clock)
    findings = {finding.code: finding.held for finding in log.verify()}
    assert findings["retention-keys"] is False
    assert findings["retention-rows"] is False
    assert log.purge() == 4
    assert [finding.code for finding in log.verify() if not finding.held] == ["writer-alive"], "no site runs"
    assert list(log.rows()) == []


def test_an_address_in_the_clear_is_found_wherever_it_lies(tmp_path):
    store_of(tmp_path)
    for content in (b"x" * (1 << 20) + b" 203.0.113.9", bytes(5) + CLIENT, pack("2001:db8::1")):
        (tmp_path / "stray.log").write_bytes(content)
        (finding,) = [f for f in open_log(tmp_path).verify() if f.code == "retention-canary"]
        assert not finding.held
        assert "stray.log" in finding.text
        assert "203" not in finding.text
    (tmp_path / "stray.log").unlink()
    other = store_of(tmp_path / "other")
    other.write(Batch(START, [Row(START, None, None, "GET", "/clients/192.0.2.1", 200, 5)]))
    log = open_log(tmp_path, url=f"sqlite:///{tmp_path}/other/log.sqlite")
    log.data = tmp_path / "keys"
    told = {f.code: f.text for f in log.verify() if not f.held}
    assert told["retention-canary"] == "documentation addresses in the clear in the store"
