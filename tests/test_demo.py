"""`make demo` as a person meets it: what it says, how it ends, and that it leaves nothing running."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from running import HOST

DEMO = [sys.executable, str(Path(__file__).parent.parent / "tools" / "demo.py")]
ADDRESS = re.compile(r"^(?:Flask|Starlette) under .*: http://localhost:(\d+)$", re.MULTILINE)

pytestmark = pytest.mark.servers


def nobody_listens(port: str) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex((HOST, int(port))) != 0


def test_once_makes_its_visits_and_ends() -> None:
    done = subprocess.run([*DEMO, "--once"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert not re.search(r"^  no  ", done.stdout, re.MULTILINE), done.stdout
    ports = ADDRESS.findall(done.stdout)
    assert len(ports) == 2
    assert all(nobody_listens(port) for port in ports)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_waits_without_a_terminal_until_it_is_told_to_end(number: signal.Signals) -> None:
    with subprocess.Popen(
        DEMO, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        said = ""
        for line in demo.stdout:
            said += line
            if "Press Ctrl-C" in line:
                break
        ports = ADDRESS.findall(said)
        assert len(ports) == 2, said
        assert not any(nobody_listens(port) for port in ports)
        assert demo.poll() is None, "it waits"
        demo.send_signal(number)
        rest, errors = demo.communicate(timeout=30)
        assert (demo.returncode, rest, errors) == (0, "\nEnded.\n", "")
    assert all(nobody_listens(port) for port in ports)


@pytest.mark.parametrize("option", ["--flask-port", "--starlette-port"])
def test_a_taken_port_is_a_clear_error(option: str) -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = str(other.getsockname()[1])
        done = subprocess.run([*DEMO, option, port], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == f"The demo cannot run. Port {port} cannot be used: Address already in use.\n"
