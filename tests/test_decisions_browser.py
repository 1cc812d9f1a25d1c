"""A visitor's decisions in a real browser, without a script: refuse, keep the receipt, look, change, erase."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from servers import Server, gunicorn

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.servers, pytest.mark.browser]
APPS = Path(__file__).parent / "apps"
FILE = """
[choices]
model = "opt-out"
[signals]
gpc = 2026-01-31
[[cookies.declared]]
name = "_st*"
category = "statistics"
purpose = "{purpose}"
[[cookies.declared]]
name = "ad"
category = "sale"
purpose = "shows offers"
[[cookies.declared]]
name = "sid"
category = "necessary"
purpose = "keeps you signed in"
"""


def site(folder: Path, purpose: str = "counts pages", model: str = "opt-out") -> AbstractContextManager[Server]:
    """The app under these settings; the same data folder each time."""
    (folder / "privacy.toml").write_text(FILE.format(purpose=purpose).replace("opt-out", model))
    env = {"PRIVACYMW_DATA": str(folder / "data"), "PRIVACYMW_CONFIG": str(folder / "privacy.toml")}
    return gunicorn("choosing:app", folder=APPS, workers=2, env=env)


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Page]:
    with browser.new_context(java_script_enabled=False) as context:
        yield context.new_page()


def jar(page: Page) -> set[str]:
    return {str(each.get("name")) for each in page.context.cookies()}


def text(page: Page, server: Server, path: str = "/") -> str:
    page.goto(server.url + path)
    return page.inner_text("body")


def saved(page: Page, label: str) -> str:
    with page.expect_download() as download:
        page.click(f"text={label}")
    return Path(download.value.path()).read_text()


def test_a_visitor_refuses_looks_changes_and_erases(visitor: Page, tmp_path: Path) -> None:
    with site(tmp_path) as server:
        assert "allowed: ['statistics', 'sale']; to ask: []" in text(visitor, server)
        assert jar(visitor) == {"sid", "_st1"}
        page = text(visitor, server, "/privacy/choices")
        assert jar(visitor) == {"sid", "_st1"}, "no cookie of ours before a choice"
        assert "keeps you signed in" in page
        assert "0123… (16 characters)" in page
        boxes = [button.bounding_box() for button in visitor.query_selector_all("button[value=refuse], [value=accept]")]
        assert len({(box["width"], box["height"], box["y"]) for box in boxes if box}) == 1

        visitor.click("text=Refuse all")
        receipt = saved(visitor, "Save the receipt as a file")
        assert "Answers: sale=no statistics=no" in receipt
        assert "allowed: []; to ask: []" in text(visitor, server)
        assert jar(visitor) == {"sid", "privacy", "privacy-view"}, (
            "the refused cookie is gone, though no script could reach it"
        )

        text(visitor, server, "/privacy/choices")
        assert json.loads(saved(visitor, "Save this as a file"))["choices"]["answers"] == {
            "statistics": False,
            "sale": False,
        }
        visitor.click("text=Accept all")
        assert "allowed: ['statistics', 'sale']" in text(visitor, server)
        text(visitor, server, "/privacy/choices")
        visitor.click("text=Erase what is held")
        assert "is erased" in visitor.inner_text("body")
        assert jar(visitor) == set()
    with closing(sqlite3.connect(tmp_path / "data" / "log.sqlite")) as db:
        assert len(db.execute("select * from decision").fetchall()) == 2


def test_only_a_material_change_asks_again(visitor: Page, tmp_path: Path) -> None:
    with site(tmp_path, model="opt-in") as server:
        assert "to ask: ['statistics', 'sale']" in text(visitor, server)
        text(visitor, server, "/privacy/choices")
        visitor.click("text=Accept all")
        assert "to ask: []" in text(visitor, server)
    for purpose, asked in (("Counts  pages.", "[]"), ("counts people", "['statistics']")):
        with site(tmp_path, purpose, model="opt-in") as server:
            assert f"to ask: {asked}" in text(visitor, server)


def test_a_signal_is_honored_and_said_so(browser: Browser, tmp_path: Path) -> None:
    with (
        site(tmp_path) as server,
        browser.new_context(extra_http_headers={"Sec-GPC": "1"}, java_script_enabled=False) as context,
    ):
        page = context.new_page()
        assert "allowed: ['statistics']" in text(page, server)
        assert "Opt-out request honored." in text(page, server, "/privacy/choices")
        assert jar(page) == {"sid", "_st1"}
