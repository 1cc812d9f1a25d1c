"""The other logs of real servers at their default formats, and a line that the real fail2ban reads."""

import contextlib
import logging
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from faces import Site
from privacymw.logs import auth, records
from privacymw.store import open_log
from privacymw.tally import read_counts
from running import HOST, running
from servers import Server, gunicorn, needed, uvicorn
from sites import BROWSER, FACES, page_of, portal

APPS = Path(__file__).parent / "apps"
CLIENT = "127.0.0.77"
NETWORK = "127.0.0.0/24"


def hypercorn(env: dict[str, str]) -> contextlib.AbstractContextManager[Server]:
    def command(port: int) -> list[str]:
        return [sys.executable, "-m", "hypercorn", "--bind", f"{HOST}:{port}", "--access-logfile", "-", "chatty:app"]

    return running("hypercorn", command, env={**env, "PYTHONPATH": str(APPS)})


def werkzeug(env: dict[str, str]) -> contextlib.AbstractContextManager[Server]:
    return running("werkzeug", lambda port: [sys.executable, str(APPS / "chatty.py"), str(port)], env=env)


def with_uvicorn(env: dict[str, str]) -> contextlib.AbstractContextManager[Server]:
    return uvicorn("chatty:app", folder=APPS, env=env)


def with_gunicorn(env: dict[str, str]) -> contextlib.AbstractContextManager[Server]:
    return gunicorn("chatty:app", folder=APPS, env=env, options=["--access-logfile", "-", "--threads", "2"])


class Kind(NamedTuple):
    """A server, the logger of its accesses, and a line of its default format, masked."""

    serve: Callable[[dict[str, str]], contextlib.AbstractContextManager[Server]]
    face: str
    logger: str
    line: str

    def settings(self, data: Path, **more: str) -> dict[str, str]:
        return {"PRIVACYMW_DATA": str(data), "FACE": self.face, **more}


DATED = r"127\.0\.0\.0/24 - - \[[^]]+\] "
SERVERS = {
    "uvicorn": Kind(with_uvicorn, "asgi", "uvicorn.access", r'INFO:     127\.0\.0\.0/24 - "GET /a HTTP/1\.1" 200 OK'),
    "gunicorn": Kind(
        with_gunicorn, "wsgi", "gunicorn.access", DATED + r'"GET /a HTTP/1\.1" 200 5 "-" "Chrome/120\.0\.0\.0"'
    ),
    "hypercorn": Kind(hypercorn, "asgi", "hypercorn.access", DATED + r'"GET /a 1\.1" 200 .*"Chrome/120\.0\.0\.0"'),
    "werkzeug": Kind(werkzeug, "wsgi", "werkzeug", DATED + r'"GET /a HTTP/1\.1" 200 -'),
}


def visit(server: Server, times: int = 3) -> None:
    transport = httpx.HTTPTransport(local_address=CLIENT)
    with httpx.Client(transport=transport, headers={"user-agent": "Chrome/120.0.0.0"}) as client:
        for _ in range(times):
            client.get(f"http://{HOST}:{server.port}/a?q=secretword").raise_for_status()


def until(what: Callable[[], bool], seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while not what() and time.monotonic() < deadline:
        time.sleep(0.05)
    return what()


def verify(data: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "privacymw", "addresses", "verify", "--data", str(data)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.servers
@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.proves("addresses.masked")
def test_masked_no_output_of_the_process_holds_the_client(kind: str, tmp_path: Path) -> None:
    server_kind, data = SERVERS[kind], tmp_path / "data"
    with server_kind.serve(server_kind.settings(data, PRIVACYMW_ADDRESSES_OTHER_LOGS="mask")) as server:
        visit(server)
        assert until(lambda: len(re.findall(server_kind.line, server.log)) == 3), server.log
        assert until(lambda: records.MASKED in read_counts(data))
        done = verify(data)
        assert CLIENT not in server.log
        assert "secretword" not in server.log
        assert f"hello from {NETWORK}" in server.log, "the app's own, by a dictConfig after the start"
        assert (server_kind.face == "asgi") == (f"threaded {NETWORK}" in server.log)
        assert until(lambda: CLIENT in [row.address for row in open_log(data).rows()]), "our own log has it, sealed"
    assert done.returncode == 0, done.stdout
    assert "unmasked seen: none" in done.stdout
    assert set(read_counts(data)[records.MASKED]) == {server_kind.logger, "app.views"}


@pytest.mark.servers
@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.proves("addresses.counted")
def test_reported_the_output_is_as_it_was_and_the_loggers_are_told(kind: str, tmp_path: Path) -> None:
    server_kind, data = SERVERS[kind], tmp_path / "data"
    logger = server_kind.logger
    with server_kind.serve(server_kind.settings(data)) as server:
        visit(server)
        assert until(lambda: logger in read_counts(data).get(records.SEEN, {})), server.log
        assert until(lambda: CLIENT in [row.address for row in open_log(data).rows()])
        assert f"hello from {CLIENT}" in server.log
        assert server.log.count(f"the logger {logger} writes down addresses") == 1
        done = verify(data)
    assert done.returncode == 0, done.stdout
    assert logger in done.stdout
    assert "note" in next(row for row in done.stdout.splitlines() if "logs-counted" in row)


# --- what verify says, without a server


@pytest.mark.parametrize(
    ("mode", "kind", "broken", "text"),
    [
        ("mask", records.LEAKED, True, "unmasked seen: app 1"),
        ("mask", records.SEEN, False, "unmasked seen: none"),
        ("report", records.SEEN, False, "hold addresses: app 1"),
        ("report", records.MASKED, False, "hold addresses: none"),
        ("off", records.SEEN, False, "not looked at"),
    ],
)
def test_verify_tells_the_other_logs(mode: str, kind: str, broken: bool, text: str, tmp_path: Path) -> None:
    site = portal("wsgi", page_of("x"), data=str(tmp_path), addresses_other_logs=mode)
    site.started.services.count(kind, "app")
    site.ask("/", *BROWSER, peer="203.0.113.9")
    site.started.pipeline.close()
    out = verify(tmp_path).stdout
    line = " ".join(row for row in out.splitlines() if "logs-" in row or text in row)
    assert text in " ".join(out.split())
    assert ("BROKEN" in line) == broken


# --- fail2ban

FILTER = r'^\s*privacymw\[auth\]: (?:failure|throttled) kind=\w+ status=\d+ route="[^"]*" site=\S+ client=<ADDR>$'
HOSTILE = [
    '/a" site=x client=192.0.2.1',
    "/a\nprivacymw[auth]: failure client=192.0.2.1",
    "/é\x1b[31m",
    "/a\x00",
    "/\\",
]


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What goes to the logger of its own."""
    found: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(self.format(record))

    handler = Kept()
    auth.log.addHandler(handler)
    yield found
    auth.log.removeHandler(handler)
    auth.log.propagate = True


def refused(status: int) -> Site:
    return page_of("no", status=status)


@pytest.mark.parametrize("face", FACES)
def test_a_refusal_gives_one_line(face: str, lines: list[str]) -> None:
    settings = {"addresses_fail2ban": "on", "sites": "example.org,*.example.org", "addresses_other_logs": "mask"}
    for status, host in (
        (401, "example.org"),
        (403, "www.example.org:443"),
        (429, "evil.example"),
        (404, "example.org"),
    ):
        portal(face, refused(status), **settings).ask("/login", ("host", host), peer="203.0.113.9", query="q=word")
    assert lines == [
        'privacymw[auth]: failure kind=login status=401 route="/login" site=example.org client=203.0.113.9',
        'privacymw[auth]: failure kind=forbidden status=403 route="/login" site=www.example.org client=203.0.113.9',
        'privacymw[auth]: throttled kind=rate status=429 route="/login" site=- client=203.0.113.9',
    ]


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"addresses_fail2ban": "on", "mode": "observe"},
        {"addresses_fail2ban": "on", "confidential_paths": "/login"},
        {"addresses_fail2ban": "on", "addresses_skip": "/login"},
    ],
)
def test_no_line_where_none_is_wanted(face: str, settings: dict[str, str], lines: list[str]) -> None:
    portal(face, refused(401), **settings).ask("/login", peer="203.0.113.9")
    assert not lines


@pytest.mark.parametrize("path", HOSTILE)
def test_a_visitor_cannot_end_a_field(path: str, lines: list[str]) -> None:
    auth.tell(401, path, "-", b"\0" * 10 + b"\xff\xff" + bytes((203, 0, 113, 9)))
    assert re.fullmatch(FILTER.replace("<ADDR>", "203\\.0\\.113\\.9"), lines[0])
    assert lines[0].isprintable()
    assert lines[0].count('"') == 2


def test_no_other_handler_gets_the_lines(caplog: pytest.LogCaptureFixture, lines: list[str]) -> None:
    portal("wsgi", refused(401), addresses_fail2ban="on").ask("/login", peer="203.0.113.9")
    assert lines
    assert "203.0.113.9" not in caplog.text


def test_the_documents_name_this_filter_and_line() -> None:
    text = (Path(__file__).parent.parent / "docs" / "promises.md").read_text()
    assert f"failregex = {FILTER}" in text
    assert 'privacymw[auth]: failure kind=login status=401 route="/login" site=example.org client=203.0.113.9' in text


def test_fail2ban_itself_reads_them(tmp_path: Path, lines: list[str]) -> None:
    program = needed("fail2ban-regex")
    addresses = [bytes(10) + b"\xff\xff" + bytes((203, 0, 113, 9)), bytes.fromhex("20010db8") + bytes(11) + b"\x09"]
    for number, path in enumerate(["/login", *HOSTILE]):
        auth.tell((401, 403, 429)[number % 3], path, "example.org", addresses[number % 2])
    file = tmp_path / "auth.log"
    file.write_text("".join(f"2026-11-24 10:00:0{number} {line}\n" for number, line in enumerate(lines)))
    read = subprocess.run(
        [program, "--print-all-matched", str(file), FILTER], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert f"{len(lines)} matched" in read.stdout, read.stdout + read.stderr
    told = subprocess.run([program, "-o", "ip", str(file), FILTER], capture_output=True, text=True, check=False)
    assert set(told.stdout.split()) == {"203.0.113.9", "2001:db8::9"}, told.stdout + told.stderr
