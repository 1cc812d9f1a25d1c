"""What is kept of an address and how long: the modes, the deaths one after the other, and a legal hold."""

import datetime
import json
import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disk import bytes_in
from privacymw.address import network, pack
from privacymw.errors import SettingsError
from privacymw.policies import Policy, daily
from privacymw.running import read_running
from privacymw.startup import start
from privacymw.store import DAY, Batch, Row, Terms, open_keys, open_log, open_store
from privacymw.store.base import KeyInfo, Query
from privacymw.store.retention import sweep
from sites import FACES, environ, portal
from test_cli import call
from test_journal import event, eventually, stored
from test_store import NOW, START, Clock, keys_of

CLIENT = pack("203.0.113.9")
MS = 86_400_000
SINCE = "2027-01-15"  # the day of START
START_DAY = datetime.date.fromisoformat(SINCE)


@pytest.fixture
def clock():
    return Clock()


def lanes_of(keys):
    return {(info.lane, info.start) for info in keys.home.live()}


def tokens(keys, epoch=START):
    """Both tokens of the client."""
    return keys.sealing("address", epoch).seal(CLIENT), keys.sealing("network", epoch).seal(network(CLIENT))


def fill(place, keys, *epochs, count=3):
    """Sealed rows in a store."""
    store = place.store()
    for epoch in epochs:
        one, net = tokens(keys, epoch)
        store.write(Batch(epoch, [Row(epoch + i, one, net, "GET", "/x", 200, 5) for i in range(count)]))
    return store


def seen(place, clock, **terms):
    """What the command line would list: per row the address and the network."""
    return [(each.address, each.network) for each in place.log(clock=clock, terms=Terms(**terms)).rows()]


WHOLE, NETWORK, NOTHING = ("203.0.113.9", "203.0.113.0/24"), (None, "203.0.113.0/24"), (None, None)


def turn(place, clock, **terms):
    """A start under these terms and a sweep; the keys."""
    keys = place.keys(clock, **terms)
    keys.destroy_overdue()
    list(sweep(place.store(), keys))
    return keys


# --- the stages


@pytest.mark.proves("addresses.retention", "addresses.network")
def test_a_whole_address_then_its_network_then_nothing(place, clock):
    terms = {"retention": 7 * DAY, "network_retention": 30 * DAY}
    keys = place.keys(clock, **terms)
    fill(place, keys, START)
    secrets = {lane: keys.home.load(lane, START)[1] for lane in ("address", "network")}
    clock.go(START / 1000 + 7 * DAY - NOW - 0.5)
    turn(place, clock, **terms)
    assert seen(place, clock, **terms) == [WHOLE] * 3
    clock.go(0.5)
    assert seen(place, clock, **terms) == [NETWORK] * 3, "whether or not anybody has destroyed the key"
    turn(place, clock, **terms)
    assert seen(place, clock, **terms) == [NETWORK] * 3
    assert [row.address for _, row in place.store().read(Query())] == [None] * 3, "who is the same is not told either"
    assert bytes_in(place.data, secrets["address"]) == []
    clock.go(23 * DAY - 0.5)
    turn(place, clock, **terms)
    assert seen(place, clock, **terms) == [NETWORK] * 3
    clock.go(0.5)
    turn(place, clock, **terms)
    assert seen(place, clock, **terms) == []
    assert bytes_in(place.data, *secrets.values()) == []
    assert {(grave.lane, grave.start) for grave in keys.home.gone()} >= {("address", START), ("network", START)}


# --- the modes


@pytest.mark.parametrize(
    ("mode", "lanes"), [("whole", {"address", "network"}), ("network", {"network"}), ("none", set()), ("off", set())]
)
def test_only_the_keys_of_a_mode_are_made(place, clock, mode, lanes):
    keys = place.keys(clock, mode=mode)
    keys.prepare()
    assert lanes_of(keys) == {(lane, start) for lane in lanes for start in (START, START + MS)}
    for lane in ("address", "network"):
        assert (keys.sealing(lane, START) is not None) == (lane in lanes)
    assert keys.destroy_overdue() == 0
    clock.go(31 * DAY)
    assert keys.destroy_overdue() == 2 * len(lanes)


def test_a_mode_that_keeps_less_acts_at_once_on_what_is_stored(place, clock):
    keys = place.keys(clock)
    store = fill(place, keys, START)
    keys.prepare()
    spent = [keys.home.load("address", start)[1] for start in (START, START + MS)]
    assert seen(place, clock, mode="network") == [NETWORK] * 3, "no key opens it, even before it is destroyed"
    keys = turn(place, clock, mode="network")
    assert bytes_in(place.data, *spent) == []
    assert lanes_of(keys) == {("network", START), ("network", START + MS)}
    assert {row.address for _, row in store.read(Query())} == {None}
    assert seen(place, clock, mode="network") == [NETWORK] * 3
    keys = turn(place, clock, mode="none")
    assert lanes_of(keys) == set()
    assert [row[1:3] for _, row in store.read(Query())] == [(None, None)] * 3, "the rows stay for their time"
    turn(place, clock, mode="off")
    assert list(store.read(Query())) == []
    assert list(store.epochs()) == []


@pytest.mark.proves("addresses.retention")
def test_rows_without_addresses_go_at_their_limit_too(place, clock):
    store = place.store()
    store.write(Batch(START, [Row(START, None, None, "GET", "/x", 200, 5)]))
    terms = {"mode": "none", "retention": 7 * DAY}
    keys = turn(place, clock, **terms)
    assert keys.next_deadline() == START + MS, "some day's rows may have to go then"
    clock.go(START / 1000 + 7 * DAY - NOW - 1)
    keys = turn(place, clock, **terms)
    assert len(list(store.read(Query()))) == 1
    assert keys.next_deadline() == START + 7 * MS
    clock.go(1)
    findings = {each.code: each.held for each in place.log(clock=lambda: clock() + 61, terms=Terms(**terms)).verify()}
    assert not findings["retention-rows"]
    turn(place, clock, **terms)
    assert list(store.read(Query())) == []


def test_rows_keep_what_their_keys_promised_when_no_keys_are_made_any_more(place, clock):
    store = fill(place, place.keys(clock, retention=7 * DAY), START)
    clock.go(DAY)
    turn(place, clock, mode="none", retention=90 * DAY)
    clock.go(START / 1000 + 7 * DAY - NOW - DAY - 1)
    turn(place, clock, mode="none", retention=90 * DAY)
    assert len(list(store.read(Query()))) == 3
    clock.go(1)
    turn(place, clock, mode="none", retention=90 * DAY)
    assert list(store.read(Query())) == []


def test_back_to_whole_begins_with_new_keys(place, clock):
    fill(place, place.keys(clock), START)
    turn(place, clock, mode="none")
    keys = turn(place, clock)
    assert keys.sealing("address", START) is None, "a destroyed key is never made again"
    clock.go(2 * DAY)
    assert keys.sealing("address", START + 2 * MS)


def test_clock_leaps_hold_in_each_mode(place, clock):
    for mode, kept in (("network", 1), ("none", 1), ("whole", 1)):
        keys = place.keys(clock, mode=mode)
        store = place.store()
        store.write(Batch(keys.terms.start_of(keys.now()), [Row(keys.now(), None, None, "GET", "/x", 200, 5)]))
        keys.prepare()
        keys.destroy_overdue()
        live = lanes_of(keys)
        clock.now += 400 * DAY  # the uptime stands still
        assert keys.destroy_overdue() == 0
        list(sweep(store, keys))
        assert (lanes_of(keys), len(list(store.read(Query())))) == (live, kept)
        clock.now -= 400 * DAY
        keys.destroy_overdue()
        clock.go(601)
        keys.destroy_overdue()
        list(sweep(store, keys))
        assert (lanes_of(keys), len(list(store.read(Query())))) == (live, kept)
        clock.now += 400 * DAY
        keys.destroy_overdue()
        clock.go(601)
        keys.destroy_overdue()
        list(sweep(store, keys))
        assert (lanes_of(keys), list(store.read(Query()))) == (set(), [])


@pytest.mark.parametrize(("mode", "queued"), [("whole", "203.0.113.9"), ("network", "203.0.113.0"), ("none", None)])
@pytest.mark.parametrize("face", FACES)
@pytest.mark.proves("addresses.what")
def test_an_address_is_cut_before_it_waits(face, mode, queued, tmp_path):
    site = portal(face, addresses_mode=mode, data=str(tmp_path), trusted_proxies="1")
    journal = site.started.services.journal
    journal.before_fork()  # the writer stands still
    site.ask("/x", ("host", "portal.example"), ("x-forwarded-for", "203.0.113.9"))
    waiting = [each[1] for each in journal._queue]
    assert waiting == [queued and pack(queued)]
    journal.after_fork(child=False)
    assert journal.flush()
    found = [
        (each.address, each.network) for each in open_log(tmp_path, terms=site.started.policy.addresses.terms).rows()
    ]
    assert found == [{"whole": WHOLE, "network": NETWORK, "none": NOTHING}[mode]]
    assert journal.counts()["unsealed"] == 0
    assert [path.name.partition("-")[0] for path in sorted(tmp_path.glob("keys/*.key"))] == {
        "whole": ["address"] * 2 + ["network"] * 2, "network": ["network"] * 2, "none": [],
    }[mode]  # fmt: skip
    site.started.pipeline.close()
    assert bytes_in(tmp_path, CLIENT) == []


@pytest.mark.proves("addresses.none")
def test_a_site_that_logs_no_more_takes_its_log_away(tmp_path):
    first = start({"PRIVACYMW_DATA": str(tmp_path)})
    first.services.journal.put(event())
    first.pipeline.close()
    assert stored(tmp_path) == 1
    second = start({"PRIVACYMW_DATA": str(tmp_path), "PRIVACYMW_ADDRESSES_MODE": "off"})
    assert not list(tmp_path.glob("keys/*.key")), "before the first request"
    assert eventually(lambda: stored(tmp_path) == 0)
    assert read_running(tmp_path)["log"]["terms"]["mode"] == "off"
    second.pipeline.close()


def test_a_dry_run_ends_nothing_early(tmp_path):
    first = start({"PRIVACYMW_DATA": str(tmp_path)})
    first.services.journal.put(event())
    first.pipeline.close()
    second = start({"PRIVACYMW_DATA": str(tmp_path), "PRIVACYMW_MODE": "observe"})
    assert read_running(tmp_path)["log"]["terms"]["mode"] == "whole"
    done = call("addresses", "purge", "--yes", "--json", "--data", str(tmp_path), cwd=tmp_path)
    assert json.loads(done.out) == {"keys_destroyed": 0}
    second.pipeline.close()
    assert stored(tmp_path) == 1


# --- a legal hold


def hold(since=START / 1000, lasting=60 * DAY):
    return {"hold_since": since, "hold_until": since + lasting}


@pytest.mark.parametrize("mode", ["whole", "network", "none"])
@pytest.mark.proves("addresses.hold")
def test_what_a_hold_reaches_lives_until_its_end_and_not_a_moment_longer(place, clock, mode):
    keys = place.keys(clock, retention=7 * DAY)
    fill(place, keys, START - MS, START)
    secret = keys.home.load("address", START)[1]
    terms = {"retention": 7 * DAY, "mode": mode, **hold()}
    turn(place, clock, **terms)
    clock.go(10 * DAY)
    turn(place, clock, **terms)
    assert seen(place, clock, **terms) == [WHOLE] * 3, "the day before was not held; what was whole stays whole"
    finding = next(
        each for each in place.log(clock=clock, terms=Terms(**terms)).verify() if each.code == "hold-in-force"
    )
    assert finding.held
    assert finding.text == "a hold keeps what was logged from 2027-01-15 on until 2027-03-16; 2 keys live by it"
    clock.go(START / 1000 + 60 * DAY - clock() - 0.5)
    keys = turn(place, clock, **terms)
    assert seen(place, clock, **terms) == [WHOLE] * 3
    assert keys.next_deadline() == START + 60 * MS
    clock.go(0.5)
    assert seen(place, clock, **terms) == [NOTHING] * 3
    turn(place, clock, **terms)
    assert seen(place, clock, **terms) == []
    assert bytes_in(place.data, secret) == []
    assert "hold-in-force" not in {each.code for each in place.log(clock=clock, terms=Terms(**terms)).verify()}


def test_keys_made_during_a_hold_store_their_ordinary_deadline(place, clock):
    keys = place.keys(clock, retention=7 * DAY, **hold())
    keys.prepare()
    (mine,) = [info for info in keys.home.live() if info[:2] == ("address", START)]
    assert mine.deadline == START + 7 * MS
    assert keys.deadline(mine) == START + 60 * MS
    assert place.keys(clock, retention=7 * DAY).deadline(mine) == START + 7 * MS, (
        "a hold that is lifted is over at once"
    )


def test_a_destroyed_key_stays_destroyed_under_a_hold(place, clock):
    keys = place.keys(clock, retention=7 * DAY)
    fill(place, keys, START)
    clock.go(8 * DAY)
    assert keys.destroy_overdue() == 2
    terms = {"retention": 7 * DAY, **hold()}
    turn(place, clock, **terms)
    assert seen(place, clock, **terms) == [NOTHING] * 3, "rows are not swept"
    assert place.keys(clock, **terms).sealing("address", START) is None


def test_a_hold_is_no_excess_of_keys(place, clock):
    terms = {"retention": 2 * DAY, **hold(lasting=20 * DAY)}
    keys = place.keys(clock, **terms)
    for _ in range(12):
        keys.prepare()
        keys.destroy_overdue()
        clock.go(DAY)
    assert len([name for name in lanes_of(keys) if name[0] == "address"]) == 13
    clock.go(8 * DAY)
    keys.destroy_overdue()
    assert lanes_of(keys) == set()


def test_a_half_destroyed_key_is_buried_under_a_hold(tmp_path, clock):
    keys = keys_of(tmp_path, clock, **hold())
    keys.prepare()
    path = tmp_path / f"address-{START}.key"
    path.write_bytes(bytes(path.stat().st_size))
    assert keys_of(tmp_path, clock, **hold()).destroy_overdue() == 1


HOUR = 3_600_000
moments = st.integers(0, 400 * 24).map(lambda hours: hours * HOUR)


@given(start=moments, stored_for=moments, retention=st.integers(1, 200), since=moments, lasting=moments, now=moments)
def test_a_deadline_is_the_ordinary_one_or_the_end_of_the_hold(
    tmp_path_factory, start, stored_for, retention, since, lasting, now
):
    class Home:
        pass

    terms = Terms(retention * DAY, hold_since=since / 1000, hold_until=(since + lasting) / 1000)
    from privacymw.store import Keys

    keys = Keys(Home(), terms, clock=lambda: now / 1000)
    info = KeyInfo("address", start, start + stored_for, MS)
    ordinary = min(start + stored_for, start + retention * MS)
    held = start + MS > since
    assert keys.deadline(info) == (max(ordinary, since + lasting) if held else ordinary)
    assert keys.ordinary_deadline(info) == ordinary


def test_at_the_end_of_a_hold_a_running_site_destroys_at_once(place):
    """By the real clock, by the thread of a site that nobody restarts."""
    now = time.time()
    terms = Terms(retention=2, epoch=1, hold_since=int(now), hold_until=int(now) + 7)
    journal = place.journal(terms)
    journal.put(event())
    assert journal.flush()
    home = place.home()
    spent = [home.load(info.lane, info.start)[1] for info in home.live() if info.start / 1000 <= time.time()]
    time.sleep(max(now + 4.5 - time.time(), 0))
    assert [entry.address for entry in place.log(terms=terms).rows()] == ["203.0.113.9"], "its retention was 2 seconds"
    time.sleep(max(int(now) + 7 - time.time(), 0))
    assert [entry.address for entry in place.log(terms=terms).rows() if entry.address] == []
    if place.kind == "sqlite":
        assert eventually(lambda: not bytes_in(place.data, *spent), 1)
    assert eventually(lambda: stored(place) == 0, 3)
    journal.close()


# --- the hold's settings, and what is said of it


def addresses(**settings):
    return Policy.from_env(environ(**{f"addresses_{name}": text for name, text in settings.items()})).addresses


@pytest.mark.parametrize(
    ("settings", "told", "paste"),
    [
        ({"hold_since": "2027-01-15"}, "a hold has an end", "HOLD_UNTIL=2027-04-15"),
        ({"hold_until": "2027-01-15"}, "a hold has two days", "HOLD_SINCE=2026-10-17"),
        ({"hold_since": "2027-01-15", "hold_until": "2027-01-15"}, "not after", "HOLD_UNTIL=2027-04-15"),
        ({"hold_since": "2027-01-15", "hold_until": "2028-01-17"}, "more than 366 days", "HOLD_UNTIL=2028-01-16"),
        ({"hold_since": "9999-12-30"}, "a hold has an end", "HOLD_UNTIL=9999-12-31"),
        ({"hold_since": "2027-01-15", "hold_until": "2027-02-15", "mode": "off"}, "takes away at once", "MODE=none"),
        ({"hold_since": "15.1.2027", "hold_until": "2027-02-15"}, "Invalid isoformat", ""),
        ({"mode": "network", "network_retention": "1h"}, "than PRIVACYMW_ADDRESSES_EPOCH", "NETWORK_RETENTION=1d"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused(settings, told, paste):
    with pytest.raises(SettingsError, match=told) as caught:
        addresses(**settings)
    assert paste in str(caught.value)


def test_the_longest_hold_and_a_short_network_are_accepted():
    assert addresses(hold_since=SINCE, hold_until="2028-01-16").is_held(START_DAY)
    assert addresses(mode="network", network_retention="7d").longest == 7 * 86_400
    assert addresses(mode="none", network_retention="7d").longest == 7 * 86_400


def test_the_days_of_a_hold_are_those_of_utc():
    terms = addresses(hold_since=SINCE, hold_until="2027-02-15").terms
    assert (terms.hold_since * 1000, terms.hold_until * 1000) == (START, START + 31 * MS)


def test_a_hold_is_told_while_it_lasts_and_no_day_longer():
    held = {
        "addresses_hold_since": SINCE,
        "addresses_hold_until": "2027-02-15",
        "addresses_hold_reason": "Doe {v.} Doe.",
    }
    policy, days = Policy.from_env(environ(**held)), []
    sections = daily(policy, lambda: days[-1])

    def sentences(day, language="en"):
        days.append(datetime.date.fromisoformat(day))
        section = next(each for each in sections(language) if each.name == "addresses")
        return {each.name: each for each in section.sentences}, str(section.tables)

    for day in ("2026-12-01", "2027-02-14"):
        told, table = sentences(day)
        assert told["addresses.hold"].text.startswith(
            "The exception: what was logged from January 15, 2027 on is kept until"
        )
        assert "February 15, 2027" in told["addresses.hold"].text
        assert told["addresses.hold"].kept
        assert told["addresses.hold_reason"].text == "Our reason: Doe {v.} Doe."
        assert told["addresses.hold_reason"].by
        assert told["addresses.retention"].text.startswith("But for one exception, your address")
        assert "30 days, but for the exception" in table
    assert "15 de enero de 2027" in sentences("2027-02-14", "es")[0]["addresses.hold"].text
    told, table = sentences("2027-02-15")
    assert not {"addresses.hold", "addresses.hold_reason"} & told.keys()
    assert told["addresses.retention"].text.startswith("Your address can be read for at most 30 days while")
    assert "exception" not in table


@pytest.mark.parametrize("face", FACES)
def test_the_page_as_it_is_served_tells_the_hold(face, tmp_path):
    today = datetime.datetime.now(datetime.UTC).date()
    until = str(today + datetime.timedelta(days=20))
    site = portal(face, data=str(tmp_path), addresses_hold_since=str(today), addresses_hold_until=until)
    ended = portal(face, data=str(tmp_path), addresses_hold_since="2020-01-01", addresses_hold_until="2020-12-31")
    for path in ("/privacy/notice", "/privacy/notice.json", "/privacy/notice.md", "/privacy/notice.txt"):
        assert "But for one exception," in " ".join(site.ask(path).body.decode().split())
        assert "exception" not in ended.ask(path).body.decode()
    for each in (site, ended):
        each.started.pipeline.close()


def test_a_hold_that_is_over_is_withdrawn_and_stops_no_start(tmp_path, caplog):
    caplog.set_level(logging.WARNING, "privacymw")
    held = {"PRIVACYMW_ADDRESSES_HOLD_SINCE": "2020-01-01", "PRIVACYMW_ADDRESSES_HOLD_UNTIL": "2020-06-01"}
    start({"PRIVACYMW_DATA": str(tmp_path), **held}).pipeline.close()
    assert "the legal hold ended on 2020-06-01: it is withdrawn" in caplog.text
    assert "Unset PRIVACYMW_ADDRESSES_HOLD_SINCE, PRIVACYMW_ADDRESSES_HOLD_UNTIL" in caplog.text


def test_another_process_judges_by_the_same_hold(tmp_path, caplog):
    today = datetime.datetime.now(datetime.UTC).date()
    days = [str(today - datetime.timedelta(days=30)), str(today + datetime.timedelta(days=30))]
    site = start({
        "PRIVACYMW_DATA": str(tmp_path), "PRIVACYMW_ADDRESSES_RETENTION": "7d",
        "PRIVACYMW_ADDRESSES_HOLD_SINCE": days[0], "PRIVACYMW_ADDRESSES_HOLD_UNTIL": days[1],
    })  # fmt: skip
    assert f"a legal hold keeps what was logged from {days[0]} on until {days[1]}" in caplog.text
    journal = site.services.journal
    keys = open_keys(tmp_path / "keys", site.policy.addresses.terms)
    epoch = keys.terms.start_of(keys.now() - 10 * MS)
    keys.home.make(KeyInfo("address", epoch, epoch + 7 * MS, MS))
    seal = keys.opening("address", epoch)
    store = open_store(f"sqlite:///{tmp_path}/log.sqlite")
    store.write(Batch(epoch, [Row(epoch, seal.seal(CLIENT), None, "GET", "/x", 200, 5)]))
    assert journal.flush()
    purge = call("addresses", "purge", "--yes", "--json", "--data", str(tmp_path), cwd=tmp_path)
    assert json.loads(purge.out) == {"keys_destroyed": 0}
    shown = json.loads(call("addresses", "list", "--json", "--data", str(tmp_path), cwd=tmp_path).out)
    assert [each["address"] for each in shown] == ["203.0.113.9"]
    done = call("addresses", "verify", "--data", str(tmp_path), cwd=tmp_path)
    assert done.code == 0, done.out
    line = next(line for line in done.out.splitlines() if "hold-in-force" in line)
    assert line.startswith("note")
    assert line.endswith(f"a hold keeps what was logged from {days[0]} on until {days[1]}; 1 keys live by it")
    site.pipeline.close()
