"""Outside links: what leaves the site goes through a page that says so, or says it in the text."""

from collections.abc import Callable
from typing import Annotated, ClassVar, Literal

import msgspec

from privacymw import answers, redirects, validators
from privacymw.core import Exchange, Keeper
from privacymw.headers import Pairs, without
from privacymw.html import Decide, Rewriter
from privacymw.kinds import setting
from privacymw.leaving import LeavingPage
from privacymw.linkmodes import HEADER, MODES, LinkModes, check_modes
from privacymw.links import Links, Rules
from privacymw.policy import check_hosts
from privacymw.promise import Means, Promise, Section, Sentence, Services, Telling
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
        sentences = [*self._of_links(), *self._of_hosts()]
        if not sentences:
            return None
        text = N_("We do not answer for the content or the security of other sites. Please read their privacy notices.")
        sentences.append(Sentence("outbound.others", text, {}, telling.name))
        return Section("outbound", self.title, tuple(sentences))

    def _of_links(self) -> list[Sentence]:
        """What becomes of a link, where, and of which it does not."""
        sentences = (
            [Sentence("outbound.mode", _TOLD[self.mode], facts={"mode": self.mode})] if self.mode != "off" else []
        )
        for mode in MODES:
            paths = [path for path, word in self.paths.items() if word == mode]
            if paths:
                sentences.append(Sentence(f"outbound.{mode}", _TOLD_OF_PATHS[mode], {"paths": ", ".join(paths)}))
        page = "interstitial" in self.modes
        if not page and self.modes != {"off"}:
            text = N_("Not covered are pages that we exempt one by one, and links that a program adds in your browser.")
            sentences.append(Sentence("outbound.exempt", text))
        if page:
            text = N_(
                "Not covered are pages that we exempt one by one, links that a program adds in your browser, forms "
                "that post, and links that are very long or let whoever has them in."
            )
            sentences.append(Sentence("outbound.scope", text))
            text = N_(
                "You can ask on that page not to be shown it again. We keep no list of the links that you follow."
            )
            sentences.append(Sentence("outbound.remember", text))
        return sentences

    def _of_hosts(self) -> list[Sentence]:
        """What is so for some hosts."""
        sentences = []
        if self.trusted and self.modes != {"off"}:
            trusted = {
                True: N_("Links to {hosts} lead there without such a page; their text names the host."),
                False: N_("This is so for links to {hosts} too, which we trust."),
            }
            text = trusted["interstitial" in self.modes]
            sentences.append(
                Sentence("outbound.trusted", text, {"hosts": ", ".join(self.trusted)}, facts={"hosts": self.trusted})
            )
        if self.blocked:
            text = N_("We do not link to {hosts}: a link to such a site does not lead there.")
            sentences.append(
                Sentence("outbound.blocked", text, {"hosts": ", ".join(self.blocked)}, facts={"hosts": self.blocked})
            )
        if self.reachable:
            text = N_(
                "Our server sends your browser on to another site only if it is one of {hosts}. Else you see a page "
                "with the address."
            )
            sentences.append(
                Sentence(
                    "outbound.redirects", text, {"hosts": ", ".join(self.reachable)}, facts={"hosts": self.reachable}
                )
            )
        elif self.reachable is not None:
            text = N_("Our server does not send your browser on to another site. You see a page with the address.")
            sentences.append(Sentence("outbound.redirects", text, facts={"hosts": ()}))
        return sentences

    def keeper(self, services: Services) -> Keeper | None:
        return _Keeper(self, services)


_TOLD = {
    "interstitial": N_(
        "When you follow a link to another site, we show you a page first that names the destination. From "
        "there you go on or stay."
    ),
    "annotate": N_("The text of a link to another site names the host to which it leads."),
}
_TOLD_OF_PATHS = {
    "interstitial": N_("On pages under {paths}, a page that names the destination comes first."),
    "annotate": N_("On pages under {paths}, the text of a link to another site names its host instead."),
    "off": N_("On pages under {paths}, we leave links to other sites as they are."),
}


def _stepped_down(mode: str) -> Literal["annotate", "off"]:
    return "off" if mode == "off" else "annotate"


class _Keeper(Keeper):
    name = "outbound"
    reads = ("accept", "host", *validators.READS, *LeavingPage.reads)
    touches = (*answers.TOUCHES, *redirects.TOUCHES, "etag", "last-modified", HEADER)
    standing = frozenset(("leaving",))

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
        self._rules = Rules(remembering, services.links, site.prefix, services.count, held, mail, Shelf())
        # What links stand on a confidential page is not to be found in a cache.
        self._confidential = self._rules._replace(classifier=forgetful, shelf=None)
        self._varies = bool(promise.paths)
        self._mode = self._modes.of_site
        self._redirects = Redirects(held, services.pages)
        self._embeds = services.embeds
        waiting = self._embeds is not None and bool(self._embeds.categories)
        self._always = bool(promise.blocked) or held is not None
        self._everywhere = self._always or waiting or services.mail is not None
        self._marks = {mode: _mark(mode, promise, services) for mode in MODES}
        self.offers = {"outbound_url": self._helper}
        if services.links is not None:
            self.pages = {"leaving": LeavingPage(services, services.links, Hosts(promise.blocked)).answer}

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
            recall = links.recall(page.charset)
            links.rewriter = Rewriter(decide, charset=page.charset, passes_own=True, recall=recall)
            exchange.transform = answers.transform(links.rewriter, page.coding, self._count)
            exchange.whole = answers.whole(headers)
        headers = answers.described(headers)
        # Of an answer with a mode of its own none is confirmed: what the next one will say is not known.
        return self._marks[mode].outward(headers) if mode == asked else without(headers, "etag", "last-modified")

    def _decider(self, exchange: Exchange, links: Links, mode: str) -> Decide:
        acts = mode != "off" or self._always or self._rules.mail is not None
        decide = links.decide if acts else None
        return self._embeds.decider(exchange, links, decide) if self._embeds is not None else links.decide

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


def _mark(mode: str, promise: Outbound, services: Services) -> validators.Mark:
    """What our settings add to an ETag: pages rewritten by other rules must not be taken from a cache."""
    keys = services.links.first if services.links is not None else ""
    parts = services.embeds.digest if services.embeds is not None else ""
    hosts = (promise.trusted, promise.blocked, promise.reachable, services.site.sites)
    return validators.Mark(
        repr((mode, hosts, services.site.prefix, keys, parts, services.mail and services.mail.rules))
    )
