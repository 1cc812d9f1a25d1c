"""The notice bar: markup that is the same for everybody, and the script that knows this visitor's answers."""

import hashlib
from collections.abc import Callable
from typing import Final

from privacymw.cookie import PreferenceCookie
from privacymw.core import Exchange, Keeper, Reply
from privacymw.decider import Decider
from privacymw.page import NO_STORE, Pages

_FILES: Final = {"bar.js": "text/javascript", "bar.css": "text/css"}


class Bar:
    """Writes the bar.

    Args:
        pages: renders it.
        cookie: names the cookie from which the script learns the answers.
        decider: tells what there is to choose. Where countries decide, the page takes the answer for a no
            until it is given: being the same for everybody, it knows no country.
        everywhere: whether a page without a place for it gets it at its end.
    """

    def __init__(self, pages: Pages, cookie: PreferenceCookie, decider: Decider, *, everywhere: bool) -> None:
        self.everywhere = everywhere
        self._pages = pages
        self._cookie = cookie
        self._digests = decider.questions.digests
        self._opts_out = decider.opts_out
        self._written: dict[tuple[str, str, bool], str] = {}

    @property
    def digest(self) -> str:
        """Another one where the same page would be written otherwise."""
        files = [self._pages.digest(name) for name in ("bar.html", *_FILES)]
        told = repr((files, sorted(self._digests.items()), self.everywhere, self._opts_out))
        return hashlib.sha256(told.encode()).hexdigest()[:12]

    def html(self, exchange: Exchange, *, shown: bool = True) -> str:
        """The bar, or where it is not shown the script alone."""
        key = self._pages.base(exchange), self._cookie.view_name(exchange), shown
        found = self._written.get(key)
        if found is None:
            context = {
                "shown": shown,
                "cookie": key[1],
                "digests": self._digests,
                "opts_out": self._opts_out,
                "version": self._pages.digest,
            }
            found = self._pages.render("bar.html", exchange, context).decode()
            if len(self._written) < 64:  # roots are the deployment's, but a server may take them from a client
                self._written[key] = found
        return found


class BarKeeper(Keeper):
    """Serves the bar's files, and the page for a view that needs a choice first."""

    name = "bar"
    standing = frozenset(_FILES)  # pages in caches ask for them still

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self.pages = {name: pages.file(name, kind) for name, kind in _FILES.items()}
        self.offers = {"choice_needed": self._needed}

    def _needed(self, exchange: Exchange) -> Callable[[str], Reply]:
        """The answer in place of a view; 403, for the server understood and will not (RFC 9110 15.5.4)."""
        exchange.rewrites = False  # the page is ours, though the app sends it

        def reply(category: str) -> Reply:
            return self._pages.reply("needed.html", exchange, {"category": category}, NO_STORE, status=403)

        return reply
