"""Fixtures for every test: a certificate, a real browser, a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from axe import SCRIPT as AXE
from privacymw.logs.records import CLIENT
from servers import Certificate, needed

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from cluster import Cluster
    from places import PostgresqlPlace, SqlitePlace

# No look-ups and no downloads of its own: a test speaks with this machine only.
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# Nothing here is a timed test: a loaded machine is no fault.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# Minutes of whole programs and of browsers: `make long` runs them, and before a release somebody has to.
LONG = {
    *("test_bundle", "test_check", "test_check_cli", "test_faults", "test_memory", "test_reader", "test_strangers"),
    "test_walk_browser",
}
# What waits for clocks and other programs rather than hangs on an interpreter's version.
FIRST = {"test_chain", "test_cli", "test_diagnosis", "test_evidence", "test_html_oracles", "test_html_quick"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.stem in LONG:
            item.add_marker(pytest.mark.long)
        if item.path.stem in FIRST:
            item.add_marker(pytest.mark.first)


@pytest.fixture(autouse=True)
def nobody_is_left_being_answered() -> Iterator[None]:
    """A test that leaves an answer open is named here, not by a later one that finds its client."""
    yield
    left = CLIENT.get()
    CLIENT.set(None)
    assert left is None, "an answer was never closed"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate.make(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """Chromium, with the FLAGS of a module.

    Playwright keeps an event loop in this thread: no asyncio.run in the same module.
    """
    program = needed("chromium", "chromium-browser", "google-chrome")
    from playwright.sync_api import sync_playwright  # only where a browser is driven

    with sync_playwright() as playwright:
        flags = (*CHROMIUM_FLAGS, *getattr(request.module, "FLAGS", ()))
        chromium = playwright.chromium.launch(executable_path=program, args=flags, timeout=60_000)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a visitor nobody has seen before, who takes our own certificate."""
    with browser.new_context(ignore_https_errors=True) as context:
        yield context.new_page()


@pytest.fixture
def axe(page: Page) -> Any:
    """Looks for barriers in the page as it is."""
    if not AXE.exists():
        needed("axe-core, which tools/axe.py installs by npm")

    def barriers() -> list[str]:
        page.evaluate(AXE.read_text())
        found = page.evaluate("async () => (await axe.run()).violations")
        return [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]

    return barriers


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One PostgreSQL for all tests; each takes a database of its own."""
    pytest.importorskip("psycopg")
    from cluster import Cluster

    started = Cluster()
    yield started
    started.close()


@pytest.fixture
def server_place(cluster: Cluster, tmp_path: Path) -> PostgresqlPlace:
    """Rows and keys in a new database."""
    from places import PostgresqlPlace

    return PostgresqlPlace(tmp_path, cluster)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> SqlitePlace | PostgresqlPlace:
    """Rows and keys in each kind of place in turn."""
    from places import SqlitePlace

    return SqlitePlace(tmp_path) if request.param == "sqlite" else request.getfixturevalue("server_place")
