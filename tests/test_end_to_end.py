"""The main job under real servers: an operator's and a visitor's day, without a stand-in."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from privacymw.address import pack
from privacymw.store import DAY, Terms, open_keys, open_log
from servers import Certificate, Server, gunicorn, nginx, uvicorn

pytestmark = pytest.mark.servers

APPS = Path(__file__).parent / "apps"
SEEN = "198.51.100.23"
SHORT = {"PRIVACYMW_ADDRESSES_RETENTION": "4s", "PRIVACYMW_ADDRESSES_EPOCH": "1s"}
TERMS = Terms(retention=4.0, epoch=1.0)
MONTH = Terms(30 * DAY)


def served(kind: str, data: Path, **env: str) -> contextlib.AbstractContextManager[Server]:
    settings = {"PRIVACYMW_DATA": str(data), **env}
    if kind == "gunicorn":
        return gunicorn("flask_hello:app", folder=APPS, workers=2, env=settings)
    return uvicorn("starlette_hello:app", folder=APPS, env=settings)


def until(what: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def rows(data: Path, terms: Terms = MONTH) -> list[str | None]:
    return [entry.address for entry in open_log(data, terms=terms).rows()]


def listed(data: Path) -> str:
    """What `privacymw addresses list` says, without the service's environment."""
    command = [sys.executable, "-m", "privacymw", "addresses", "list", "--since", "1h", "--data", str(data)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def found_in(folder: Path, *needles: bytes) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path.relative_to(folder)) for path in files if any(each in path.read_bytes() for each in needles)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_an_address_is_readable_for_its_time_and_then_gone(data: Path, tmp_path: Path) -> None:
    """The issue's own words: two workers, four seconds, no file, and no use of a copy made before."""
    copy = tmp_path / "copy"
    trusted = {"PRIVACYMW_TRUSTED_PROXIES": "127.0.0.1", **SHORT}
    with served("gunicorn", data, **trusted) as server:
        for _ in range(20):
            httpx.get(server.url, headers={"x-forwarded-for": SEEN}, trust_env=False).raise_for_status()
        assert until(lambda: SEEN in listed(data), 3), "it is listed while it may be"
        shutil.copytree(data, copy)
        time.sleep(5.5)
        packed = pack(SEEN)
        assert packed is not None
        assert SEEN not in listed(data)
        assert not found_in(data, SEEN.encode(), packed)
        keys = open_keys(data / "keys", TERMS, create=False)
        shutil.rmtree(copy / "keys")
        shutil.copytree(data / "keys", copy / "keys")
        assert SEEN not in rows(copy, Terms(30 * DAY, epoch=1.0)), "the copy's rows, the keys that are left"
        assert keys.home.gone(), "the keys that died are on record"


@pytest.mark.parametrize("kind", ["gunicorn", "uvicorn"])
def test_every_answer_is_logged_also_where_the_app_raises(kind: str, data: Path) -> None:
    with served(kind, data) as server:
        for path in ("/", "/items/7", "/boom", "/nowhere/4711"):
            httpx.get(server.url + path, trust_env=False)
        log = open_log(data) if until(lambda: (data / "log.sqlite").exists()) else None
        assert log is not None
        assert until(lambda: len(list(log.rows())) == 4)
        seen = {(row.route, row.status) for row in log.rows()}
    assert seen == {("/", 200), ("/items/{item}", 200), ("/boom", 500), ("/nowhere/{}", 404)}


@pytest.mark.parametrize("kind", ["gunicorn", "uvicorn"])
@pytest.mark.parametrize("redirect", ["auto", "on"])
def test_behind_a_proxy_nobody_told_us_about(kind: str, redirect: str, data: Path, certificate: Certificate) -> None:
    """A first deploy behind TLS: no loop, and the proxy is not taken for the visitor in silence."""
    env = {"PRIVACYMW_TRANSPORT_REDIRECT": redirect, "FORWARDED_ALLOW_IPS": ""}
    with served(kind, data, **env) as upstream, nginx(upstream, certificate=certificate) as proxy:
        for _ in range(3):
            answer = httpx.get(proxy.url, verify=certificate.context(), follow_redirects=True, trust_env=False)
            assert answer.status_code == 200, proxy.log + upstream.log
            assert not answer.history
        assert "PRIVACYMW_TRUSTED_PROXIES=127.0.0.1" in upstream.log


def test_behind_a_proxy_that_the_operator_told_us_about(data: Path, certificate: Certificate) -> None:
    env = {"PRIVACYMW_TRUSTED_PROXIES": "1"}
    with served("gunicorn", data, **env) as upstream, nginx(upstream, certificate=certificate) as proxy:
        answer = httpx.get(
            proxy.url, headers={"x-forwarded-for": "192.0.2.99"}, verify=certificate.context(), trust_env=False
        )
        assert "strict-transport-security" in answer.headers
        assert until(lambda: len(rows(data)) == 1)
        assert rows(data) == ["127.0.0.1"], "the proxy's peer, not what the visitor invented"
        assert "PRIVACYMW_TRUSTED_PROXIES" not in upstream.log.partition("forwarded headers")[2]


def test_uvicorn_that_believes_its_proxy_itself(data: Path, certificate: Certificate) -> None:
    env = {"FORWARDED_ALLOW_IPS": "127.0.0.1"}
    with served("uvicorn", data, **env) as upstream, nginx(upstream, certificate=certificate) as proxy:
        answer = httpx.get(proxy.url, verify=certificate.context(), trust_env=False)
        assert "strict-transport-security" in answer.headers
        assert "forwarded headers" not in upstream.log


@pytest.mark.parametrize("kind", ["gunicorn", "uvicorn"])
def test_observe_changes_no_byte_and_off_passes_through(kind: str, data: Path) -> None:
    bare = {"BARE": "1"}
    with served(kind, data, **bare) as server:
        expected = [answer(server, path) for path in ("/", "/items/7", "/nowhere")]
    for mode in ("observe", "off"):
        with served(kind, data, PRIVACYMW_MODE=mode) as server:
            assert [answer(server, path) for path in ("/", "/items/7", "/nowhere")] == expected
            assert httpx.get(server.url + "/privacy/choices", trust_env=False).status_code == 200
    assert not (data / "log.sqlite").exists(), "nothing is stored of a visit"


def answer(server: Server, path: str) -> tuple[int, list[tuple[str, str]], bytes]:
    got = httpx.get(server.url + path, headers={"accept": "text/html"}, trust_env=False)
    return got.status_code, [pair for pair in got.headers.multi_items() if pair[0] != "date"], got.content


@pytest.fixture
def locked(data: Path) -> Iterator[Path]:
    """A store that another program holds locked."""
    with served("gunicorn", data) as server:
        httpx.get(server.url, trust_env=False)
        assert until(lambda: (data / "log.sqlite").exists() and bool(rows(data)))
    connection = sqlite3.connect(data / "log.sqlite", isolation_level=None)
    connection.execute("begin exclusive")
    yield data
    connection.close()


def test_a_locked_store_stops_nobody(locked: Path) -> None:
    with served("gunicorn", locked) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
        began = time.monotonic()
        for _ in range(50):
            client.get("/").raise_for_status()
        assert time.monotonic() - began < 5


def test_a_folder_that_cannot_be_written_refuses_the_start_with_two_ways_out(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")
    env = {**os.environ, "PRIVACYMW_DATA": str(in_the_way / "data")}
    ended = subprocess.run(
        [sys.executable, "-c", "import flask_hello"], cwd=APPS, env=env, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "Two ways out" in ended.stderr
    assert "PRIVACYMW_DATA=none" in ended.stderr


@pytest.mark.parametrize("mode", ["observe", "off"])
def test_a_log_of_before_ends_on_time_in_every_mode(mode: str, data: Path) -> None:
    with served("gunicorn", data, **SHORT) as server:
        httpx.get(server.url, trust_env=False)
        assert until(lambda: rows(data, TERMS) == ["127.0.0.1"], 3)
    with served("gunicorn", data, PRIVACYMW_MODE=mode, **SHORT):
        assert until(lambda: len(open_keys(data / "keys", TERMS, create=False).home.gone()) > 0)
        assert until(lambda: "127.0.0.1" not in rows(data, TERMS), 8)
