"""A reader who knows nothing of privacymw, in a real browser, with nothing but the privacy page before him.

What is kept about him, for how long, how to change it, and what has changed since last year: in both languages,
on a small screen and on paper.
"""

from __future__ import annotations

import datetime
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import demo
from servers import Server, gunicorn, uvicorn
from test_cli import environment, program
from words_of_reader import READERS, Reader

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.servers]
EXAMPLES = Path(__file__).parent.parent / "examples"
TODAY = datetime.datetime.now(datetime.UTC).date()
LAST_YEAR = TODAY - datetime.timedelta(days=365)
OVER = """[...document.querySelectorAll('main *')]
    .filter(each => each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).display !== 'inline')
    .map(each => each.outerHTML.slice(0, 80))"""
"""The elements whose content is cut off."""
readers = pytest.mark.parametrize("reader", READERS, ids=lambda each: each.language)


def published(folder: Path, day: datetime.date, retention: str, *more: str) -> None:
    """A version in the operator's repository, as he makes it."""
    settings = {**settings_of(folder), "PRIVACYMW_ADDRESSES_RETENTION": retention, "PRIVACYMW_NOTICE_ANNOUNCE": "0s"}
    line = program("notice", "publish", "--effective", str(day), *more)
    done = subprocess.run(line, cwd=folder, env=environment(settings), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def settings_of(folder: Path) -> dict[str, str]:
    return demo.read_settings(EXAMPLES / "portal.env") | {
        "PRIVACYMW_DATA": str(folder / "data"),
        "PRIVACYMW_NOTICE_VERSIONS": str(folder / "versions"),
        "PORTAL_SECRET": "a secret that both workers know",
        "PORTAL_HTTPS": "off",
    }


@pytest.fixture(scope="module", params=["flask", "starlette"])
def portal(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A portal whose log is kept for 30 days since today; since last year it was 60."""
    folder = tmp_path_factory.mktemp("repository")
    published(folder, LAST_YEAR, "60d")
    published(folder, TODAY, "30d", "--material", "--summary", "We keep your address for a shorter time.")
    start = gunicorn if request.param == "flask" else uvicorn
    with start("portal:app", folder=EXAMPLES / f"{request.param}_app", env=settings_of(folder)) as server:
        yield server
        assert "Traceback" not in server.log, server.log


def opened(page: Page, portal: Server, reader: Reader) -> Any:
    """The short form at the top of the page, on a telephone, as a link at the foot of a page leads there."""
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(portal.url + reader.path)
    short = page.get_by_role("region", name=reader.short)
    assert page.locator("main section").first.get_attribute("id") == "short", "it comes first"
    return short


@readers
def test_what_is_kept_and_for_how_long(portal: Server, page: Page, reader: Reader) -> None:
    table = opened(page, portal, reader).get_by_role("table", name=reader.kept)
    rows = {row.get_by_role("rowheader").inner_text(): row.get_by_role("cell").first.inner_text()
            for row in table.get_by_role("row").all()[1:]}  # fmt: skip
    assert rows == reader.rows
    for link in table.get_by_role("link").all():
        link.click()
        target = page.locator(str(link.get_attribute("href")))
        assert target.get_by_role("heading").first.is_visible()
        assert target.bounding_box()["y"] < 640, "the link leads to where it is told at length"


@readers
def test_who_answers_and_how_to_change_it(portal: Server, page: Page, reader: Reader) -> None:
    short = opened(page, portal, reader)
    assert short.get_by_text("Example Health, privacy@health.example").is_visible()
    short.get_by_role("link", name=reader.change).click()
    page.get_by_role("heading", name=reader.choices, exact=True).wait_for()
    page.get_by_role("button", name=reader.save).click()
    page.get_by_text(reader.saved).wait_for()
    assert page.context.cookies(), "the choice is kept in the browser"


@readers
def test_what_changed_since_last_year(portal: Server, page: Page, reader: Reader) -> None:
    opened(page, portal, reader).get_by_role("link", name=reader.versions).click()
    page.get_by_role("row").filter(has_text="We keep your address for a shorter time.").wait_for()
    assert str(LAST_YEAR.year) in page.inner_text("main")
    page.get_by_role("link", name=reader.changes).click()
    assert reader.before in " ".join(page.locator("del").all_inner_texts())
    assert reader.after in " ".join(page.locator("ins").all_inner_texts())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@readers
@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_runs_over_and_nothing_bars_the_way(
    portal: Server, page: Page, axe: Any, reader: Reader, width: int
) -> None:
    opened(page, portal, reader)
    page.set_viewport_size({"width": width, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    short = page.locator("#short")
    assert short.evaluate("each => each.scrollWidth <= each.clientWidth"), "the short form fits without scrolling"
    assert axe() == []


@readers
def test_on_paper_all_of_it_is_there(portal: Server, page: Page, reader: Reader) -> None:
    """A sheet of A4 less its margins, at 96 dots an inch: nothing can be scrolled there."""
    opened(page, portal, reader)
    page.set_viewport_size({"width": 640, "height": 900})
    page.emulate_media(media="print")
    over = page.evaluate(OVER)
    assert over == []
    assert page.locator("#short").is_visible()
    assert page.locator("main section").count() > 10
    assert not page.get_by_role("navigation").filter(visible=True).count()
