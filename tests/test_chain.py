"""The chain of versions and keys: real processes, real files and databases, a disk that is full."""

import json
import multiprocessing
import os
import stat
import subprocess
import time

import pytest

from disk import fill, small_disk
from privacymw.cli import main
from privacymw.errors import StoreError
from privacymw.store import DAY, Keys, Terms
from privacymw.store.chain import FileChain, Link, digest, faults, head_of, told
from privacymw.store.keyhome import DirectoryHome
from privacymw.store.ledger import Ledger
from test_store import START, Clock

fork = multiprocessing.get_context("fork")
SHORT = Terms(2, None, 1)
DAYS = 86_400_000


@pytest.fixture
def clock():
    return Clock()


def versions(count):
    return [Link(kind="version", number=each, effective="2026-01-31", sha256=f"{each:064x}") for each in range(count)]


def chain_of(place):
    """As the site and the command line see it."""
    return place.home().chain(place.data)


def names(chain):
    return [(link.kind, link.lane, link.start) for link in told(chain.lines())]


# --- lines


@pytest.fixture
def lines(tmp_path):
    chain = FileChain(tmp_path / "chain.jsonl")
    for when in range(3):
        assert chain.append(versions(2 * when + 2), when) == 2
    return chain.lines()


def test_each_line_names_the_one_before(lines):
    assert faults(lines) == []
    links = [json.loads(line) for line in lines]
    assert [link["entry"] for link in links] == [1, 2, 3, 4, 5, 6]
    assert "previous" not in links[0]
    assert [link["previous"] for link in links[1:]] == [digest(line) for line in lines[:-1]]


def test_the_head_is_what_sha256sum_says_of_the_last_line(tmp_path, lines):
    path = tmp_path / "chain.jsonl"
    said = subprocess.run(["bash", "-c", f"tail -n 1 {path} | sha256sum"], capture_output=True, text=True, check=True)
    head = FileChain(path).head()
    assert said.stdout.split()[0] == head.digest
    assert (head.entries, head.at) == (6, 0.002)


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize(
    "harm",
    [
        lambda lines, n: [*lines[:n], *lines[n + 1 :]],
        lambda lines, n: [*lines[:n], lines[n].replace(b"2026", b"2025"), *lines[n + 1 :]],
        lambda lines, n: [*lines[:n], lines[n], *lines[n:]],
        lambda lines, n: [*lines[:n], b'{"more":1}\n', *lines[n + 1 :]],
        lambda lines, n: [*lines[:n], lines[n + 1], lines[n], *lines[n + 2 :]],
    ],
    ids=["taken out", "changed", "doubled", "replaced", "swapped"],
)
def test_a_harm_to_any_line_but_the_last_shows(lines, number, harm):
    assert faults(harm(lines, number))


def test_a_harm_to_the_last_line_shows_by_its_digest_alone(lines):
    changed = [*lines[:-1], lines[-1].replace(b"2026", b"2025")]
    assert faults(changed) == faults(lines[:-1]) == []
    assert len({digest(lines[-1]), digest(changed[-1]), digest(lines[-2])}) == 3


def test_half_a_line_of_a_killed_process_is_none(tmp_path, lines):
    path = tmp_path / "chain.jsonl"
    path.write_bytes(b"".join(lines) + lines[2][:40])
    chain = FileChain(path)
    assert chain.lines() == lines
    assert chain.head() == head_of(lines[-1])
    assert chain.append(versions(7), 9) == 1
    assert faults(chain.lines()) == []
    assert len(chain.lines()) == 7


def test_it_is_private(tmp_path, lines):
    assert stat.S_IMODE((tmp_path / "chain.jsonl").stat().st_mode) == 0o600


def test_garbage_is_told_and_stops_nobody(tmp_path, lines):
    path = tmp_path / "chain.jsonl"
    path.write_bytes(b"\xff\x00\n")
    chain = FileChain(path)
    with pytest.raises(StoreError, match="cannot be read"):
        chain.head()
    assert chain.append(versions(1), 1) == 1
    assert faults(chain.lines()) == ["line 1 is no entry"]


def enter(place, barrier, turns):
    chain = chain_of(place)
    barrier.wait()
    for turn in range(turns):
        chain.append(versions(turn + 1), turn)


def test_racing_processes_enter_each_once(place):
    barrier = fork.Barrier(6)
    workers = [fork.Process(target=enter, args=(place, barrier, 20)) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    chain = chain_of(place)
    assert faults(chain.lines()) == []
    assert [link.number for link in told(chain.lines())] == list(range(20))


# --- births and deaths


def test_a_birth_and_a_death_are_entered_by_a_running_site(place):
    journal = place.journal(SHORT, versions=versions(2))
    journal.start()
    chain = chain_of(place)
    begun = names(chain)
    assert begun[:2] == [("version", None, None)] * 2
    assert {kind for kind, *_ in begun[2:]} == {"key-made"}
    end = time.monotonic() + 20
    while sum(kind == "key-destroyed" for kind, *_ in names(chain)) < 6:
        assert time.monotonic() < end
        time.sleep(0.2)
    journal.close()
    links = list(told(chain.lines()))
    assert faults(chain.lines()) == []
    assert len({link.name for link in links}) == len(links)
    graves = {(grave.lane, grave.start): grave.destroyed for grave in place.home().gone()}
    dead = {link.epoch: link.destroyed for link in links if link.kind == "key-destroyed"}
    assert dead.items() <= graves.items()
    assert all(link.at >= link.destroyed >= link.deadline for link in links if link.kind == "key-destroyed")


def test_what_nobody_could_enter_is_entered_from_the_tombstones(place, clock):
    keys = place.keys(clock)
    keys.prepare()
    clock.go(40 * DAY)
    assert keys.destroy_overdue() == 4  # by a process that is killed at once
    chain = chain_of(place)
    assert chain.lines() == []
    ledger = Ledger(keys, chain)
    for _ in range(2):
        ledger.record()
        Ledger(keys, chain).record()  # of another worker
    assert sorted(names(chain)) == [
        ("key-destroyed", lane, start) for lane in ("address", "network") for start in (START, START + DAYS)
    ]
    assert {link.destroyed for link in told(chain.lines())} == {int(clock() * 1000)}


def test_a_full_disk_stops_no_death_and_it_is_entered_later(tmp_path, clock):
    with small_disk(tmp_path / "disk") as disk:
        keys = Keys(DirectoryHome(disk / "keys"), Terms(), clock=clock, uptime=clock.uptime)
        keys.prepare()
        chain = FileChain(disk / "chain.jsonl")
        ledger = Ledger(keys, chain, versions(40))
        ballast = fill(disk)
        clock.go(40 * DAY)
        assert keys.destroy_overdue() == 4
        with pytest.raises(StoreError, match="cannot write the chain"):
            ledger.record()
        assert chain.lines() == []
        ballast.unlink()
        ledger.record()
        assert len(chain.lines()) == 44
        assert faults(chain.lines()) == []


def test_a_site_without_room_starts_and_its_keys_die(tmp_path):
    from places import SqlitePlace

    with small_disk(tmp_path / "disk") as disk:
        place = SqlitePlace(disk)
        journal = place.journal(SHORT, versions=versions(40))
        (disk / "chain.jsonl").unlink()
        ballast = fill(disk)
        journal.start()
        end = time.monotonic() + 20
        while len(place.home().gone()) < 4:
            assert time.monotonic() < end
            time.sleep(0.1)
        assert chain_of(place).lines() == []
        ballast.unlink()
        while not chain_of(place).lines():
            assert time.monotonic() < end
            time.sleep(0.2)
        journal.close()
        dead = {(lane, start) for kind, lane, start in names(chain_of(place)) if kind == "key-destroyed"}
        assert {(grave.lane, grave.start) for grave in place.home().gone()[:4]} <= dead


def test_a_chain_that_somebody_took_away_begins_anew(tmp_path, clock):
    keys = Keys(DirectoryHome(tmp_path / "keys"), Terms(), clock=clock, uptime=clock.uptime)
    keys.prepare()
    ledger = Ledger(keys, FileChain(tmp_path / "chain.jsonl"))
    ledger.record()
    (tmp_path / "chain.jsonl").unlink()
    ledger.record()
    assert len(FileChain(tmp_path / "chain.jsonl").lines()) == 4


# --- what verify says of it


def found(place, **options):
    return {each.code: each for each in place.log(**options).verify()}


def harmed(place, number):
    """Changes an entry, as whoever owns the file or the database can."""
    if place.kind == "sqlite":
        path = place.data / "chain.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        lines[number] = lines[number].replace(b'"lane":"', b'"lane":"x')
        path.write_bytes(b"".join(lines))
    else:
        place.ask(
            'update privacymw.chain set line = replace(line, \'"lane":"\', \'"lane":"x\') where entry = %s', number + 1
        )


def test_verify_finds_a_changed_entry(place):
    place.journal().close()
    whole = found(place)["chain"]
    assert whole.held
    assert digest(chain_of(place).lines()[-1]) in whole.text
    harmed(place, 1)
    broken = found(place)
    assert "chain" not in broken
    assert not broken["chain-broken"].held
    assert "line 3 does not follow the line before it" in broken["chain-broken"].text


def test_verify_finds_a_key_that_is_back(place, clock):
    """A backup of the keys was put back after their end."""
    keys = place.keys(clock)
    keys.prepare()
    chain_of(place).append([Link(kind="key-destroyed", lane="address", start=START, deadline=1, destroyed=1)], 1)
    assert place.store().epochs() == []
    log = place.log(clock=clock)
    told_of = {each.code: each for each in log.verify()}
    assert told_of["chain-broken"].text == (
        "the chain of versions and keys: 1 keys that it tells as destroyed are there"
    )


def test_a_log_from_before_the_chain_has_none_yet(place):
    place.journal().close()
    if place.kind == "sqlite":
        (place.data / "chain.jsonl").unlink()
    else:
        place.ask("drop table privacymw.chain")
    assert found(place)["chain"] == ("chain", "the chain of versions and keys: none yet", True)
    place.journal().close()
    assert len(chain_of(place).lines()) == 4


def test_the_command_says_so_and_ends_with_2(tmp_path, capsys):
    from places import SqlitePlace

    place = SqlitePlace(tmp_path)
    journal = place.journal()
    journal.start()
    end = time.monotonic() + 10
    while main(["addresses", "verify", "--data", str(tmp_path)]):  # until it gives its first sign of life
        assert time.monotonic() < end
        time.sleep(0.2)
    harmed(place, 0)
    assert main(["addresses", "verify", "--data", str(tmp_path)]) == 2
    assert "BROKEN  chain-broken" in capsys.readouterr().out
    journal.close()


def test_a_purge_by_command_enters_the_deaths(place):
    journal = place.journal(SHORT)
    journal.close()
    time.sleep(4)
    died = place.log(terms=SHORT).purge()
    assert died == 4
    assert sum(kind == "key-destroyed" for kind, *_ in names(chain_of(place))) == 4


def test_the_page_tells_the_head(place):
    place.journal().close()
    from privacymw.logplace import LogPlace

    witness = LogPlace(place.url, place.keys_at, Terms(), ("the secret that all machines share",)).witness(place.data)
    assert witness.account().chain == head_of(chain_of(place).lines()[-1])


def test_nothing_of_a_visitor_is_in_it(place):
    journal = place.journal()
    journal.start()
    from privacymw.address import pack

    journal.put((time.time_ns() // 1_000_000, pack("203.0.113.9"), "GET", "/members/{id}", 200, 5, "", "Firefox", ""))
    assert journal.flush(5)
    journal.close()
    secrets = [place.home().load(info.lane, info.start)[1] for info in place.home().live()]
    text = b"".join(chain_of(place).lines())
    assert set(json.loads(text.splitlines()[-1])) == {
        "entry",
        "kind",
        "at",
        "lane",
        "start",
        "deadline",
        "previous",
    } | ({"key"} if place.kind == "postgresql" else set())
    assert not any(secret in text or secret.hex().encode() in text for secret in secrets)
    assert b"203.0.113" not in text
    assert os.fsencode(str(place.data)) not in text
