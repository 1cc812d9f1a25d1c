"""Outside links: what leaves the site goes through a page that says so, or says it in the text."""

import hashlib
import re
from collections.abc import Callable
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from privacymw import headers as fields
from privacymw.core import Exchange, Keeper
from privacymw.headers import Pairs
from privacymw.html import Decide, Rewriter, supported_charset
from privacymw.kinds import setting
from privacymw.leaving import LeavingPage
from privacymw.links import Links, Rules
from privacymw.policy import check_hosts
from privacymw.promise import Means, Promise, Section, Sentence, Services, Telling
from privacymw.url import Classifier
from privacymw.words import N_


class Outbound(Promise, frozen=True, kw_only=True):
    """Links to other sites."""

    group: ClassVar[str] = "outbound"
    title: ClassVar[str] = "Links to other sites"

    mode: Annotated[
        Literal["interstitial", "annotate", "off"],
        setting("A page before links that leave, the destination in the link's text, or nothing.", "word"),
    ] = "interstitial"
    trusted: Annotated[
        tuple[str, ...],
        setting("Other people's hosts to which no page is put before: example.com, *.example.com.", "list",
                check=check_hosts, example="example.com"),
    ] = ()  # fmt: skip

    def within(self, means: Means) -> "Outbound":
        if means.secret or self.mode != "interstitial":
            return self
        return msgspec.structs.replace(self, mode="annotate")

    def section(self, telling: Telling) -> Section | None:
        told = {
            "interstitial": N_(
                "When you follow a link to another site, we show you a page first that names the destination. From "
                "there you go on or stay."
            ),
            "annotate": N_("The text of a link to another site names the host to which it leads."),
        }
        if self.mode == "off":
            return None
        sentences = [Sentence("outbound.mode", told[self.mode], facts={"mode": self.mode})]
        if self.mode == "interstitial":
            text = N_(
                "Not covered are links that a program adds in your browser, forms that post, and links that are very "
                "long or let whoever has them in."
            )
            sentences.append(Sentence("outbound.scope", text))
            text = N_(
                "You can ask on that page not to be shown it again. We keep no list of the links that you follow."
            )
            sentences.append(Sentence("outbound.remember", text))
        if self.trusted:
            trusted = {
                "interstitial": N_("Links to {hosts} lead there without such a page; their text names the host."),
                "annotate": N_("This is so for links to {hosts} too, which we trust."),
            }
            values, facts = {"hosts": ", ".join(self.trusted)}, {"hosts": self.trusted}
            sentences.append(Sentence("outbound.trusted", trusted[self.mode], values, facts=facts))
        text = N_("We do not answer for the content or the security of other sites. Please read their privacy notices.")
        sentences.append(Sentence("outbound.others", text, {}, telling.name))
        return Section("outbound", self.title, tuple(sentences))

    def keeper(self, services: Services) -> Keeper | None:
        return _Keeper(self, services)


_OUTDATED: Final = ("content-length", "content-md5", "digest", "content-digest", "repr-digest", "accept-ranges")
_CONDITIONS: Final = ("if-none-match", "if-match", "if-range", "if-modified-since", "if-unmodified-since")
_HEADERS: Final = (
    "content-type", "content-encoding", "content-disposition", "etag", "last-modified", "location", *_OUTDATED,
)  # fmt: skip


class _Keeper(Keeper):
    name = "outbound"
    reads = ("accept", "host", *_CONDITIONS, *LeavingPage.reads)
    touches = _HEADERS
    standing = frozenset(("leaving",))

    def __init__(self, promise: Outbound, services: Services) -> None:
        sites = services.site.sites
        self._mode = promise.mode
        self._count = services.count
        self._sealing = services.links is not None
        remembering, forgetful = (Classifier(own=sites, trusted=promise.trusted, memory=size) for size in (4096, 0))
        self._rules = Rules(remembering, services.links, services.site.prefix, services.count)
        # What links stand on a confidential page is not to be found in a cache.
        self._confidential = self._rules._replace(classifier=forgetful)
        self._embeds = services.embeds
        waiting = self._embeds is not None and bool(self._embeds.categories)
        self._everywhere = promise.mode != "off" or waiting
        self._mark = _mark(promise, services)
        self.offers = {"outbound_url": self._helper}
        if services.links is not None:
            self.pages = {"leaving": LeavingPage(services, services.links).answer}

    def _links(self, exchange: Exchange) -> Links:
        if exchange.confidential:
            return Links(self._confidential, exchange, "interstitial" if self._sealing else self._mode)
        return Links(self._rules, exchange, self._mode)

    def _acts(self, exchange: Exchange) -> bool:
        """Whether its links are looked after; a page is rewritten for the parts that wait for a choice too."""
        return self._mode != "off" or (exchange.confidential and self._sealing)

    def on_request(self, exchange: Exchange) -> None:
        if not self._everywhere and not (exchange.confidential and self._sealing):
            return
        exchange.rewrites = True
        if "text/html" in exchange.headers.get("accept", ""):
            exchange.edits.append(("accept-encoding", "identity"))
            if not exchange.headers.keys().isdisjoint(_CONDITIONS):
                exchange.edits += _inward(exchange, self._mark)

    def on_response(self, exchange: Exchange, headers: Pairs) -> Pairs:
        if not exchange.rewrites or exchange.own:
            return headers
        if exchange.status == 304:
            return self._marked(headers) if self._mark in exchange.headers.get("if-none-match", "") else headers
        if 300 <= exchange.status < 400 and self._acts(exchange):
            self._look_at_location(exchange, headers)
        charset = self._charset(exchange.status, headers)
        if charset is None:
            return headers
        if exchange.method != "HEAD":
            links = self._links(exchange)
            exchange.transform = links.rewriter = Rewriter(
                self._decider(exchange, links), charset=charset, passes_own=True
            )
        return self._marked(fields.without(headers, *_OUTDATED))

    def _decider(self, exchange: Exchange, links: Links) -> Decide:
        decide = links.decide if self._acts(exchange) else None
        return self._embeds.decider(exchange, links, decide) if self._embeds is not None else links.decide

    def _charset(self, status: int, headers: Pairs) -> str | None:
        """The charset, as it is labelled, of an answer whose links can be rewritten; None for one that passes."""
        content_type = fields.first(headers, "content-type")
        if "html" not in content_type.lower():
            return None
        kind, label = fields.media_type(content_type)
        if kind != "text/html" or status in (204, 206) or status < 200:
            return None
        if fields.first(headers, "content-disposition").lower().startswith("attachment"):
            return None
        if fields.first(headers, "content-encoding").lower() not in ("", "identity"):
            self._count("outbound", "encoded pages passed unread")
            return None
        if supported_charset(label or "utf-8") is None:
            self._count("outbound", "pages in an unreadable charset")
            return None
        return label or "utf-8"

    def _look_at_location(self, exchange: Exchange, headers: Pairs) -> None:
        """A redirect is the app's own act (logins depend on it): it is left alone, and counted."""
        location = fields.first(headers, "location")
        host = self._links(exchange).foreign_host(location) if location else ""
        if host:
            self._count("redirects", host)

    def _marked(self, headers: Pairs) -> Pairs:
        """The pairs with a weak ETag that changes with our settings (RFC 9110 8.8.1)."""
        tag = fields.first(headers, "etag").removeprefix("W/")
        headers = fields.without(headers, "etag", "last-modified")
        if len(tag) > 2 and tag[0] == tag[-1] == '"':
            headers.append(("etag", f'W/"{tag[1:-1]}{self._mark}"'))
        return headers

    def _helper(self, exchange: Exchange) -> Callable[[str], str]:
        return self._links(exchange).address


def _mark(promise: Outbound, services: Services) -> str:
    """What our settings add to an ETag: pages rewritten by other rules must not be taken from a cache."""
    keys = services.links.first if services.links is not None else ""
    parts = services.embeds.digest if services.embeds is not None else ""
    rules = repr((promise.mode, promise.trusted, services.site.sites, services.site.prefix, keys, parts))
    return "-pmw" + hashlib.sha256(rules.encode()).hexdigest()[:8]


_TAG: Final = re.compile(r'(?:W/)?"[^"]*"')


def _inward(exchange: Exchange, mark: str) -> list[tuple[str, str | None]]:
    """What the app sees of a browser's validators: ours without our mark, none of those from before us.

    A page that a browser kept from before would be confirmed by a 304, with direct links in it. What
    guards a change (`If-Match` on a PUT, RFC 9110 13.1.1) is left as it is but for the mark.
    """
    headers, reading = exchange.headers, exchange.method in ("GET", "HEAD")
    edits: list[tuple[str, str | None]] = []
    for name in _CONDITIONS:
        if name not in headers:
            continue
        tags = _TAG.findall(headers[name])
        ours = ", ".join(tag.replace(mark + '"', '"') for tag in tags if tag.endswith(mark + '"'))
        if ours or reading:
            edits.append((name, ours or None))
    return edits
