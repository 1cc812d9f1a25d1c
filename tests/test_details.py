"""What a row says beside the address: browser, system, device, country, operator, site, and a path under seal."""

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import user_agents

from faces import Answer
from maps import written
from privacymw.address import pack
from privacymw.countries import Places
from privacymw.errors import StoreError
from privacymw.seal import KEY_BYTES, AddressSeal
from privacymw.store import Row, open_log, open_store, partitions
from privacymw.store.agents import Agent, reader
from privacymw.store.base import Query
from privacymw.store.details import Details
from privacymw.store.sqlite_tables import COLUMNS
from sites import portal

CLIENT, OTHER = "203.0.113.9", "198.51.100.1"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"  # noqa: E501
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
AGENTS = {
    FIREFOX: Agent("Firefox", "Linux", "desktop"),
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36":
        Agent("Chrome", "Windows", "desktop"),
    PHONE: Agent("Mobile Safari", "iOS", "mobile"),
    "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1":  # noqa: E501
        Agent("Mobile Safari", "iOS", "tablet"),
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36":  # noqa: E501
        Agent("Chrome Mobile", "Android", "mobile"),
    "Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36":
        Agent("Chrome", "Android", "tablet"),
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": Agent("Googlebot", None, "bot"),
    "curl/8.5.0": Agent("curl", None, None),
    "Mozilla/5.0": Agent(),
    "nothing that anybody knows": Agent(),
    "\0\udcff\u202e" * 50: Agent(),
}  # fmt: skip


@pytest.fixture(name="told", scope="module")
def _told():
    return reader()


@pytest.mark.parametrize("text", AGENTS)
def test_families_are_told(told, text):
    assert told(text) == AGENTS[text]


@pytest.mark.parametrize("text", [text for text in AGENTS if text.isprintable()])
def test_the_bridge_says_what_the_library_says(told, text):
    oracle, found = user_agents.parse(text), told(text)
    kinds = {"bot": oracle.is_bot, "tablet": oracle.is_tablet, "mobile": oracle.is_mobile, "desktop": oracle.is_pc}
    assert found.device == next((kind for kind, holds in kinds.items() if holds), None)
    assert found.browser == (oracle.browser.family if oracle.browser.family != "Other" else None)
    assert found.system == (oracle.os.family if oracle.os.family != "Other" else None)


@pytest.mark.parametrize("name", ["192.0.2.7", "jane@example.org", "member-48151623", "550e8400e29b41d4", "x" * 60])
def test_what_a_text_names_itself_is_not_taken_for_a_family(told, name):
    """Patterns for robots hand on words of the text."""
    for text in (f"{name}bot/1.0", f"{name}-bot", f"Mozilla/5.0 (compatible; {name}Bot/1.0)", f"{name}/1.0 crawler"):
        assert name not in str(told(text))


def test_texts_are_remembered_for_a_while_and_bounded(told):
    details = Details(browser=True)
    details.warm()
    for number in range(1500):
        details.agent(f"Mozilla/5.0 Firefox/{number}")
    assert details._agents.cache_info().currsize == 1024
    details.look()
    assert details._agents.cache_info().currsize == 1024
    details._forget_at = time.monotonic() - 1
    details.look()
    assert details._agents.cache_info().currsize == 0


def test_nothing_is_loaded_that_is_not_asked_for():
    code = (
        "import sys; from privacymw.store.details import Details; details = Details(sites=('a.example',));"
        "details.warm(); details.look();"
        "print(details.agent('Firefox/1'), details.place(bytes(16)), details.site('A.example:443'),"
        "{'user_agents', 'ua_parser', 'maxminddb'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment())
    assert done.stdout.strip() == "Agent(browser=None, system=None, device=None) (None, None) a.example set()"


def environment():
    return {**os.environ, "PYTHONPATH": str(Path(sys.modules["privacymw"].__file__ or "").parent.parent)}


@pytest.mark.parametrize(
    ("host", "site"),
    [("portal.example", "portal.example"), ("A.Portal.example:8443", "a.portal.example"), ("evil.example", None),
     ("", None), ("portal.example\n", None)],
)  # fmt: skip
@pytest.mark.proves("addresses.site")
def test_own_sites_alone_are_named(host, site):
    assert Details(sites=("portal.example", "*.portal.example")).site(host) == site


# --- countries and operators


@pytest.fixture(name="files")
def _files(tmp_path):
    return [
        written(tmp_path / "country.mmdb", {"203.0.113.0/24": "ES", "198.51.100.0/24": {"country": "xx1"}}),
        written(tmp_path / "asn.mmdb", {
            "203.0.113.0/24": {"autonomous_system_number": (6, 64500)}, "198.51.100.0/24": {"asn": "AS64501"},
            "192.0.2.0/24": {"asn": "of somebody"}, "192.88.99.0/24": {"asn": {"number": (6, 5)}},
        }),
    ]  # fmt: skip


def opened(paths):
    places = Places(paths)
    places.look()
    return places


@pytest.mark.proves("addresses.country")
def test_two_files_tell_country_and_operator(files):
    places = opened(files)
    found = {text: places.of(pack(text)) for text in (CLIENT, OTHER, "192.0.2.1", "192.88.99.1", "2001:db8::1")}
    assert found.pop(CLIENT) == ("ES", 64500)
    assert found.pop(OTHER) == (None, 64501)
    assert set(found.values()) == {(None, None)}
    assert places.of(None) == (None, None)
    assert opened(files[:1]).of(pack(CLIENT)) == ("ES", None)
    assert Places(()).of(pack(CLIENT)) == (None, None)


def test_one_file_may_tell_both(tmp_path):
    both = {"country": {"iso_code": "de"}, "autonomous_system_number": (6, 4294967295)}
    assert opened([written(tmp_path / "both.mmdb", {"203.0.113.0/24": both})]).of(pack(CLIENT)) == ("DE", 4294967295)


def test_a_file_that_is_replaced_is_opened_anew(files, tmp_path):
    places = opened(files)
    Path(written(tmp_path / "new.mmdb", {"203.0.113.0/24": "FR"})).replace(files[0])
    assert not places.look(), "not at every turn"
    assert places.of(pack(CLIENT)) == ("ES", 64500)
    places._next = 0.0
    assert places.look()
    assert places.of(pack(CLIENT)) == ("FR", 64500)


@pytest.mark.parametrize("broken", [None, b"", b"no database"])
def test_what_cannot_be_read_is_told_and_done_without(files, tmp_path, broken):
    good, path = Path(files[0]).read_bytes(), Path(files[0])
    path.unlink()
    if broken is not None:
        path.write_bytes(broken)
    places = Places(files)
    with pytest.raises(StoreError, match=r"GEO_DATABASE: .*country\.mmdb: (No such file|it is no MaxMind)"):
        places.look()
    assert places.of(pack(CLIENT)) == (None, 64500)
    (tmp_path / "good").write_bytes(good)
    (tmp_path / "good").replace(path)
    places._next = 0.0
    assert places.look()
    assert places.of(pack(CLIENT)) == ("ES", 64500)
    path.unlink()
    places._next = 0.0
    with pytest.raises(StoreError, match="No such file"):
        places.look()
    assert places.of(pack(CLIENT)) == ("ES", 64500), "what was read before is still in use"


# --- a path under seal


@pytest.mark.proves("addresses.path")
def test_a_path_opens_with_its_key_alone_and_as_no_address():
    seal, other = AddressSeal(bytes(range(64)), "address"), AddressSeal(bytes(KEY_BYTES), "address")
    for path in ("/claims/48151623", "/ñ" * 200, "/\udcff", "/" + "x" * 15):
        token = seal.seal_path(path)
        assert len(token) <= 256 + 16
        assert path.encode("utf-8", "replace").decode().startswith(seal.open_path(token))
        assert seal.open(token) is None
        assert other.open_path(token) is None
    assert seal.seal_path("") is None
    assert seal.open_path(seal.seal(pack(CLIENT))) is None
    assert seal.open_path(b"short") is None


# --- the whole way


def asked(face, folder, **settings) -> list[Answer]:
    site = portal(face, data=str(folder), **settings)
    said = [
        site.ask("/members/48151623", ("host", "portal.example:443"), ("user-agent", PHONE), peer=CLIENT),
        site.ask("/about", ("host", "evil.example"), ("user-agent", FIREFOX), peer=OTHER),
        site.ask("/none", ("host", "portal.example"), peer="2001:db8::1"),
    ]
    site.started.pipeline.close()
    return said


@pytest.mark.parametrize("face", ["wsgi", "asgi"])
@pytest.mark.proves(
    "addresses.sealed", "addresses.what", "addresses.browser", "addresses.country", "addresses.site", "addresses.path"
)
def test_a_request_leaves_what_the_page_says(face, tmp_path, files):
    asked(face, tmp_path / "data", sites="portal.example", addresses_geo_database=", ".join(files))
    with_phone, with_firefox, plain = open_log(tmp_path / "data").rows()
    assert with_phone[7:] == ("/members/48151623", "Mobile Safari", "iOS", "mobile", "ES", 64500, "portal.example", 0)
    assert with_phone.route == "/members/{}"
    assert with_firefox[7:] == (None, "Firefox", "Linux", "desktop", None, 64501, None, 0)
    assert plain[7:] == (None, None, None, None, None, None, "portal.example", 0)
    for needle in (b"48151623", b"iPhone", b"Gecko", b"evil.example", CLIENT.encode()):
        found = [path for path in (tmp_path / "data").rglob("*") if path.is_file() and needle in path.read_bytes()]
        assert not found, needle


@pytest.mark.parametrize("face", ["wsgi", "asgi"])
@pytest.mark.proves("addresses.skip")
def test_what_is_below_a_quiet_path_is_not_logged(face, tmp_path):
    site = portal(face, data=str(tmp_path), addresses_skip="/static, /ping")
    for path in ("/static", "/static/a/b.css", "/ping", "/staticx", "/a/static"):
        site.ask(path, peer=CLIENT)
    site.started.pipeline.close()
    assert [entry.route for entry in open_log(tmp_path).rows()] == ["/staticx", "/a/static"]


@pytest.mark.parametrize("face", ["wsgi", "asgi"])
@pytest.mark.proves("addresses.browser")
def test_what_is_not_promised_is_not_kept(face, tmp_path):
    asked(face, tmp_path / "data", addresses_browser="off")
    entries = list(open_log(tmp_path / "data").rows())
    assert [entry[8:] for entry in entries] == [(None, None, None, None, None, None, 0)] * 3


def test_a_path_is_gone_with_the_key_of_its_address(tmp_path):
    asked("wsgi", tmp_path / "data")
    log = open_log(tmp_path / "data")
    (epoch,) = log.store.epochs()
    log.keys.home.destroy("address", epoch.start, log.keys.now())
    entries = list(open_log(tmp_path / "data").rows())
    assert [(entry.address, entry.path, entry.network is None) for entry in entries] == [(None, None, False)] * 3
    log.purge()
    rows = [row for _, row in open_store(f"sqlite:///{tmp_path}/data/log.sqlite", create=False).read(Query())]
    assert [(row.address, row.path) for row in rows] == [(None, None)] * 3
    assert all(row.network for row in rows)


FORKS = """
import os, sys, time
from privacymw.startup import start
site = start({"PRIVACYMW_DATA": sys.argv[1]})
time.sleep(float(sys.argv[2]))
child = os.fork()
journal = site.services.journal
journal.put((time.time_ns() // 1_000_000, None, "GET", "/x", 200, 5, "", sys.argv[3], ""))
flushed = journal.flush(10)
if not child:
    os._exit(not flushed)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flushed)
"""


@pytest.mark.parametrize("later", ["0", "0.02", "0.05", "0.1", "0.2"])
def test_a_fork_in_the_midst_of_loading_is_survived(tmp_path, later):
    """A preloading server forks as soon as the app is there; half an import would never end in the child."""
    line = [sys.executable, "-W", "ignore", "-c", FORKS, str(tmp_path), later, FIREFOX]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, env=environment(), check=True)
    assert done.stdout.strip() == "0 True"
    assert [entry.browser for entry in open_log(tmp_path).rows()] == ["Firefox"] * 2


def test_a_missing_file_stops_nothing_and_is_noted(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "privacymw.store"):
        site = portal("wsgi", data=str(tmp_path / "data"), addresses_geo_database="/none/a.mmdb")
        for _ in range(3):
            assert site.ask("/about", peer=CLIENT).status == 200
            assert site.started.services.journal.flush()
    told = [record.getMessage() for record in caplog.records if "places" in record.getMessage()]
    assert len(told) == 1
    assert "/none/a.mmdb: No such file or directory" in told[0]
    assert CLIENT not in told[0]
    log = open_log(tmp_path / "data")
    assert [entry.country for entry in log.rows()] == [None] * 3
    assert ("rows-places", True) in {(finding.code, finding.held) for finding in log.verify()}
    site.started.pipeline.close()


def test_a_batch_of_any_kind_of_row_is_one_statement():
    """The store writes 2,000 rows at once: more columns must not make two transactions of one."""
    assert (1 + len(COLUMNS)) * 2000 <= 32_766  # SQLITE_MAX_VARIABLE_NUMBER since 3.32
    assert (*COLUMNS,)[1:] == Row._fields[1:]
    assert (*partitions.COLUMNS,)[1:] == Row._fields[1:]
