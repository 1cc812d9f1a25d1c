"""`check` on three apps that were not written here: it runs to the end, and each finding is so.

One Flask, one Starlette and one Django app, each with nothing but privacymw's one line around it. What
`check` says of them is held against what their own answers say, read by hand: no parser, no middleware.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from privacymw.evidence.codes import CODES
from test_cli import environment, program

pytestmark = pytest.mark.servers
APPS = Path(__file__).parent / "apps"
UNSET = {("page-draft", "/privacy/notice"), ("name-missing", "/privacy/notice"), ("contact-missing", "/privacy/notice")}
UNSET |= {("keys-beside-rows", "PRIVACYMW_KEYS")}
"""What is true of each site that nobody has set up yet."""


class Stranger(NamedTuple):
    """An app, and what is to be found in it: how often and by which code, and on what.

    Attributes:
        pages: how many addresses the walk meets at least in its 15 seconds, on a slow machine too.
        cookies: those that its answer to `/` sets, and whether each is Secure.
        hosts: the sites that its first page loads something from.
        leaves: how many links to other sites a page has.
    """

    pages: int
    cookies: dict[str, bool]
    hosts: frozenset[str] = frozenset()
    leaves: int = 0


STRANGERS = {
    "flask": Stranger(8, {"sqlite_web_session": False}, leaves=3),
    "starlette": Stranger(8, {"starlette_admin_csrftoken": True}, hosts=frozenset(("rsms.me",))),
    "django": Stranger(8, {"csrftoken": False, "sessionid": False}),
}
strangers = pytest.mark.parametrize("name", STRANGERS)

ASK = """
import json, sys
from importlib import import_module
from privacymw.evidence.driver import Asked, driver
driven = driver(import_module(sys.argv[1]).bare, sys.argv[2])
answers = [driven.ask(Asked(path)) for path in sys.argv[3:]]
driven.close()
print(json.dumps([[each.status, each.headers, each.body.decode()] for each in answers]))
"""


class Looked(NamedTuple):
    """What `check` said, and what the app without privacymw answers to `/` and where that leads."""

    report: dict[str, Any]
    headers: list[tuple[str, str]]
    body: str


def said(folder: Path, *line: str) -> Any:
    env = environment({"TMPDIR": str(folder), **({"PRIVACYMW_DATA": "none"} if ASK in line else {})})
    done = subprocess.run(line, cwd=APPS, env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return json.loads(done.stdout)


def looked(name: str, folder: Path) -> Looked:
    report = said(folder, *program("check", f"stranger_{name}:app", "--json"))
    kind, page = "asgi" if name == "starlette" else "wsgi", "/admin/" if name == "django" else "/"
    (_, headers, _), (status, _, body) = said(folder, sys.executable, "-c", ASK, f"stranger_{name}", kind, "/", page)
    assert status == 200
    return Looked(report, [(each, value) for each, value in headers], body)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Looked]:
    folders = [tmp_path_factory.mktemp(name) for name in STRANGERS]
    with ThreadPoolExecutor(len(STRANGERS)) as pool:  # much of a look is waiting
        return dict(zip(STRANGERS, pool.map(looked, STRANGERS, folders), strict=True))


@strangers
def test_it_runs_to_the_end_and_finds_what_is_there(name: str, seen: dict[str, Looked]) -> None:
    stranger, report = STRANGERS[name], seen[name].report
    assert report["pages"] >= stranger.pages
    assert {each["verdict"] for each in report["sentences"] if each["kind"] == "kept"} <= {"held", "not looked at"}
    assert not [each for each in report["sentences"] if "failed" in each["evidence"]], "a fault of ours"
    found = sorted((each["code"], each["where"], each["text"]) for each in report["findings"])
    expected = [("cookie-undeclared", "/", f"the app sets a cookie that the page does not name: {each}")
                for each in stranger.cookies]  # fmt: skip
    expected += [("cookie-insecure", "/", f"{each}: it was set over https without Secure")
                 for each, secure in stranger.cookies.items() if not secure]  # fmt: skip
    expected += [("third-party", "/", f"the page loads something from {each}") for each in stranger.hosts]
    assert [each for each in found if each[:2] not in UNSET] == sorted(expected)
    assert {each[:2] for each in found} >= UNSET


@strangers
def test_each_finding_is_true_on_inspection(name: str, seen: dict[str, Looked]) -> None:
    """The answers of the bare app, read by eye: a line a cookie, and whatever looks like an address."""
    stranger, (_, headers, body) = STRANGERS[name], seen[name]
    lines = [value for each, value in headers if each == "set-cookie" and "Max-Age=0" not in value]
    assert {each.partition("=")[0].strip(): "; secure" in each.lower() for each in lines} == stranger.cookies
    loaded = re.findall(r"""(?:src=|@import url\(|<link [^>]*href=)["']?(?:https?:)?//([\w.-]+)""", body)
    assert set(loaded) - {"localhost"} == stranger.hosts
    assert len(re.findall(r'<a [^>]*href="https?://(?!localhost)', body)) == stranger.leaves


@strangers
def test_what_is_held_was_looked_at(name: str, seen: dict[str, Looked]) -> None:
    verdicts = {each["name"]: each for each in seen[name].report["sentences"]}
    assert verdicts["addresses.retention"]["verdict"] == "held"
    assert verdicts["headers.nosniff"]["verdict"] == "held"
    links = verdicts["outbound.mode"]
    assert (links["verdict"] == "held") == bool(STRANGERS[name].leaves), links["evidence"]


@strangers
def test_each_finding_has_its_page(name: str, seen: dict[str, Looked]) -> None:
    assert {each["code"] for each in seen[name].report["findings"]} <= CODES.keys()
