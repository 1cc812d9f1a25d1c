"""Links that a program adds in the browser: the script that sees clicks on them, and the page to which it leads.

The server seals nothing on a client's word. The address stands behind the "#", which no browser sends; the page
shows it as text and has no link to it, so that nobody can use it as a way to another site.
"""

import base64
import hashlib
from collections.abc import Iterable
from typing import Final

from privacymw.core import Exchange, Reply, not_allowed
from privacymw.headers import Pair
from privacymw.held import END
from privacymw.html import Decide, Edit, Outlet
from privacymw.page import NO_INDEX, NO_STORE, Pages
from privacymw.url import Hosts

FILE: Final = "leave.js"
_OURS: Final = ("default-src 'none';", "default-src 'none'; script-src 'self';")


class Clicks:
    """Writes the script into pages.

    Args:
        pages: has the file.
        own, trusted, blocked: hosts as in the settings; a link to one of the first two is let go.
    """

    def __init__(self, pages: Pages, own: Iterable[str], trusted: Iterable[str], blocked: Iterable[str]) -> None:
        self._pages = pages
        self._hosts = {
            name: " ".join(Hosts(each))
            for name, each in (("own_hosts", own), ("trusted", trusted), ("blocked", blocked))
        }
        self._written: dict[str, str] = {}

    @property
    def digest(self) -> str:
        """Another one where the same page would be written otherwise."""
        return repr((self._hosts, [self._pages.digest(name) for name in (FILE, "leavescript.html")]))

    def tag(self, exchange: Exchange) -> str:
        """The script's tag; the same for everybody."""
        key = self._pages.base(exchange)
        found = self._written.get(key)
        if found is None:
            context = {**self._hosts, "integrity": integrity(self._pages), "version": self._pages.digest}
            found = self._pages.render("leavescript.html", exchange, context).decode().strip()
            if len(self._written) < 64:  # roots are the deployment's, but a server may take them from a client
                self._written[key] = found
        return found

    def decider(self, exchange: Exchange, decide: Decide) -> Decide:
        """Decides as `decide` does, and puts the script to the end of the page."""
        tags = [self.tag(exchange)]

        def decided(outlet: Outlet) -> Edit | None:
            edit = decide(outlet)
            if outlet.element != END or not tags:
                return edit
            edit = edit or Edit()
            return edit._replace(before=edit.before + tags.pop())

        return decided


class AwayPage:
    """Answers `/privacy/away`: the one page of ours with a script, without which there is nothing to tell."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def answer(self, exchange: Exchange, rest: str) -> Reply | None:
        """The page handler."""
        if rest:
            return None
        if exchange.method not in ("GET", "HEAD"):
            return not_allowed("GET, HEAD")
        context = {"page": "away", "integrity": integrity(self._pages), "version": self._pages.digest}
        reply = self._pages.reply("away.html", exchange, context, NO_STORE, NO_INDEX)
        return reply._replace(headers=tuple(map(_with_script, reply.headers)))


def _with_script(header: Pair) -> Pair:
    return (header[0], header[1].replace(*_OURS)) if header[0] == "content-security-policy" else header


def integrity(pages: Pages) -> str:
    """The script's hash for an `integrity` attribute (Subresource Integrity), or in quotes for `script-src` (CSP 3)."""
    return "sha384-" + base64.b64encode(hashlib.sha384(pages.source(FILE)).digest()).decode()
