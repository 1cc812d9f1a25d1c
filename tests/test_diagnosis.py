"""`privacymw addresses` at three in the morning: filters, counts, plots, disclosure, and what other programs read."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from privacymw.address import network, pack
from privacymw.cli import show, spreadsheet
from privacymw.store import DAY, Batch, Keys, Row, Terms, open_log
from privacymw.store.coverage import DESTROYED, LOST, OPEN, UNKNOWN, Span, joined, spans, within
from privacymw.store.keyhome import DirectoryHome
from privacymw.store.sqlite import SqliteStore
from servers import needed
from test_cli import (
    AS_NOBODY,
    ESCAPE,
    WITHOUT_RICH,
    Done,
    as_root,
    at_terminal,
    call,
    environment,
    owners,
    program,
    public_folder,
    script,
)

ROOT = Path(__file__).parent.parent
NOW = time.time()
HOUR = 3600.0
ONE, TWO, SIX = "203.0.113.7", "203.0.113.8", "2001:db8::1"
READERS = [
    ["list"],
    ["top"],
    ["timeline"],
    ["tail"],
    ["show", ONE],
    ["disclose", "--address", ONE, "--at", "1h"],
    ["export"],
]


class Site:
    """The data folder of a site, with rows of our making in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = SqliteStore(folder / "log.sqlite", patience=5)
        self.home = DirectoryHome(folder / "keys")

    def keys(self, now: float) -> Keys:
        return Keys(self.home, Terms(), clock=lambda: now)

    def put(self, ago: float, address: str | None = ONE, count: int = 1, **columns: Any) -> None:
        """Rows of so many seconds ago, in one batch."""
        when = round((NOW - ago) * 1000)
        keys = self.keys(NOW - ago)
        epoch = keys.terms.start_of(when)
        packed = pack(address)
        tokens = [None, None]
        if packed:
            seals = [keys.sealing(lane, epoch) for lane in ("address", "network")]
            tokens = [seal.seal(each) for seal, each in zip(seals, (packed, network(packed))) if seal]  # noqa: B905
        row = Row(when, *tokens, "GET", "/members/{id}", 200, 1500)._replace(**columns)
        self.store.write(Batch(epoch, [row._replace(when=when + place) for place in range(count)]))

    def forget(self) -> None:
        """What a running site does by itself, but for the rows."""
        self.keys(time.time()).destroy_overdue()

    def run(self, *arguments: str, env: dict[str, str] | None = None) -> Done:
        return call("addresses", *arguments, "--data", str(self.folder), cwd=self.folder.parent, env=env)

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A few rows of the last hours, and of days before."""
    (tmp_path / "data").mkdir()
    made = Site(tmp_path / "data")
    made.put(40 * DAY, ONE, route="/old")
    made.put(2 * DAY, ONE, route="/", country="DE", asn=3320)
    made.put(3 * HOUR, ONE, 3, browser="Firefox", system="Linux", device="desktop", country="DE", asn=3320)
    made.put(2 * HOUR, TWO, 2, route="/members/new", method="POST", status=404, site="www.example.org")
    made.put(HOUR, SIX, 1, status=500, country="US", asn=15169, browser="Chrome", system="Android", device="mobile")
    made.put(HOUR / 2, None, 1, method="G\x1bET", route="/x\u202e\x07", status=400)
    made.forget()
    return made


# --- filters ---


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--since", "1d"], [200, 200, 200, 404, 404, 500, 400]),
        (["--status", "400-404"], [404, 404, 400]),
        (["--status", "404,5xx"], [404, 404, 500]),
        (["--route", "/members/new"], [404, 404]),
        (["--route", "/members/*"], [200, 200, 200, 404, 404, 500]),
        (["--method", "post"], [404, 404]),
        (["--country", "de,us"], [200, 200, 200, 200, 500]),
        (["--as", "AS15169"], [500]),
        (["--as", "3320", "--since", "1d"], [200, 200, 200]),
        (["--site", "www.example.org"], [404, 404]),
        (["--network", "203.0.113.0/24", "--method", "POST"], [404, 404]),
        (["--address", SIX, "--country", "US"], [500]),
        (["--until", "1d"], [200, 200]),
        (["--country", "FR"], []),
    ],
)
def test_each_filter_is_on_each_command_that_reads(options: list[str], found: list[int], site: Site) -> None:
    assert [entry["status"] for entry in site.json("list", *options)] == found
    timed = any(option in ("--since", "--until") for option in options)
    more = [] if timed else ["--since", "60d"]
    if "--until" not in options:
        assert site.json("top", *options, *more)["requests"] == len(found)
        assert site.json("timeline", *options, *more)["requests"] == len(found)
    assert len(site.run("export", *options).out.splitlines()) == len(found)


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--since", "tomorrow", "allowed are 30m, 1h, 2d (ago), today, yesterday"),
        ("--status", "404-401", "ends before it begins"),
        ("--status", "600", "allowed are 404, 5xx, 400-403"),
        ("--route", "members", "allowed are /members/{id}, and /members/*"),
        ("--route", "/*/x", "for all below"),
        ("--method", "GET POST", "allowed are GET, POST"),
        ("--country", "Germany", "two letters such as DE"),
        ("--as", "AS-3320", "allowed are 3320 or AS3320"),
        ("--site", "https://x", "allowed are www.example.org"),
        ("--network", "nonsense", "allowed: 203.0.113.9"),
    ],
)
def test_a_wrong_filter_says_what_is_allowed(option: str, value: str, told: str, site: Site) -> None:
    done = site.run("list", option, value)
    assert (done.code, done.out) == (1, "")
    assert told in done.err


def test_days_have_names(site: Site) -> None:
    today = NOW // DAY * DAY
    before = site.json("list", "--until", "yesterday")
    assert {entry["route"] for entry in before} == {"/old", "/"}
    assert all(entry["when"] >= today for entry in site.json("list", "--since", "today"))


# --- top ---


def test_top_without_a_word_is_an_overview_of_the_last_day(site: Site) -> None:
    done = site.run("top")
    assert done.code == 0
    assert [line.split()[-1] for line in done.out.splitlines() if line.startswith("requests")] == [
        "statuses", "routes", "networks", "addresses", "countries", "browsers",
    ]  # fmt: skip
    assert re.search(r"^ +4 +57\.1% +0 +1 +/members/\{id\}$", done.out, re.M)
    assert re.search(r"^ +5 +71\.4% +2 +0 +203\.0\.113\.0/24$", done.out, re.M)
    assert "the last 24 hours" in done.err


def test_top_counts_a_client_of_several_days_once(site: Site) -> None:
    found = site.json("top", "addresses", "--since", "60d")["top"]["addresses"]
    assert [(line["value"], line["requests"]) for line in found] == [
        (ONE, 4), (TWO, 2), (SIX, 1), ("(no longer readable)", 1), ("(not known)", 1),
    ]  # fmt: skip
    assert sum(line["share"] for line in found) == pytest.approx(1)


def test_top_says_how_many_it_leaves_out(site: Site) -> None:
    assert "and 2 more" in site.run("top", "statuses", "--limit", "2").out
    assert "more" not in site.run("top", "statuses", "--limit", "0").out
    assert "cannot be counted by: allowed are statuses" in site.run("top", "shoes").err


# --- timeline ---


def test_timeline_shows_silence_too(site: Site) -> None:
    found = site.json("timeline")
    assert found["bucket"] == 3600
    assert 24 <= len(found["buckets"]) <= 26
    counts = [(each["requests"], each["errors_4xx"], each["errors_5xx"]) for each in found["buckets"]]
    assert [sum(column) for column in zip(*counts, strict=True)] == [7, 3, 1]
    assert (0, 0, 0) in counts


@pytest.mark.parametrize(
    ("since", "bucket"), [("24h", 3600), ("2h", 300), ("1m", 5), ("30d", 172_800), ("400d", 30 * 86_400)]
)
def test_the_size_of_a_bucket_follows_from_the_range(since: str, bucket: int, site: Site) -> None:
    found = site.json("timeline", "--since", since)
    assert found["bucket"] == bucket
    assert len(found["buckets"]) <= 26


def test_a_bucket_may_be_asked_for_but_not_a_million_of_them(site: Site) -> None:
    assert site.json("timeline", "--since", "1h", "--bucket", "1m")["bucket"] == 60
    done = site.run("timeline", "--since", "30d", "--bucket", "1s")
    assert done.code == 1
    assert "allowed are" in done.err


def test_the_plot_has_digits_for_errors_and_fits(site: Site) -> None:
    site.put(HOUR, ONE, 500)
    done = site.run("timeline")
    assert max(map(len, done.out.splitlines())) <= 80
    assert re.search(r"^[-0-9]+ [:0-9]+ +5\d\d +[01] +1  █{20,}4?5$", done.out, re.M), "one error in 500 is seen"
    assert re.search(r" 2 +2 +0  44?$", done.out, re.M)
    assert "█" not in site.run("timeline", env={"PYTHONIOENCODING": "ascii"}).out


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("verb", [["top"], ["timeline"], ["show", ONE], ["disclose", "--address", ONE, "--at", "3h"]])
def test_what_is_shown_fits_the_terminal(verb: list[str], columns: int, site: Site) -> None:
    for command in ([sys.executable, "-c", WITHOUT_RICH, "addresses", *verb], program("addresses", *verb)):
        env = {"COLUMNS": str(columns), "NO_COLOR": "1", "PRIVACYMW_DATA": str(site.folder)}
        code, shown = at_terminal(command, cwd=site.folder, env=env)
        assert code == 0, shown
        assert ESCAPE not in shown
        lines = [line for line in shown.splitlines() if str(site.folder) not in line]
        assert len(lines) > 5
        assert max(map(len, lines)) <= columns


# --- tail ---


class Tail:
    """A tail that runs, and what it has printed."""

    def __init__(self, site: Site, *arguments: str) -> None:
        command = program("addresses", "tail", "--data", str(site.folder), *arguments)
        self.process = subprocess.Popen(
            command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.guard = threading.Timer(30, self.process.kill)  # a line that never comes
        self.guard.start()
        assert self.process.stderr is not None
        self.process.stderr.readline()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def end(self) -> tuple[int, str, str]:
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=10)
        self.guard.cancel()
        return self.process.returncode, out, err


def test_tail_shows_what_comes_and_ends_with_ctrl_c(site: Site) -> None:
    tail = Tail(site, "-n", "2", "--json")
    assert [json.loads(tail.line())["status"] for _ in range(2)] == [500, 400]
    site.put(1, TWO, status=201)
    assert json.loads(tail.line())["status"] == 201
    site.put(2 * DAY, ONE, 2, status=202)  # a batch that had to wait
    site.put(0, TWO, status=203)
    assert [json.loads(tail.line())["status"] for _ in range(3)] == [202, 202, 203]
    time.sleep(2.2)
    assert tail.end() == (0, "", "")


def test_tail_shows_only_what_is_asked_for(site: Site) -> None:
    tail = Tail(site, "-n", "0", "--status", "5xx", "--address", ONE)
    site.put(1, ONE)
    site.put(1, TWO, status=500)
    site.put(1, ONE, status=503, route="/x\x1b")
    assert re.search(r"203\.0\.113\.7 +GET +503 +1\.5 +/x\\x1b$", tail.line())
    assert tail.end() == (0, "", "")


def test_tail_ends_when_nobody_reads_any_more(site: Site) -> None:
    tail = Tail(site, "-n", "1")
    tail.line()
    assert tail.process.stdout is not None
    tail.process.stdout.close()
    assert tail.process.wait(5) == 141
    tail.guard.cancel()
    assert tail.process.stderr is not None
    assert tail.process.stderr.read() == ""
    tail.process.stderr.close()


def test_what_is_stored_is_followed_once_in_each_kind_of_store(place: Any) -> None:
    """Also what comes late, what is alike to the last bit, and what comes while nobody looks."""
    store, day = place.store(), int(DAY * 1000)

    def write(status: int, count: int = 1, ago: int = 0) -> None:
        when = round(time.time() * 1000) - ago
        store.write(Batch(when // day * day, [Row(when, None, None, "GET", "/x", status, 5)] * count))

    write(200, count=3)
    steps = place.log().follow(limit=2, statuses=(200, 201, 202))

    def step() -> list[int]:
        return [entry.status for entry in next(steps)]

    assert step() == [200, 200]
    assert step() == []
    write(201, count=2)
    write(404)
    assert step() == [201, 201]
    write(202, ago=200_000)
    write(201, count=2)
    found = step()
    for _ in range(40):  # a look back is taken now and then
        found += step()
    assert sorted(found) == [201, 201, 202]


# --- one client ---


def test_show_is_all_of_a_client_across_days(site: Site) -> None:
    found = site.json("show", ONE)
    assert (found["client"], found["requests"], len(found["days"])) == (ONE, 4, 2)
    assert found["routes"] == {"/members/{id}": 3, "/": 1}
    assert {row["address"] for row in found["rows"]} == {ONE}
    old = (NOW - 40 * DAY) // DAY * DAY
    assert [(each["since"], each["until"], each["state"]) for each in found["unanswerable"]] == [
        (old, old + DAY, "destroyed")
    ]


def test_show_says_for_which_days_nobody_can_say(site: Site) -> None:
    done = site.run("show", ONE)
    assert f"{ONE}: 4 requests, first" in done.out
    assert "answered with: 200 4" in done.out
    assert "Nobody can say any more:" in done.out
    done = site.run("show", "192.0.2.99")
    assert "No row that can still be read is of 192.0.2.99" in done.out
    assert "Nobody can say any more:" in done.out
    assert "Nobody" not in site.run("show", ONE, "--since", "3d").out


def test_show_takes_a_network(site: Site) -> None:
    found = site.json("show", "203.0.113.0/24", "--status", "404")
    assert (found["client"], found["requests"], {row["address"] for row in found["rows"]}) == (
        "203.0.113.0/24",
        2,
        {TWO},
    )


def test_show_opens_only_the_client_that_is_asked_for(site: Site) -> None:
    """Its token is computed; nobody else's is opened."""
    log = open_log(site.folder)
    assert log.query(address=ONE).tokens is not None
    assert {row.address for _, row in log.raw(address=ONE)} < {row.address for _, row in log.raw()}


# --- disclosure ---


def disclosed(site: Site, address: str, at: str, *more: str) -> Any:
    """`at` before NOW, from when on the rows count: this may run minutes after it."""
    if at[-1] in "mhd":
        seconds = int(at[:-1]) * {"m": 60, "h": HOUR, "d": DAY}[at[-1]]
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(NOW - seconds))
    return site.json("disclose", "--address", address, "--at", at, *more)


def test_disclosed_is_what_can_be_read(site: Site) -> None:
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(NOW - 3 * HOUR))
    found = disclosed(site, ONE, at)
    assert len(found["rows"]) == 3
    assert [part["state"] for part in found["parts"]] == [OPEN]
    assert any(text.startswith("3 rows of this address can be read") for text in found["statement"])
    assert any("when, address, network, method, route, status, duration" in text for text in found["statement"])
    text = site.run("disclose", "--address", ONE, "--at", at).out
    assert all(sentence in " ".join(text.split()) for sentence in found["statement"])


def test_what_cannot_be_opened_is_never_said_not_to_have_been(site: Site) -> None:
    text = site.run("disclose", "--address", ONE, "--at", "40d").out
    assert "its key was destroyed at" in text
    assert "neither that this address was there" in " ".join(text.split())
    assert "no row" not in text
    text = site.run("disclose", "--address", ONE, "--at", "100d").out
    assert "whether anything was logged cannot be said" in " ".join(text.split())
    assert "no row" not in text
    (site.folder / "keys" / f"address-{site.keys(NOW).terms.start_of(round((NOW - 2 * DAY) * 1000))}.key").unlink()
    found = disclosed(site, ONE, "2d")
    assert [part["state"] for part in found["parts"]] == [LOST]
    assert found["neighbours"] == 1, "its network's key lives"
    assert not found["rows"]


def test_what_was_opened_may_be_said_to_be_empty(site: Site) -> None:
    found = disclosed(site, "192.0.2.99", "3h")
    assert any("no row in it is of this address" in text for text in found["statement"])
    found = disclosed(site, ONE, "30m")
    assert found["unsealed"] == 1
    assert any("stored without an address" in text for text in found["statement"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--address", "203.0.113.0/24", "--at", "1h"], "no whole address"),
        (["--address", ONE], "--at"),
        (["--address", ONE, "--at", "2199-01-01"], "lies in the future"),
        (["--address", ONE, "--at", "1h", "--window", "wide"], "allowed are 90s"),
    ],
)
def test_disclosure_needs_an_address_and_a_time(arguments: list[str], told: str, site: Site) -> None:
    done = site.run("disclose", *arguments)
    assert (done.code, done.out) == (1, "")
    assert told in done.err


def test_time_is_covered_without_a_gap() -> None:
    known = [Span(10, 20, OPEN, 5), Span(20, 30, OPEN, 7), Span(40, 50, DESTROYED, 1)]
    parts = within(known, 0, 60)
    assert [(part.since, part.until) for part in parts] == [(0, 10), (10, 20), (20, 30), (30, 40), (40, 50), (50, 60)]
    assert joined(parts)[1] == Span(10, 30, OPEN, 7)
    assert within(known, 12, 18) == [Span(12, 18, OPEN, 5)]
    assert within([], 1, 2) == [Span(1, 2, UNKNOWN)]


def test_an_overdue_key_counts_as_closed_before_it_is_destroyed(site: Site) -> None:
    site.put(50 * DAY, ONE)  # nobody has destroyed that key yet
    states = {span.state for span in spans(open_log(site.folder), "address")}
    assert states == {"overdue", OPEN, DESTROYED}
    assert "opens nothing any more" in " ".join(site.run("disclose", "--address", ONE, "--at", "50d").out.split())


# --- CSV ---


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\uff1d1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert str(spreadsheet.cell(text)).startswith("'")
    assert spreadsheet.cell(-5) == -5
    assert spreadsheet.cell(None) is None
    assert spreadsheet.cell("a-b") == "a-b"


def test_csv_is_what_a_reader_of_csv_takes(site: Site) -> None:
    site.put(1, ONE, route='=HYPERLINK("http://x"),\n', method="-1", status=299)
    rows = list(csv.DictReader(io.StringIO(site.run("list", "--csv").out)))
    assert len(rows) == 10
    assert rows[-1]["route"] == '\'=HYPERLINK("http://x"),\\n'
    assert (rows[-1]["method"], rows[-1]["status"]) == ("'-1", "299")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", rows[-1]["when"])
    top = list(csv.DictReader(io.StringIO(site.run("top", "routes", "--csv").out)))
    assert {row["by"] for row in top} == {"routes"}
    plot = list(csv.DictReader(io.StringIO(site.run("timeline", "--csv").out)))
    assert sum(int(row["requests"]) for row in plot) == 8
    assert site.run("list", "--csv", "--status", "301").out.startswith("when,")
    assert ESCAPE not in site.run("list", "--csv").out


# --- export ---

FAILREGEX = r'^<ADDR> - - \[[^\]]*\] "[^"]*" (?:401|403|429) -'


def test_exported_are_networks(site: Site) -> None:
    lines = site.run("export").out.splitlines()
    assert len(lines) == 9
    assert re.fullmatch(
        r'203\.0\.113\.0 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET /members/\{id\} HTTP/1\.1" 200 -'
        r' "-" "Firefox \(Linux; desktop\)"',
        lines[2],
    )
    assert lines[0].startswith("0.0.0.0 - - "), "its key has died"
    assert lines[-1].startswith("0.0.0.0 - - ")
    text = "\n".join(lines) + site.run("export", "--format", "ecs").out
    assert not any(address in text for address in (ONE, TWO, f"{SIX} ", f'"{SIX}"'))
    assert ESCAPE not in text


def test_ecs_has_the_names_of_the_schema(site: Site) -> None:
    rows = [json.loads(line) for line in site.run("export", "--format", "ecs", "--since", "1d").out.splitlines()]
    assert rows[0] | {"@timestamp": ""} == {
        "@timestamp": "",
        "ecs": {"version": "8.11"},
        "event": {"kind": "event", "category": ["web"], "duration": 1_500_000},
        "client": {"address": "203.0.113.0/24"},
        "http": {"request": {"method": "GET"}, "response": {"status_code": 200}},
        "url": {"path": "/members/{id}"},
        "user_agent": {"name": "Firefox", "os": {"name": "Linux"}, "device": {"name": "desktop"}},
        "source": {"geo": {"country_iso_code": "DE"}, "as": {"number": 3320}},
    }
    assert rows[3]["url"] == {"path": "/members/new", "domain": "www.example.org"}
    assert "client" not in rows[-1]
    whole = site.run("export", "--format", "ecs", "--since", "1d", "--clear", "--yes").out.splitlines()
    assert json.loads(whole[0])["client"] == {"address": ONE, "ip": ONE}


def test_whole_addresses_need_a_yes_and_name_their_deadline(site: Site) -> None:
    done = site.run("export", "--clear")
    assert (done.code, done.out) == (1, "")
    assert "in your hands from now on" in done.err
    deadline = time.strftime("%Y-%m-%d", time.gmtime((NOW - HOUR) // DAY * DAY + 30 * DAY))
    assert f"forgets them by {deadline} 00:00:00 UTC; delete the file by then" in done.err
    assert "add --yes" in done.err
    done = site.run("export", "--clear", "--yes")
    assert f"\n{ONE} - - " in done.out
    assert f"forgets them by {deadline}" in done.err
    assert "2 of 9 rows have no whole address any more" in done.err
    assert "it holds none of then any more" in site.run("export", "--clear", "--yes", "--until", "35d").err


def test_a_file_is_ours_alone_and_never_replaced_by_surprise(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    done = site.run("export", "--output", str(file))
    assert (done.code, done.out) == (0, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_text().splitlines()) == 9
    file.write_text("mine")
    done = site.run("export", "--output", str(file))
    assert done.code == 1
    assert "add --force" in done.err
    assert file.read_text() == "mine"
    file.chmod(0o644)
    assert site.run("export", "--output", str(file), "--force").code == 0
    assert len(file.read_text().splitlines()) == 9
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "cannot be written" in site.run("export", "--output", str(tmp_path / "no" / "x")).err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["access.log", "data"]


HOSTILE = ['/a" 200 - "', "/a b\nc", "/é\x1b[31m", "/\\", "/{id}", "/%41", '/" 401 - "-" "-"']


def test_goaccess_itself_reads_every_line(site: Site, tmp_path: Path) -> None:
    goaccess = needed("goaccess")
    for place, route in enumerate(HOSTILE):
        site.put(
            60 - place, (ONE, SIX, None)[place % 3], route=route, browser='a"\\b', method=("GET", "-", "F O")[place % 3]
        )
    exported = site.run("export").out
    log, report, bad = tmp_path / "access.log", tmp_path / "out.json", tmp_path / "bad"
    log.write_text(exported)
    command = [goaccess, str(log), "--no-global-config", "--log-format=COMBINED", "-o", str(report)]
    done = subprocess.run([*command, f"--invalid-requests={bad}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(report.read_text())
    assert found["general"]["valid_requests"] == len(exported.splitlines()) == 9 + len(HOSTILE)
    assert found["general"]["failed_requests"] == 0
    assert {"Firefox", "Chrome"} <= {each["data"] for each in found["browsers"]["data"]}
    assert {"Linux", "Android"} <= {each["data"] for each in found["os"]["data"]}


def test_fail2ban_itself_reads_the_export(site: Site, tmp_path: Path) -> None:
    regex = needed("fail2ban-regex")
    site.put(10, ONE, status=401, route="/login")
    site.put(9, SIX, status=429, route=HOSTILE[-1])
    site.put(8, TWO, status=200, route=HOSTILE[-1])
    log = tmp_path / "refused.log"
    log.write_text(site.run("export", "--clear", "--yes", "--since", "1d").out)
    done = subprocess.run([regex, "-o", "ip", str(log), FAILREGEX], capture_output=True, text=True, check=False)
    assert set(done.stdout.split()) == {ONE, SIX}, done.stdout + done.stderr
    assert f"failregex = {FAILREGEX}" in (ROOT / "docs" / "diagnosis.md").read_text()


# --- long reads ---


def test_documents_come_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []

    def things() -> Iterator[dict[str, int]]:
        for number in range(3):
            seen.append(capsys.readouterr().out)
            yield {"number": number}

    assert show.documents(things()) == 3
    assert '"number": 0' in seen[1]
    assert json.loads("".join(seen) + capsys.readouterr().out) == [{"number": number} for number in range(3)]


def test_a_long_list_is_whole(site: Site) -> None:
    site.put(1, ONE, 5000)
    done = site.run("list", "--limit", "0")
    assert len(done.out.splitlines()) == 5010
    assert len(site.json("list", "--limit", "0")) == 5009
    code, shown = at_terminal(
        program("addresses", "list", "--limit", "0", "--data", str(site.folder)), cwd=site.folder, env={"COLUMNS": "80"}
    )
    assert code == 0
    assert len(shown.splitlines()) >= 5010
    assert max(map(len, shown.splitlines())) <= 80


SLOW = """if True:
    import sys, time
    {without}
    from privacymw.cli.progress import Progress
    def slow():
        for number in range(30):
            time.sleep(0.06)
            yield number
    print(len(list(Progress(0, 30).watch(slow(), float))))
"""


@pytest.mark.parametrize("without", ["", "sys.modules['rich'] = None"])
def test_a_long_read_has_a_bar_at_a_terminal_only(without: str, tmp_path: Path) -> None:
    text = SLOW.format(without=without)
    _, shown = at_terminal([sys.executable, "-c", text], cwd=tmp_path)
    assert "reading" in shown
    assert "rows" in shown
    assert "30" in shown.splitlines()[-1]
    done = script(text, cwd=tmp_path)
    assert (done.out, done.err) == ("30\n", "")
    quick = text.replace("0.06", "0.0")
    assert "reading" not in at_terminal([sys.executable, "-c", quick], cwd=tmp_path)[1]


# --- who it is that asks ---


@pytest.mark.parametrize("verb", READERS, ids=lambda verb: verb[0])
def test_without_a_site_no_command_says_none(verb: list[str], tmp_path: Path) -> None:
    done = call("addresses", *verb, cwd=tmp_path)
    assert (done.code, done.out) == (1, "")
    assert f"\n  {tmp_path / 'privacymw-data'}\n" in done.err
    assert "no request matches" not in done.err
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "stray").touch()
    done = call("addresses", *verb, "--data", "data", cwd=tmp_path)
    assert (done.code, done.out) == (1, "")
    assert "log.sqlite: there is no log" in done.err


ROOMS = {"list": "listing", "show": "client"}


@as_root
@pytest.mark.parametrize("verb", READERS, ids=lambda verb: verb[0])
def test_somebody_else_is_told_whose_log_it_is(verb: list[str]) -> None:
    """Whatever of it is closed to them: the folder, the log in it, or the keys."""
    with public_folder() as scratch:
        (scratch / "data").mkdir(mode=0o700)
        Site(scratch / "data").put(1)
        rooms = f"privacymw.startup, privacymw.store.coverage, privacymw.cli.addresses.{ROOMS.get(verb[0], verb[0])}"
        text = AS_NOBODY.replace("privacymw.cli.addresses.listing", rooms)
        text = text.replace("os.setgroups", "privacymw.cli.owner._load(); os.setgroups")
        for closed in (scratch / "data", scratch / "data" / "log.sqlite", scratch / "data" / "keys"):
            for path in (scratch / "data", scratch / "data" / "keys", *(scratch / "data").glob("log.sqlite*")):
                path.chmod(0o777 if path.is_dir() else 0o666)
            closed.chmod(0o700 if closed.is_dir() else 0o600)
            done = script(text, "addresses", *verb, "--data", str(scratch / "data"), cwd=scratch)
            assert (done.code, done.out) == (1, ""), closed
            assert "permission denied" in done.err.lower(), closed
            assert "no request matches" not in done.err


@as_root
@pytest.mark.parametrize("verb", [each for each in READERS if each != ["tail"]], ids=lambda verb: verb[0])
def test_root_reads_as_the_owner(verb: list[str]) -> None:
    with public_folder() as scratch:
        (scratch / "data").mkdir()
        Site(scratch / "data").put(HOUR)
        subprocess.run(["chown", "-R", "65534:65534", scratch / "data"], check=True)
        done = call("addresses", *verb, "--data", "data", cwd=scratch)
        assert done.code == 0, done.err
        assert done.out
        assert owners(scratch / "data") == {65534}
        if verb == ["export"]:
            assert call("addresses", *verb, "--data", "data", "--output", "out.log", cwd=scratch).code == 0
            assert (scratch / "out.log").stat().st_uid == os.geteuid()
