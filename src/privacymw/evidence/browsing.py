"""The app in Chromium: what scripts set and ask for, before a choice and after it.

No request leaves this machine: those to the site are answered by the app in this process, all others are noted
and refused.
"""

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from privacymw.errors import StoreError
from privacymw.evidence import cookies
from privacymw.evidence.confidential import is_marked
from privacymw.evidence.driver import Asked
from privacymw.evidence.probe import Probe
from privacymw.evidence.verdict import Finding, Level

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, Route

_PAGES: Final = 20
_WAIT: Final = 300
"""Milliseconds for scripts to do what they do."""
_FLAGS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
_LEFT_OUT: Final = frozenset(("host", "content-length", "connection"))


def browsed(probe: Probe) -> list[Finding]:
    """Cookies and other people's servers that only a browser meets.

    Raises:
        StoreError: the extra `browser`, or Chromium, is not there.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise StoreError("--browser needs playwright: pip install 'privacymw[browser]'") from None
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        except Error:
            raise StoreError("--browser finds no Chromium: playwright install chromium") from None
        with chromium:
            found = [*_Visit(probe, chromium.new_context()).findings("")]
            if "choices.cookie" in probe.claim:
                found += _Visit(probe, chromium.new_context()).findings("refuse")
                found += _Visit(probe, chromium.new_context()).findings("accept")
    return list({(each.code, each.where, each.text): each for each in found}.values())


class _Visit:
    """One visitor with a new browser."""

    def __init__(self, probe: Probe, context: "BrowserContext") -> None:
        self._probe, self._context = probe, context
        self._asked: dict[tuple[str, str], None] = {}
        self._unshown: list[str] = []
        self._url = ""
        context.route("**/*", self._answered)

    def _answered(self, route: "Route") -> None:
        """A request of the browser's: to the app, or to nobody."""
        request, url = route.request, urlsplit(route.request.url)
        if self._probe.foreign(request.url) is not None:
            self._asked[self._url, url.hostname or ""] = None
            route.abort()
            return
        headers = request.all_headers()
        sent = tuple(pair for pair in headers.items() if pair[0] not in _LEFT_OUT and pair[0][:1] != ":")
        body = request.post_data_buffer or b""
        asked = Asked(url.path or "/", url.query, request.method, sent, body, host=self._probe.host)
        answer = self._probe.driver.ask(asked)
        given: dict[str, str] = {}
        for name, value in answer.headers:
            between = "\n" if name == "set-cookie" else ", "
            given[name] = given[name] + between + value if name in given else value
        route.fulfill(status=answer.status if answer.status < 599 else 500, headers=given, body=answer.body)

    def findings(self, choice: str) -> Iterator[Finding]:
        """What is found on the pages of the walk, after a choice or before any."""
        page = self._context.new_page()
        if choice:
            self._choose(page, choice)
        for each in [*self._probe.pages][:_PAGES]:
            self._opened(page, each.url)
        when = f", after '{choice}'" if choice else ", before a choice"
        yield from self._cookies(choice, when)
        yield from self._hosts(choice, when)
        for url in self._unshown:
            yield Finding("page-fails", url, "a browser saves it as a file: it could not be looked at there", "note")
        self._context.close()

    def _hosts(self, choice: str, when: str) -> Iterator[Finding]:
        """Each host once: by the first page that asks it, and by how many more do."""
        found: dict[tuple[str, str], list[str]] = {}
        for url, host in self._asked:
            code = "third-party-confidential" if is_marked(self._probe, urlsplit(url).path) else "third-party"
            found.setdefault((code, host), []).append(url)
        for (code, host), urls in found.items():
            level: Level = "note" if choice == "accept" and code == "third-party" else "warning"
            more = f"; so do {len(urls) - 1} more" if len(urls) > 1 else ""
            yield Finding(code, urls[0], f"in a browser the page asks {host}{when}{more}", level)

    def _opened(self, page: "Page", url: str) -> None:
        """A page, until its scripts have done what they do."""
        from playwright.sync_api import Error

        self._url = url
        try:
            page.goto(self._probe.base.rstrip("/") + url, wait_until="load")
        except Error as error:
            if "Download is starting" not in error.message:
                raise
            self._unshown.append(url)
        page.wait_for_timeout(_WAIT)

    def _choose(self, page: Any, choice: str) -> None:
        """By the buttons of our page, where there is something to choose."""
        page.goto(self._probe.base.rstrip("/") + self._probe.ours("choices"))
        button = page.locator(f'button[name="do"][value="{choice}"]')
        if button.count():
            button.first.click()
            page.wait_for_load_state()

    def _cookies(self, choice: str, when: str) -> Iterator[Finding]:
        claim, told = self._probe.claim, cookies.OURS | {each.name for each in cookies.undeclared_of(self._probe)}
        for each in self._context.cookies():
            name = str(each.get("name"))
            entry = cookies.entry_of(self._probe, name)
            if name in told:
                continue
            if entry is None:
                level: Level = "broken" if "cookies.table" in claim else "warning"
                text = f"in a browser a cookie is set that the page does not name: {name[:40]}"
                yield Finding("cookie-undeclared", str(each.get("path")), text, level)
            elif choice != "accept" and entry["category"] != "necessary" and not _free(self._probe, entry, choice):
                text = f"in a browser {name[:40]} is set{when}"
                yield Finding("cookie-before-choice", str(each.get("path")), text, "broken")


def _free(probe: Probe, entry: Any, choice: str) -> bool:
    """Whether the category holds without a yes, as the page says, and nobody said no."""
    return not choice and probe.claim.values(f"choices.{entry['category']}").get("model") == "opt-out"
