"""From an environment to a running site: what is made, what is said, and what is left behind."""

import json
import logging
import os
import shutil
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from faces import Request
from privacymw.errors import SettingsError, StoreError
from privacymw.folder import DataFolder
from privacymw.modes import Observing, Off
from privacymw.pipeline import Pipeline
from privacymw.policies import GROUPS
from privacymw.running import announce, read_running
from privacymw.settings import MASKED, read
from privacymw.startup import start
from privacymw.tally import _NAMES, Tally, read_counts
from sites import BROWSER, SECRET, environ, page_of, started, through_wsgi


def run(script: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Runs a script in a process of its own, without the variables of this one."""
    folders = os.pathsep.join(each for each in sys.path if each)
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PRIVACYMW_", "PYTEST_"))}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**kept, "PYTHONPATH": folders, **variables},
        cwd=variables.get("CWD"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# --- the first start


def test_nothing_needs_to_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    site = start({})
    answer = through_wsgi(site.pipeline, lambda _: page_of("x"), Request(path="/privacy/notice", headers=BROWSER))
    assert b"We keep what you choose in one signed cookie" in answer.body
    site.pipeline.close()
    data = tmp_path / "privacymw-data"
    made = {path.name for path in data.iterdir()}
    assert {".gitignore", "secret", "links", "keys", "log.sqlite", "running.json"} <= made
    for path in [data, *data.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_second_start_finds_what_the_first_made(tmp_path: Path) -> None:
    first, second = (start({"PRIVACYMW_DATA": str(tmp_path)}) for _ in range(2))
    assert first.services.links is not None
    assert second.services.links is not None
    assert second.services.links.open(first.services.links.seal("https://other.example/")) == "https://other.example/"


def test_no_folder_is_made_where_none_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for data in ("none", "None"):
        services = start({"PRIVACYMW_DATA": data}).services
        assert (services.cookie, services.links, services.journal) == (None, None, None)
    assert not list(tmp_path.iterdir())


def test_a_secret_that_is_given_serves_without_a_folder() -> None:
    services = started().services
    assert services.cookie is not None
    assert services.links is not None
    assert services.journal is None


def test_under_pytest_nothing_is_left_behind(tmp_path: Path) -> None:
    script = """
        from privacymw.startup import start
        site = start()
        site.services.count("links", "other.example")
        print(site.services.cookie is not None)
    """
    done = run(script, TMPDIR=str(tmp_path), CWD=str(tmp_path), PYTEST_VERSION="8")
    assert done.stdout == "True\n"
    assert not list(tmp_path.iterdir())


def test_counts_are_written_when_the_process_ends(tmp_path: Path) -> None:
    run(
        "from privacymw.startup import start; start().services.count('links', 'a.example')",
        PRIVACYMW_DATA=str(tmp_path),
    )
    assert read_counts(tmp_path) == {"links": {"a.example": 1}}


# --- what stands in the way

UNWRITABLE = """
    import os
    from privacymw.errors import StoreError
    from privacymw.startup import start

    if os.geteuid() == 0:
        os.setuid(65534)  # modes do not bind root
    try:
        start({"PRIVACYMW_DATA": os.environ["FOLDER"]})
    except StoreError as error:
        print(error)
"""


@pytest.mark.parametrize("below", ["", "made/by/us"])
def test_a_folder_that_cannot_be_written_has_two_ways_out(tmp_path: Path, below: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o555)
    done = run(UNWRITABLE, FOLDER=str(folder / below))
    assert "Two ways out" in done.stdout, done.stderr
    assert "PRIVACYMW_DATA=/var/lib/privacymw" in done.stdout
    assert "PRIVACYMW_DATA=none" in done.stdout


@pytest.mark.parametrize("below", ["file", "file/below", "x" * 300])
def test_a_path_that_is_no_folder_is_refused(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="PRIVACYMW_DATA=none"):
        started(data=str(tmp_path / below))


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("secret", b"", StoreError),
        ("secret", b"\xff\xfe", StoreError),
        ("links", b"", StoreError),
        ("links", b"k1 short\n", SettingsError),
        ("links", b"no key at all here\n", SettingsError),
        ("links", b"k1 !!!\n", SettingsError),
    ],
)
def test_a_damaged_secret_stops_the_start(tmp_path: Path, name: str, content: bytes, error: type[Exception]) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error) as caught:
        start({"PRIVACYMW_DATA": str(tmp_path)})
    assert name in str(caught.value) or "outbound links" in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"store": "postgresql://user:hunter2@host/db", "data": "{folder}"}, SettingsError),
        ({"store": "sqlite:////nowhere/at/x/log.sqlite"}, SettingsError),
        ({"trusted_proxies": "0.0.0.0/0", "mode": "dry"}, SettingsError),
    ],
)
def test_other_faults_stop_the_start(settings: dict[str, str], error: type[Exception], tmp_path: Path) -> None:
    with pytest.raises(error) as caught:
        started(**{name: text.replace("{folder}", str(tmp_path)) for name, text in settings.items()})
    assert "hunter2" not in str(caught.value)


# --- several workers

WORKERS = """
    import json, multiprocessing, os
    from privacymw.startup import start

    def work(barrier, results):
        barrier.wait()
        site = start()
        results.put((site.services.cookie._first, site.services.links.first))
        barrier.wait()  # as a server's workers do, each lives on while the others start

    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(8), context.Queue()
    workers = [context.Process(target=work, args=(barrier, results)) for _ in range(8)]
    for each in workers:
        each.start()
    print(json.dumps([results.get(timeout=30) for _ in workers]))
    for each in workers:
        each.join()
"""


def test_racing_workers_agree_and_one_speaks(tmp_path: Path) -> None:
    done = run(WORKERS, PRIVACYMW_DATA=str(tmp_path / "data"))
    keys = json.loads(done.stdout)
    assert len(keys) == 8
    assert keys.count(keys[0]) == 8
    assert done.stderr.count("privacymw is on") == 1, done.stderr


# --- what is said


def said(caplog: pytest.LogCaptureFixture, folder: Path | None, **settings: str) -> str:
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="privacymw"):
        announce(read(GROUPS, environ(**settings)), DataFolder(folder) if folder else None)
    return caplog.text


@pytest.mark.parametrize(
    ("settings", "lines"),
    [
        ({}, ["privacymw is on", "/privacy/notice", "ORGANISATION_NAME=", "SITES=", "NOTICE_EFFECTIVE=", "ROLE="]),
        ({"mode": "observe", "prefix": "/data"}, ["privacymw is observe", "/data/notice"]),
        ({"mode": "off"}, ["privacymw is off", "there is no policy page"]),
    ],
)
def test_the_log_names_what_is_missing(
    settings: dict[str, str], lines: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = said(caplog, tmp_path, **settings)
    assert all(line in text for line in [*lines, str(tmp_path)])
    assert SECRET not in text


def test_the_log_asks_for_nothing_that_is_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    given = {
        "organisation_name": "A", "organisation_contact": "a@example.org", "organisation_role": "covered entity",
        "sites": "example.org", "trusted_proxies": "127.0.0.1", "notice_effective": "2026-01-31",
    }  # fmt: skip
    assert "Before the page can be published" not in said(caplog, tmp_path, **given)


@pytest.mark.parametrize(
    ("before", "speaks"),
    [
        ({}, False),
        ({"pid": 2**22 + 1}, True),  # the one that spoke is gone
        ({"pid": 10**30}, True),
        ({"pid": "x"}, True),
        ({"parent": -1}, True),
        ({"version": "0"}, True),
        ({"settings": []}, True),
    ],
)
def test_of_workers_under_one_parent_the_first_speaks(
    before: dict[str, object], speaks: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    said(caplog, tmp_path)
    running = read_running(tmp_path)
    assert running is not None
    (tmp_path / "running.json").write_text(json.dumps({**running, "pid": os.getppid(), **before}))
    assert bool(said(caplog, tmp_path)) == speaks


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"null", b"1", b'{"settings": 1}'])
def test_a_damaged_running_file_is_written_anew(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "running.json").write_bytes(content)
    assert said(caplog, tmp_path)
    running = read_running(tmp_path)
    assert running is not None
    assert running["pid"] == os.getpid()


def test_running_json_masks_secrets(tmp_path: Path) -> None:
    started(data=str(tmp_path), organisation_name="Müller")
    running = read_running(tmp_path)
    assert running is not None
    shown = {row["name"]: row["value"] for row in running["settings"]}
    assert shown["PRIVACYMW_SECRET_KEY"] == MASKED
    assert shown["PRIVACYMW_ORGANISATION_NAME"] == "Müller"
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


# --- modes


@pytest.mark.parametrize(("mode", "kind"), [("on", Pipeline), ("observe", Observing), ("off", Off)])
def test_modes(mode: str, kind: type[Pipeline], tmp_path: Path) -> None:
    site = started(mode=mode, data=str(tmp_path))
    assert type(site.pipeline) is kind
    assert (site.services.journal is not None) == (mode == "on")


# --- counters


def test_counters_are_bounded() -> None:
    tally = Tally(None)
    for number in range(3 * _NAMES):
        tally.count("links", f"host{number}" + "x" * 500)
    names = tally.counts()["links"]
    assert len(names) == _NAMES + 1
    assert names["(others)"] == 2 * _NAMES
    assert max(map(len, names)) <= 120


def test_counters_survive_a_folder_that_went(tmp_path: Path) -> None:
    tally = Tally(DataFolder(tmp_path / "data"))
    tally.count("links", "a.example")
    shutil.rmtree(tmp_path / "data")
    tally.flush()
    tally.close()
    assert tally.counts() == {"links": {"a.example": 1}}


def test_any_name_can_be_counted(tmp_path: Path) -> None:
    tally = Tally(DataFolder(tmp_path))
    for name in ("é", "\udcff", "\x00", ""):
        tally.count("links", name)
    tally.close()
    assert read_counts(tmp_path) == tally.counts()


FORKED = """
    import os
    from privacymw.folder import DataFolder
    from privacymw.tally import Tally, read_counts

    folder = DataFolder(os.environ["FOLDER"])
    tally = Tally(folder)
    for name in ("a", "b"):
        tally.count("links", name)
    child = os.fork()
    tally.count("links", "child" if not child else "parent")
    tally.close()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    print(read_counts(folder.path))
"""


def test_a_forked_child_counts_for_itself(tmp_path: Path) -> None:
    done = run(FORKED, FOLDER=str(tmp_path))
    assert json.loads(done.stdout.replace("'", '"')) == {"links": {"a": 1, "b": 1, "child": 1, "parent": 1}}


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"counts": 1}', b'{"counts": {"a": 1}}', b"\xff"])
def test_a_file_that_is_no_count_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "counts-1.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"counts-1\.json is no file of counts"):
        read_counts(tmp_path)
