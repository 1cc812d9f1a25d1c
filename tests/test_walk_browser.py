"""Chromium walks pages full of hostile links: nothing reaches the other site before the visitor says so.

The other site is a server of its own that writes down whoever asks, under names that the browser maps to loopback.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from apps import hostile
from neighbours import Quiet, listening
from servers import gunicorn
from sites import SECRET

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = [pytest.mark.browser, pytest.mark.servers]
# The other sites have names of their own, which lead to loopback, where a server writes down who asks.
FLAGS = ("--host-resolver-rules=MAP other.test 127.0.0.1, MAP friend.test 127.0.0.1",)
APPS = Path(__file__).parent / "apps"


class Stage:
    """A site, the other site, and who asked that."""

    def __init__(self, url: str, other: str, asked: list[str]) -> None:
        self.url = url
        self.other = other
        self.asked = asked


@contextlib.contextmanager
def staged(**env: str) -> Iterator[Stage]:
    asked: list[str] = []

    class Other(Quiet):
        def do_GET(self) -> None:
            asked.append(f"{self.command} {self.path}")
            self.answer(200, [("content-type", "text/html")], b"<title>Other</title>other")

        do_POST = do_GET

    with listening(Other) as port:
        other = f"http://other.test:{port}"
        settings = {"PRIVACYMW_DATA": "none", "PRIVACYMW_SECRET_KEY": SECRET, "OTHER": other, **env}
        with gunicorn("hostile:app", folder=APPS, env=settings) as server:
            yield Stage(server.url, other, asked)
            assert "Traceback" not in server.log, server.log


@pytest.fixture(scope="module")
def shared() -> Iterator[Stage]:
    with staged(PRIVACYMW_OUTBOUND_SCRIPT="on", PRIVACYMW_OUTBOUND_TRUSTED="friend.test") as stage:
        yield stage


@pytest.fixture
def stage(shared: Stage) -> Stage:
    shared.asked.clear()
    return shared


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(accept_downloads=True) as context:
        context.set_default_timeout(5_000)
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def act(page: Page, way: str, selector: str) -> None:
    area = selector == "#l20" and way != "keyboard"  # an area has no box of its own: its place in the image is clicked
    link = page.locator("img[usemap]" if area else selector)
    if way == "click":
        link.click()
    elif way == "middle":
        link.click(button="middle")
    elif way == "with control":
        link.click(modifiers=["Control"])
    else:
        link.evaluate("each => (each.closest('a') || each).focus()")
        page.keyboard.press("Enter")


def arrived(context: BrowserContext, part: str) -> Page | None:
    """The page whose address has that part, once there is one."""
    for _ in range(100):
        found = [each for each in context.pages if part in each.url]
        if found:
            found[0].wait_for_load_state()
            return found[0]
        context.pages[0].wait_for_timeout(50)
    return None


WAYS = ["click", "middle", "with control", "keyboard"]
PINGS = "l17"  # a link of the site's own, whose ping is dropped
NAMED = "l9"  # an address that lets whoever has it in cannot be sealed, as the docs say: its text names the host


@pytest.mark.parametrize("way", WAYS)
def test_no_way_reaches_the_other_site_before_the_page(stage: Stage, browser: Browser, way: str) -> None:
    for name in hostile.IDS:
        with browser.new_context() as context:
            context.set_default_timeout(5_000)
            page = context.new_page()
            page.goto(stage.url)
            if name == NAMED:
                assert page.inner_text(f"#{name}").endswith(" (other.test)")
                continue
            act(page, way, f"#{name}")
            newest = arrived(context, "/here" if name == PINGS else "/privacy/leaving/")
            assert newest is not None, f"{name} by {way}: no page"
            if name != PINGS:
                assert newest.locator("p.target strong").inner_text() == "other.test", name
        assert stage.asked == [], f"{name} by {way}"


def test_the_way_on_is_there_and_tells_nothing(stage: Stage, page: Page) -> None:
    """The walk proves something only if the other site can be reached and writes it down."""
    page.goto(stage.url)
    page.locator("#l0").click()
    page.get_by_role("link", name="Continue to other.test").click()
    page.wait_for_url(f"{stage.other}/1")
    assert stage.asked[0] == "GET /1"
    assert page.evaluate("document.referrer") == ""


def test_without_us_each_link_leads_away(browser: Browser) -> None:
    """What the page of links is worth: without privacymw each of them reaches the other site."""
    with staged(PRIVACYMW_MODE="off") as stage:
        for name in hostile.IDS:
            stage.asked.clear()
            with browser.new_context() as context:
                context.set_default_timeout(5_000)
                page = context.new_page()
                page.goto(stage.url)
                act(page, "click", f"#{name}")
                for _ in range(100):
                    if any("favicon" not in each for each in stage.asked):
                        break
                    page.wait_for_timeout(50)
            assert [each for each in stage.asked if "favicon" not in each], name


def test_a_base_elsewhere(stage: Stage, page: Page) -> None:
    for name in ("b", "c"):
        page.goto(f"{stage.url}/base")
        page.locator(f"#{name}").click()
        page.wait_for_url("**/privacy/leaving/**")
        assert stage.asked == []


def test_a_page_that_sends_on(stage: Stage, page: Page) -> None:
    page.goto(f"{stage.url}/refresh")
    page.wait_for_url("**/privacy/leaving/**")
    page.wait_for_timeout(300)
    assert stage.asked == []


def test_the_page_by_keyboard_alone(stage: Stage, page: Page) -> None:
    page.goto(stage.url)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/privacy/leaving/**")
    for _ in range(6):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Continue to other.test":
            break
    assert stage.asked == []
    page.keyboard.press("Enter")
    page.wait_for_url(f"{stage.other}/**")


# --- links that a program adds

ADDED = [
    '<a id=c href="{o}/1">plain</a>',
    '<a id=c href="//{h}/2">without a scheme</a>',
    '<a id=c href="\\\\{h}/3">backslashes</a>',
    '<a id=c href="{o}/4" target=_blank>new window</a>',
    '<a id=c href="{o}/5" download>to be saved</a>',
    '<a id=c href="{o}/6" data-privacy-named>with our mark</a>',
    '<a href="{o}/7"><b id=c>nested</b></a>',
    '<svg width=90 height=20><a id=c href="{o}/8"><text y=15>drawn</text></a></svg>',
    '<svg width=90 height=20><a id=c xlink:href="{o}/9"><text y=15>drawn</text></a></svg>',
    '<a id=c href="http://user:pw@{h}/10">with a name</a>',
    '<a id=c href="/here" ping="{o}/11">a ping</a>',
    '<a id=c href="{o}/12" onclick="event.stopPropagation()">stopped</a>',
    "shadow",
]


def drawn(page: Page, stage: Stage, markup: str) -> None:
    page.goto(f"{stage.url}/client")
    host = stage.other.partition("//")[2]
    if markup == "shadow":
        page.evaluate("href => window.shadow(href)", f"{stage.other}/s")
    else:
        page.evaluate("markup => window.draw(markup)", markup.replace("{o}", stage.other).replace("{h}", host))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("markup", ADDED)
def test_a_link_that_a_program_adds_leads_to_a_page_without_a_way_on(
    stage: Stage, context: BrowserContext, markup: str, way: str
) -> None:
    page = context.new_page()
    drawn(page, stage, markup)
    act(page, way, "#c")
    newest = arrived(context, "/here" if "ping" in markup else "/privacy/away#http://")
    assert stage.asked == []
    assert newest is not None
    if "ping" in markup:
        return
    newest.locator("#privacy-target").wait_for()
    assert newest.locator("#privacy-target strong").inner_text() == stage.other.partition("//")[2]
    assert newest.evaluate("[...document.links].filter((each) => each.host != location.host).length") == 0
    assert "pw" not in newest.inner_text("main")


def test_other_links_go_where_they_lead(stage: Stage, page: Page) -> None:
    port = stage.other.rpartition(":")[2]
    for markup, url in (
        ('<a id=c href="/here">own</a>', f"{stage.url}/here"),
        (f'<a id=c href="http://friend.test:{port}/x">trusted</a>', f"http://friend.test:{port}/x"),
        ('<a id=c href="#there">here</a>', f"{stage.url}/client#there"),
        ('<a id=c href="{o}/x" onclick="0">x</a>', f"{stage.url}/privacy/away#{stage.other}/x"),
    ):
        drawn(page, stage, markup)
        page.locator("#c").click()
        page.wait_for_url(url)


def test_what_the_server_could_not_seal_is_let_go(stage: Stage, page: Page) -> None:
    page.goto(f"{stage.url}/client")
    assert "(other.test)" in page.inner_text("#signed")
    page.evaluate("document.getElementById('signed').removeAttribute('download')")
    page.locator("#signed").click()
    page.wait_for_url(f"{stage.other}/file?sig=1")


def test_a_link_that_was_let_go_is_not_once_it_leads_elsewhere(stage: Stage, page: Page) -> None:
    page.goto(f"{stage.url}/client")
    page.evaluate("url => { document.getElementById('signed').href = url }", f"{stage.other}/else")
    page.locator("#signed").click()
    page.wait_for_url("**/privacy/away#**")
    assert stage.asked == []


@pytest.mark.parametrize(
    "fragment",
    ["", "x", "javascript:alert(1)", "data:text/html,<script>alert(1)</script>", "//other.test/", "/here", "http:",
     "%00", "blob:http://other.test/1", "mailto:a@b.example", "ftp://other.test/"],
)  # fmt: skip
def test_the_page_shows_no_other_address(stage: Stage, page: Page, fragment: str) -> None:
    page.goto(f"{stage.url}/privacy/away#{fragment}")
    page.get_by_text("There is no address to show.").wait_for()
    assert page.locator("#privacy-target").is_hidden()


def test_the_page_shows_text_alone(stage: Stage, page: Page) -> None:
    alerts: list[Any] = []
    page.on("dialog", lambda dialog: (alerts.append(dialog), dialog.dismiss()))
    page.goto(f"{stage.url}/privacy/away#http://other.test/<img src=x onerror=alert(1)>\"'>")
    page.locator("#privacy-target").wait_for()
    assert page.locator("main img").count() == 0
    page.evaluate("location.hash = 'http://second.test/?a=<b>'")
    page.get_by_text("second.test").wait_for()
    assert page.locator("main b").count() == 0
    page.get_by_role("link", name="Español").click()
    page.get_by_role("heading", name="Un programa añadió este enlace").wait_for()
    assert page.locator("#privacy-target strong").inner_text() == "second.test"
    assert (alerts, stage.asked) == ([], [])


def test_without_a_script_the_page_says_nothing_of_an_address(stage: Stage, browser: Browser) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{stage.url}/privacy/away#{stage.other}/x")
        page.get_by_text("There is no address to show.").wait_for()
        assert page.locator("#privacy-target").is_hidden()


def test_nothing_is_objected_to(stage: Stage, page: Page) -> None:
    """Neither the policy of the app's page nor our own stops the script or its hash."""
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    drawn(page, stage, ADDED[0])
    page.locator("#c").click()
    page.locator("#privacy-target").wait_for()
    assert [each for each in faults if "favicon" not in each and "404" not in each] == []
