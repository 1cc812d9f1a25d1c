"""The kit that the other tests stand on: servers answer, are told what we say, and leave nothing behind."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from running import PortTaken, free_port, running, stop
from servers import HOST, Certificate, Server, ServerError, gunicorn, needed, nginx, uvicorn

if TYPE_CHECKING:
    from playwright.sync_api import Page

HERE = Path(__file__).parent
Starter = Callable[..., contextlib.AbstractContextManager[Server]]
SERVERS = [
    pytest.param(gunicorn, "mirror:wsgi", id="gunicorn"),
    pytest.param(uvicorn, "mirror:asgi", id="uvicorn"),
]


def ask(url: str, certificate: Certificate | None = None, **headers: str) -> dict[str, Any]:
    verify = certificate.context() if certificate else True
    with httpx.Client(verify=verify, trust_env=False, timeout=10) as client:
        facts: dict[str, Any] = client.get(url, headers=headers).raise_for_status().json()
        return facts


def nobody_listens(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex((HOST, port)) != 0


def group_is_empty(group: int) -> bool:
    deadline = time.monotonic() + 5  # what was ended is still to be reaped by process 1
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.servers
@pytest.mark.parametrize(("start", "app"), SERVERS)
def test_a_server_answers_gets_its_environment_and_leaves_nothing(start: Starter, app: str) -> None:
    with start(app, folder=HERE, workers=2, env={"MIRROR_MARKER": "told"}) as server:
        facts = ask(server.url + "/a/path")
        assert facts["path"] == "/a/path"
        assert facts["scheme"] == "http"
        assert facts["peer"] == HOST
        assert facts["marker"] == "told"
        assert facts["process"] != server.process.pid, "with two workers the parent does not serve"
    assert nobody_listens(server.port)
    assert group_is_empty(server.process.pid)


@pytest.mark.servers
@pytest.mark.parametrize(("start", "app"), SERVERS)
def test_waiting_for_a_server_does_not_reach_the_app(start: Starter, app: str) -> None:
    with start(app, folder=HERE) as server:
        assert "app was asked" not in server.log
        ask(server.url)
        assert "app was asked" in server.log


@pytest.mark.servers
@pytest.mark.parametrize(("start", "app"), SERVERS)
def test_a_server_that_cannot_start_shows_why(start: Starter, app: str) -> None:
    missing = app + "_missing"
    with (
        pytest.raises(ServerError, match=r"(?s)ended with exit code .*_missing"),
        start(missing, folder=HERE),
    ):
        pass


@pytest.mark.servers
@pytest.mark.parametrize(("start", "app"), SERVERS)
def test_an_error_in_the_block_ends_the_server_too(start: Starter, app: str) -> None:
    with pytest.raises(KeyError), start(app, folder=HERE) as server:
        raise KeyError
    assert nobody_listens(server.port)
    assert group_is_empty(server.process.pid)


def test_a_taken_port_is_said_before_anything_starts() -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)), gunicorn("mirror:wsgi", folder=HERE, port=port):
            pass


def test_a_free_port_can_be_used() -> None:
    port = free_port()
    assert free_port(port) == port


def test_a_server_that_never_answers_is_given_up() -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with (
        pytest.raises(ServerError, match=r"sleeper .* did not answer within 0\.2 seconds"),
        running("sleeper", lambda port: command, seconds=0.2),
    ):
        pass


def test_one_who_does_not_listen_to_sigterm_is_ended_with_its_children() -> None:
    script = (
        "import signal, subprocess, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen(['sleep', '60']); print('ready', flush=True); child.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        stop(process, seconds=0.2)
        assert process.returncode == -9


@pytest.mark.servers
@pytest.mark.parametrize(("start", "app"), SERVERS)
@pytest.mark.parametrize("prefix", ["", "/portal"])
def test_nginx_ends_tls_and_says_what_it_did(start: Starter, app: str, prefix: str, certificate: Certificate) -> None:
    with (
        start(app, folder=HERE) as upstream,
        nginx(upstream, certificate=certificate, prefix=prefix) as front,
    ):
        assert front.url == f"https://localhost:{front.port}{prefix}"
        headers = ask(front.url + "/claims", certificate)["headers"]
        assert headers["host"] == f"localhost:{front.port}"
        assert headers["x-forwarded-for"] == HOST
        assert headers["x-forwarded-proto"] == "https"
        assert headers["x-forwarded-host"] == f"localhost:{front.port}"
        assert headers.get("x-forwarded-prefix", "") == prefix
        assert ask(front.url + "/claims", certificate)["path"] == "/claims"
    assert nobody_listens(front.port)
    assert group_is_empty(front.process.pid)


@pytest.mark.servers
def test_nginx_can_keep_silent_about_the_client(certificate: Certificate) -> None:
    with (
        uvicorn("mirror:asgi", folder=HERE, options=["--no-proxy-headers"]) as upstream,
        nginx(upstream, certificate=certificate, forwarded=False) as front,
    ):
        facts = ask(front.url, certificate, **{"X-Forwarded-For": "203.0.113.9"})
        assert facts["headers"]["x-forwarded-for"] == "203.0.113.9", "a forger's header passes through"
        assert "x-forwarded-proto" not in facts["headers"]
        assert facts["peer"] == HOST


@pytest.mark.servers
@pytest.mark.browser
def test_the_browser_reads_a_page_behind_tls(certificate: Certificate, page: Page) -> None:
    with (
        gunicorn("mirror:wsgi", folder=HERE) as upstream,
        nginx(upstream, certificate=certificate) as front,
    ):
        page.goto(front.url + "/seen")
        assert '"/seen"' in page.content()


def test_a_missing_program_skips_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program"):
        needed("no-such-program")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-program"):
        needed("no-such-program")
    assert needed("no-such-program", "sh").endswith("/sh")
