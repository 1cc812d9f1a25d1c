"""`privacymw check` and `explain` as an operator meets them: real processes, with apps that are whole or broken."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import demo
from checked import WHOLE
from privacymw.evidence.codes import CODES
from servers import needed
from test_check import ELSEWHERE
from test_cli import Done, at_terminal, call, environment, program

pytestmark = pytest.mark.servers
EXAMPLES = Path(__file__).parent.parent / "examples"
BARE = {
    "flask": """
from flask import Flask
app = Flask(__name__)
@app.get("/")
def home():
    return 'Read more at <a href="https://www.example.com/">our partner</a>.'
""",
    "starlette": """
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route
async def home(request):
    return HTMLResponse('Read more at <a href="https://www.example.com/">our partner</a>.')
app = Starlette(routes=[Route("/", home)])
""",
}
READY = {
    "flask": BARE["flask"] + "from privacymw.flask import Privacy\nPrivacy(app)\n",
    "starlette": BARE["starlette"] + "from privacymw.asgi import PrivacyMiddleware\napp = PrivacyMiddleware(app)\n",
}
SETTINGS = {f"PRIVACYMW_{name.upper()}": text for name, text in WHOLE.items()}


def checked(folder: Path, code: str, *options: str, env: Mapping[str, str] | None = None) -> Done:
    (folder / "site_app.py").write_text(code)
    return call("check", "site_app:app", *options, cwd=folder, env=env)


def report(
    folder: Path, code: str, env: Mapping[str, str] | None = None, *, options: Sequence[str] = ()
) -> dict[str, Any]:
    done = checked(folder, code, "--json", *options, env=env)
    assert done.code in (0, 2), done.err
    found: dict[str, Any] = json.loads(done.out)
    assert done.code == (0 if found["held"] else 2)
    return found


def codes(found: Mapping[str, Any]) -> set[str]:
    return {each["code"] for each in found["findings"]}


START = {"page-draft", "name-missing", "contact-missing", "keys-beside-rows"}
"""What is true of each site that nobody has set up yet."""


@pytest.mark.parametrize("kind", BARE)
def test_a_bare_new_app_gets_true_findings_and_their_remedy(kind: str, tmp_path: Path) -> None:
    begun = time.monotonic()
    done = checked(tmp_path, BARE[kind])
    assert time.monotonic() - begun < 90
    assert done.code == 0
    assert "not-wrapped: Wrap the app in its code" in " ".join(done.out.split())
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == {"site_app.py"}
    assert codes(report(tmp_path, BARE[kind])) == {"not-wrapped", *START}


@pytest.mark.parametrize("kind", READY)
def test_the_apps_of_the_readme(kind: str, tmp_path: Path) -> None:
    found = report(tmp_path, READY[kind])
    assert codes(found) == START
    states = {each["name"]: each["verdict"] for each in found["sentences"] if each["kind"] == "kept"}
    assert {name for name, state in states.items() if state != "held"} == {
        "transport.redirect",
        "transport.exempt",
        "mail.links",
    }


@pytest.mark.parametrize("kind", READY)
def test_every_retention_ends_on_a_clock_that_is_set_forward(kind: str, tmp_path: Path) -> None:
    settings = {**SETTINGS, "PRIVACYMW_KEYS": str(tmp_path / "keys"), "PRIVACYMW_ADDRESSES_NETWORK_RETENTION": "60d"}
    found = report(tmp_path, READY[kind], settings)
    evidence = {each["name"]: (each["verdict"], each["evidence"]) for each in found["sentences"]}
    for name, days in (("addresses.retention", 30), ("addresses.network", 60), ("choices.record_time", 400)):
        state, text = evidence[name]
        assert state == "held", text
        assert text.startswith(f"{days * 86_400} s after")
    assert codes(found) == set()
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("kind", ["flask", "starlette"])
def test_the_portals_break_nothing(kind: str, tmp_path: Path) -> None:
    folder = EXAMPLES / f"{kind}_app"
    settings = {**demo.read_settings(EXAMPLES / "portal.env"), "PRIVACYMW_CONFIG": str(EXAMPLES / "portal.toml")}
    settings |= {"PRIVACYMW_HEADERS_PRESET": "strict", "PORTAL_HTTPS": "on", "PRIVACYMW_DATA": str(tmp_path / "live")}
    begun = time.monotonic()
    done = call("check", "portal:app", "--json", cwd=folder, env=settings)
    assert time.monotonic() - begun < 30
    found = json.loads(done.out)
    assert (done.code, codes(found)) == (0, {"keys-beside-rows"}), done.out
    assert not (tmp_path / "live").exists(), "the operator's data are left alone"


@pytest.mark.parametrize("kind", ["flask", "starlette"])
def test_the_portals_own_tests(kind: str) -> None:
    folder = EXAMPLES / f"{kind}_app"
    settings = {**demo.read_settings(EXAMPLES / "portal.env"), "PRIVACYMW_CONFIG": str(EXAMPLES / "portal.toml")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_portal.py"]
    done = subprocess.run(
        command, cwd=folder, env={**environment(settings), "PYTHONPATH": path()}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def path() -> str:
    return os.pathsep.join([".", os.environ.get("PYTHONPATH", "")])


def test_the_readmes_first_lines_end_in_a_finding_and_its_remedy(tmp_path: Path) -> None:
    """From an empty folder, as the README has it, but for the installation: app, command, what to do."""
    readme = (EXAMPLES.parent / "README.md").read_text()
    app = re.search(r"```python hello_flask.py\n(.*?)```", readme, re.DOTALL)
    command = re.search(r"^privacymw (check hello_flask:app)$", readme, re.MULTILINE)
    assert app is not None
    assert command is not None
    (tmp_path / "hello_flask.py").write_text(app[1])
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = call(*command[1].split(), cwd=tmp_path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    assert taken < 20, "seconds of the processor: of 90 most are left for the installation"
    said = " ".join(done.out.split())
    assert re.search(r"note page-draft /privacy/notice the page is a draft", said), done.out
    assert "page-draft: Read the page, then set PRIVACYMW_NOTICE_EFFECTIVE=YYYY-MM-DD" in said, "the remedy"
    assert "More on a finding: privacymw explain page-draft" in said


# --- the codes that need a process of their own

WRITES = """
import os, pathlib
from flask import request
@app.before_request
def note():
    data = pathlib.Path(os.environ["PRIVACYMW_DATA"])
"""
TRIGGERS: dict[str, tuple[str, dict[str, str]]] = {
    "not-wrapped": (BARE["flask"], {}),
    "page-missing": (READY["flask"], {"PRIVACYMW_MODE": "off"}),
    "second-log": (
        READY["flask"] + "import logging\nlogging.getLogger('gunicorn.access').addHandler(logging.NullHandler())\n"
        "logging.getLogger('gunicorn.access').setLevel('INFO')\n",
        {},
    ),
    "sentry-pii": (
        READY["flask"] + "import sentry_sdk\nsentry_sdk.init(send_default_pii=True, default_integrations=False)\n",
        {},
    ),
    "telemetry-address": (
        READY["flask"]
        + """
from flask import request
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
trace.set_tracer_provider(provider)
@app.before_request
def traced():
    with trace.get_tracer("x").start_as_current_span("GET", attributes={"client.address": request.remote_addr}):
        pass
""",
        {},
    ),
    "log-clear": (
        READY["flask"]
        + WRITES
        + "    with (data / 'notes').open('a') as file:\n        file.write(request.remote_addr)\n",
        {},
    ),
    "retention-broken": (
        READY["flask"]
        + WRITES
        + "    for key in data.glob('keys/*.key'):\n"
        + "        (data / ('copy-' + key.name)).write_bytes(key.read_bytes())\n",
        {},
    ),
}


@pytest.mark.parametrize("code", TRIGGERS)
def test_a_break_is_found_by_its_name(code: str, tmp_path: Path) -> None:
    app, settings = TRIGGERS[code]
    found = report(tmp_path, app, settings)
    assert code in codes(found), found
    assert codes(found) - START <= {code, "hsts-short"}


def test_the_codes_of_processes_are_all_here() -> None:
    assert TRIGGERS.keys() == ELSEWHERE


# --- how it is used


def test_a_broken_promise_is_two_and_told_first(tmp_path: Path) -> None:
    app = READY["flask"] + (
        "inner = app.wsgi_app\n"
        "def bare(environ, start_response):\n"
        "    return inner(environ, lambda status, headers, exc_info=None: start_response(\n"
        "        status, [pair for pair in headers if pair[0].lower() != 'x-content-type-options']))\n"
        "app.wsgi_app = bare\n"
    )
    done = checked(tmp_path, app)
    assert done.code == 2
    assert re.search(r"^BROKEN\s+headers.nosniff\s+kept", done.out, re.MULTILINE)
    assert re.search(r"^BROKEN\s+header-missing\s+/\s", done.out, re.MULTILINE)
    assert "privacymw explain header-missing" in done.out


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("nowhere:app", "there is no module 'nowhere'"),
        ("site_app:nothing", "has no 'nothing'"),
        ("site_app", "write MODULE:APP"),
        ("site_app:odd", "add --wsgi or --asgi"),
    ],
)
def test_what_cannot_be_looked_at_is_one(target: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "site_app.py").write_text("def odd(): pass\n")
    done = call("check", target, cwd=tmp_path)
    assert done.code == 1
    assert told in done.err


def test_a_factory_and_its_kind(tmp_path: Path) -> None:
    (tmp_path / "site_app.py").write_text(
        READY["starlette"] + "def create(*args):\n    return lambda *given: app(*given)\n"
    )
    done = call("check", "site_app:create('x')", "--asgi", "--json", cwd=tmp_path)
    assert codes(json.loads(done.out)) == START


def test_a_terminal_sees_the_progress_and_first_words_soon(tmp_path: Path) -> None:
    (tmp_path / "site_app.py").write_text(READY["flask"])
    code, text = at_terminal(program("check", "site_app:app"), cwd=tmp_path)
    assert code == 0
    assert text.startswith("privacymw check site_app:app")
    assert "1 pages: /" in text
    assert "addresses.retention" in text


def test_the_report_is_one_page_that_fetches_nothing(tmp_path: Path) -> None:
    done = checked(tmp_path, BARE["flask"], "--html", "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "report.html" in done.err
    assert "<h1>Privacy check of site_app:app</h1>" in text
    assert not re.search(r"""(?:src|href|action)=["'](?!#)|<script|@import|url\(""", text)
    assert "Content-Security-Policy" in text
    assert "@media print" in text
    for code in ("not-wrapped", *START):
        assert f'id="{code}"' in text
    assert "How to mend it" in text


def test_a_report_that_cannot_be_written_is_one(tmp_path: Path) -> None:
    assert checked(tmp_path, READY["flask"], "--html", "no/such/folder.html").code == 1


def test_a_dry_run_is_looked_at_as_if_it_were_on(tmp_path: Path) -> None:
    found = report(tmp_path, READY["flask"], {"PRIVACYMW_MODE": "observe"})
    assert found["held"]
    assert any("PRIVACYMW_MODE=on" in note for note in found["notes"])


def test_a_database_is_left_alone(tmp_path: Path) -> None:
    settings = {"PRIVACYMW_STORE": "postgresql://127.0.0.1:1/none", "PRIVACYMW_SECRET_KEY": "of the operator's own"}
    found = report(tmp_path, READY["flask"], settings)
    assert found["held"]
    assert any("not touched" in note for note in found["notes"])


def test_without_a_folder_there_is_less_to_see(tmp_path: Path) -> None:
    found = report(tmp_path, READY["flask"], {"PRIVACYMW_DATA": "none"})
    assert found["held"]
    assert "addresses.none" in {each["name"] for each in found["sentences"]}


# --- explain


@pytest.mark.parametrize("code", ["cookie-undeclared", "retention-broken"])
def test_a_finding_is_explained_in_fixed_parts(code: str, tmp_path: Path) -> None:
    done = call("explain", code, cwd=tmp_path)
    parts = ["What was found", "Why it matters", "How to see it", "How to mend it", "When to ignore it"]
    places = [done.out.index(part) for part in parts]
    assert places == sorted(places)
    assert "v5.0.0-" in done.out
    assert "curl" in done.out


def test_all_findings_are_listed(tmp_path: Path) -> None:
    assert all(code in call("explain", cwd=tmp_path).out for code in CODES)
    assert json.loads(call("explain", "--json", cwd=tmp_path).out).keys() == CODES.keys()
    assert json.loads(call("explain", "page-draft", "--json", cwd=tmp_path).out)["code"] == "page-draft"


def test_a_near_miss_is_told(tmp_path: Path) -> None:
    done = call("explain", "cookie-undeclare", cwd=tmp_path)
    assert done.code == 1
    assert "the nearest is cookie-undeclared" in done.err


# --- in a browser


@pytest.mark.browser
@pytest.mark.parametrize("kind", READY)
def test_a_browser_sees_what_scripts_do(kind: str, tmp_path: Path) -> None:
    needed("chromium", "chromium-browser", "google-chrome")
    script = (
        "<!doctype html><body><script>document.cookie=`_ga=1;path=/`;"
        "fetch(`https://t.example/x`).catch(() => 0)</script>"
    )
    found = report(tmp_path, READY[kind].replace("Read more", script), options=("--browser",))
    told = {(each["code"], each["text"]) for each in found["findings"]}
    assert ("cookie-undeclared", "in a browser a cookie is set that the page does not name: _ga") in told
    assert ("third-party", "in a browser the page asks t.example, before a choice") in told
    assert codes(found) == {"cookie-undeclared", "third-party", *START}


MANY = """
from flask import Flask
from privacymw.flask import Privacy
app = Flask(__name__)
@app.get("/")
@app.get("/at/<name>")
def page(name=""):
    headers = {"Set-Cookie": "seen=1; Path=/; Secure"}
    if name == "saved":
        headers["Content-Disposition"] = "attachment"
    body = '<a href="/at/a">a</a> <a href="/at/b">b</a> <a href="/at/saved">c</a>'
    return f'<!doctype html><body>{body}<img src="https://t.example/x.png" alt="">', headers
Privacy(app)
"""


@pytest.mark.browser
def test_what_each_page_does_is_told_once(tmp_path: Path) -> None:
    needed("chromium", "chromium-browser", "google-chrome")
    found = report(tmp_path, MANY, options=("--browser",))
    told = [(each["code"], each["where"], each["text"]) for each in found["findings"] if each["code"] not in START]
    assert told == [
        ("cookie-undeclared", "/", "the app sets a cookie that the page does not name: seen"),
        ("third-party", "/", "the page loads something from t.example"),
        ("third-party", "/", "in a browser the page asks t.example, before a choice; so do 2 more"),
        ("third-party", "/", "in a browser the page asks t.example, after 'refuse'; so do 2 more"),
        ("page-fails", "/at/saved", "a browser saves it as a file: it could not be looked at there"),
        ("third-party", "/", "in a browser the page asks t.example, after 'accept'; so do 2 more"),
    ]


@pytest.mark.browser
def test_a_browser_finds_nothing_in_a_whole_app(tmp_path: Path) -> None:
    needed("chromium", "chromium-browser", "google-chrome")
    assert codes(report(tmp_path, READY["flask"], options=("--browser",))) == START


def test_without_the_extra_one_line_names_it(tmp_path: Path) -> None:
    hidden = (
        "import sys; sys.modules['playwright'] = None; from privacymw.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    done = call("check", "site_app:app", "--browser", cwd=tmp_path, command=[sys.executable, "-c", hidden])
    assert done.code == 1
    assert "pip install 'privacymw[browser]'" in done.err
