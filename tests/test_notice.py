"""The policy page: rendered from the promises in force, so that it cannot drift from them."""

import itertools
import json
import re
from collections.abc import Iterable
from html import unescape
from typing import Any

import pytest

import readability
from faces import Site
from privacymw.core import BODILESS
from privacymw.glance import Glance, glance
from privacymw.policies import GROUPS, Policy
from privacymw.policy import Organisation
from privacymw.promise import Means, Section
from privacymw.promises import PROMISES
from privacymw.promises.notice import CLAUSES
from privacymw.settings import fields
from privacymw.words import ENGLISH
from sites import BROWSER, FACES, environ, header, names, page_of, portal

P = "PRIVACYMW_"
HELD = Means(secret=True, store=True)
NOT_FOUND = page_of("not here", status=404)


def sections(means: Means = HELD, /, **settings: str) -> dict[str, Section]:
    return {each.name: each for each in Policy.from_env(environ(**settings)).within(means).sections()}


def sentence_names(means: Means = HELD, /, **settings: str) -> set[str]:
    return {each.name for section in sections(means, **settings).values() for each in section.sentences}


# --- the page and the settings cannot drift apart

BASE = {
    "organisation_name": "Example Health",
    "choices_categories": "statistics",
    "addresses_network_retention": "60d",
    "cookies_ready": "session",
    "addresses_fail2ban": "on",
    "addresses_hold_since": "2900-01-01",
    "addresses_hold_until": "2900-06-01",
}
ANOTHER = {
    "confidential_paths": "/members",
    "choices_bar": "on",
    "choices_model": "opt-out",
    "choices_categories": "ads",
    "choices_preferences": "language=en|es",
    "choices_saved": "off",
    "choices_opt_out_countries": "CA",
    "choices_recorded": "off",
    "choices_record_retention": "30d",
    "cookies_guard": "enforce",
    "cookies_ready": "csrf",
    "cookies_declared": '[{name = "_st", category = "ads", purpose = "shows you offers", lifetime = "30d"}]',
    "addresses_retention": "7d",
    "addresses_network_retention": "90d",
    "addresses_skip": "/static",
    "addresses_max_size": "2GB",
    "addresses_mode": "none",
    "addresses_hold_since": "2900-02-01",
    "addresses_hold_until": "2900-07-01",
    "addresses_hold_reason": "a court has asked for the log",
    "addresses_browser": "off",
    "addresses_evidence": "off",
    "addresses_geo_database": "/usr/share/GeoIP/GeoLite2-Country.mmdb",
    "addresses_other_logs": "mask",
    "addresses_fail2ban": "off",
    "addresses_fail2ban_retention": "3d",
    "outbound_mode": "annotate",
    "outbound_trusted": "friend.example",
    "outbound_paths": "/blog=off, /pay=interstitial, /news=annotate",
    "outbound_blocked": "foe.example",
    "outbound_redirects": "allow-list",
    "outbound_redirect_hosts": "login.example",
    "outbound_notes": '[{host = "*.lab.example", kinds = ["health"]}]',
    "outbound_script": "on",
    "mail_links": "off",
    "mail_writes": "on",
    "personal_fields": "member_id, email",
    "transport_redirect": "on",
    "transport_exempt": "/ping",
    "headers_preset": "strict",
    "headers_hsts": "2d",
    "security_contact": "mailto:security@example.org",
    "security_expires": "2026-12-31",
    "security_policy": "https://example.org/report",
    "security_languages": "en, es",
    "signals_dnt": "disclose",
    "signals_gpc": "on",
    "notice_terms": "/terms",
    "notice_wording": '{"notice.change" = "We may change this notice."}',
    "notice_effective": "2026-01-31",
    "notice_statements": '[{section = "personal", text = "We sell nothing.", by = "Jane Doe", on = 2026-01-31}]',
    "organisation_name": "Other Health",
    "organisation_contact": "privacy@example.org",
    "organisation_postal_address": "1 Main Street",
    "organisation_role": "covered entity",
    "sites": "example.org",
    "language": "es",
    "prefix": "/data",
    "keys": "/var/lib/keys",
}
REPORTS = {"security_contact": "mailto:a@example.org", "security_expires": "2026-06-30"}
ONLY_WITH = {
    **dict.fromkeys(("security_contact", "security_expires", "security_policy", "security_languages"), REPORTS),
    "choices_opt_out_countries": {"choices_model": "by-country"},
    "outbound_redirect_hosts": {"outbound_redirects": "allow-list"},
}
AT_ODDS = {  # what the base sets and a word forbids
    ("addresses_mode", "off"): {"addresses_hold_since": "", "addresses_hold_until": ""},
}
UNTOLD = {
    "addresses_epoch": "the limits are counted from an epoch's start, so that they hold whatever its length",
    "mode": "its dry run makes the page a draft, below",
    "data": "where our own files lie, which the page does not speak of",
    "store": "the same; without one the promise steps down, below",
    "store_tls": "told where a database is elsewhere: tests/test_location.py",
    "secret_key": "without one promises step down, below",
    "link_keys": "which links of before still open, not what they lead to",
    "config": "only where settings come from",
    "trusted_proxies": "whose word is taken for an address, not what becomes of it",
    "templates": "the looks of the page",
    "notice_versions": "where published words come from: tests/test_versions.py",
    "notice_announce": "when they are announced: tests/test_versions.py",
}


def test_every_setting_is_told_or_known_not_to_matter() -> None:
    settings = {each.variable.removeprefix(P).lower() for group in GROUPS for each in fields(group)}
    assert settings == ANOTHER.keys() | UNTOLD.keys()
    assert not ANOTHER.keys() & UNTOLD.keys()


@pytest.mark.parametrize("name", ANOTHER)
def test_another_value_makes_another_page(name: str) -> None:
    base = {**BASE, **ONLY_WITH.get(name, {})}
    before, after = sections(**base), sections(**{**base, name: ANOTHER[name]})
    changed = {each for each in before.keys() | after.keys() if before.get(each) != after.get(each)}
    assert changed
    group = name.partition("_")[0]
    assert group in changed or group not in {each.group for each in PROMISES} or group == "notice"


WORDS = [each for group in GROUPS for each in fields(group) if each.words]


@pytest.mark.parametrize("field", WORDS, ids=lambda field: field.variable)
def test_every_word_of_a_setting_makes_another_page(field: Any) -> None:
    name = field.variable.removeprefix(P).lower()
    if name not in UNTOLD:
        pages = [str(sections(**{**BASE, **AT_ODDS.get((name, word), {}), name: word})) for word in field.words]
        assert len(set(pages)) == len(field.words)


# --- what its sentences say

SIGNALS = {"signals_dnt": "honour", "signals_gpc": "on", "sites": "example.org, example.com"}
OFF = (
    "choices_saved",
    "choices_recorded",
    "addresses_mode",
    "addresses_browser",
    "addresses_evidence",
    "addresses_fail2ban",
    "language",
    "notice_wording",
)
EVERY = {**BASE, **{name: text for name, text in ANOTHER.items() if name not in OFF}}
MODES = [
    {"outbound_mode": outbound, "transport_redirect": redirect, "headers_preset": preset, "choices_model": model}
    for outbound, redirect, preset, model in itertools.product(
        ("interstitial", "annotate", "off"),
        ("auto", "on", "off"),
        ("standard", "strict", "off"),
        ("opt-in", "opt-out", "by-country"),
    )
]
POLICIES = [
    sections(Means(secret=secret, store=store), **{**base, **mode})
    for base in (
        {},
        {"addresses_other_logs": "off", "addresses_mode": "network"},
        {"addresses_mode": "none"},
        BASE,
        EVERY,
        {**BASE, **SIGNALS, "addresses_mode": "network"},
        {**BASE, "addresses_mode": "none"},
    )
    for mode in MODES
    for secret in (True, False)
    for store in (True, False)
]
SENTENCES = {each.text: each for policy in POLICIES for section in policy.values() for each in section.sentences}
TEXTS = [
    *SENTENCES,
    *{section.title for policy in POLICIES for section in policy.values()},
    *{str(table) for policy in POLICIES for section in policy.values() for table in section.tables},
]


@pytest.mark.parametrize("word", ["anonymous", "all", "never", "provably", "compliant", "cannot be recovered"])
def test_words_that_promise_too_much_are_not_generated(word: str) -> None:
    assert not [text for text in TEXTS if re.search(rf"\b{word}\b", text, re.IGNORECASE)]


def test_sentences_are_whole_and_named_after_their_section() -> None:
    for policy in POLICIES[::7]:
        for section in policy.values():
            assert section.sentences
            assert len({each.name for each in section.sentences}) == len(section.sentences)
            assert all(
                each.name.startswith(f"{section.name}.") and each.text.endswith(".") for each in section.sentences
            )
            assert all(len(row) == len(table.head) for table in section.tables for row in table.rows)


def test_a_sentence_is_kept_or_stated_by_somebody() -> None:
    assert {each.kept for each in SENTENCES.values()} == {True, False}
    assert all(each.by for each in SENTENCES.values() if not each.kept)


def test_sections_stand_in_the_order_of_the_clauses() -> None:
    for policy in POLICIES[::7]:
        assert list(policy) == [name for name in CLAUSES if name in policy]
        assert [each.title for each in policy.values()] == [CLAUSES[name] for name in policy]


@pytest.mark.parametrize("name", [*sections(**EVERY)])
def test_each_section_reads_easily(name: str) -> None:
    for policy in POLICIES:
        if name in policy and name != "personal":
            text = " ".join(each.text for each in policy[name].sentences)
            assert readability.grade(text) <= 8, text


def test_the_default_policy_is_short() -> None:
    text = " ".join(each.text for section in sections().values() for each in section.sentences)
    short = short_of(sections().values())
    label = [*(cell for row in short.kept for cell in row[:3]), *(cell for line in short.lines for cell in line[:2])]
    assert label
    assert len(readability.words(" ".join([text, *label]))) <= 1_000


# --- in short


def short_of(told: Iterable[Section]) -> Glance:
    return glance([*told], Organisation(name="Example Health", contact="privacy@example.org"), ENGLISH, archived=True)


@pytest.mark.parametrize("index", range(0, len(POLICIES), 7))
def test_the_short_form_says_what_the_long_one_says(index: int) -> None:
    """Each time and each purpose stands in a table or a sentence of the section that the row leads to."""
    policy = POLICIES[index]
    for row in short_of(policy.values()).kept:
        section = policy[row.section]
        cells = {cell for table in section.tables for line in table.rows for cell in line}
        cells |= {value for each in section.sentences for value in each.values.values()}
        assert row.long in cells or row.what == "More cookies"


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, {"Log of requests, with your IP address": "30 days", "Cookie __Host-privacy": "400 days"}),
        ({"addresses_mode": "network"}, {"Log of requests, with the network of your IP address": "30 days"}),
        ({"addresses_mode": "none"}, {"Log of requests, without your IP address": "30 days"}),
        ({"addresses_retention": "7d"}, {"Log of requests, with your IP address": "7 days"}),
        ({"addresses_network_retention": "60d"}, {"What else this log holds": "60 days"}),
        ({"addresses_fail2ban": "on"}, {"Your address, where a request is refused": "7 days"}),
        ({"cookies_ready": "session"}, {"Cookie session": "until you close the browser"}),
        ({"choices_categories": "statistics"}, {"Record of what you chose": "400 days"}),
        ({"cookies_ready": "session, remember, csrf, language"}, {"More cookies": "see the table of cookies"}),
    ],
)
def test_the_short_form_follows_the_settings(settings: dict[str, str], kept: dict[str, str]) -> None:
    found = {row.what: row.long for row in short_of(sections(**settings).values()).kept}
    assert kept.items() <= found.items()


def test_the_short_form_reads_easily() -> None:
    for settings in ({}, BASE, {"addresses_mode": "network"}, {"addresses_mode": "none"}):
        short = short_of(sections(**settings).values())
        told = [f"{row.what}, {row.long}, {row.why}." for row in short.kept]
        assert readability.grade(" ".join([*told, *(f"{line.question}." for line in short.lines)])) <= 8, told


def test_the_short_form_leaves_out_what_is_not_kept() -> None:
    settings = {"addresses_mode": "off", "choices_saved": "off", "choices_recorded": "off"}
    short = short_of(sections(**settings).values())
    assert short.kept == ()
    assert [line.question for line in short.lines][:1] == ["Who answers for it"]


@pytest.mark.parametrize("face", FACES)
def test_each_form_of_the_page_begins_with_the_short_one(face: str, tmp_path: Any) -> None:
    site = portal(face, organisation_contact="privacy@example.org", data=str(tmp_path))
    page = site.ask("/privacy/notice").body.decode()
    assert page.index("<h1>") < page.index('id="short"') < page.index('class="contents"')
    assert "privacy@example.org" in page[page.index('id="short"') : page.index('class="contents"')]
    row = ("Log of requests, with your IP address", "30 days", "to diagnose faults, to run the site")
    assert "| " + " | ".join(row) + " |" in site.ask("/privacy/notice.md").body.decode().partition("\n## ")[2]
    assert row[0] in site.ask("/privacy/notice.txt").body.decode().partition("\n---")[2][:400]
    assert tuple(json.loads(site.ask("/privacy/notice.json").body)["short"][0].values())[:3] == row


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("the", 1),
        ("site", 1),
        ("named", 1),
        ("notice", 2),
        ("privacy", 3),
        ("address", 2),
        ("browser", 2),
        ("people", 2),
    ],
)
def test_syllables(word: str, count: int) -> None:
    assert readability.syllables(word) == count


# --- promises without their means

OUTBOUND = {"outbound.mode", "outbound.scope", "outbound.remember"}


@pytest.mark.parametrize(
    ("secret", "store", "settings", "present", "absent"),
    [
        (True, True, {}, {"choices.cookie", "addresses.retention", *OUTBOUND}, {"choices.none", "addresses.none"}),
        (False, True, {}, {"choices.none", "outbound.mode"}, {"choices.cookie", "outbound.scope", "outbound.remember"}),
        (True, False, {}, {"addresses.none", "addresses.others"}, {"addresses.retention", "addresses.what"}),
        (True, True, {"outbound_mode": "annotate"}, {"choices.none"}, {"choices.cookie", "outbound.remember"}),
        (True, True, {"outbound_mode": "off"}, {"choices.none"}, {"outbound.mode", "outbound.others"}),
        (True, True, {"choices_saved": "off"}, {"choices.none"}, {"choices.cookie"}),
        (True, True, {"addresses_mode": "off"}, {"addresses.none"}, {"addresses.retention"}),
        (True, True, {"addresses_other_logs": "off"}, {"addresses.others"}, {"addresses.masked", "addresses.counted"}),
        (True, True, {"addresses_other_logs": "mask"}, {"addresses.masked"}, {"addresses.counted"}),
        (True, False, {"addresses_fail2ban": "on"}, {"addresses.none", "addresses.fail2ban"}, {"addresses.masked"}),
        (True, True, {"headers_preset": "off"}, set(), {"headers.hsts", "headers.referrer"}),
        (True, True, {"headers_hsts": "0s"}, {"headers.referrer"}, {"headers.hsts"}),
        (True, True, {"transport_redirect": "off"}, set(), {"transport.redirect", "transport.exempt"}),
    ],
)
def test_a_promise_without_its_means_steps_down(
    secret: bool, store: bool, settings: dict[str, str], present: set[str], absent: set[str]
) -> None:
    policy = Policy.from_env(environ(**settings))
    found = sentence_names(Means(secret=secret, store=store, leaving=policy.leaving), **settings)
    assert present <= found
    assert not absent & found


def test_a_dry_run_masks_nothing_and_writes_no_line() -> None:
    dry = Means(secret=True, store=False, live=False)
    assert {"addresses.masked", "addresses.fail2ban"}.isdisjoint(
        sentence_names(dry, addresses_other_logs="mask", addresses_fail2ban="on")
    )


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, {"choices.none", "addresses.none"}),
        ({"secret_key": "a secret that is long enough"}, {"choices.cookie", "addresses.none", "outbound.remember"}),
        ({"data": "{folder}"}, {"choices.cookie", "addresses.retention", "outbound.remember"}),
        ({"data": "{folder}", "store": "none"}, {"choices.cookie", "addresses.none"}),
        ({"data": "{folder}", "mode": "observe"}, {"choices.cookie", "addresses.none"}),
    ],
)
@pytest.mark.parametrize("face", FACES)
@pytest.mark.proves("addresses.none", "choices.cookie")
def test_the_page_tells_what_there_is(face: str, settings: dict[str, str], told: set[str], tmp_path: Any) -> None:
    given = {name: text.replace("{folder}", str(tmp_path)) for name, text in settings.items()}
    text = portal(face, **{"secret_key": "", **given}).ask("/privacy/notice").body.decode()
    assert all(f' id="{name}">' in text for name in told)


@pytest.mark.parametrize(
    ("settings", "apart"),
    [
        ({"keys": ""}, False),
        ({"keys": "/var/lib/keys"}, True),
        ({"keys": "/var/lib/keys", "data": "/var/lib"}, False),
        ({"keys": "/var/lib/data/keys", "data": "/var/lib/data"}, False),
        ({"keys": "/var/lib/data/../keys", "data": "/var/lib/data"}, True),
        ({"keys": "/srv/keys", "store": "sqlite:////srv/log.sqlite", "data": "/var/lib/data"}, False),
    ],
)
@pytest.mark.proves("addresses.keys")
def test_keys_are_called_apart_only_where_they_are(settings: dict[str, str], apart: bool) -> None:
    assert ("addresses.keys" in sentence_names(**settings)) == apart


# --- the page as it is served

pages = pytest.mark.parametrize("face", FACES)


def text_of(body: bytes) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body.decode())).split())


@pages
@pytest.mark.parametrize(
    ("settings", "draft"),
    [
        ({}, True),
        ({"notice_effective": "2014-04-19"}, False),
        ({"notice_effective": "2914-04-19"}, False),
        ({"notice_effective": "2014-04-19", "mode": "observe"}, True),
    ],
)
def test_a_draft_binds_nobody(face: str, settings: dict[str, str], draft: bool) -> None:
    site = portal(face, **settings)
    answer = site.ask("/privacy/notice")
    assert ("Draft, not in force." in text_of(answer.body)) == draft
    assert (header(answer, "x-robots-tag") == "noindex, nofollow") == draft
    assert json.loads(site.ask("/privacy/notice.json").body)["draft"] == draft
    assert ("link" in names(site.ask())) == (not draft)


@pages
def test_an_effective_notice_has_its_date_and_a_link(face: str) -> None:
    site = portal(face, page_of("x", ("link", "</a>; rel=next")), notice_effective="2014-04-19")
    assert "This notice is effective April 19, 2014." in text_of(site.ask("/privacy/notice").body)
    assert header(site.ask(root="/ä"), "link") == '</a>; rel=next, </%C3%A4/privacy/notice>; rel="privacy-policy"'


@pages
def test_no_date_is_invented(face: str) -> None:
    assert not re.search(r"\b(19|20)\d\d\b", text_of(portal(face).ask("/privacy/notice").body))


@pages
@pytest.mark.parametrize("settings", [{}, EVERY])
def test_the_page_is_small_and_takes_nothing_from_elsewhere(face: str, settings: dict[str, str]) -> None:
    body = portal(face, **settings).ask("/privacy/notice" if not settings else "/data/notice").body
    assert len(body) < 20_000
    assert not re.search(rb"""(?:src|href|action)=["']?(?:https?:|//)""", body)
    assert not re.search(rb"<script|<style|<iframe|<img| style=| on[a-z]+=", body)


@pages
def test_the_pages_own_style_is_found(face: str) -> None:
    site = portal(face)
    found = re.search(r'<link rel="stylesheet" href="([^"?]+)\?', site.ask("/privacy/notice").body.decode())
    assert found
    answer = site.ask(found[1])
    assert (answer.status, header(answer, "content-type")) == (200, "text/css; charset=utf-8")
    assert "immutable" in header(answer, "cache-control")
    assert len(answer.body) < 6_000


@pages
@pytest.mark.parametrize("path", ["/privacy/notice", *(f"/privacy/notice.{form}" for form in ("json", "md", "txt"))])
def test_a_known_notice_is_not_sent_again(face: str, path: str) -> None:
    site = portal(face)
    tag = header(site.ask(path), "etag")
    for sent, status in [(tag, 304), (f'"x", {tag}', 304), (f"W/{tag}", 304), ('"x"', 200), ("\x7f", 200), ("", 200)]:
        answer = site.ask(path, *BROWSER, ("if-none-match", sent))
        assert answer.status == status
        assert header(answer, "etag") == tag
        assert not answer.body or status not in BODILESS
    assert header(portal(face, **EVERY, mode="on").ask(path.replace("privacy", "data", 1)), "etag") != tag


@pages
def test_the_json_form_has_every_sentence(face: str) -> None:
    site = portal(face, **EVERY)
    document = json.loads(site.ask("/data/notice.json").body)
    page = text_of(site.ask("/data/notice").body)
    told = [each for section in document["sections"] for each in section["sentences"]]
    assert {each["kind"] for each in told} == {"kept", "stated"}
    assert all(("by" in each) == (each["kind"] == "stated") for each in told)
    assert all(" ".join(each["text"].split()) in page for each in told)
    assert document["effective"] == "2026-01-31"
    assert document["organisation"]["name"] == "Other Health"


@pages
def test_statements_from_a_file(face: str, tmp_path: Any) -> None:
    (tmp_path / "privacy.toml").write_text(
        '[organisation]\nname = "A & B"\n[[notice.statements]]\nsection = "personal"\n'
        'text = "We do not {sell} <b>data</b>."\nby = "Jane Doe, A & B"\non = 2026-01-31\n'
    )
    text = portal(face, config=str(tmp_path / "privacy.toml")).ask("/privacy/notice").body.decode()
    assert "We do not {sell} &lt;b&gt;data&lt;/b&gt;." in text
    assert "<small>Jane Doe, A &amp; B, January 31, 2026</small>" in text
    assert text.index('id="addresses"') < text.index('id="personal"') < text.index('id="outbound"')
    assert "<title>Privacy notice - A &amp; B</title>" in text


@pages
@pytest.mark.parametrize(
    ("view", "settings", "path", "ours"),
    [
        (NOT_FOUND, {}, "/privacy", True),
        (page_of("our own policy"), {}, "/privacy", False),
        (Site(302, (("location", "/legal"),), ()), {}, "/privacy", False),
        (NOT_FOUND, {}, "/privacy/", False),
        (NOT_FOUND, {}, "/privacy/other", False),
        (NOT_FOUND, {}, "/privacy/notice/x", False),
        (NOT_FOUND, {"prefix": "/data"}, "/privacy", False),
        (NOT_FOUND, {"prefix": "/data"}, "/data", True),
        (NOT_FOUND, {"mode": "observe"}, "/privacy", False),
        (page_of("our own policy"), {}, "/privacy/notice", True),
        (NOT_FOUND, {"mode": "off"}, "/privacy/notice", False),
    ],
)
def test_where_the_notice_stands(face: str, view: Site, settings: dict[str, str], path: str, ours: bool) -> None:
    assert (b"<h1>Privacy notice</h1>" in portal(face, view, **settings).ask(path).body) == ours


@pages
def test_a_template_of_the_operators_goes_first(face: str, tmp_path: Any) -> None:
    (tmp_path / "message.html").write_text("<h1>Ours: {{ title }}</h1>")
    answer = portal(face, templates=str(tmp_path)).ask("/privacy/leaving/x")
    assert (answer.status, answer.body) == (404, b"<h1>Ours: No such link</h1>")
