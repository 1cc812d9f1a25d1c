"""What becomes of one link: a sealed address, a name in its text, or nothing."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from privacymw.core import Exchange
from privacymw.html import Edit, Outlet, Rewriter
from privacymw.linktext import says
from privacymw.recall import Recall, Shelf
from privacymw.routes import generalised
from privacymw.seal import LinkSeal
from privacymw.url import Classifier, Hosts, Target, Verdict, parse

TARGET_BYTES: Final = 2_000
"""Longer targets would not survive every browser and proxy once they are sealed."""
_PRESIGNED: Final = re.compile(
    r"[?&](?:x-amz-(?:signature|credential)|x-goog-signature|signature|sig|token|access_token)=", re.I
)
_NOWHERE: Final = "http://host.invalid/"
"""Stands for the page's own address where there is no Host, or junk: then no host is known to be our own."""
_SENT: Final = frozenset(("redirect", "refresh", "held"))
"""Fates of what leads away by itself, rather than when somebody clicks."""
_REPEATED: Final = 256
"""Addresses that one page's links remember."""
NAMED: Final = "data-privacy-named"
"""The attribute of a link that leads to another site by itself, since it cannot be sealed."""
_FORM: Final = "?"
"""Goes before a sealed target whose query is filled in by a form: no address begins with it."""


@lru_cache(1024)
def _known(page: str) -> str:
    return page if parse(page) else _NOWHERE


def sealed(seal: LinkSeal, target: Target, *, form: bool = False) -> str | None:
    """The token of a target; None where it is too long or carries what lets its holder in."""
    if len(target.href) > TARGET_BYTES or target.credentials or _PRESIGNED.search(target.href):
        return None
    return seal.seal(_FORM + target.href if form else target.href)


def opened(seal: LinkSeal, token: str) -> tuple[str, bool] | None:
    """The target in a token and whether a form fills in its query; None for a token that is not ours."""
    text = seal.open(token)
    return None if text is None else (text.removeprefix(_FORM), text.startswith(_FORM))


MailDecide = Callable[[Exchange, Outlet], Edit | None]


class Rules(NamedTuple):
    """What all links of a site are judged and written by.

    Attributes:
        held: hosts to which a page may send on by itself; None where that is not held to a list.
        mail: decides `mailto:` links; None where they are left alone.
        marks: whether links that cannot be sealed are marked, for the script to let them go.
        shelf: what became of links before; None where that is not to be remembered.
    """

    classifier: Classifier
    seal: LinkSeal | None
    prefix: str
    tally: Callable[[str, str], None]
    held: Hosts | None = None
    mail: MailDecide | None = None
    marks: bool = False
    shelf: Shelf | None = None


class Links:
    """The links of one answer.

    Args:
        rules: of the site.
        exchange: tells which host is our own here.
        mode: `interstitial`, `annotate` or `off`.
    """

    def __init__(self, rules: Rules, exchange: Exchange, mode: str) -> None:
        self._rules = rules
        self._mode = mode
        self._exchange = exchange
        self._host = exchange.headers.get("host", "")
        self._root = exchange.root
        # Without the path: a relative link never leaves, and a path may name a person.
        self._page = _known(f"{exchange.origin.scheme or exchange.scheme}://{self._host}/")
        self._route: str | None = None
        self.rewriter: Rewriter | None = None
        self._addresses: dict[tuple[str, bool, bool], str | None] = {}

    def _verdict(self, href: str) -> Verdict:
        return self._rules.classifier.verdict(href, self._page, self.rewriter.base if self.rewriter else None)

    def recall(self, charset: str) -> Recall | None:
        """What is known of the links of such a page; None where nothing is to be remembered."""
        shelf = self._rules.shelf
        if shelf is None:
            return None
        return Recall(shelf.known((self._page, self._host, self._root, self._mode, charset)), self.told)

    def told(self, host: str, fate: str) -> None:
        """Counts a host by route and what became of the link; to what confidential pages link is not."""
        exchange = self._exchange
        if exchange.confidential:
            return
        if self._route is None:
            self._route = exchange.route or generalised(exchange.root + exchange.path)
        self._rules.tally("redirects" if fate in _SENT else "links", host)
        self._rules.tally("outbound hosts", f"{host} {fate} {self._route}")

    def foreign(self, href: str) -> Target | None:
        """Where a link leaves to; None where it does not, or leads to a trusted host."""
        verdict = self._verdict(href)
        return verdict.target if verdict.kind in ("outside", "blocked") else None

    def foreign_host(self, href: str) -> str:
        """The host to which a link leaves; empty where it does not."""
        target = self.foreign(href)
        return target.host if target is not None else ""

    def address(self, href: str) -> str:
        """The link to put into a page: the leaving page's for what leaves, else `href` itself."""
        verdict = self._verdict(href)
        if verdict.kind == "blocked" and verdict.target is not None:
            return self._sealed(verdict.target) or "#"
        if verdict.kind != "outside" or verdict.target is None:
            return href
        return self.leaving(verdict.target) or href

    def leaving(self, target: Target, *, form: bool = False) -> str | None:
        """The page before a target; None where there is none, or the target cannot be sealed."""
        return self._sealed(target, form=form) if self._mode == "interstitial" else None

    def _sealed(self, target: Target, *, form: bool = False) -> str | None:
        # Under a foreign <base> a path would lead to the other site.
        foreign = self.rewriter is not None and self.rewriter.base is not None
        key = target.href, form, foreign
        if key not in self._addresses:  # pages repeat their links
            if len(self._addresses) >= _REPEATED:
                self._addresses.clear()
            token = None if self._rules.seal is None else sealed(self._rules.seal, target, form=form)
            path = f"{self._root}{self._rules.prefix}/leaving/{token}"
            self._addresses[key] = None if token is None else f"//{self._host}{path}" if foreign else path
        return self._addresses[key]

    def decide(self, outlet: Outlet) -> Edit | None:
        """The change to one outlet; a fault of ours leaves the link as it is, and is counted."""
        try:
            return self._decided(outlet)
        except Exception as error:
            self._rules.tally("failures", f"outbound.decide: {type(error).__name__}")
            return None

    def _decided(self, outlet: Outlet) -> Edit | None:
        if not outlet.attribute:  # a place, not a link
            return None
        if outlet.attribute == "ping":
            return self._ping(outlet) if self._mode != "off" else None
        verdict = self._verdict(outlet.value)
        target = verdict.target
        if verdict.kind == "other" and self._rules.mail is not None:
            return self._rules.mail(self._exchange, outlet)
        if target is None or verdict.kind not in ("outside", "trusted", "blocked"):
            return _LEFT if outlet.element == "a" and verdict.kind in ("internal", "other") else None
        if outlet.element == "base":
            self._rules.tally("outbound", "pages with a foreign base")
            return Edit({})
        if verdict.kind == "blocked":
            return self._blocked(outlet, target)
        if outlet.element == "meta" and verdict.kind == "outside" and self._mode != "interstitial":
            return self._refreshing(target)
        return self._edited(outlet, target, trusted=verdict.kind == "trusted") if self._mode != "off" else None

    def _edited(self, outlet: Outlet, target: Target, *, trusted: bool) -> Edit | None:
        if outlet.method == "post":
            self._rules.tally("outbound", "forms that post to another site")
            self.told(target.host, "posts")
            return None
        form = outlet.method == "get"
        address = None if trusted else self.leaving(target, form=form)
        named = "trusted" if trusted else "unsealable" if self._mode == "interstitial" else "named"
        again = target.host, "sealed" if address is not None else "left" if form else named
        self.told(*again)
        if address is not None:
            return _sealed(outlet, address, again)
        mark = {NAMED: ""} if self._rules.marks else {}
        return None if form else _named(outlet, target.host, {**_related(outlet, "external noopener"), **mark}, again)

    def _blocked(self, outlet: Outlet, target: Target) -> Edit:
        """In every mode a page that says no; where it cannot be sealed, the link is taken out."""
        again = target.host, "blocked"
        self.told(*again)
        address = self._sealed(target)
        if address is None:
            return _named(outlet, target.host, {outlet.attribute: None}, again)
        return _sealed(outlet, address, again)

    def _refreshing(self, target: Target) -> Edit | None:
        """A page that sends on by itself: like a redirect, its own act or held to the list."""
        held = self._rules.held
        if held is None or target.host in held:
            if self._mode != "off":
                self.told(target.host, "refresh")
            return None
        self.told(target.host, "held")
        return Edit({"content": self._sealed(target)})

    def _ping(self, outlet: Outlet) -> Edit | None:
        """`ping` tells another site of a click that stays here: it is dropped (HTML 4.6.6)."""
        kinds = [self._verdict(url).kind for url in outlet.value.split()]
        return Edit({"ping": None}) if any(kind != "internal" for kind in kinds) else None


_LEFT: Final = Edit(again=())


def _sealed(outlet: Outlet, address: str, again: tuple[str, ...]) -> Edit:
    """The page before, which is to be shown and not saved as a file."""
    saved: dict[str, str | None] = {"download": None} if "download" in outlet.attributes else {}
    return Edit({outlet.attribute: address, **_related(outlet, "external nofollow"), **saved}, again=again)


def _named(outlet: Outlet, host: str, attributes: dict[str, str | None], again: tuple[str, ...]) -> Edit:
    """The host in the link's text; of an area, which has none, in what is read and hovered in its place."""
    if outlet.element == "area":
        name, title = outlet.attributes.get("alt", ""), outlet.attributes.get("title", "")
        attributes |= {} if says(name, host) else {"alt": f"{name} ({host})".strip()}
        attributes |= {} if says(title, host) else {"title": f"{title} ({host})".strip()}
    return Edit(attributes, suffix=f" ({host})", host=host, again=again)


def _related(outlet: Outlet, more: str) -> dict[str, str | None]:
    """The link's `rel` with ours added, the author's tokens kept; none where the element has no `rel`."""
    if outlet.element not in ("a", "area"):
        return {}
    if "rel" not in outlet.attributes:
        return {"rel": more}
    present = outlet.attributes["rel"].split()
    known = {token.lower() for token in present}
    return {"rel": " ".join([*present, *(token for token in more.split() if token not in known)])}
