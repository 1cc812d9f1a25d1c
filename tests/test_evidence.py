"""The page of evidence: what it shows is what the store and the keys say, and nothing about a visitor."""

import asyncio
import contextlib
import json
import re
import shutil
import socket
import threading
import time
from html import unescape

import pytest

from faces import Request, scope_of
from privacymw import asgi
from privacymw.store import DAY, Terms, open_keys
from privacymw.store.account import KEPT, Witness
from sites import BROWSER, FACES, Portal, header, names, page_of, portal

pages = pytest.mark.parametrize("face", FACES)
SHORT = {"addresses_retention": "5s", "addresses_epoch": "1s"}
UNKNOWN = "not known: it cannot be read now"


def settings_of(place, **more):
    return {
        "data": str(place.data), "store": place.url, "keys": str(place.keys_at), "store_tls": "off",
        "secret_key": "the secret that all machines share", **more,
    }  # fmt: skip


def told(site, path="/privacy/evidence.json"):
    return json.loads(site.ask(path).body)


def facts(answer):
    rows = re.findall(r'<tr><th scope="row">([^<]*)</th><td>([^<]*)</td></tr>', answer.body.decode())
    return {unescape(label): unescape(value) for label, value in rows}


def until(what, seconds=20.0):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture
def opened():
    """Sites that are closed at the end, as a server does."""
    sites: list[Portal] = []

    def open_site(face, *view, **settings):
        sites.append(portal(face, *view, **settings))
        return sites[-1]

    yield open_site
    for site in sites:
        site.started.pipeline.close()


# --- what it shows


@pages
@pytest.mark.proves("addresses.evidence")
def test_it_shows_what_is_here_and_then_what_has_gone(face, place, opened):
    site = opened(face, **settings_of(place, **SHORT))
    site.ask("/")
    assert site.started.services.journal.flush()
    first = told(site)
    entry, *_ = place.log(terms=Terms(5, None, 1)).rows()  # the page itself is a request too
    assert first["rows"] == {"oldest": stamp(entry.when), "overdue_epochs": 0}
    assert first["keys"]["address"]["live"] >= 2, "this epoch's and the next one's"
    assert first["keys_lost"] == 0
    until(lambda: len(told(site).get("destroyed") or ()) >= 4)
    time.sleep(KEPT + 1)
    now = told(site)
    assert now["rows"]["overdue_epochs"] == 0
    assert now["rows"]["oldest"] == "none" or now["rows"]["oldest"] > first["rows"]["oldest"]
    keys = open_keys(place.keys_at, Terms(5, None, 1), create=False, secrets=[settings_of(place)["secret_key"]])
    graves = {(grave.lane, stamp(grave.start / 1000), stamp(grave.destroyed / 1000)) for grave in keys.home.gone()}
    assert {(each["lane"], each["epoch"], each["destroyed"]) for each in now["destroyed"]} <= graves
    assert all(each["destroyed"] >= each["due"] for each in now["destroyed"])
    assert {each["sealed"] for each in now["destroyed"][4:]} == {"gone"}
    assert now["writers"]["alive"] == 1
    assert now["writers"]["swept"] > first["at"]
    assert set(now["rows_lost"].values()) == {0}


def stamp(at):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


@pages
def test_it_shows_no_row_no_address_no_number_of_requests_and_no_place(face, place, opened):
    site = opened(face, **settings_of(place))
    for _ in range(4711 - 4600):
        site.ask("/members/4712")
    assert site.started.services.journal.flush()
    for path in ("/privacy/evidence", "/privacy/evidence.json"):
        text = site.ask(path).body.decode()
        for hidden in ("192.0.2", "203.0.113", "members", "111", str(place.data), place.url, "hush", "log.sqlite"):
            assert hidden not in text


@pages
def test_the_page_says_the_same_as_its_json(face, place, opened):
    site = opened(face, **settings_of(place))
    site.ask("/")
    assert site.started.services.journal.flush()
    page, document = facts(site.ask("/privacy/evidence")), told(site)
    today = time.strftime("%B %-d, %Y", time.gmtime())
    assert page["Day of the oldest entry"] == today
    assert document["rows"]["oldest"] == time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime())
    for lane, label in (("address", "Whole address"), ("network", "Network of the address")):
        assert page[f"{label}: keys that can open it"] == str(document["keys"][lane]["live"])
        assert page[f"{label}: the next key ends at"][:10] == document["keys"][lane]["next_end"][:10]
    assert page["Entries past their time are still here"] == "no"
    assert page["A whole address can be read for at most"] == "30 days"
    assert "No destroyed key is on record." in site.ask("/privacy/evidence").body.decode()


def test_each_limit_that_a_log_has_is_told():
    """Who gives the terms another field has to tell it here: see `proving.EvidencePage`."""
    assert Terms._fields == ("retention", "network_retention", "epoch", "mode", "hold_since", "hold_until")


@pages
def test_a_hold_is_told_while_it_lasts(face, place, opened):
    held = {"addresses_hold_since": "2900-02-01", "addresses_hold_until": "2900-07-01"}
    site = opened(face, **settings_of(place, **held))
    assert told(site)["holds"] == [{"since": "2900-02-01T00:00:00Z", "until": "2900-07-01T00:00:00Z"}]
    page = site.ask("/privacy/evidence").body.decode()
    assert "what was logged from 2900-02-01 00:00:00 UTC on is kept until 2900-07-01 00:00:00 UTC" in page
    assert "A court or an authority asks us to do so." in page
    over = {"addresses_hold_since": "2020-02-01", "addresses_hold_until": "2020-07-01"}
    site = opened(face, **settings_of(place, **over))
    assert told(site)["holds"] == []
    assert "Nothing is held back beyond these limits." in site.ask("/privacy/evidence").body.decode()


def test_a_network_outlives_its_address(place, opened):
    site = opened("wsgi", **settings_of(place, addresses_network_retention="1h", **SHORT))
    site.ask("/")
    assert site.started.services.journal.flush()
    until(lambda: [each for each in told(site)["destroyed"] if each["sealed"] == "gone"])
    document = told(site)
    assert {each["lane"] for each in document["destroyed"]} == {"address"}
    assert document["rows"]["oldest"] != "none"
    assert document["rows"]["overdue_epochs"] == 0


def test_a_lost_key_is_not_a_destroyed_one(tmp_path, opened):
    site = opened("wsgi", data=str(tmp_path))
    site.ask("/")
    assert site.started.services.journal.flush()
    for path in (tmp_path / "keys").glob("address-*.key"):
        path.unlink()
    document = told(site)
    assert (document["keys_lost"], document["destroyed"]) == (1, [])
    assert document["keys"]["address"] == {"live": 0, "next_end": "none", "overdue": 0}


def test_what_was_lost_of_the_log_is_told(tmp_path, opened):
    site = opened("wsgi", data=str(tmp_path))
    until((tmp_path / "writers").exists)
    (tmp_path / "writers" / "1-x.json").write_text(json.dumps({"pid": 1, "time": time.time() - 60, "dropped": 7}))
    assert told(site)["rows_lost"]["dropped"] == 7
    assert told(site)["writers"]["silent"] == 1
    assert facts(site.ask("/privacy/evidence"))["Not stored, as too many came at once"] == "7"


def test_keys_past_their_time_are_told(place):
    """Where nobody destroys them, the page does not say what the retention should have done."""
    place.journal(Terms(30 * DAY, None, DAY)).close()
    later = Witness(
        lambda: place.store(create=False),
        lambda clock: open_keys(place.keys_at, clock=lambda: clock() + 40 * DAY, create=False, secrets=["x"]),
        terms=Terms(),
        data=None,
    ).account()
    assert later.keys.lanes["address"].overdue == 2
    assert later.writers is None


# --- without a log, or without an answer


@pages
@pytest.mark.parametrize("settings", [{}, {"data": "{folder}", "store": "none"}, {"addresses_mode": "off"}])
def test_without_a_log_it_says_so(face, settings, tmp_path, opened):
    given = {name: text.replace("{folder}", str(tmp_path)) for name, text in settings.items()}
    site = opened(face, **given)
    assert b"This site keeps no log of IP addresses" in site.ask("/privacy/evidence").body
    document = told(site)
    assert (document["logged"], document["log"]) == (False, False)
    assert "rows" not in document


@pages
def test_what_is_left_of_an_earlier_log_is_shown(face, tmp_path, opened):
    before = opened(face, data=str(tmp_path))
    before.ask("/")
    before.started.pipeline.close()
    site = opened(face, data=str(tmp_path), mode="observe")
    assert b"No address is logged now." in site.ask("/privacy/evidence").body
    assert told(site)["rows"]["oldest"] != "none"
    assert not told(site)["logged"]


def test_a_store_that_is_gone_is_not_an_empty_one(tmp_path, opened):
    site = opened("wsgi", data=str(tmp_path))
    (tmp_path / "log.sqlite").rename(tmp_path / "elsewhere")
    document = told(site)
    assert (document["rows"], document["keys_lost"]) == (None, None)
    assert document["keys"]["address"]["live"] == 2, "the keys are known"
    assert not (tmp_path / "log.sqlite").exists(), "looking makes nothing"
    assert facts(site.ask("/privacy/evidence"))["Day of the oldest entry"] == UNKNOWN


def test_keys_that_cannot_be_read_are_not_none(tmp_path, opened):
    site = opened("wsgi", data=str(tmp_path))
    site.ask("/")
    assert site.started.services.journal.flush()
    shutil.rmtree(tmp_path / "keys")
    page, document = site.ask("/privacy/evidence"), told(site)
    assert (document["keys"], document["destroyed"], document["keys_lost"]) == (None, None, None)
    assert document["rows"]["oldest"] != "none"
    assert facts(page)["Whole address: keys that can open it"] == UNKNOWN
    assert "Which keys are gone is not known" in page.body.decode()


@pytest.mark.servers
def test_a_server_that_is_away_is_told_at_once(cluster, tmp_path, opened):
    url = cluster.database()
    site = opened("asgi", data=str(tmp_path), store=url, store_tls="off")
    cluster.stop()
    try:
        began = time.monotonic()
        document = told(site)
        assert time.monotonic() - began < 3
        assert document["rows"] is None
        assert document["keys"]["address"]["live"] == 2, "these are in the folder"
    finally:
        cluster.start()
    time.sleep(KEPT)
    until(lambda: told(site)["rows"] is not None)


@contextlib.contextmanager
def silent_server():
    """It takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"postgresql://site:hush@127.0.0.1:{silent.getsockname()[1]}/site"


@pytest.mark.servers
def test_a_server_that_hangs_keeps_nobody(tmp_path, opened):
    with silent_server() as url:
        site = opened("asgi", data=str(tmp_path), store=url, store_tls="off")
        began = time.monotonic()
        assert told(site)["rows"] is None
        first = time.monotonic() - began
        site.ask("/privacy/evidence")
        assert first < 2.5
        assert time.monotonic() - began - first < 0.5, "the second one knows"


@pytest.mark.servers
def test_others_are_answered_while_it_waits(tmp_path, opened):
    """The loop goes on: each of its short sleeps ends in time."""
    with silent_server() as url:
        site = opened("asgi", data=str(tmp_path), store=url, store_tls="off")
        app = asgi.PrivacyMiddleware(None, site.started.pipeline)

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            pass

        async def both():
            began = time.monotonic()
            asked = asyncio.create_task(
                app(scope_of(Request(path="/privacy/evidence", headers=BROWSER)), receive, send)
            )
            late = 0.0
            while not asked.done():
                slept = time.monotonic()
                await asyncio.sleep(0.01)
                late = max(late, time.monotonic() - slept)
            await asked
            return time.monotonic() - began, late

        took, late = asyncio.run(both())
        assert took > 0.9, "there was something to wait for"
        assert late < 0.5


# --- nobody can load the store by asking


def witness(place, looks):
    def store():
        looks.append(threading.get_ident())
        time.sleep(0.2)
        return place.store(create=False)

    return Witness(
        store, lambda clock: open_keys(place.keys_at, create=False, secrets=["x"]), terms=Terms(), data=place.data
    )


def test_many_who_ask_at_once_cost_one_look(place):
    place.journal().close()
    looks, accounts = [], []
    one = witness(place, looks)
    threads = [threading.Thread(target=lambda: accounts.append(one.account())) for _ in range(30)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(10)
    assert len(accounts) == 30
    assert len({id(each) for each in accounts}) == 1
    assert accounts[0].rows is not None
    assert len(looks) == 1
    assert looks[0] not in {each.ident for each in threads}, "a thread of its own looks, so that none waits for long"


def test_after_a_while_it_looks_again(place, monkeypatch):
    place.journal().close()
    looks = []
    one = witness(place, looks)
    first = one.account()
    assert one.account() is first
    monkeypatch.setattr("privacymw.store.account.KEPT", 0.0)
    assert one.account() is not first
    assert len(looks) == 2


def test_while_one_looks_again_others_get_what_was_known(place, monkeypatch):
    place.journal().close()
    one = witness(place, [])
    first = one.account()
    monkeypatch.setattr("privacymw.store.account.KEPT", 0.0)
    looking = threading.Thread(target=one.account)
    looking.start()
    time.sleep(0.05)
    began = time.monotonic()
    assert one.account() is first
    assert time.monotonic() - began < 0.1
    looking.join(10)


# --- as a page of ours


@pages
@pytest.mark.parametrize("path", ["evidence", "evidence.json", "es/evidence", "es/evidence.json"])
def test_no_cache_and_no_search_engine_keeps_it(face, path, tmp_path, opened):
    site = opened(face, data=str(tmp_path))
    get = site.ask(f"/privacy/{path}")
    head = site.ask(f"/privacy/{path}", method="HEAD")
    assert get.status == head.status == 200
    assert header(get, "cache-control") == "no-store"
    assert header(get, "x-robots-tag") == "noindex, nofollow"
    assert header(get, "content-security-policy").startswith("default-src 'none'")
    assert "set-cookie" not in names(get)
    assert (head.body, names(head)) == (b"", names(get))
    assert header(site.ask(f"/privacy/{path}", method="POST"), "allow") == "GET, HEAD"
    assert site.ask(f"/privacy/{path}/x").body == b"<p>hello</p>"


@pages
def test_it_moves_with_the_prefix_and_the_mount(face, tmp_path, opened):
    site = opened(face, data=str(tmp_path), prefix="/data")
    body = site.ask("/data/evidence", root="/app").body.decode()
    for address in ("/app/data/evidence.json", "/app/data/notice#addresses", "/app/data/es/evidence"):
        assert f'href="{address}"' in body
    assert site.ask("/privacy/evidence").body == b"<p>hello</p>"
    assert 'href="/data/evidence"' in site.ask("/data/notice").body.decode()


@pages
@pytest.mark.proves("addresses.evidence")
def test_the_notice_leads_there_where_it_is(face, tmp_path, opened):
    for evidence, shown in (("on", True), ("off", False)):
        site = opened(face, page_of("mine"), data=str(tmp_path / evidence), addresses_evidence=evidence)
        notice = site.ask("/privacy/notice").body.decode()
        assert ('href="/privacy/evidence"' in notice) == shown
        assert ("At /privacy/evidence you can see what the log holds today" in notice) == shown
        assert (site.ask("/privacy/evidence").body != b"mine") == shown
        assert (site.ask("/privacy/evidence.json").body != b"mine") == shown
        assert ("/privacy/es/evidence" in site.ask("/privacy/es/notice").body.decode()) == shown


@pages
@pytest.mark.parametrize(("mode", "ours"), [("on", True), ("observe", True), ("off", False)])
def test_other_modes(face, mode, ours, tmp_path, opened):
    site = opened(face, data=str(tmp_path), mode=mode)
    assert (b"<h1>What the log holds today</h1>" in site.ask("/privacy/evidence").body) == ours


def test_it_is_small_and_whole_in_spanish_with_a_full_table(tmp_path, opened):
    site = opened("wsgi", data=str(tmp_path), addresses_retention="2s", addresses_epoch="1s")
    site.ask("/")
    time.sleep(4)
    english, spanish = site.ask("/privacy/evidence"), site.ask("/privacy/es/evidence")
    assert len(spanish.body) < 20_000
    assert "Claves destruidas" in spanish.body.decode()
    assert {each for each in texts(english) & texts(spanish) if not re.match(r"[\d-]+ [\d:]+ UTC", each)} <= {"no"}


def texts(answer):
    found = re.findall(r">([^<]+)<", answer.body.decode())
    return {" ".join(unescape(each).split()) for each in found if re.search("[A-Za-z]{2}", each)}
