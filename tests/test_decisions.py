"""What a decision leaves behind: an answer with its terms, a record without identity, a signed receipt."""

from __future__ import annotations

import contextlib
import html
import json
import multiprocessing
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maps import written
from privacymw.address import pack
from privacymw.cookie import Choice
from privacymw.countries import Countries
from privacymw.errors import SettingsError
from privacymw.questions import Questions
from privacymw.receipt import Receipt, Receipts, Unsigned, answers_text, host_of
from privacymw.registry import CookieEntry, Scope
from privacymw.startup import Started
from privacymw.store import Store, Terms, open_journal, open_keys, open_log, open_store
from privacymw.store.decisions import Decision, Notes
from privacymw.view import Visit
from sites import (
    BROWSER,
    FACES,
    FORM,
    HOST,
    NAVIGATION,
    OTHER_SECRET,
    SECRET,
    Portal,
    Site,
    header,
    names,
    page_of,
    portal,
)  # fmt: skip

PAGE = "/privacy/choices"
faces = pytest.mark.parametrize("face", FACES)
DAY = 86_400
NOW = 1_800_000_000
COOKIES = """[{name = "_st*", category = "statistics", purpose = "counts pages", lifetime = "30d", http_only = true},
 {name = "ad", category = "sale", purpose = "shows ads", provider = "Ads Inc",
  scopes = [{path = "/x", domain = "example.org"}, {}]},
 {name = "sid", category = "necessary", purpose = "keeps you signed in"}]"""
ASKED = {"cookies_declared": COOKIES.replace("\n", "")}


def entry(**facts: Any) -> CookieEntry:
    return CookieEntry(**{"name": "a", "category": "statistics", "purpose": "counts pages", **facts})


# --- what is asked, and when it is asked again

BASE = entry()


@pytest.mark.parametrize(
    "entries",
    [
        [entry(name="other")],
        [entry(purpose="  Counts   PAGES. ")],
        [entry(), entry(name="b")],
        [entry(), entry(category="sale", purpose="shows ads")],
        [entry(secure=True, http_only=True, same_site="Strict", script=True)],
        [entry(scopes=(Scope("/x"), Scope("/y")))],
    ],
)
def test_a_cosmetic_change_asks_nobody_again(entries: list[CookieEntry]) -> None:
    before, after = Questions(["statistics"], [BASE]), Questions(["statistics"], entries)
    assert after.digests == before.digests
    assert after.version == before.version


@pytest.mark.parametrize(
    "entries",
    [
        [entry(purpose="counts people")],
        [entry(provider="Counters Inc")],
        [entry(lifetime="30d")],
        [entry(scopes=(Scope("/", "example.org"),))],
        [entry(), entry(name="b", purpose="draws maps")],
        [],
    ],
)
@pytest.mark.proves("choices.again")
def test_a_material_change_asks_those_again_who_said_yes(entries: list[CookieEntry]) -> None:
    before, after = Questions(["statistics", "sale"], [BASE]), Questions(["statistics", "sale"], entries)
    yes = before.stamped(Choice(answers={"statistics": True, "sale": True}), ["statistics", "sale"])
    no = before.stamped(Choice(answers={"statistics": False}), ["statistics"])
    assert (before.answer(yes, "statistics"), after.answer(yes, "statistics")) == (True, None)
    assert after.answer(yes, "sale") is True, "what did not change still counts"
    assert after.answer(no, "statistics") is False, "a no stands"
    assert after.version != before.version


def test_the_same_time_in_other_units_is_no_change() -> None:
    assert Questions(["statistics"], [entry(lifetime="30d")]).version == (
        Questions(["statistics"], [entry(lifetime="720h")]).version
    )


@given(st.permutations([entry(), entry(purpose="x"), entry(category="sale")]), st.permutations(["statistics", "sale"]))
def test_order_changes_no_digest(entries: list[CookieEntry], categories: list[str]) -> None:
    expected = Questions(["statistics", "sale"], [entry(), entry(purpose="x"), entry(category="sale")])
    assert Questions(categories, entries).version == expected.version


WORDS = st.text(st.characters(categories=["Ll", "Nd"]), min_size=1, max_size=8)


@given(st.tuples(WORDS, WORDS), st.tuples(WORDS, WORDS))
def test_other_facts_have_another_digest(one: tuple[str, str], other: tuple[str, str]) -> None:
    digests = [Questions(["statistics"], [entry(purpose=a, provider=b)]).version for a, b in (one, other)]
    folded = [tuple(part.casefold() for part in each) for each in (one, other)]
    assert (digests[0] == digests[1]) == (folded[0] == folded[1])


def to_ask(visit: Visit) -> Site:
    return page_of(",".join(visit.choices.to_ask) or "nothing")


def cookie_in(answer: Any) -> tuple[str, str]:
    lines = [value for name, value in answer.headers if name == "set-cookie" and value.startswith("__Host-privacy=")]
    return "cookie", lines[0].partition(";")[0]


MORE_PURPOSES = {"cookies_declared": ASKED["cookies_declared"].replace("counts pages", "counts people")}


@faces
@pytest.mark.parametrize(
    ("settings_", "headers", "asked"),
    [
        ({}, (), "statistics,sale"),
        ({"choices_model": "opt-out"}, (), "nothing"),
        ({}, (("sec-gpc", "1"),), "statistics"),
        ({"signals_dnt": "honour"}, (("dnt", "1"),), "nothing"),
        ({}, (("dnt", "1"),), "statistics,sale"),
        ({"choices_model": "opt-out"}, (("cookie", "__Host-privacy=forged"),), "statistics,sale"),
    ],
)
def test_who_still_has_to_be_asked(
    face: str, settings_: dict[str, str], headers: tuple[tuple[str, str], ...], asked: str
) -> None:
    assert portal(face, to_ask, **ASKED, **settings_).ask("/", *BROWSER, *headers).body.decode() == asked


@faces
@pytest.mark.proves("choices.again")
def test_only_a_material_change_asks_again(face: str) -> None:
    site = portal(face, to_ask, **ASKED)
    said = cookie_in(site.post(PAGE, "c.statistics=1&c.sale=0"))
    assert site.ask("/", *BROWSER, said).body == b"nothing"
    cosmetic = portal(face, to_ask, cookies_declared=ASKED["cookies_declared"].replace("_st*", "_stat*"))
    assert cosmetic.ask("/", *BROWSER, said).body == b"nothing"
    material = portal(face, to_ask, **MORE_PURPOSES)
    assert material.ask("/", *BROWSER, said).body == b"statistics"
    text = material.ask(PAGE, *BROWSER, said).body.decode()
    assert "You said yes before." in text
    assert 'name="c.statistics" value="0" checked' in text
    assert (
        site.ask("/", *BROWSER, cookie_in(material.post(PAGE, "do=save", *NAVIGATION, FORM, said))).body == b"nothing"
    )


# --- models


@pytest.fixture(scope="module")
def countries(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("geo") / "countries.mmdb"
    nets = {"203.0.113.0/24": "US", "198.51.100.0/24": "de", "2001:db8::/32": "US", "192.0.2.0/24": {"country": "CA"}}
    return written(path, {**nets, "192.88.99.0/24": {"city": "none"}})


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("203.0.113.9", "US"),
        ("198.51.100.1", "DE"),
        ("2001:db8::1", "US"),
        ("::ffff:203.0.113.9", "US"),
        ("192.0.2.1", "CA"),
        ("192.88.99.1", ""),
        ("8.8.8.8", ""),
        ("::1", ""),
    ],
)
def test_countries(countries: str, address: str, code: str) -> None:
    assert Countries(countries).of(pack(address)) == code


def test_an_unknown_address_has_no_country(countries: str, tmp_path: Path) -> None:
    assert Countries(countries).of(None) == ""
    only_four = written(tmp_path / "four.mmdb", {"203.0.113.0/24": "US"}, version=4)
    assert Countries(only_four).of(pack("2001:db8::1")) == ""
    assert Countries(only_four).of(pack("203.0.113.1")) == "US"


def allows(visit: Visit) -> Site:
    return page_of(str(visit.choices.allows("sale")))


@faces
@pytest.mark.parametrize(
    ("peer", "codes", "headers", "allowed"),
    [
        ("203.0.113.9", "US", (), True),
        ("203.0.113.9", "DE, US", (), True),
        ("203.0.113.9", "DE", (), False),
        ("198.51.100.1", "US", (), False),
        ("8.8.8.8", "US", (), False),
        ("203.0.113.9", "US", (("sec-gpc", "1"),), False),
        ("203.0.113.9", "US", (("cookie", "__Host-privacy=forged"),), False),
    ],
)
@pytest.mark.proves("choices.country", "choices.{category}")
def test_a_country_decides(
    face: str, countries: str, peer: str, codes: str, headers: tuple[tuple[str, str], ...], allowed: bool
) -> None:
    site = portal(
        face, allows, **ASKED, choices_model="by-country", choices_opt_out_countries=codes,
        addresses_geo_database=countries,
    )  # fmt: skip
    assert site.ask("/", *BROWSER, *headers, peer=peer).body.decode() == str(allowed)
    page = site.ask(PAGE, *BROWSER, *headers, peer=peer).body.decode()
    assert "goes by the country of your IP address" in page
    assert f'name="c.sale" value="{int(allowed)}" checked' in page
    said = cookie_in(site.post(PAGE, f"c.sale={int(not allowed)}", *NAVIGATION, FORM))
    assert site.ask("/", *BROWSER, said, peer=peer).body.decode() == str(not allowed), "an answer goes before it"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No such file"),
        (b"", "no MaxMind DB"),
        (b"no database", "no MaxMind DB"),
        ("folder", "cannot be read"),
        ("", "PRIVACYMW_CHOICES_MODEL=by-country"),
    ],
)
def test_a_file_of_countries_that_is_not_there_stops_the_start(tmp_path: Path, content: object, told: str) -> None:
    path = tmp_path / "countries.mmdb"
    if isinstance(content, bytes):
        path.write_bytes(content)
    named = {"folder": str(tmp_path), "": ""}.get(str(content), str(path))
    with pytest.raises(SettingsError, match=told) as caught:
        portal("wsgi", **ASKED, choices_model="by-country", addresses_geo_database=named)
    assert "PRIVACYMW_ADDRESSES_GEO_DATABASE" in str(caught.value)


# --- refusing weighs as much as accepting


@faces
@pytest.mark.parametrize(("wish", "value"), [("accept", True), ("refuse", False)])
def test_one_button_answers_everything(face: str, wish: str, value: bool) -> None:
    site = portal(face, allows, **ASKED)
    said = cookie_in(site.post(PAGE, f"c.statistics={int(not value)}&c.sale={int(not value)}&outside=direct&do={wish}"))
    assert site.ask("/", *BROWSER, said).body.decode() == str(value)
    assert 'name="outside" value="direct" checked' in site.ask(PAGE, *BROWSER, said).body.decode()


@faces
def test_the_buttons_are_alike(face: str) -> None:
    text = portal(face, **ASKED).ask(PAGE).body.decode()
    found = re.search(r'<p class="actions"><button name="do" value="save">.*?</p>', text, re.DOTALL)
    assert found
    buttons = re.findall(r"<button ([^>]*)>([^<]*)<", found[0])
    assert [label for _, label in buttons] == ["Save", "Refuse all", "Accept all"]
    assert {re.sub(r'value="\w+"', "", attributes) for attributes, _ in buttons} == {'name="do" '}
    assert "Refuse all" not in portal(face).ask(PAGE).body.decode(), "there is nothing to refuse"


@faces
@pytest.mark.parametrize(
    ("sites", "shown"),
    [("", []), (f"{HOST}, other.example, *.example.org", ["other.example", "*.example.org"]), (HOST, [])],
)
@pytest.mark.proves("choices.host")
def test_where_a_choice_does_not_reach(face: str, sites: str, shown: list[str]) -> None:
    text = portal(face, **ASKED, sites=sites).ask(PAGE).body.decode()
    assert re.findall(r"does not hold at (\S+):", text) == shown


# --- what is held: see, take along, erase

SENT = ("cookie", "sid=0123456789abcdef; _st1=abc; _st2=xyz; stranger=<script>; ad=1")


@faces
def test_the_page_shows_what_came(face: str) -> None:
    text = portal(face, **ASKED).ask(PAGE, *BROWSER, SENT).body.decode()
    for shown in ("<td>keeps you signed in</td><td>0123… (16 characters)</td>", "_st1", "_st2", "<td>shows ads</td>"):
        assert shown in text
    assert "Cookies that are not on our list: 1." in text
    assert "0123456789abcdef" not in text
    assert "stranger" not in text


@faces
@pytest.mark.proves("choices.holds")
def test_what_is_held_can_be_taken_along(face: str) -> None:
    site = portal(face, **ASKED)
    said = cookie_in(site.post(PAGE, "c.statistics=1&c.sale=0"))[1]
    answer = site.ask(f"{PAGE}/data.json", *NAVIGATION, ("cookie", f"{SENT[1]}; {said}"), ("sec-gpc", "1"))
    document = json.loads(answer.body)
    assert header(answer, "content-disposition") == 'attachment; filename="privacy-data.json"'
    assert header(answer, "cache-control") == "no-store"
    assert [each["name"] for each in document["cookies"]] == ["sid", "_st1", "_st2", "ad", "__Host-privacy"]
    assert document["undeclared_cookies"] == 1
    assert document["choices"]["answers"] == {"statistics": True, "sale": False}
    assert document["choices"]["version"] == document["version_in_force"]
    assert document["in_force"]["sale"] == {"allowed": False, "decided_by": "answer"}
    assert document["signals"] == ["Sec-GPC"]
    assert b"0123456789abcdef" not in answer.body


BAD = [
    "; ".join(f"c{number}=x" for number in range(200)),
    "sid=" + "x" * 5_000,
    'sid=a\x01b; "quoted"="<b>"; =; ;; =x; sid',
    "sid=ü; _st1=\xff\xfe; =__Host-privacy=1; __Host-privacy=",
    "sid=1; sid=2, sid=3; __Host-privacy=a; __Host-privacy=b",
]


@faces
@pytest.mark.parametrize("cookies", BAD)
def test_cookies_of_every_kind_are_shown(face: str, cookies: str) -> None:
    site = portal(face, **ASKED)
    assert site.ask(PAGE, *BROWSER, ("cookie", cookies)).status == 200
    document = json.loads(site.ask(f"{PAGE}/data.json", *NAVIGATION, ("cookie", cookies)).body)
    assert all(len(each["value"]) < 40 for each in document["cookies"])
    assert site.post(PAGE, "do=erase", *NAVIGATION, FORM, ("cookie", cookies)).status == 303


PORTALS: dict[str, Portal] = {}


@given(cookies=st.text(st.characters(max_codepoint=255), max_size=60), face=st.sampled_from(sorted(FACES)))
def test_any_cookie_header_is_shown(cookies: str, face: str) -> None:
    if face not in PORTALS:
        PORTALS[face] = portal(face, **ASKED)
    for path in (PAGE, f"{PAGE}/data.json"):
        assert PORTALS[face].ask(path, *NAVIGATION, ("cookie", cookies)).status == 200


@faces
@pytest.mark.parametrize(
    ("headers", "method", "status"),
    [
        ((("sec-fetch-site", "same-origin"),), "GET", 200),
        ((("sec-fetch-site", "none"),), "GET", 200),
        ((), "GET", 200),
        ((("sec-fetch-site", "same-origin"),), "HEAD", 200),
        ((("sec-fetch-site", "cross-site"),), "GET", 403),
        ((("sec-fetch-site", "same-site"),), "GET", 403),
        ((("sec-fetch-site", "same-origin"),), "POST", 405),
    ],
)
def test_who_may_take_it(face: str, headers: tuple[tuple[str, str], ...], method: str, status: int) -> None:
    answer = portal(face, **ASKED).ask(f"{PAGE}/data.json", *BROWSER, *headers, method=method)
    assert answer.status == status
    assert ("content-disposition" in names(answer)) == (status == 200)
    if status == 200:
        assert header(answer, "cross-origin-resource-policy") == "same-origin"


@faces
@pytest.mark.parametrize("guard", ["off", "report", "enforce"])
@pytest.mark.proves("choices.holds")
def test_erasing_expires_each_cookie_where_it_may_stand(face: str, guard: str) -> None:
    site = portal(face, **ASKED, cookies_guard=guard)
    sent = ("cookie", f"{SENT[1]}; __Host-privacy-view=1")
    answer = site.post(PAGE, "do=erase", *NAVIGATION, FORM, sent)
    assert (answer.status, header(answer, "location")) == (303, f"{PAGE}?erased")
    lines = [value for name, value in answer.headers if name == "set-cookie"]
    assert len(lines) == len(set(lines))
    assert all("Max-Age=0" in line for line in lines)
    found = {(line.partition("=")[0], *re.findall(r"Path=([^;]*)|Domain=([^;]*)", line)) for line in lines}
    assert {each[0] for each in found} == {"__Host-privacy", "__Host-privacy-view", "_st1", "_st2", "ad", "sid"}
    assert any("Path=/x; Domain=example.org" in line for line in lines if line.startswith("ad="))
    assert "is erased" in site.ask(PAGE, query="erased").body.decode()


@faces
def test_erasing_is_for_our_own_page(face: str) -> None:
    answer = portal(face, **ASKED).post(PAGE, "do=erase", *BROWSER, FORM, ("sec-fetch-site", "cross-site"), SENT)
    assert answer.status == 403
    assert not [value for name, value in answer.headers if name == "set-cookie" and value.startswith("sid=")]


# --- signals


@faces
@pytest.mark.parametrize(
    ("gpc", "signal", "honored"), [("on", "1", True), ("on", "0", False), ("on", "", False), ("off", "1", False)]
)
def test_the_page_says_that_an_opt_out_is_honored(face: str, gpc: str, signal: str, honored: bool) -> None:
    site = portal(face, **ASKED, signals_gpc=gpc)
    answer = site.ask(PAGE, *BROWSER, *([("sec-gpc", signal)] if signal else []))
    assert ("Opt-out request honored" in answer.body.decode()) == honored
    assert "set-cookie" not in names(answer), "a signal is no choice"


@faces
@pytest.mark.parametrize("path", ["/", "/deep/er", "/privacy-like"])
@pytest.mark.parametrize("status", [200, 302, 404, 500])
@pytest.mark.proves("signals.gpc")
def test_an_opt_out_holds_on_the_first_answer_everywhere(face: str, path: str, status: int) -> None:
    view = page_of("x", ("set-cookie", "ad=1"), ("set-cookie", "sid=1"), ("location", "/next"), status=status)
    site = portal(face, view, **ASKED, choices_model="opt-out", signals_gpc="on")
    for signal, expected in (((), {"ad=1", "sid=1"}), ((("sec-gpc", "1"),), {"sid=1"})):
        answer = site.ask(path, *BROWSER, *signal)
        assert {value for name, value in answer.headers if name == "set-cookie"} == expected
        assert header(answer, "vary") == "Cookie, Sec-GPC"
        assert "private" in header(answer, "cache-control")


@faces
def test_a_signal_goes_away_without_a_trace(face: str, place: Path) -> None:
    with recording(face, place, choices_model="opt-out", signals_gpc="on") as site:
        assert site.ask("/", *BROWSER, ("sec-gpc", "1")).body == b"False"
        assert site.ask("/").body == b"True"
        said = cookie_in(site.post(PAGE, "c.sale=1", *NAVIGATION, FORM, ("sec-gpc", "1")))
        assert site.ask("/", *BROWSER, said, ("sec-gpc", "1")).body == b"True", "an explicit choice wins"


def tracked(visit: Visit) -> Site:
    return page_of(str(visit.choices.allows("statistics")))


@faces
@pytest.mark.parametrize(
    ("stance", "model", "sent", "said", "allowed"),
    [
        ("honour", "opt-out", "1", "", False),
        ("honour", "opt-out", "1xyz", "", False),
        ("honour", "opt-out", "0", "", True),
        ("honour", "opt-out", "", "", True),
        ("honour", "opt-out", "1", "c.statistics=1", True),
        ("honour", "opt-in", "1", "", False),
        ("silent", "opt-out", "1", "", True),
        ("disclose", "opt-out", "1", "", True),
    ],
)
@pytest.mark.proves("signals.dnt", "signals.difference")
def test_do_not_track(face: str, stance: str, model: str, sent: str, said: str, allowed: bool) -> None:
    site = portal(face, tracked, **ASKED, signals_dnt=stance, choices_model=model)
    headers = [("dnt", sent)] if sent else []
    headers += [cookie_in(site.post(PAGE, said))] if said else []
    answer = site.ask("/", *BROWSER, *headers)
    assert answer.body.decode() == str(allowed)
    assert ("DNT" in header(answer, "vary")) == (stance == "honour")
    assert "tk" not in names(answer)


@faces
@pytest.mark.parametrize(
    ("sent", "said", "status"),
    [("1", "", "N"), ("0", "", "T"), ("", "", "T"), ("1", "c.statistics=1", "C"), ("", "do=refuse", "N")],
)
@pytest.mark.proves("signals.dnt_status")
def test_the_tracking_status_is_the_visitors_own(face: str, sent: str, said: str, status: str) -> None:
    site = portal(
        face, page_of("not here", status=404), **ASKED, signals_dnt="honour", choices_model="opt-out",
        cookies_guard="enforce",
    )  # fmt: skip
    headers = [("dnt", sent)] if sent else []
    headers += [cookie_in(site.post(PAGE, said))] if said else [("cookie", "_st1=x")]
    answer = site.ask("/.well-known/dnt/", *BROWSER, *headers)
    document = json.loads(answer.body)
    assert document == {"tracking": status, "policy": "/privacy/notice#signals", "config": PAGE}
    assert header(answer, "content-type") == "application/tracking-status+json"
    assert header(answer, "cache-control").startswith(("no-store", "private, no-store"))
    assert "set-cookie" not in names(answer)


@faces
@pytest.mark.parametrize(("stance", "sent"), [("honour", "U"), ("silent", ""), ("disclose", "")])
def test_a_changed_status_is_told_to_who_changed_it(face: str, stance: str, sent: str) -> None:
    site = portal(face, **ASKED, signals_dnt=stance)
    assert header(site.post(PAGE, "c.sale=0"), "tk") == sent
    assert header(site.ask(PAGE), "tk") == ""


# --- receipts

DECISION = Decision(bytes(range(16)), NOW - NOW % 60, NOW - NOW % 60 + 400 * DAY, "AbCd1234", "sale=no", "Sec-GPC")
RECEIPT = Receipt(HOST, DECISION)
SIGNED = Receipts([SECRET]).signed(RECEIPT)


def test_a_receipt_says_what_was_decided() -> None:
    lines = SIGNED.split("\n")
    assert lines[0] == "Receipt for privacy choices"
    assert lines[1:8] == [
        "Receipt: 000102030405060708090a0b0c0d0e0f", f"Site: {HOST}", "Time: 2027-01-15 08:00 UTC",
        "Version: AbCd1234", "Answers: sale=no", "Signals: Sec-GPC", "On record until: 2028-02-19 08:00 UTC",
    ]  # fmt: skip
    assert Receipts([SECRET]).read(SIGNED) == RECEIPT


@pytest.mark.parametrize("change", [lambda t: t, lambda t: t.replace("\n", "\r\n"), lambda t: f"\n\n{t}\n", str.rstrip])
def test_a_receipt_survives_a_form_and_an_editor(change: Any) -> None:
    assert Receipts([SECRET]).read(change(SIGNED)) == RECEIPT


def test_a_receipt_outlives_a_new_key() -> None:
    assert Receipts([OTHER_SECRET, SECRET]).read(SIGNED) == RECEIPT
    with pytest.raises(Unsigned, match="no key of this site"):
        Receipts([OTHER_SECRET]).read(SIGNED)


def test_no_flipped_bit_is_overlooked() -> None:
    jar, raw = Receipts([SECRET]), SIGNED.encode()
    for place in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(Unsigned):
            jar.read(changed.decode(errors="replace"))


@given(st.text(max_size=80), st.integers(0, len(SIGNED)))
def test_no_text_put_in_is_overlooked(text: str, place: int) -> None:
    changed = SIGNED[:place] + text + SIGNED[place:]
    if changed.replace("\r\n", "\n").strip("\n") == SIGNED.strip("\n"):
        return
    with pytest.raises(Unsigned):
        Receipts([SECRET]).read(changed)


@given(st.text(max_size=300))
def test_any_text_is_no_receipt(text: str) -> None:
    with pytest.raises(Unsigned):
        Receipts([SECRET]).read(text)


WORD = st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True)
MINUTES = st.integers(0, 2**26).map(lambda minute: minute * 60)


@given(
    number=st.binary(min_size=16, max_size=16),
    times=st.tuples(MINUTES, MINUTES),
    answers=st.dictionaries(WORD, st.booleans(), min_size=1, max_size=5),
    host=st.from_regex(r"[a-z0-9.-]{0,20}(:[0-9]{1,5})?", fullmatch=True),
)
def test_what_is_signed_is_read(number: bytes, times: tuple[int, int], answers: dict[str, bool], host: str) -> None:
    receipt = Receipt(host, Decision(number, *times, "v", answers_text(answers), ""))
    assert Receipts([SECRET]).read(Receipts([SECRET]).signed(receipt)) == receipt


@pytest.mark.parametrize(
    ("header_", "host"),
    [("Portal.Example:8443", "portal.example:8443"), ("[::1]:80", "[::1]:80"), ("a\nSite: b", ""), ("", ""), ("é", "")],
)
def test_a_host_in_a_receipt_is_one(header_: str, host: str) -> None:
    assert host_of(header_) == host


def test_a_choice_is_no_receipt() -> None:
    """The cookie and the receipt are signed with one secret, each with its own salt."""
    choice = SIGNED.rpartition("Signature: ")[2].strip()
    site = portal("wsgi", **ASKED)
    answer = site.ask("/privacy/choices", *BROWSER, ("cookie", f"__Host-privacy={choice}"))
    assert "We cannot verify your earlier choice" in answer.body.decode()


# --- the store


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        made = open_store(f"sqlite:///{tmp_path}/log.sqlite", patience=5)
    else:
        made = request.getfixturevalue("server_place").store()
    yield made
    made.close()


def decision(number: int, *, at: int = NOW, until: int = NOW + DAY, answers: str = "sale=no") -> Decision:
    return Decision(number.to_bytes(16, "big"), at, until, "v", answers, "")


def test_a_record_is_found_by_its_receipt_alone(store: Store) -> None:
    assert store.noted(decision(1).receipt) is None
    store.note([decision(1), decision(2, answers="sale=yes")])
    assert store.noted(decision(2).receipt) == decision(2, answers="sale=yes")
    assert store.noted(bytes(16)) is None
    assert store.noted(b"' or 1 --") is None


def test_a_record_stays_as_it_is(store: Store) -> None:
    store.note([decision(1)])
    store.note([decision(1, answers="sale=yes"), decision(2)])
    assert store.noted(decision(1).receipt) == decision(1)
    assert store.noted(decision(2).receipt) == decision(2)


def dropped(store: Store, now: int, made_before: int = 0) -> int:
    return sum(iter(lambda: store.drop_noted(now, made_before), 0))


def test_records_go_at_their_time_or_sooner(store: Store) -> None:
    assert store.drop_noted(NOW, NOW) == 0
    store.note([decision(i, at=NOW + i, until=NOW + 2 * i) for i in range(1_000)])
    assert dropped(store, NOW + 1_000) == 501
    assert store.noted(decision(501).receipt) == decision(501, at=NOW + 501, until=NOW + 1_002)
    assert store.noted(decision(500).receipt) is None
    assert dropped(store, NOW, NOW + 900) == 399
    assert dropped(store, NOW, NOW + 900) == 0


@pytest.mark.proves("choices.record_time")
def test_a_dropped_record_is_in_no_file(tmp_path: Path, store: Store) -> None:
    marks = [bytes([i]) * 16 for i in range(1, 40)]
    store.note([Decision(mark, NOW, NOW, "v", "sale=no", "") for mark in marks])
    assert set(store.scan_for(marks)) == set(marks)  # type: ignore[call-overload]
    assert dropped(store, NOW) == len(marks)
    assert store.settle()
    assert not set(store.scan_for(marks))  # type: ignore[call-overload]


def test_a_log_without_records_is_read(tmp_path: Path, store: Store) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "log.sqlite")) as db:
        assert not db.execute("select 1 from sqlite_master where name = 'decision'").fetchall()
    assert store.noted(bytes(16)) is None


fork = multiprocessing.get_context("fork")


def _notes(url: str, first: int, barrier: Any) -> None:
    store = open_store(url, patience=20)
    barrier.wait()
    for number in range(first, first + 50):
        store.note([decision(number)])
        store.drop_noted(NOW, 0)
    os._exit(0)


def test_processes_race_for_one_store(tmp_path: Path) -> None:
    url, barrier = f"sqlite:///{tmp_path}/log.sqlite", fork.Barrier(4)
    workers = [fork.Process(target=_notes, args=(url, 50 * each, barrier)) for each in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    store = open_store(url)
    assert all(store.noted(decision(number).receipt) for number in range(200))


def test_records_make_room_last(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/log.sqlite", max_bytes=60_000)
    store.note([decision(number, at=NOW + number) for number in range(2_000)])
    assert store.trim() > 0
    assert store.noted(decision(0).receipt) is None
    assert store.noted(decision(1_999).receipt) is not None


# --- the journal


@contextlib.contextmanager
def journal(folder: Path, clock: Any = time.time, **options: Any) -> Iterator[Any]:
    keys = open_keys(folder / "keys", Terms(retention=30 * DAY), clock=clock)
    made = open_journal(open_store(f"sqlite:///{folder}/log.sqlite"), keys, data=folder, **options)
    try:
        yield made
    finally:
        made.close()


def eventually(check: Any, seconds: float = 5.0) -> Any:
    end = time.monotonic() + seconds
    while not (answer := check()) and time.monotonic() < end:
        time.sleep(0.02)
    return answer


def test_a_decision_is_stored_by_the_thread(tmp_path: Path) -> None:
    with journal(tmp_path) as made:
        made.note(decision(1, until=int(time.time()) + DAY))
        reader = open_store(f"sqlite:///{tmp_path}/log.sqlite")
        assert eventually(lambda: reader.noted(decision(1).receipt))


def test_a_decision_waits_for_a_store_that_does_not_answer(tmp_path: Path) -> None:
    until = int(time.time()) + DAY
    with journal(tmp_path) as made:
        with contextlib.closing(sqlite3.connect(tmp_path / "log.sqlite", isolation_level=None)) as db:
            db.execute("begin immediate")
            begun = time.monotonic()
            made.note(decision(1, until=until))
            assert time.monotonic() - begun < 0.05
            assert not made.flush(0.3)
            db.execute("rollback")
        assert made.flush(5)
    assert open_store(f"sqlite:///{tmp_path}/log.sqlite").noted(decision(1).receipt)


def test_a_queue_that_is_full_drops_the_newest_and_counts(tmp_path: Path) -> None:
    notes = Notes(open_store(f"sqlite:///{tmp_path}/log.sqlite"), most=3)
    for number in range(5):
        notes.add(decision(number))
    assert (notes.waiting, notes.dropped) == (3, 2)
    assert notes.write()
    assert (notes.waiting, notes.write()) == (0, False)


def test_what_could_not_be_stored_is_counted_and_told(tmp_path: Path) -> None:
    with journal(tmp_path) as made, contextlib.closing(
        sqlite3.connect(tmp_path / "log.sqlite", isolation_level=None)
    ) as db:  # fmt: skip
        db.execute("begin immediate")
        made.note(decision(1))
        made.close(0.3)
        db.execute("rollback")
    assert made.counts()["decisions_dropped"] == 1
    told = {each.code: each.text for each in open_log(tmp_path).verify()}
    assert told["rows-decisions"].startswith("1 records of decisions dropped")


def test_a_child_process_stores_none_of_its_parents(tmp_path: Path) -> None:
    until = int(time.time()) + DAY
    with journal(tmp_path, interval=30) as made:
        made.note(decision(1, until=until))
        child = fork.Process(target=lambda: os._exit(made._writer.notes.waiting))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child.start()
        child.join(30)
        assert child.exitcode == 0
    assert open_store(f"sqlite:///{tmp_path}/log.sqlite").noted(decision(1).receipt)


def test_no_decision_is_lost_or_doubled_among_threads(tmp_path: Path) -> None:
    until = int(time.time()) + DAY
    with journal(tmp_path) as made:

        def put(first: int) -> None:
            for number in range(first, first + 100):
                made.note(decision(number, until=until))

        threads = [threading.Thread(target=put, args=(100 * each,)) for each in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert made.flush(5)
        assert made.counts()["decisions_dropped"] == 0
    store = open_store(f"sqlite:///{tmp_path}/log.sqlite")
    assert all(store.noted(decision(number).receipt) for number in range(400))


@pytest.mark.parametrize(("retention", "kept"), [(None, True), (2 * DAY, True), (DAY // 2, False)])
@pytest.mark.proves("choices.record_time")
def test_a_running_site_drops_what_is_over(tmp_path: Path, retention: int | None, kept: bool) -> None:
    store = open_store(f"sqlite:///{tmp_path}/log.sqlite")
    store.note([decision(1, at=NOW - DAY, until=NOW), decision(2, at=NOW - DAY + 1, until=NOW + DAY)])
    with journal(tmp_path, lambda: float(NOW), decisions=retention) as made:
        made.start()
        assert eventually(lambda: store.noted(decision(1).receipt) is None)
        assert eventually(lambda: (store.noted(decision(2).receipt) is not None) == kept)


# --- a site with a store


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "data"


@contextlib.contextmanager
def recording(face: str, folder: Path, **settings: str) -> Iterator[Portal]:
    site = portal(face, allows, **{**ASKED, "data": str(folder), **settings})
    try:
        yield site
    finally:
        site.started.pipeline.close()


def receipt_in(answer: Any) -> str:
    found = re.search(r"<textarea[^>]*>(.*?)</textarea>", answer.body.decode(), re.DOTALL)
    return html.unescape(found[1]) if found else ""


def stored(started: Started, text: str) -> Decision | None:
    assert started.services.journal is not None
    assert started.services.journal.flush()
    store = open_store(f"sqlite:///{started.policy.site.data}/log.sqlite")
    return store.noted(Receipts([SECRET]).read(text).decision.receipt)


@faces
@pytest.mark.parametrize(
    ("body", "headers", "answers", "signals"),
    [
        ("c.statistics=1&c.sale=0", (), "sale=no statistics=yes", ""),
        ("do=refuse", (("sec-gpc", "1"),), "sale=no statistics=no", "Sec-GPC"),
        ("do=accept", (("dnt", "1"), ("sec-gpc", "1")), "sale=yes statistics=yes", "Sec-GPC DNT"),
        ("c.sale=0", (("dnt", "1"),), "sale=no", "DNT"),
    ],
)
@pytest.mark.proves("choices.record", "choices.receipt")
def test_a_decision_has_a_record_and_a_receipt(
    face: str, place: Path, body: str, headers: tuple[tuple[str, str], ...], answers: str, signals: str
) -> None:
    with recording(face, place, signals_dnt="honour") as site:
        answer = site.post(PAGE, body, *NAVIGATION, FORM, *headers)
        assert answer.status == 200
        text = receipt_in(answer)
        receipt = Receipts([SECRET]).read(text)
        assert (receipt.site, receipt.decision.answers, receipt.decision.signals) == (HOST, answers, signals)
        assert receipt.decision.at % 60 == 0
        assert 0 <= time.time() - receipt.decision.at < 90
        assert receipt.decision.until == receipt.decision.at + 400 * DAY
        assert stored(site.started, text) == receipt.decision
        said = cookie_in(answer)[1]
        assert receipt.decision.receipt.hex() not in said
        assert "Your choices are saved." in answer.body.decode()
        assert receipt_in(site.ask(PAGE, *BROWSER, ("cookie", said))) == "", "it is shown once"


@faces
@pytest.mark.proves("choices.receipt")
def test_a_record_holds_nothing_of_the_visitor(face: str, place: Path) -> None:
    agent = ("user-agent", "Mozilla/5.0 (Peculiar)")
    with recording(face, place) as site:
        answer = site.post(
            PAGE, "do=refuse", *NAVIGATION, FORM, agent, ("cookie", "sid=peculiar-value"), peer="192.0.2.77"
        )
        assert stored(site.started, receipt_in(answer))
        for path in place.rglob("*"):
            content = path.read_bytes() if path.is_file() else b""
            assert not [each for each in (b"192.0.2.77", b"Peculiar", b"peculiar-value") if each in content]
    with contextlib.closing(sqlite3.connect(place / "log.sqlite")) as db:
        columns = [row[1] for row in db.execute("pragma table_info(decision)")]
    assert columns == list(Decision._fields)


@faces
def test_a_site_without_a_log_of_addresses_keeps_records(face: str, place: Path) -> None:
    with recording(face, place, addresses_mode="off") as site:
        text = receipt_in(site.post(PAGE, "do=refuse", peer="192.0.2.77"))
        assert stored(site.started, text)
        assert "We keep no log of IP addresses" in site.ask("/privacy/notice").body.decode()
        assert site.started.services.journal.counts()["stored"] == 0  # type: ignore[union-attr]


@faces
@pytest.mark.parametrize(
    ("settings_", "told", "untold"),
    [
        ({}, ["choices.record_time", "choices.receipt", "choices.again"], []),
        ({"choices_recorded": "off"}, ["choices.record"], ["choices.record_time", "choices.receipt"]),
        ({"store": "none"}, ["choices.record"], ["choices.record_time"]),
        ({"mode": "observe"}, ["choices.record"], ["choices.record_time"]),
    ],
)
def test_the_notice_tells_of_records_where_they_are_kept(
    face: str, place: Path, settings_: dict[str, str], told: list[str], untold: list[str]
) -> None:
    with recording(face, place, **settings_) as site:
        document = json.loads(site.ask("/privacy/notice.json").body)
    found = {each["name"] for section in document["sections"] for each in section["sentences"]}
    assert set(told) <= found
    assert not found.intersection(untold)


@faces
@pytest.mark.parametrize(
    ("body", "settings_", "status"),
    [
        ("outside=direct", {}, 303),
        ("do=clear", {}, 303),
        ("do=erase", {}, 303),
        ("do=refuse", {"choices_recorded": "off"}, 303),
        ("do=refuse", {"store": "none"}, 303),
        ("do=refuse", {"mode": "observe"}, 303),
        ("do=refuse", {"mode": "off"}, 303),
        ("do=refuse&colour=red", {}, 400),
        ("c.sale=2", {}, 400),
    ],
)
@pytest.mark.proves("choices.record")
def test_no_record_without_a_decision(
    face: str, place: Path, body: str, settings_: dict[str, str], status: int
) -> None:
    with recording(face, place, **settings_) as site:
        answer = site.post(PAGE, body)
        assert answer.status == status
        assert receipt_in(answer) == ""
        if site.started.services.journal is not None:
            assert site.started.services.journal.flush()
    if (place / "log.sqlite").exists():
        with contextlib.closing(sqlite3.connect(place / "log.sqlite")) as db:
            assert not db.execute("select 1 from sqlite_master where name = 'decision'").fetchall()


@faces
@pytest.mark.parametrize(
    ("change", "headers", "status"),
    [
        (lambda text: text, NAVIGATION, 200),
        (lambda text: text.replace("sale=no", "sale=yes"), NAVIGATION, 400),
        (lambda text: "", NAVIGATION, 400),
        (lambda text: text, (*BROWSER, ("sec-fetch-site", "cross-site")), 403),
    ],
)
def test_a_receipt_can_be_saved(
    face: str, place: Path, change: Any, headers: tuple[tuple[str, str], ...], status: int
) -> None:
    from urllib.parse import urlencode

    with recording(face, place) as site:
        text = receipt_in(site.post(PAGE, "do=refuse"))
        body = urlencode({"receipt": change(text).replace("\n", "\r\n")})
        answer = site.post(f"{PAGE}/receipt.txt", body, *headers, FORM)
        assert answer.status == status
        if status == 200:
            assert answer.body.decode() == text
            assert header(answer, "content-disposition") == 'attachment; filename="privacy-receipt.txt"'
        assert site.ask(f"{PAGE}/receipt.txt").status == 405


@faces
@pytest.mark.parametrize("path", ["x", "data.json/x", "receipt.txt/", "data"])
def test_other_addresses_are_the_apps(face: str, path: str) -> None:
    assert portal(face, page_of("the app's"), **ASKED).ask(f"{PAGE}/{path}").body == b"the app's"


# --- privacymw choices verify


def verify(
    folder: Path, text: str, *arguments: str, secret: str = SECRET, **more: str
) -> subprocess.CompletedProcess[str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PRIVACYMW_")}
    env = {**ours, **({"PRIVACYMW_SECRET_KEY": secret} if secret else {})}
    command = [sys.executable, "-m", "privacymw", "choices", "verify", "-", "--data", str(folder), *arguments]
    done = subprocess.run(command, input=text, env=env, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_a_receipt_is_verified(place: Path) -> None:
    with recording("wsgi", place) as site:
        text = receipt_in(site.post(PAGE, "c.statistics=1&c.sale=0"))
        assert stored(site.started, text)
    done = verify(place, text)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("sale=no statistics=yes") == 2
    assert "held: this site signed the receipt, and its record says the same" in done.stdout
    document = json.loads(verify(place, text, "--json").stdout)
    assert document["held"] is True
    assert document["site"] == HOST
    assert document["receipt"] == document["record"]
    (place.parent / "receipt.txt").write_text(text)
    command = [sys.executable, "-m", "privacymw", "choices", "verify", str(place.parent / "receipt.txt")]
    env = {**os.environ, "PRIVACYMW_DATA": str(place), "PRIVACYMW_SECRET_KEY": SECRET}
    assert subprocess.run(command, env=env, capture_output=True, timeout=60).returncode == 0

    forged = verify(place, text.replace("sale=no", "sale=yes"))
    assert (forged.returncode, "the signature does not fit" in forged.stdout) == (2, True)
    assert verify(place, "hello").returncode == 2
    assert verify(place, text, secret=OTHER_SECRET).returncode == 2
    with contextlib.closing(sqlite3.connect(place / "log.sqlite")) as db:
        db.execute("update decision set answers = 'sale=yes'")
        db.commit()
    differs = verify(place, text)
    assert (differs.returncode, "says something else" in differs.stdout) == (2, True)
    with contextlib.closing(sqlite3.connect(place / "log.sqlite")) as db:
        db.execute("delete from decision")
        db.commit()
    missing = verify(place, text)
    assert (missing.returncode, "has no record of it" in missing.stdout) == (2, True)


def test_a_record_whose_time_is_over_is_not_missed(place: Path) -> None:
    with recording("wsgi", place) as site:
        site.ask()
    over = Receipts([SECRET]).signed(Receipt(HOST, decision(1, at=1_600_000_020, until=1_600_000_080)))
    done = verify(place, over)
    assert (done.returncode, "the time of its record is over" in done.stdout) == (0, True)


def test_the_secret_of_the_data_folder_is_found(place: Path) -> None:
    with recording("wsgi", place, secret_key="") as site:
        text = receipt_in(site.post(PAGE, "do=refuse"))
        assert site.started.services.journal.flush()  # type: ignore[union-attr]
    assert verify(place, text, secret="").returncode == 0
    (place / "secret").unlink()
    done = verify(place, text, secret="")
    assert (done.returncode, "set PRIVACYMW_SECRET_KEY" in done.stderr) == (1, True)


@pytest.mark.parametrize(("receipt", "told"), [("nothing.txt", "No such file"), (".", "directory")])
def test_a_receipt_that_cannot_be_read(tmp_path: Path, receipt: str, told: str) -> None:
    command = [sys.executable, "-m", "privacymw", "choices", "verify", receipt, "--data", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, told in done.stderr) == (1, True)
