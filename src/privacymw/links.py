"""What becomes of one link: a sealed address, a name in its text, or nothing."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from privacymw.core import Exchange
from privacymw.html import Edit, Outlet, Rewriter
from privacymw.seal import LinkSeal
from privacymw.url import Classifier, Target, Verdict, parse

TARGET_BYTES: Final = 2_000
"""Longer targets would not survive every browser and proxy once they are sealed."""
_PRESIGNED: Final = re.compile(
    r"[?&](?:x-amz-(?:signature|credential)|x-goog-signature|signature|sig|token|access_token)=", re.I
)
_NOWHERE: Final = "http://host.invalid/"
"""Stands for the page's own address where there is no Host, or junk: then no host is known to be our own."""
_REPEATED: Final = 256
"""Addresses that one page's links remember."""
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


class Rules(NamedTuple):
    """What all links of a site are judged and written by."""

    classifier: Classifier
    seal: LinkSeal | None
    prefix: str
    tally: Callable[[str, str], None]


class Links:
    """The links of one answer.

    Args:
        rules: of the site.
        exchange: tells which host is our own here.
        mode: `interstitial` or `annotate`.
    """

    def __init__(self, rules: Rules, exchange: Exchange, mode: str) -> None:
        self._rules = rules
        self._mode = mode
        self._host = exchange.headers.get("host", "")
        self._root = exchange.root
        # Without the path: a relative link never leaves, and a path may name a person.
        self._page = _known(f"{exchange.origin.scheme or exchange.scheme}://{self._host}/")
        self.rewriter: Rewriter | None = None
        self._addresses: dict[tuple[str, bool, bool], str | None] = {}

    def _verdict(self, href: str) -> Verdict:
        return self._rules.classifier.verdict(href, self._page, self.rewriter.base if self.rewriter else None)

    def foreign_host(self, href: str) -> str:
        """The host to which a link leaves; empty where it does not."""
        verdict = self._verdict(href)
        return verdict.target.host if verdict.kind == "outside" and verdict.target else ""

    def address(self, href: str) -> str:
        """The link to put into a page: the leaving page's for what leaves, else `href` itself."""
        verdict = self._verdict(href)
        if verdict.kind != "outside" or verdict.target is None:
            return href
        return self._leaving(verdict.target) or href

    def _leaving(self, target: Target, *, form: bool = False) -> str | None:
        if self._mode != "interstitial" or self._rules.seal is None:
            return None
        # Under a foreign <base> a path would lead to the other site.
        foreign = self.rewriter is not None and self.rewriter.base is not None
        key = target.href, form, foreign
        if key not in self._addresses:  # pages repeat their links
            if len(self._addresses) >= _REPEATED:
                self._addresses.clear()
            token = sealed(self._rules.seal, target, form=form)
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
        if outlet.attribute == "ping":
            return self._ping(outlet)
        verdict = self._verdict(outlet.value)
        target = verdict.target
        if target is None or verdict.kind not in ("outside", "trusted"):
            return None
        if outlet.element == "base":
            self._rules.tally("outbound", "pages with a foreign base")
            return Edit({})
        self._rules.tally("links", target.host)
        if outlet.method == "post":
            self._rules.tally("outbound", "forms that post to another site")
            return None
        form = outlet.method == "get"
        address = self._leaving(target, form=form) if verdict.kind == "outside" else None
        if address is not None:
            return Edit({outlet.attribute: address, **_related(outlet, "external nofollow")})
        return None if form else Edit(_related(outlet, "external noopener"), suffix=f" ({target.host})")

    def _ping(self, outlet: Outlet) -> Edit | None:
        """`ping` tells another site of a click that stays here: it is dropped (HTML 4.6.6)."""
        kinds = [self._verdict(url).kind for url in outlet.value.split()]
        return Edit({"ping": None}) if any(kind != "internal" for kind in kinds) else None


def _related(outlet: Outlet, more: str) -> dict[str, str]:
    """The link's `rel` with ours added, the author's tokens kept; none where the element has no `rel`."""
    if outlet.element not in ("a", "area"):
        return {}
    present = outlet.attributes.get("rel", "").split()
    known = {token.lower() for token in present}
    return {"rel": " ".join([*present, *(token for token in more.split() if token not in known)])}
