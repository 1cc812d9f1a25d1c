"""The README is run: every block, in the order in which a newcomer would."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from privacymw.promise import Promise
from privacymw.promises import PROMISES

ROOT = Path(__file__).parent.parent
FENCE = re.compile(r"^```(?P<language>\w+)(?: (?P<word>\S+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: a file where its second word is a name, a server where it is `serve`, else commands."""

    language: str
    word: str
    text: str


BLOCKS = [
    Block(found["language"], found["word"] or "", found["text"])
    for found in FENCE.finditer((ROOT / "README.md").read_text())
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of the README, and nothing else."""
    folder = tmp_path_factory.mktemp("readme")
    for block in BLOCKS:
        if "." in block.word:
            (folder / block.word).write_text(block.text)
    return folder


def environment() -> dict[str, str]:
    """A newcomer's: our commands on the path, no setting, and nothing that says that this is a test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PRIVACYMW", "PYTEST"))}
    return {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


@contextlib.contextmanager
def served(command: str, folder: Path) -> Iterator[str]:
    """The server of a block, until it answers on the port that the README names."""
    process = subprocess.Popen(
        ["bash", "-c", f"exec env {command}"], cwd=folder, env=environment(), start_new_session=True
    )
    try:
        wait(process)
        yield "http://127.0.0.1:5000"
    finally:
        process.terminate()
        process.wait(10)


def wait(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            get("http://127.0.0.1:5000/privacy/choices")
            return
        time.sleep(0.1)
    pytest.fail("the server of the README did not answer")


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


@pytest.mark.servers
@pytest.mark.parametrize(
    "block", [each for each in BLOCKS if each.word == "serve"], ids=lambda block: block.text.strip()
)
def test_each_server_serves_a_true_page(block: Block, place: Path) -> None:
    with served(block.text.strip(), place) as url:
        assert "<h1>Privacy notice</h1>" in get(url + "/privacy/notice")
        kept = "MODE=observe" not in block.text
        assert ("/privacy/leaving/" in get(url + "/")) == kept
    assert (place / "privacymw-data" / "secret").exists()


@pytest.mark.servers
def test_the_commands_say_what_the_readme_says(place: Path) -> None:
    shutil.rmtree(place / "privacymw-data", ignore_errors=True)
    servers = [each.text.strip() for each in BLOCKS if each.word == "serve"]
    observed = next(each for each in servers if "MODE=observe" in each)
    with served(observed, place) as url:
        get(url + "/")
        time.sleep(1.5)  # counts are written a second later
    assert "www.example.com" in run("privacymw rollout", place), "links by host"
    with served(servers[0], place) as url:
        with contextlib.suppress(urllib.error.HTTPError):
            get(url + "/nowhere")
        time.sleep(1)
        for block in BLOCKS:
            if block.language == "sh" and not block.word and "venv" not in block.text:
                run(block.text, place)
        assert "/nowhere" in run("privacymw addresses list --since 1h --status 4xx", place)
        assert "held" in run("privacymw addresses verify", place)
        run("PRIVACYMW_MODE=off privacymw settings", place)


DIAGNOSIS = [
    Block(found["language"], found["word"] or "", found["text"])
    for found in FENCE.finditer((ROOT / "docs" / "diagnosis.md").read_text())
]


@pytest.mark.servers
def test_the_recipes_of_the_night_work(place: Path) -> None:
    """Each block of the page, on a site that has just refused somebody."""
    shutil.rmtree(place / "privacymw-data", ignore_errors=True)
    server = next(each.text.strip() for each in BLOCKS if each.word == "serve")
    with served(server, place) as url:
        with contextlib.suppress(urllib.error.HTTPError):
            get(url + "/nowhere")
        time.sleep(1)
        for block in DIAGNOSIS:
            if block.language == "sh" and not block.word:
                run(block.text, place)
        stays = next(each.text.strip() for each in DIAGNOSIS if each.word == "stays")
        tail = subprocess.run(
            ["timeout", "-s", "INT", "8", "bash", "-c", f"exec {stays.replace('5xx', '4xx')}"],
            cwd=place, env=environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "/nowhere" in tail.stdout, tail.stderr
    assert "127.0.0.0 - - [" in (place / "access.log").read_text()
    assert '"/nowhere"' in (place / "rows.ndjson").read_text()
    assert not (place / "refused.log").exists()


def run(commands: str, folder: Path) -> str:
    ended = subprocess.run(
        ["bash", "-e", "-c", commands], cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, f"{commands}\n{ended.stdout}{ended.stderr}"
    return ended.stdout


@pytest.mark.servers
def test_a_view_reads_and_sets_what_it_may(place: Path) -> None:
    code = """
import view
client = view.app.test_client()
assert client.get("/").text == "Welcome"
assert client.post("/language/es").status_code == 204
assert client.get("/").text == "Le damos la bienvenida"
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=place, env=environment(), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


def test_the_settings_table_is_the_one_of_the_code() -> None:
    shown = (ROOT / "README.md").read_text().partition("--markdown` -->\n")[2].partition("<!-- end of settings -->")[0]
    made = subprocess.run(
        [sys.executable, "-m", "privacymw", "settings", "--markdown"],
        env=environment(), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert shown.strip() == made.strip(), "run `privacymw settings --markdown` and paste what it prints"


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.group)
def test_each_promise_has_its_heading(promise: type[Promise]) -> None:
    assert f"\n## {promise.group}\n" in (ROOT / "docs" / "promises.md").read_text()


@pytest.mark.servers
def test_it_installs_into_an_empty_environment(tmp_path: Path) -> None:
    install = next(each for each in BLOCKS if "venv/bin/pip" in each.text)
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("src", "pyproject.toml", "README.md", "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, clone / name)  # type: ignore[operator]
    run(install.text, clone)
    found = run("venv/bin/python -c 'import privacymw.asgi, privacymw.flask'; venv/bin/privacymw --help", clone)
    assert "addresses" in found
