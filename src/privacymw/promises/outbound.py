"""Outside links: what leaves the site goes through a page that says so, or says it in the text."""

import weakref
from collections.abc import Callable
from typing import Annotated, ClassVar, Literal

import msgspec

from privacymw import answers, redirects, validators
from privacymw.clicks import FILE, AwayPage, Clicks
from privacymw.core import Exchange, Keeper
from privacymw.headers import Pairs, without
from privacymw.html import Decide, Rewriter
from privacymw.kinds import setting
from privacymw.leaving import LeavingPage
from privacymw.linkmodes import HEADER, MODES, LinkModes, check_modes
from privacymw.links import Links, Rules
from privacymw.notes import Note, Notes, check_notes
from privacymw.policy import check_hosts
from privacymw.promise import Means, Promise, Section, Sentence, Services, Telling
from privacymw.promises.outbound_told import of_hosts, of_links
from privacymw.recall import Shelf
from privacymw.redirects import Redirects
from privacymw.url import Classifier, Hosts
from privacymw.words import N_


class Outbound(Promise, frozen=True, kw_only=True):
    """Links to other sites."""

    group: ClassVar[str] = "outbound"
    title: ClassVar[str] = "Links to other sites"

    mode: Annotated[
        Literal["interstitial", "annotate", "off"],
        setting("A page before links that leave, the destination in the link's text, or nothing.", "word"),
    ] = "interstitial"
    paths: Annotated[
        dict[str, str],
        setting("Paths, and all below them, that have another mode; the longest counts.", "pairs",
                check=check_modes, example="/blog=annotate, /pay=off"),
    ] = {}  # fmt: skip
    trusted: Annotated[
        tuple[str, ...],
        setting("Other people's hosts to which no page is put before: example.com, *.example.com.", "list",
                check=check_hosts, example="example.com"),
    ] = ()  # fmt: skip
    blocked: Annotated[
        tuple[str, ...],
        setting("Hosts to which no link leads, whatever the mode: a page says so.", "list",
                check=check_hosts, example="example.net"),
    ] = ()  # fmt: skip
    redirects: Annotated[
        Literal["report", "allow-list"],
        setting("Redirects of your app to other sites: counted, or held to trusted hosts and the list.", "word"),
    ] = "report"
    redirect_hosts: Annotated[
        tuple[str, ...],
        setting("Hosts to which your app may redirect, such as the one where people sign in.", "list",
                check=check_hosts, example="login.example.com"),
    ] = ()  # fmt: skip
    notes: Annotated[
        tuple[Note, ...],
        setting("What you say of a destination on the page before it: host, kinds, text.", "tables",
                check=check_notes, example='[{host = "*.lab.example", kinds = ["health", "contract"]}]'),
    ] = ()  # fmt: skip
    script: Annotated[
        bool,
        setting("Put a script into pages: clicks on links that programs add lead to a page that names the address.",
                "switch"),
    ] = False  # fmt: skip

    @property
    def modes(self) -> frozenset[str]:
        """The modes that are in force somewhere."""
        return frozenset((self.mode, *self.paths.values()))

    @property
    def reachable(self) -> tuple[str, ...] | None:
        """The hosts to which a redirect may lead; None where that is left to the app."""
        return (*self.trusted, *self.redirect_hosts) if self.redirects == "allow-list" else None

    def within(self, means: Means) -> "Outbound":
        if means.secret or "interstitial" not in self.modes:
            return self
        paths = {path: _stepped_down(mode) for path, mode in self.paths.items()}
        return msgspec.structs.replace(self, mode=_stepped_down(self.mode), paths=paths)

    def section(self, telling: Telling) -> Section | None:
        sentences = [*of_links(self), *of_hosts(self, telling.name)]
        if not sentences:
            return None
        text = N_("We do not answer for the content or the security of other sites. Please read their privacy notices.")
        sentences.append(Sentence("outbound.others", text, {}, telling.name))
        return Section("outbound", self.title, tuple(sentences))

    def keeper(self, services: Services) -> Keeper | None:
        return _Keeper(self, services)


def _stepped_down(mode: str) -> Literal["annotate", "off"]:
    return "off" if mode == "off" else "annotate"


class _Keeper(Keeper):
    name = "outbound"
    reads = ("accept", "host", *validators.READS, *LeavingPage.reads)
    touches = (*answers.TOUCHES, *redirects.TOUCHES, "etag", "last-modified", HEADER)
    standing = frozenset(("leaving", "away", FILE))  # pages in caches, and links in the world, lead to them

    def __init__(self, promise: Outbound, services: Services) -> None:
        site = services.site
        self._count = services.count
        self._modes = LinkModes(promise.mode, promise.paths, sealing=services.links is not None, count=services.count)
        remembering, forgetful = (
            Classifier(own=site.sites, trusted=promise.trusted, blocked=promise.blocked, memory=size)
            for size in (4096, 0)
        )
        held = None if promise.reachable is None else Hosts(promise.reachable)
        mail = None if services.mail is None else services.mail.decide
        shelf = Shelf()
        self._rules = Rules(remembering, services.links, site.prefix, services.count, held, mail, promise.script, shelf)
        # What links stand on a confidential page is not to be found in a cache.
        self._confidential = self._rules._replace(classifier=forgetful, shelf=None)
        self._varies = bool(promise.paths)
        self._mode = self._modes.of_site
        self._redirects = Redirects(held, services.pages)
        self._embeds = services.embeds
        self._clicks = None
        if promise.script:
            self._clicks = Clicks(services.pages, site.sites, promise.trusted, promise.blocked)
        waiting = self._embeds is not None and bool(self._embeds.categories)
        self._always = bool(promise.blocked) or held is not None
        self._everywhere = self._always or waiting or services.mail is not None
        self._marks = {mode: _mark(mode, promise, services, self._clicks) for mode in MODES}
        self.offers = {"outbound_url": self._helper}
        self.pages = {"away": AwayPage(services.pages).answer, FILE: services.pages.file(FILE, "text/javascript")}
        if services.links is not None:
            page = LeavingPage(services, services.links, Hosts(promise.blocked), Notes(promise.notes))
            self.pages["leaving"] = page.answer

    def _links(self, exchange: Exchange, mode: str) -> Links:
        return Links(self._confidential if exchange.confidential else self._rules, exchange, mode)

    def on_request(self, exchange: Exchange) -> None:
        mode = self._modes.asked(exchange) if self._varies or exchange.confidential else self._mode
        if mode == "off" and not self._everywhere:
            return
        exchange.rewrites = True
        headers = exchange.headers
        if "text/html" in headers.get("accept", ""):
            exchange.edits.append(("accept-encoding", "identity"))
            if not headers.keys().isdisjoint(validators.READS):
                exchange.edits += self._marks[mode].inward(exchange)

    def on_response(self, exchange: Exchange, headers: Pairs) -> Pairs:
        if exchange.own or not (exchange.status == 304 or _concerns(headers)):
            return headers
        asked, said = self._modes.asked(exchange), self._modes.answered(exchange, headers)
        mode = said or asked
        if any(name == HEADER for name, _ in headers):
            headers = without(headers, HEADER)
        if said == "off" or not (exchange.rewrites or said):
            return headers
        if exchange.status == 304:
            mark = self._marks[asked]
            return mark.outward(headers) if mark.confirms(exchange) else headers
        links = self._links(exchange, mode)
        if mode != "off" or self._always:
            headers = self._redirects.look(exchange, headers, links)
        return headers if exchange.reply is not None else self._rewritten(exchange, headers, links, asked, mode)

    def _rewritten(self, exchange: Exchange, headers: Pairs, links: Links, asked: str, mode: str) -> Pairs:
        if mode == "off" and not self._everywhere:
            return headers
        page = answers.page(exchange, headers, self._count)
        if page is None:
            return headers
        if exchange.method != "HEAD":
            decide = self._decider(exchange, links, mode)
            rewriter = Rewriter(decide, charset=page.charset, passes_own=True, recall=links.recall(page.charset))
            links.rewriter = weakref.proxy(rewriter)  # which leads back to the links, and so to the exchange
            exchange.transform = answers.transform(rewriter, page.coding, self._count)
            exchange.whole = answers.whole(headers)
        headers = answers.described(headers)
        # Of an answer with a mode of its own none is confirmed: what the next one will say is not known.
        return self._marks[mode].outward(headers) if mode == asked else without(headers, "etag", "last-modified")

    def _decider(self, exchange: Exchange, links: Links, mode: str) -> Decide:
        acts = mode != "off" or self._always or self._rules.mail is not None
        decide: Decide = links.decide
        if self._embeds is not None:
            decide = self._embeds.decider(exchange, links, links.decide if acts else None)
        return self._clicks.decider(exchange, decide) if self._clicks and mode == "interstitial" else decide

    def _helper(self, exchange: Exchange) -> Callable[[str], str]:
        return self._links(exchange, self._modes.asked(exchange)).address


_TELLING = frozenset(("location", "refresh", HEADER))


def _concerns(headers: Pairs) -> bool:
    """Whether an answer is a page, leads away, or names a mode: most do not."""
    # A loop, since `any` over a generator would call that for each header of each answer.
    for name, value in headers:  # noqa: SIM110
        if name in _TELLING or (name == "content-type" and "html" in value.lower()):
            return True
    return False


def _mark(mode: str, promise: Outbound, services: Services, clicks: Clicks | None) -> validators.Mark:
    """What our settings add to an ETag: pages rewritten by other rules must not be taken from a cache."""
    keys = services.links.first if services.links is not None else ""
    parts = services.embeds.digest if services.embeds is not None else ""
    script = clicks.digest if clicks is not None else ""
    hosts = (promise.trusted, promise.blocked, promise.reachable, services.site.sites)
    return validators.Mark(
        repr((mode, hosts, services.site.prefix, keys, parts, services.mail and services.mail.rules, script))
    )
