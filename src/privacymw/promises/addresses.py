"""IP addresses: a log for diagnosis, readable for a set time, then gone."""

import time
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import msgspec

from privacymw.core import Exchange, Keeper, Outcome
from privacymw.kinds import KINDS, days, setting
from privacymw.logs import auth
from privacymw.logs.records import CLIENT, Watch
from privacymw.promise import Means, Promise, Section, Sentence, Services, Table, Telling
from privacymw.routes import generalised
from privacymw.store import Terms
from privacymw.store.journal import Journal
from privacymw.words import N_, Words


class Addresses(Promise, frozen=True, kw_only=True):
    """The log of addresses."""

    group: ClassVar[str] = "addresses"
    title: ClassVar[str] = "Your IP address"

    retention: Annotated[int, setting("How long a whole address can be read.", "duration", ge=1, le=days(730))] = days(
        30
    )
    network_retention: Annotated[
        int | None,
        setting(
            "How long its network can be read (the first 24 bits of IPv4, 48 of IPv6); empty for as long.",
            "duration",
            ge=1,
            le=days(730),
        ),
    ] = None
    epoch: Annotated[
        int,
        setting("Addresses of so long a time share a key, which dies with the oldest.", "duration", ge=1, le=days(1)),
    ] = days(1)
    skip: Annotated[
        tuple[str, ...], setting("Paths, and all below them, that are not logged, such as /static.", "list")
    ] = ("/health", "/healthz")
    max_size: Annotated[
        int, setting("The log's size on disk; beyond it the oldest rows go first.", "size", ge=1_000_000)
    ] = 1_000_000_000
    geo_database: Annotated[
        str,
        setting(
            "A MaxMind DB file with countries, for PRIVACYMW_CHOICES_MODEL=by-country.",
            example="/usr/share/GeoIP/GeoLite2-Country.mmdb",
        ),
    ] = ""
    logged: Annotated[bool, setting("Whether addresses are logged at all.", "switch")] = True
    other_logs: Annotated[
        Literal["off", "report", "mask"],
        setting("Addresses in other logs of this process: not looked for, counted and told, or masked.", "word"),
    ] = "report"
    fail2ban: Annotated[
        bool, setting("A line with the address for each answer of 401, 403 or 429, for fail2ban.", "switch")
    ] = False
    fail2ban_retention: Annotated[
        int,
        setting("How long you keep these lines, as the page says; your log rotation does it.", "duration", ge=1),
    ] = days(7)

    def contradictions(self) -> Iterator[tuple[str, str, int]]:
        limit = "PRIVACYMW_ADDRESSES_RETENTION"
        if self.epoch > self.retention:
            yield "epoch", f"longer than {limit}: a key cannot die before its epoch ends", self.retention
        if self.network_retention is not None and self.network_retention < self.retention:
            yield "network_retention", f"shorter than {limit}: an address names its network", self.retention

    @property
    def terms(self) -> Terms:
        """How long what can be read, as the store wants it."""
        network = None if self.network_retention is None else float(self.network_retention)
        return Terms(float(self.retention), network, float(self.epoch))

    def within(self, means: Means) -> "Addresses":
        kept = self if means.store else msgspec.structs.replace(self, logged=False)
        if means.live:
            return kept
        counts = "off" if self.other_logs == "off" else "report"
        return msgspec.structs.replace(kept, other_logs=counts, fail2ban=False)

    def section(self, telling: Telling) -> Section:
        if not self.logged:
            text = N_("We keep no log of IP addresses to find out what is wrong with our server.")
            return Section("addresses", self.title, (Sentence("addresses.none", text), *_others(self, telling)))
        words = telling.words
        values = {"retention": words.duration(self.retention)}
        sentences = [
            Sentence(
                "addresses.what",
                "An IP address names the device or the network with which you use the Internet. For each request we "
                "log it with the time, the kind of page, the result and how long it took.",
            ),
            Sentence(
                "addresses.why",
                "We use this to find out what is wrong with our server, and to run the site.",
                {},
                telling.name,
            ),
            Sentence(
                "addresses.sealed",
                "The log holds your address in encrypted form only. It does not hold the words of a search or a form.",
            ),
            Sentence(
                "addresses.retention",
                "Your address can be read for at most {retention} while the site runs; if the site stands still by "
                "then, until its next start. Then its key is destroyed, and the entries go.",
                values,
                facts={"seconds": self.retention},
            ),
        ]
        if self.network_retention is not None:
            network = {"network": words.duration(self.network_retention)}
            text = N_("The network that your address belongs to can be read for at most {network}.")
            sentences.append(Sentence("addresses.network", text, network, facts={"seconds": self.network_retention}))
        if self.skip:
            text = N_("Requests for {paths} are not logged.")
            sentences.append(
                Sentence("addresses.skip", text, {"paths": ", ".join(self.skip)}, facts={"paths": self.skip})
            )
        size = {"size": KINDS["size"].show(self.max_size)}
        text = N_("The log takes at most {size} on a disk; beyond that the oldest entries go first.")
        sentences.append(Sentence("addresses.size", text, size, facts={"bytes": self.max_size}))
        sentences += [*_place(telling), *_others(self, telling)]
        return Section("addresses", self.title, tuple(sentences), (_table(self, words),))

    def keeper(self, services: Services) -> Keeper | None:
        mode = services.site.mode
        journal = services.journal if self.logged and mode == "on" else None
        looks = self.other_logs != "off" and mode != "off"
        watch = Watch(mask=self.other_logs == "mask", count=services.count) if looks else None
        return _Keeper(self, services, journal, watch) if journal or watch or self.fail2ban else None


_OTHERS = {
    "off": N_(
        "This is about the log that is named here. Other logs of this application, web servers, proxies and networks "
        "before it may keep theirs."
    ),
    "report": N_(
        "This is about the log that is named here. Other logs of this application may hold your address too; so may "
        "those of web servers, proxies and networks before it."
    ),
    "mask": N_("Web servers, proxies and networks before this application may keep logs of their own."),
}


def _place(telling: Telling) -> Iterator[Sentence]:
    """What is said of where keys and log lie."""
    if telling.keys_apart:
        text = N_("The keys lie apart from the log, so that a copy of the log without them cannot be read.")
        yield Sentence("addresses.keys", text)
    if telling.site.unverified:
        text = N_("The log travels to its database over a network that we trust; the database is not asked who it is.")
        yield Sentence("addresses.way", text, {}, telling.name)


def _others(promise: Addresses, telling: Telling) -> Iterator[Sentence]:
    """What is said of the logs beside ours."""
    if promise.other_logs == "mask":
        text = N_(
            "The messages that this application and its server write while they answer you show at most the network "
            "of your address. Lines about a request leave out the words of a search."
        )
        yield Sentence("addresses.masked", text)
    if promise.other_logs == "report":
        text = N_("We count the lines of such logs that hold the address of a visitor, so as to put an end to them.")
        yield Sentence("addresses.counted", text)
    if promise.fail2ban:
        text = N_(
            "Where a request is refused, your address goes into a short log that helps us to stop attacks. "
            "It is kept for at most {time}."
        )
        yield Sentence(
            "addresses.fail2ban", text, {"time": telling.words.duration(promise.fail2ban_retention)}, telling.name
        )
    yield Sentence("addresses.others", _OTHERS[promise.other_logs], {}, telling.name)


def _table(promise: Addresses, words: Words) -> Table:
    _ = words.text
    network = promise.retention if promise.network_retention is None else promise.network_retention
    longest = words.duration(max(promise.retention, network))
    rows = (
        (_("Address"), _("to diagnose faults, to run the site"), words.duration(promise.retention)),
        (_("Network of the address"), _("the same"), words.duration(network)),
        (_("Time, method, kind of page, status, duration"), _("the same"), longest),
    )
    return Table(_("What the log holds"), (_("What"), _("What for"), _("At most how long")), rows)


class _Keeper(Keeper):
    name = "addresses"

    def __init__(self, promise: Addresses, services: Services, journal: Journal | None, watch: Watch | None) -> None:
        self._put = None if journal is None else journal.put
        self._watch = watch if services.site.mode == "on" else None
        self._held = watch  # it counts as long as somebody holds it
        self._check_next = 0
        self._skip = promise.skip
        self._below = tuple(each.rstrip("/") + "/" for each in promise.skip)
        self._sites = services.site.sites
        self._refusals = auth.KINDS if promise.fail2ban else {}
        if promise.fail2ban:
            self.reads = ("host",)
            auth.keep_apart()

    def on_request(self, exchange: Exchange) -> None:
        exchange.started = started = time.perf_counter_ns()
        if self._watch is not None:
            exchange.token = CLIENT.set(exchange.origin.packed)
            if started > self._check_next:
                self._check_next = started + _CHECKS
                self._watch.check()

    def on_finish(self, exchange: Exchange, outcome: Outcome) -> None:
        if exchange.token is not None:
            try:  # noqa: SIM105 - suppress() costs three calls a request
                CLIENT.reset(exchange.token)
            except ValueError:  # it ends in another thread or task, which knows no client
                pass
        path = exchange.path
        if exchange.confidential or path in self._skip or path.startswith(self._below):
            return
        duration = (time.perf_counter_ns() - exchange.started) // 1000
        route = exchange.route or generalised(exchange.root + path)
        packed = exchange.origin.packed
        if self._put is not None:
            self._put((time.time_ns() // 1_000_000, packed, exchange.method, route, exchange.status, duration))
        if exchange.status in self._refusals and packed is not None:
            site = auth.site_of(exchange.headers.get("host", ""), self._sites)
            auth.tell(exchange.status, route, site, packed)


_CHECKS = 1_000_000_000
"""Nanoseconds between two looks at the factory of log records."""
