"""The command line as an operator meets it: real processes, and a log that a real journal wrote."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from wsgiref.util import setup_testing_defaults

import httpx
import pytest

import commands
from privacymw.address import pack
from privacymw.cli.kin import kin
from privacymw.startup import Started, start
from privacymw.wsgi import PrivacyMiddleware
from running import running

NOBODY = 65534
ESCAPE = "\x1b"
VERBS = [
    ["addresses", "list"],
    ["addresses", "top"],
    ["addresses", "timeline"],
    ["addresses", "tail"],
    ["addresses", "show"],
    ["addresses", "disclose"],
    ["addresses", "export"],
    ["addresses", "purge"],
    ["addresses", "verify"],
    ["choices", "verify"],
    ["settings"],
    ["rollout"],
    ["outbound", "report"],
    ["outbound", "script"],
    ["preview"],
    ["check"],
    ["evidence", "verify"],
    ["explain"],
    ["notice", "publish"],
    ["notice", "list"],
    ["notice", "diff"],
    ["notice", "adopt"],
    ["notice", "render"],
    ["run"],
]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


class Done(NamedTuple):
    code: int
    out: str
    err: str


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours without settings and without what changes the output."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PRIVACYMW_", "NO_COLOR"))}
    return {**ours, "TERM": "xterm", "COLUMNS": "100", **(more or {})}


def program(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "privacymw", *arguments]


def call(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, command: Sequence[str] = (), text: str = ""
) -> Done:
    line = [*command, *arguments] if command else program(*arguments)
    done = subprocess.run(line, cwd=cwd, env=environment(env), input=text, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def script(text: str, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Done:
    return call(*arguments, cwd=cwd, env=env, command=[sys.executable, "-c", text])


@contextmanager
def site(folder: Path, **settings: str) -> Iterator[Started]:
    """A site in this process, from its start to its end."""
    environ = {"PRIVACYMW_DATA": str(folder)} | {f"PRIVACYMW_{name}": value for name, value in settings.items()}
    started = start(environ)
    try:
        yield started
    finally:
        started.pipeline.close()


def log_some(started: Started) -> None:
    journal = started.services.journal
    assert journal is not None
    now = time.time_ns() // 1_000_000
    for status, address in ((200, "203.0.113.7"), (404, "203.0.113.8"), (500, "2001:db8::1"), (503, "203.0.113.7")):
        journal.put((now, pack(address), "GET", "/members/{id}", status, 1500, "", "", ""))
    journal.put((now, None, "G\x1b[31mET", "/x\u202e\x07", 400, 10, "", "", ""))
    assert journal.flush()


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """The data folder of a site that runs."""
    folder = tmp_path / "privacymw-data"
    with site(folder, ORGANISATION_NAME="Example Health", SECRET_KEY="a secret of the operator's own") as started:
        log_some(started)
        yield folder


def at_terminal(command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """The command at a terminal of its own: its exit code and all that the terminal showed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, cwd=cwd, env=environment(env), stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = "".join(iter(lambda: _read(ours), ""))
    os.close(ours)
    return process.wait(60), shown


def _read(handle: int) -> str:
    try:
        return os.read(handle, 65536).decode(errors="replace")
    except OSError:  # the other side is closed
        return ""


def test_a_list_shows_what_there_is_of_each_request(tmp_path: Path) -> None:
    folder = tmp_path / "privacymw-data"
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    with site(folder, SITES="portal.example") as started:
        journal = started.services.journal
        assert journal is not None
        now = time.time_ns() // 1_000_000
        journal.put((now, pack("203.0.113.7"), "GET", None, 404, 1500, "/no/x1", agent, "portal.example"))
        assert journal.flush()
        head, row = call("addresses", "list", cwd=tmp_path).out.splitlines()
        assert "from" not in head
        assert "Firefox, Linux, desktop  portal.example  GET" in row
        assert row.endswith("/no/x1")
        (told,) = json.loads(call("addresses", "list", "--json", cwd=tmp_path).out)
    shown = {
        "route": "/no/{}", "path": "/no/x1", "browser": "Firefox", "system": "Linux", "device": "desktop",
        "country": None, "asn": None, "site": "portal.example", "dropped": 0,
    }  # fmt: skip
    assert {name: told[name] for name in shown} == shown


# --- help, usage, and how a command ends ---


@pytest.mark.parametrize("verb", [[], ["addresses"], *VERBS], ids=" ".join)
def test_every_verb_has_help(verb: list[str], tmp_path: Path) -> None:
    done = call(*verb, "--help", cwd=tmp_path)
    assert done.code == 0
    assert done.out.startswith(f"usage: {' '.join(['privacymw', *verb])}".rstrip())
    assert not list(tmp_path.iterdir())


def test_help_waits_for_nothing_heavy(tmp_path: Path) -> None:
    text = """if True:
        import sys
        from privacymw.cli import main
        try:
            main(["--help"])
        except SystemExit:
            heavy = ("jinja2", "cryptography", "sqlite3", "msgspec", "rich", "click", "asyncio")
            print([name for name in heavy if name in sys.modules])
    """
    assert script(text, cwd=tmp_path).out.endswith("[]\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "COMMAND"),
        (["adresses"], "invalid choice: 'adresses'"),
        (["addresses", "list", "--since", "tomorrow"], "'tomorrow' is no time: allowed are 30m"),
        (["addresses", "list", "--status", "abc"], "'abc' is no status: allowed are 404"),
        (["addresses", "list", "--limit", "-1"], "--limit"),
        (["settings", "--json", "--markdown"], "not allowed with"),
        (["preview", "ADDRESSES_RETENTION"], "has no ="),
        (["rollout", "--", "x"], "nothing may follow --"),
        (["run"], "MODULE:APP"),
    ],
)
def test_usage_errors_end_with_1(arguments: list[str], told: str, tmp_path: Path) -> None:
    done = call(*arguments, cwd=tmp_path)
    assert (done.code, done.out) == (1, "")
    assert told in done.err


def test_version(tmp_path: Path) -> None:
    assert re.fullmatch(r"privacymw \d+\.\d+\.\d+\n", call("--version", cwd=tmp_path).out)


def test_a_reader_that_has_enough_is_no_error(data: Path) -> None:
    command = program("addresses", "list", "--json")
    with subprocess.Popen(
        command, cwd=data.parent, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


# --- finding the site ---


@pytest.mark.parametrize(
    "verb", [["addresses", "list"], ["addresses", "verify"], ["rollout"], ["settings", "--running"]]
)
def test_without_a_site_the_paths_that_were_tried_are_named(verb: list[str], tmp_path: Path) -> None:
    done = call(*verb, cwd=tmp_path)
    assert done.code == 1
    for path in (tmp_path / "privacymw-data", tmp_path, "/var/lib/privacymw"):
        assert f"\n  {path}\n" in done.err
    for env, option in (({"PRIVACYMW_DATA": "elsewhere"}, []), ({}, ["--data", "elsewhere"])):
        done = call(*verb, *option, cwd=tmp_path, env=env)
        assert f"tried:\n  {tmp_path / 'elsewhere'}\n" in done.err
        assert "/var/lib" not in done.err
    assert not list(tmp_path.iterdir()), "nothing is made"


def test_the_folder_comes_from_the_option_the_environment_or_its_usual_place(data: Path, tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.mkdir()
    toml = tmp_path / "privacy.toml"
    toml.write_text(f'data = "{data}"\n')
    ways: list[tuple[Path, dict[str, str], list[str]]] = [
        (away, {}, ["--data", str(data)]),
        (away, {"PRIVACYMW_DATA": str(data)}, []),
        (away, {"PRIVACYMW_CONFIG": str(toml)}, []),
        (data.parent, {}, []),
        (data, {}, []),
    ]
    for cwd, env, option in ways:
        assert len(json.loads(call("addresses", "list", "--json", *option, cwd=cwd, env=env).out)) == 5
    assert not list(away.iterdir())


def test_no_folder_at_all_is_said(tmp_path: Path) -> None:
    done = call("addresses", "list", cwd=tmp_path, env={"PRIVACYMW_DATA": "none"})
    assert done.code == 1
    assert "PRIVACYMW_DATA=none" in done.err


def test_a_folder_without_a_log_is_said(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "stray").touch()
    done = call("addresses", "list", "--data", "data", cwd=tmp_path)
    assert done.code == 1
    assert "log.sqlite: there is no log" in done.err
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["stray"]
    done = call("addresses", "list", "--data", "data", cwd=tmp_path, env={"PRIVACYMW_STORE": "none"})
    assert "logs no addresses" in done.err
    assert "there is none" in call("settings", "--data", "data", cwd=tmp_path).err


def test_the_log_of_another_place_is_found_by_what_the_site_wrote(tmp_path: Path) -> None:
    folders = {"STORE": f"sqlite:///{tmp_path / 'rows' / 'log.sqlite'}", "KEYS": str(tmp_path / "keys")}
    (tmp_path / "rows").mkdir()
    with site(tmp_path / "data", ADDRESSES_RETENTION="7d", **folders) as started:
        log_some(started)
        document = json.loads((tmp_path / "data" / "running.json").read_text())
        assert document["log"]["terms"]["retention"] == 7 * 86_400
        done = call("addresses", "list", "--data", "data", "--json", cwd=tmp_path)
        assert json.loads(done.out)[0]["address"] == "203.0.113.7"


def test_a_copy_is_read_and_not_what_it_was_copied_from(data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(data, copy)
    for key in (copy / "keys").glob("*.key"):
        key.unlink()
    entries = json.loads(call("addresses", "list", "--json", "--data", str(copy), cwd=tmp_path).out)
    assert [entry["address"] for entry in entries] == [None] * 5


# --- addresses ---


def test_list_shows_what_live_keys_open(data: Path) -> None:
    done = call("addresses", "list", cwd=data.parent)
    assert done.code == 0
    head, *lines = done.out.splitlines()
    assert head.split() == ["time", "(UTC)", "client", "method", "status", "ms", "route"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  203\.0\.113\.7 +GET +200 +1\.5  /members/\{id\}", lines[0])
    assert "2001:db8::1" in lines[2]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ([], [200, 404, 500, 503, 400]),
        (["--status", "5xx"], [500, 503]),
        (["--status", "4xx,500"], [404, 500, 400]),
        (["--status", "404"], [404]),
        (["--address", "203.0.113.7"], [200, 503]),
        (["--network", "203.0.113.0/24"], [200, 404, 503]),
        (["--since", "1h", "--limit", "2"], [503, 400]),
        (["--until", "1h"], []),
        (["--since", "2020-01-31T12:00", "--until", "2020-02-01"], []),
        (["--limit", "0"], [200, 404, 500, 503, 400]),
    ],
)
def test_list_filters(options: list[str], found: list[int], data: Path) -> None:
    done = call("addresses", "list", "--json", *options, cwd=data.parent)
    assert [entry["status"] for entry in json.loads(done.out)] == found
    assert ("--limit 0 shows all" in done.err) == (len(found) == 2 and "--limit" in options)


def test_no_match_and_no_address_are_said(data: Path) -> None:
    done = call("addresses", "list", "--status", "301", cwd=data.parent)
    assert (done.code, done.out) == (0, "")
    assert "no request matches" in done.err
    done = call("addresses", "list", "--address", "nonsense", cwd=data.parent)
    assert (done.code, done.out) == (1, "")
    assert "not an address" in done.err


def test_what_strangers_sent_reaches_no_terminal(data: Path) -> None:
    done = call("addresses", "list", cwd=data.parent)
    assert r"/x\u202e\x07" in done.out
    assert r"G\x1b[31.. " in done.out, "a method is cut before it widens the table"
    shown = call("addresses", "list", "--json", cwd=data.parent).out + done.out
    assert all(sign.isprintable() or sign == "\n" for sign in shown)


def test_verify_holds_while_a_writer_lives_and_not_after(data: Path) -> None:
    done = call("addresses", "verify", "--json", cwd=data.parent)
    findings = {each["code"]: each["held"] for each in json.loads(done.out)["findings"]}
    assert findings["writer-alive"]
    assert findings["retention-keys"]
    (data / "stray.txt").write_text("203.0.113.7")
    done = call("addresses", "verify", cwd=data.parent)
    assert done.code == 2
    assert "BROKEN  retention-canary" in done.out


def test_verify_breaks_when_all_writers_said_goodbye(tmp_path: Path) -> None:
    with site(tmp_path / "data") as started:
        journal = started.services.journal
        assert journal is not None
        journal.put((time.time_ns() // 1_000_000, pack("100.64.0.7"), "GET", "/", 200, 5, "", "", ""))
        assert journal.flush()
        done = call("addresses", "verify", "--data", "data", cwd=tmp_path)
        assert done.code == 0, done.out
        assert "All that was looked at is held" in done.out
    done = call("addresses", "verify", "--data", "data", cwd=tmp_path)
    assert done.code == 2
    assert "the site is not running; overdue keys die at its next start" in done.out
    assert "1 of " in done.out


def test_purge_asks_unless_told(tmp_path: Path) -> None:
    with site(tmp_path / "data", ADDRESSES_RETENTION="1s", ADDRESSES_EPOCH="1s") as started:
        log_some(started)
    time.sleep(2.1)
    keys = tmp_path / "data" / "keys"
    before = sorted(path.name for path in keys.glob("*.key"))
    assert before
    done = call("addresses", "purge", "--data", "data", cwd=tmp_path)
    assert done.code == 1
    assert "add --yes" in done.err
    assert sorted(path.name for path in keys.glob("*.key")) == before
    done = call("addresses", "purge", "--data", "data", "--yes", "--json", cwd=tmp_path)
    assert (done.code, json.loads(done.out)) == (0, {"keys_destroyed": len(before)})
    assert not list(keys.glob("*.key"))
    assert json.loads(call("addresses", "list", "--data", "data", "--json", cwd=tmp_path).out) == []


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("\n", 1), ("", 130)])
def test_purge_at_a_terminal(answer: str, code: int, data: Path) -> None:
    ours, theirs = pty.openpty()
    command = program("addresses", "purge")
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=data.parent, env=environment(), stdin=theirs, stdout=pipe, stderr=pipe, text=True
    ) as process:
        assert process.stderr is not None
        while not process.stderr.read(1).endswith("]"):
            pass
        if answer:
            os.write(ours, answer.encode())
        else:
            process.send_signal(signal.SIGINT)
        assert "Traceback" not in process.stderr.read()
    os.close(ours)
    os.close(theirs)
    assert process.returncode == code


# --- who it is that asks ---


@contextmanager
def public_folder() -> Iterator[Path]:
    """A folder whose path everybody can walk; pytest's own are for their owner alone."""
    with tempfile.TemporaryDirectory(prefix="privacymw-") as scratch:
        Path(scratch).chmod(0o755)
        yield Path(scratch)


def owners(folder: Path) -> set[int]:
    return {path.lstat().st_uid for path in (folder, *folder.rglob("*"))}


@as_root
def test_root_leaves_nothing_of_its_own() -> None:
    with public_folder() as scratch:
        with site(scratch / "data", ADDRESSES_RETENTION="3s", ADDRESSES_EPOCH="1s") as started:
            log_some(started)
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", scratch / "data"], check=True)
        for verb in (["list"], ["verify"]):
            assert call("addresses", *verb, "--data", "data", cwd=scratch).out
            assert owners(scratch / "data") == {NOBODY}
        time.sleep(3)
        done = call("addresses", "purge", "--data", "data", "--yes", cwd=scratch)
        assert done.code == 0, done.err
        assert not done.out.startswith("0 keys")
        assert owners(scratch / "data") == {NOBODY}


AS_NOBODY = """if True:
    import os, sys
    import privacymw.cli.addresses.listing, privacymw.cli.owner, privacymw.cli.parser, privacymw.cli.rollout
    privacymw.cli.parser.parser()  # imports more, from a place that only root may see
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
    sys.exit(privacymw.cli.main(sys.argv[1:]))
"""


@as_root
def test_somebody_else_is_told_whose_site_it_is() -> None:
    with public_folder() as scratch:
        with site(scratch / "data") as started:
            log_some(started)
        for verb in (["addresses", "list"], ["rollout"]):
            done = script(AS_NOBODY, *verb, "--data", str(scratch / "data"), cwd=scratch)
            assert (done.code, done.out) == (1, "")
            assert "permission denied; it belongs to root, and you are nobody" in done.err
            assert "sudo -u root privacymw" in done.err


# --- settings ---


def test_settings_of_the_environment(tmp_path: Path) -> None:
    env = {
        "PRIVACYMW_ADDRESSES_RETENTION": "7d",
        "PRIVACYMW_SECRET_KEY": "not to be seen anywhere",
        "PRIVACYMW_NOBODY_KNOWS": "x",
    }
    done = call("settings", "--json", cwd=tmp_path, env=env)
    document = json.loads(done.out)
    rows = {row["name"]: row for row in document["settings"]}
    retention = rows["PRIVACYMW_ADDRESSES_RETENTION"]
    assert (retention["value"], retention["source"], retention["default"]) == ("7d", "environment", "30d")
    assert all(row["help"] for row in rows.values())
    assert not document["running"]
    assert "PRIVACYMW_NOBODY_KNOWS" in done.err
    text = call("settings", cwd=tmp_path, env=env)
    assert text.out.startswith("Settings of the environment:\n\nname ")
    assert "not to be seen" not in done.out + text.out
    assert not list(tmp_path.iterdir())


def test_settings_of_the_running_site(data: Path) -> None:
    """Without settings in the environment a running site's are meant; which ones they are is said."""
    for arguments, env in ((["settings"], {}), (["settings", "--running"], {"PRIVACYMW_MODE": "off"})):
        done = call(*arguments, cwd=data.parent, env=env)
        assert done.out.startswith(f"Settings of the site that was started with {data}")
        assert re.match(r".* \([-0-9]+ [:0-9]+ UTC, running\):\n", done.out)
        assert "Example Health" in done.out
        assert "a secret of" not in done.out
    assert "of the environment" in call("settings", cwd=data.parent, env={"PRIVACYMW_MODE": "off"}).out
    assert json.loads(call("settings", "--json", cwd=data.parent).out)["running"]


def test_settings_as_markdown_do_not_depend_on_the_environment(tmp_path: Path) -> None:
    plain, other = (call("settings", "--markdown", cwd=tmp_path, env=env) for env in ({}, {"PRIVACYMW_MODE": "off"}))
    assert plain == other
    lines = plain.out.splitlines()
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {5}
    assert any(line.startswith("| `PRIVACYMW_MODE` | `on` |") for line in lines)


@pytest.mark.parametrize("verb", [["settings"], ["preview"], ["run", "app:app"]])
def test_faulty_settings_are_all_told(verb: list[str], tmp_path: Path) -> None:
    env = {"PRIVACYMW_ADDRESSES_RETENTION": "soon", "PRIVACYMW_MODE": "maybe"}
    done = call(*verb, cwd=tmp_path, env=env)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("privacymw: 2 settings cannot be obeyed")
    assert "paste:   PRIVACYMW_ADDRESSES_RETENTION=30d" in done.err


# --- rollout ---


def visit(started: Started, body: bytes) -> None:
    def app(environ: Any, start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/html")])
        return [body]

    environ: dict[str, Any] = {"HTTP_HOST": "www.health.example", "HTTP_ACCEPT": "text/html", "REMOTE_ADDR": "::1"}
    setup_testing_defaults(environ)
    environ["wsgi.input"] = io.BytesIO()
    answer = PrivacyMiddleware(app, started.pipeline)(environ, lambda *_: lambda _: None)
    assert b"".join(answer) == body, "an observing site changes nothing"
    answer.close()  # type: ignore[attr-defined]


PAGE = (
    b'<a href="https://portal.health.example/">ours</a> <a href="https://elsewhere.example/">theirs</a>'
    b' <a href="https://elsewhere.example/two">theirs</a>'
)


def test_rollout_tells_what_would_change(tmp_path: Path) -> None:
    with site(tmp_path / "privacymw-data", MODE="observe", SITES="www.health.example") as started:
        visit(started, PAGE)
    done = call("rollout", cwd=tmp_path)
    assert done.code == 0
    assert "observes" in done.out
    assert re.search(r"^ +2  elsewhere\.example$", done.out, re.M)
    assert "x-content-type-options" in done.out
    assert "  PRIVACYMW_SITES=www.health.example,portal.health.example\n" in done.out
    assert "  PRIVACYMW_MODE=on\n" in done.out
    document = json.loads(call("rollout", "--json", cwd=tmp_path).out)
    assert document["counts"]["links"] == {"elsewhere.example": 2, "portal.health.example": 1}
    assert document["suggestions"] == ["PRIVACYMW_SITES=www.health.example,portal.health.example"]
    assert document["since"] <= time.time()


def test_rollout_before_anything_was_counted(data: Path) -> None:
    assert "Nothing has been counted yet" in call("rollout", cwd=data.parent).out


def test_rollout_of_a_broken_file(data: Path) -> None:
    (data / "counts-1.json").write_text("{}")
    done = call("rollout", cwd=data.parent)
    assert done.code == 1
    assert "counts-1.json is no file of counts: remove it" in done.err


# --- outbound report ---


def test_the_report_tells_hosts_by_route(tmp_path: Path) -> None:
    with site(tmp_path / "privacymw-data", SITES="www.health.example", OUTBOUND_TRUSTED="elsewhere.example") as started:
        visit_any(started, PAGE)
    done = call("outbound", "report", cwd=tmp_path)
    assert done.code == 0
    assert re.search(r"^ +2  elsewhere\.example +a trusted host: in the link's text +/members/\{\}$", done.out, re.M)
    assert re.search(
        r"^ +1  portal\.health\.example +through the page before links that leave +/members", done.out, re.M
    )
    assert "  PRIVACYMW_SITES=www.health.example,portal.health.example\n" in done.out
    document = json.loads(call("outbound", "report", "--json", cwd=tmp_path).out)
    assert document["links"] == [
        {"host": "elsewhere.example", "fate": "trusted", "route": "/members/{}", "times": 2},
        {"host": "portal.health.example", "fate": "sealed", "route": "/members/{}", "times": 1},
    ]
    assert document["suggestions"] == ["PRIVACYMW_SITES=www.health.example,portal.health.example"]
    assert "4711" not in json.dumps(document)


def visit_any(started: Started, body: bytes) -> None:
    """A page behind a path that names somebody."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/html")])
        return [body]

    environ = {"PATH_INFO": "/members/4711", "HTTP_HOST": "www.health.example"}
    setup_testing_defaults(environ)
    answer = PrivacyMiddleware(app, started.pipeline)(environ, lambda *_: lambda _: None)
    b"".join(answer)
    answer.close()  # type: ignore[attr-defined]


def test_the_report_before_anything_was_counted(data: Path) -> None:
    assert "Nothing has been counted yet" in call("outbound", "report", cwd=data.parent).out


def test_the_report_of_more_hosts_than_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "privacymw-data"
    with site(folder) as started:
        for number in range(2_100):
            started.services.count("outbound hosts", f"n{number}.example sealed /")
    document = json.loads(call("outbound", "report", "--json", cwd=tmp_path).out)
    assert document["links"][0] == {"host": "(others)", "fate": "", "route": "", "times": 100}


@pytest.mark.parametrize(
    ("sites", "host", "own"),
    [
        ("www.health.example", "portal.health.example", True),
        ("portal.health.example", "health.example", True),
        ("health.example, *.health.example", "portal.health.example", False),  # named already
        ("*.health.example", "health.example", True),
        ("health.example", "myhealth.example", False),
        ("health.co.uk", "other.co.uk", False),
        ("www.health.co.uk", "shop.health.co.uk", True),
        ("", "portal.health.example", False),
    ],
)
def test_which_hosts_look_like_ones_own(sites: str, host: str, own: bool) -> None:
    assert kin([host], sites) == ([host] if own else [])


# --- preview ---


def test_preview_shows_the_page_and_its_lines(tmp_path: Path) -> None:
    env = {"PRIVACYMW_ORGANISATION_NAME": "Example Health", "PRIVACYMW_SECRET_KEY": "not to be seen anywhere"}
    done = call("preview", "addresses_retention=7d", "PRIVACYMW_SIGNALS_DNT=disclose", cwd=tmp_path, env=env)
    assert done.code == 0
    assert "can be read for at most 7 days" in done.out
    assert "Draft, not in force" in done.out
    lines = done.out.split("given by these lines:\n\n")[1].splitlines()
    assert lines == [
        "  PRIVACYMW_SECRET_KEY=...",
        "  PRIVACYMW_ORGANISATION_NAME='Example Health'",
        "  PRIVACYMW_ADDRESSES_RETENTION=7d",
        "  PRIVACYMW_SIGNALS_DNT=disclose",
    ]
    assert "not to be seen" not in done.out
    assert not list(tmp_path.iterdir()), "no folder, no store"


def test_preview_is_the_page_of_the_site(tmp_path: Path) -> None:
    """What is previewed is what a start with the same settings publishes, to the letter."""
    settings = {"ORGANISATION_NAME": "Example Health", "NOTICE_EFFECTIVE": "2026-01-31", "ADDRESSES_MODE": "off"}
    given = [f"{name}={value}" for name, value in settings.items()]
    preview = json.loads(call("preview", "--json", *given, cwd=tmp_path).out)["page"]
    with site(tmp_path / "data", **settings) as started:
        exchange = started.pipeline.begin("GET", "", "/privacy/notice.json", "", "https", None, {})
        assert exchange.reply is not None
        assert json.loads(exchange.reply.body) == preview
    assert not preview["draft"]


def test_preview_steps_down_as_the_site_would(tmp_path: Path) -> None:
    for given, told in (
        (["DATA=none"], "keep no log of IP addresses"),
        (["STORE=none"], "keep no log of IP addresses"),
        (["MODE=observe"], "keep no log of IP addresses"),
        (["DATA=none"], "keep no choice"),
        ([], "Your address can be read"),
    ):
        assert told in call("preview", *given, cwd=tmp_path).out.replace("\n", " ")


def test_preview_as_html_stands_alone(tmp_path: Path) -> None:
    done = call("preview", "--html", "ORGANISATION_NAME=<Example>", cwd=tmp_path)
    assert done.out.startswith("<!doctype html>")
    assert "&lt;Example&gt;" in done.out
    assert 'href="data:text/css;base64,' in done.out
    assert "style.css" not in done.out
    assert "PRIVACYMW_ORGANISATION_NAME='<Example>'" in done.err
    assert "the defaults" in call("preview", "--html", cwd=tmp_path).err


# --- terminals ---


def test_colors_at_a_terminal_only(data: Path) -> None:
    pytest.importorskip("rich")
    verify = program("addresses", "verify")
    _, shown = at_terminal(verify, cwd=data.parent)
    assert ESCAPE in shown
    _, shown = at_terminal(verify, cwd=data.parent, env={"NO_COLOR": "1"})
    assert "held" in shown
    assert ESCAPE not in shown
    assert ESCAPE not in call("addresses", "verify", cwd=data.parent).out


WITHOUT_RICH = """if True:
    import sys
    sys.modules["rich"] = None
    from privacymw.cli import main
    sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("columns", [60, 100, 200])
@pytest.mark.parametrize("verb", [["addresses", "verify"], ["addresses", "list"], ["settings"], ["preview"]])
def test_lines_fit_the_terminal(verb: list[str], columns: int, data: Path) -> None:
    env = {"COLUMNS": str(columns)}
    for command in ([sys.executable, "-c", WITHOUT_RICH, *verb], [*program(*verb)]):
        _, shown = at_terminal(command, cwd=data.parent, env={**env, "NO_COLOR": "1"})
        lines = [line for line in shown.splitlines() if str(data) not in line and not line.startswith("PRIVACYMW_")]
        assert len(lines) > 5
        assert max(map(len, lines)) <= max(columns, 80)


def test_a_terminal_without_unicode_breaks_nothing(data: Path) -> None:
    env = {"PYTHONIOENCODING": "ascii", "PRIVACYMW_ORGANISATION_NAME": "Clínica"}
    assert "Cl\\xednica" in call("preview", cwd=data.parent, env=env).out


# --- run ---

APPS = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b'<a href="https://elsewhere.example/">there</a>']

async def asgi(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": b'<a href="https://elsewhere.example/">there</a>'})

class Callable:
    async def __call__(self, scope, receive, send):
        await asgi(scope, receive, send)

callable = Callable()

def create_app(name):
    return {"app": app, "asgi": asgi}[name]

def odd(one, *others):
    pass
"""


@pytest.fixture
def apps(tmp_path: Path) -> Path:
    (tmp_path / "plain_apps.py").write_text(APPS)
    return tmp_path


@pytest.mark.servers
@pytest.mark.parametrize(
    ("app", "server"),
    [
        ("plain_apps:app", "gunicorn"),
        ("plain_apps:create_app('app')", "gunicorn"),
        ("plain_apps:asgi", "uvicorn"),
        ("plain_apps:callable", "uvicorn"),
        ("plain_apps:create_app('asgi')", "uvicorn"),
    ],
)
def test_run_serves_an_app_that_knows_nothing_of_it(app: str, server: str, apps: Path) -> None:
    data = apps / "data"

    def command(port: int) -> list[str]:
        more = ["--", "--no-control-socket"] if server == "gunicorn" else ["--", "--log-level", "info"]
        return program("run", app, "--bind", f"127.0.0.1:{port}", *more)

    paths = os.pathsep.join([str(apps), os.environ.get("PYTHONPATH", "")])
    with running(server, command, env={"PYTHONPATH": paths, "PRIVACYMW_DATA": str(data)}) as served:
        answer = httpx.get(served.url, trust_env=False)
        assert "/privacy/leaving/" in answer.text
        assert answer.headers["server"].startswith(server)
        assert httpx.get(f"{served.url}/privacy/notice", trust_env=False).status_code == 200
        time.sleep(0.6)
        entries = json.loads(call("addresses", "list", "--data", str(data), "--json", cwd=apps).out)
        assert entries[0]["address"] == "127.0.0.1"
        assert call("addresses", "verify", "--data", str(data), cwd=apps).code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["plain_apps"], "write MODULE:APP"),
        (["nowhere:app"], "there is no module 'nowhere' in "),
        (["plain_apps:nothing"], "has no 'nothing'"),
        (["plain_apps:create_app(name)"], "literal values only"),
        (["plain_apps:odd"], "add --wsgi or --asgi"),
        (["plain_apps:asgi", "--bind", "8000"], "allowed are HOST:PORT"),
    ],
)
def test_run_says_what_it_cannot_serve(arguments: list[str], told: str, apps: Path) -> None:
    done = call("run", *arguments, cwd=apps)
    assert done.code == 1
    assert told in done.err


@pytest.mark.parametrize(("app", "server"), [("app", "gunicorn"), ("asgi", "uvicorn")])
def test_run_names_the_server_that_is_missing(app: str, server: str, apps: Path) -> None:
    text = WITHOUT_RICH.replace('"rich"', f'"{server}"')
    done = script(text, "run", f"plain_apps:{app}", cwd=apps)
    assert done.code == 1
    assert f"To paste: pip install {server}" in done.err


@pytest.mark.servers
@pytest.mark.parametrize("app", ["app", "asgi"])
def test_run_ends_where_the_data_folder_cannot_be_used(app: str, apps: Path) -> None:
    (apps / "data").write_text("a file")
    done = call("run", f"plain_apps:{app}", "--bind", "127.0.0.1:0", cwd=apps, env={"PRIVACYMW_DATA": "data"})
    assert done.code != 0
    assert "Two ways out:" in done.err


# --- flask ---

FLASK_APP = """
from flask import Flask
from privacymw.flask import Privacy

app = Flask(__name__)
Privacy(app)

@app.cli.command("look")
def look():
    print(app.test_client().get("/privacy/notice").status_code)
"""


def test_flask_privacy_has_the_same_verbs_and_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "portal.py").write_text(FLASK_APP)
    flask = [sys.executable, "-m", "flask", "--app", "portal", "privacy"]
    done = call("settings", "--json", cwd=tmp_path, command=flask)
    assert json.loads(done.out)["settings"]
    assert "addresses" in call("--help", cwd=tmp_path, command=flask).out
    assert "--since" in call("addresses", "list", "--help", cwd=tmp_path, command=flask).out
    done = call("addresses", "verify", cwd=tmp_path, command=flask)
    assert done.code == 1
    assert done.err.startswith("flask privacy: no site's data folder")
    assert not (tmp_path / "privacymw-data").exists()


def test_a_flask_command_that_asks_the_app_is_answered_by_the_policy(tmp_path: Path) -> None:
    (tmp_path / "portal.py").write_text(FLASK_APP)
    done = call("look", cwd=tmp_path, command=[sys.executable, "-m", "flask", "--app", "portal"])
    assert done.out == "200\n"


def test_flask_privacy_ends_as_the_verb_does(data: Path) -> None:
    (data.parent / "portal.py").write_text(FLASK_APP)
    (data / "stray.txt").write_text("203.0.113.7")
    flask = [sys.executable, "-m", "flask", "--app", "portal", "privacy"]
    assert call("addresses", "verify", "--json", cwd=data.parent, command=flask).code == 2


# --- documents ---


def test_the_document_of_commands_is_current() -> None:
    assert commands.PAGE.read_text(encoding="utf-8") == commands.page(), "run python tools/commands.py"
    headings = [line[3:] for line in commands.page().splitlines() if line.startswith("## ")]
    assert headings == [" ".join(["privacymw", *verb]) for verb in VERBS]


def test_the_script_for_links_is_told_with_its_hash(tmp_path: Path) -> None:
    env = {"PRIVACYMW_DATA": "none", "PRIVACYMW_SITES": "own.example", "PRIVACYMW_PREFIX": "/p"}
    done = call("outbound", "script", "--json", cwd=tmp_path, env=env)
    document = json.loads(done.out)
    assert f'integrity="{document["integrity"]}"' in document["tag"]
    assert document["script_src"] == f"'{document['integrity']}'"
    assert 'data-at="/p/away" data-own="own.example"' in document["tag"]
    told = call("outbound", "script", cwd=tmp_path, env=env).out
    assert document["tag"] in told
    assert document["script_src"] in told
