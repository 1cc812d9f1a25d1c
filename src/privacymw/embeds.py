"""What a page's stream decides beside links: parts that wait for a choice, and where the bar stands.

All of it is the same for everybody, so that a page cache may keep the page.
"""

from collections.abc import Callable, Iterable
from typing import Final

from privacymw.bar import Bar
from privacymw.cookie import PreferenceCookie
from privacymw.core import Exchange
from privacymw.decider import Decider
from privacymw.held import CATEGORY, END, HOOK
from privacymw.html import Decide, Edit, Outlet
from privacymw.links import Links
from privacymw.page import Pages
from privacymw.registry import NECESSARY

_SEEN: Final = frozenset(("iframe", "img", "video", "audio", "embed", "object"))
"""Elements that leave a hole in the page, which a placeholder fills."""
_ADDRESSES: Final = ("src", "data", "poster", "href", "xlink:href")
_NOWHERE: Final = "-"
"""A category that nobody can allow: no name looks like it."""


class Embeds:
    """Decides which parts of a page wait, and puts the bar into it.

    Args:
        pages: renders the placeholder.
        bar: what asks for the choice; None where none can be kept.
        categories: what a visitor is asked about; a part of any other category waits for ever, and is counted.
        count: called with a kind and a name.
    """

    def __init__(
        self, pages: Pages, bar: Bar | None, categories: Iterable[str], count: Callable[[str, str], None]
    ) -> None:
        self.pages = pages
        self.bar = bar
        self.categories = frozenset(categories)
        self.count = count

    @property
    def digest(self) -> str:
        """Another one where the same page would be written otherwise."""
        return repr((sorted(self.categories), self.bar and self.bar.digest, self.pages.digest("held.html")))

    def decider(self, exchange: Exchange, links: Links, decide: Decide | None) -> Decide:
        """Decides the outlets of one answer; `decide` is asked about its links, if there is one."""
        return _Page(self, exchange, links, decide).decide


def embeds(
    pages: Pages,
    cookie: PreferenceCookie | None,
    decider: Decider,
    *,
    everywhere: bool,
    count: Callable[[str, str], None],
) -> Embeds:
    """What decides for a site; without a cookie that keeps a choice, or without one to make, there is no bar."""
    categories = decider.questions.categories
    bar = Bar(pages, cookie, decider, everywhere=everywhere) if cookie is not None and categories else None
    return Embeds(pages, bar, categories, count)


class _Page:
    """One page as it streams by."""

    def __init__(self, embeds: Embeds, exchange: Exchange, links: Links, decide: Decide | None) -> None:
        self._embeds = embeds
        self._exchange = exchange
        self._links = links
        self._decide = decide
        self._open = embeds.bar is not None  # the bar may still be put in
        self._waits = False

    def decide(self, outlet: Outlet) -> Edit | None:
        """The change to one outlet."""
        if outlet.attribute == CATEGORY:
            return self._held(outlet)
        if outlet.element in (HOOK, END):
            return self._placed(outlet.element)
        return self._decide(outlet) if self._decide is not None else None

    def _placed(self, place: str) -> Edit | None:
        """The bar where the app wants it or the page ends; of a page with parts that wait at least the script."""
        bar = self._embeds.bar
        if bar is None or not self._open:
            return None
        shown = place == HOOK or bar.everywhere
        if not (shown or self._waits):
            return None
        self._open = False
        return self._tried(lambda: Edit(before=bar.html(self._exchange, shown=shown)), Edit())

    def _held(self, outlet: Outlet) -> Edit | None:
        category = outlet.value.strip()
        if category == NECESSARY:
            return None
        known = category in self._embeds.categories
        if not known:
            self._embeds.count("undeclared categories", category[:32])
        self._waits = True
        allowable = known and self._embeds.bar is not None and not self._exchange.confidential
        attributes: dict[str, str | None] = {} if allowable else {CATEGORY: _NOWHERE}
        return self._tried(lambda: self._shown(outlet, attributes, category if allowable else ""), Edit(held=True))

    def _shown(self, outlet: Outlet, attributes: dict[str, str | None], category: str) -> Edit:
        """The part held back, hidden behind a placeholder where it can be seen."""
        address = next((outlet.attributes[name] for name in _ADDRESSES if outlet.attributes.get(name)), "")
        host = self._links.foreign_host(address) if address else ""
        self._embeds.count("parts that wait", host or "of this site")
        if outlet.element not in _SEEN or _is_hidden(outlet.attributes):
            return Edit(attributes, held=True)
        source = self._links.address(address) if outlet.element == "iframe" and host else ""
        context = {"host": host, "category": category, "source": source, "linked": outlet.linked}
        before = self._embeds.pages.render("held.html", self._exchange, context).decode()
        return Edit({**attributes, "hidden": ""}, before=before, held=True)

    def _tried(self, make: Callable[[], Edit], otherwise: Edit) -> Edit:
        """A fault of ours breaks no page, and lets nothing load."""
        try:
            return make()
        except Exception as error:
            self._embeds.count("failures", f"embeds: {type(error).__name__}")
            return otherwise


def _is_hidden(attributes: dict[str, str]) -> bool:
    """Whether nobody would see the part: it is hidden, or a pixel."""
    style = attributes.get("style", "").replace(" ", "").lower()
    sides = (attributes.get("width", "").strip(), attributes.get("height", "").strip())
    return "hidden" in attributes or "display:none" in style or any(side in ("0", "1") for side in sides)
