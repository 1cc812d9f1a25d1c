"""Confidential paths: which they are, and that they leave no copy and no trace."""

import re
from pathlib import Path

import pytest

from faces import Site
from privacymw.paths import path_pattern
from privacymw.store import open_log
from sites import BROWSER, FACES, Portal, header, page_of, portal

MARKED = "/members, /doctors/*/notes"


# --- which paths


@pytest.mark.parametrize(
    ("path", "root", "marked"),
    [
        ("/members", "", True),
        ("/members/", "", True),
        ("/members/7", "", True),
        ("/members/7/claims/2026", "", True),
        ("/Members/7", "", True),  # a case-insensitive router would serve it
        ("//members//7", "", True),
        ("/members/7/x.css", "", True),  # a cache that goes by endings would keep it
        ("/members.json", "", True),
        ("/members;v=1", "", True),
        ("/members/7;x/y", "", True),
        ("/members\n/x", "", False),
        ("/members/\n", "", True),
        ("/public/../members/7", "", True),
        ("/./members", "", True),
        ("/members/../public", "", True),  # one page too many costs a cache entry
        ("/doctors/9/notes", "", True),
        ("/doctors/9/notes/1", "", True),
        ("/doctors/9", "", False),
        ("/doctors/notes", "", False),
        ("/doctors/9/8/notes", "", False),
        ("/membership", "", False),
        ("/members-only", "", False),
        ("/other/members", "", False),
        ("/", "", False),
        ("", "", False),
        ("/7", "/members", True),  # written as a browser shows it, mount included
        ("/members/7", "/app", True),
        ("/7", "/app", False),
    ],
)
@pytest.mark.parametrize("face", FACES)
@pytest.mark.proves("confidential.marked")
def test_marked_paths(face: str, path: str, root: str, marked: bool) -> None:
    answer = portal(face, confidential_paths=MARKED).ask(path, root=root)
    assert (header(answer, "cache-control") == "no-store") == marked


@pytest.mark.parametrize(
    ("paths", "path", "found"),
    [
        (("/",), "/anything", True),
        (("/",), "", True),
        (("/a.b",), "/aXb", False),
        (("/*",), "/x/y", True),
        (("/*",), "/", False),
    ],
)
def test_patterns(paths: tuple[str, ...], path: str, found: bool) -> None:
    assert (path_pattern(paths).fullmatch(path) is not None) == found


def test_no_path_makes_the_pattern_slow() -> None:
    assert path_pattern(("/*/*/*/*/x",)).fullmatch("/a" * 20_000) is None
    assert re.compile(path_pattern(("/a",))).fullmatch("/" * 100_000) is None


# --- what their answers say

STATUSES = [200, 302, 404, 500]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("preset", ["standard", "strict", "off"])
@pytest.mark.parametrize("face", FACES)
@pytest.mark.proves("confidential.store", "confidential.referrer")
def test_answers_are_kept_nowhere(face: str, preset: str, status: int) -> None:
    view = page_of("x", ("location", "/"), status=status)
    answer = portal(face, view, confidential_paths=MARKED, headers_preset=preset).ask("/members/7")
    assert answer.status == status
    assert header(answer, "cache-control") == "no-store"
    assert header(answer, "referrer-policy") == "same-origin"


@pytest.mark.parametrize(
    ("theirs", "sent"),
    [
        ("public, max-age=3600", "no-store"),
        ("private, max-age=60", "no-store, private"),
        ("no-cache", "no-store"),
        ("no-store, no-transform", "no-store, no-transform"),
        ("NO-STORE", "no-store"),
        ('nonsense="a, b"', "no-store"),
    ],
)
@pytest.mark.parametrize("face", FACES)
@pytest.mark.proves("confidential.store", "confidential.referrer")
def test_the_app_cannot_weaken_it(face: str, theirs: str, sent: str) -> None:
    view = page_of("x", ("cache-control", theirs), ("referrer-policy", "unsafe-url"))
    answer = portal(face, view, confidential_paths=MARKED).ask("/members/7")
    assert (header(answer, "cache-control"), header(answer, "referrer-policy")) == (sent, "same-origin")


@pytest.mark.parametrize("face", FACES)
def test_the_app_may_be_stricter(face: str) -> None:
    view = page_of("x", ("referrer-policy", "no-referrer"))
    assert header(portal(face, view, confidential_paths=MARKED).ask("/members"), "referrer-policy") == "no-referrer"


# --- what the log says


def logged(site: Portal, data: Path) -> list[tuple[str, int]]:
    site.started.pipeline.close()
    return [(entry.route, entry.status) for entry in open_log(data).rows()]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("face", FACES)
@pytest.mark.proves("confidential.log")
def test_no_row_is_written(face: str, status: int, tmp_path: Path) -> None:
    site = portal(face, Site(status), data=str(tmp_path), confidential_paths=MARKED)
    for path in ("/members/7", "/public", "/members/../x", "/MEMBERS"):
        site.ask(path)
    assert logged(site, tmp_path) == [("/public", status)]


@pytest.mark.parametrize("mode", ["observe", "off"])
@pytest.mark.parametrize("face", FACES)
def test_in_a_dry_run_nothing_is_touched_or_written(face: str, mode: str, tmp_path: Path) -> None:
    site = portal(face, page_of("x"), data=str(tmp_path), confidential_paths=MARKED, mode=mode)
    assert site.ask("/members/7", *BROWSER).headers == [("content-type", "text/html")]
    assert not (tmp_path / "log.sqlite").exists()
