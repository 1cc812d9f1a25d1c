"""IP addresses: a log for diagnosis, readable for a set time, then gone."""

import time
from collections.abc import Iterator
from typing import Annotated, ClassVar

import msgspec

from privacymw.core import Exchange, Keeper, Outcome
from privacymw.kinds import KINDS, days, setting
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
        return self if means.store else msgspec.structs.replace(self, logged=False)

    def section(self, telling: Telling) -> Section:
        if not self.logged:
            text = N_("This application keeps no log of IP addresses.")
            return Section("addresses", self.title, (Sentence("addresses.none", text), _servers(telling)))
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
            ),
        ]
        if self.network_retention is not None:
            network = {"network": words.duration(self.network_retention)}
            text = N_("The network that your address belongs to can be read for at most {network}.")
            sentences.append(Sentence("addresses.network", text, network))
        if self.skip:
            text = N_("Requests for {paths} are not logged.")
            sentences.append(Sentence("addresses.skip", text, {"paths": ", ".join(self.skip)}))
        size = {"size": KINDS["size"].show(self.max_size)}
        text = N_("The log takes at most {size} on a disk; beyond that the oldest entries go first.")
        sentences.append(Sentence("addresses.size", text, size))
        if telling.keys_apart:
            text = N_("The keys lie apart from the log, so that a copy of the log without them cannot be read.")
            sentences.append(Sentence("addresses.keys", text))
        sentences.append(_servers(telling))
        return Section("addresses", self.title, tuple(sentences), (_table(self, words),))

    def keeper(self, services: Services) -> Keeper | None:
        return _Keeper(self, services.journal) if self.logged and services.journal else None


def _servers(telling: Telling) -> Sentence:
    text = N_("This is about this application's own log. Web servers, proxies and networks before it may keep theirs.")
    return Sentence("addresses.others", text, {}, telling.name)


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

    def __init__(self, promise: Addresses, journal: Journal) -> None:
        self._put = journal.put
        self._skip = promise.skip
        self._below = tuple(each.rstrip("/") + "/" for each in promise.skip)

    def on_request(self, exchange: Exchange) -> None:
        exchange.started = time.perf_counter_ns()

    def on_finish(self, exchange: Exchange, outcome: Outcome) -> None:
        path = exchange.path
        if exchange.confidential or path in self._skip or path.startswith(self._below):
            return
        duration = (time.perf_counter_ns() - exchange.started) // 1000
        route = exchange.route or generalised(exchange.root + path)
        self._put(
            (time.time_ns() // 1_000_000, exchange.origin.packed, exchange.method, route, exchange.status, duration)
        )
