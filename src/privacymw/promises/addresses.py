"""IP addresses: a log for diagnosis, readable for a set time, then gone."""

import datetime
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec

from privacymw.address import network
from privacymw.core import Exchange, Keeper, Outcome
from privacymw.kinds import days, setting
from privacymw.logs import auth
from privacymw.logs.records import CLIENT, Watch
from privacymw.promise import Means, Promise, Section, Services, Telling
from privacymw.promises import addresses_page, holds
from privacymw.proving import EvidencePage
from privacymw.routes import generalised, site_of
from privacymw.store import Terms
from privacymw.store.journal import Journal


class Addresses(Promise, frozen=True, kw_only=True):
    """The log of addresses."""

    group: ClassVar[str] = "addresses"
    title: ClassVar[str] = "Your IP address"

    mode: Annotated[
        Literal["whole", "network", "none", "off"],
        setting("What is logged of an address: the whole, its network, or nothing; off: there is no log.", "word"),
    ] = "whole"
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
        tuple[str, ...],
        setting(
            "MaxMind DB files with countries or network operators (AS), for the log and "
            "PRIVACYMW_CHOICES_MODEL=by-country.",
            "list",
            example="/usr/share/GeoIP/GeoLite2-Country.mmdb, /usr/share/GeoIP/GeoLite2-ASN.mmdb",
        ),
    ] = ()
    browser: Annotated[
        bool, setting("Whether the log says which browser, system and kind of device it was.", "switch")
    ] = True
    hold_since: Annotated[
        datetime.date | None,
        setting("A legal hold: what was logged from this day on (UTC) is kept, whatever its retention.", "date"),
    ] = None
    hold_until: Annotated[
        datetime.date | None,
        setting("The day on which the hold ends and what it kept goes; 366 days after the first at most.", "date"),
    ] = None
    hold_reason: Annotated[
        str,
        setting("Why, as the page says while the hold lasts.", example="a court has asked for the log"),
    ] = ""
    other_logs: Annotated[
        Literal["off", "report", "mask"],
        setting("Addresses in other logs of this process: not looked for, counted and told, or masked.", "word"),
    ] = "report"
    fail2ban: Annotated[
        bool, setting("A line with the address for each answer of 401, 403 or 429, for fail2ban.", "switch")
    ] = False
    evidence: Annotated[
        bool,
        setting("Whether a page shows how old the log is and which keys are gone, without any entry.", "switch"),
    ] = True
    fail2ban_retention: Annotated[
        int,
        setting("How long you keep these lines, as the page says; your log rotation does it.", "duration", ge=1),
    ] = days(7)

    def contradictions(self) -> Iterator[tuple[str, str, Any]]:
        limit = "PRIVACYMW_ADDRESSES_RETENTION"
        network = self.network_retention
        if self.epoch > self.retention:
            yield "epoch", f"longer than {limit}: a key cannot die before its epoch ends", self.retention
        if self.mode == "whole" and network is not None and network < self.retention:
            yield "network_retention", f"shorter than {limit}: an address names its network", self.retention
        elif network is not None and network < self.epoch:
            yield "network_retention", "shorter than PRIVACYMW_ADDRESSES_EPOCH, whose keys die together", self.epoch
        yield from holds.contradictions(self.hold_since, self.hold_until)
        if self.hold_until is not None and self.mode == "off":
            yield "mode", "takes away at once what PRIVACYMW_ADDRESSES_HOLD_UNTIL is to keep", "none"

    def remarks(self, today: datetime.date) -> Iterator[str]:
        yield from holds.remarks(self.hold_since, self.hold_until, today)

    def is_held(self, today: datetime.date) -> bool:
        """Whether the hold lasts on a day."""
        return self.hold_since is not None and self.hold_until is not None and today < self.hold_until

    @property
    def terms(self) -> Terms:
        """How long what can be read, as the store wants it."""
        network = None if self.network_retention is None else float(self.network_retention)
        return Terms(
            float(self.retention),
            network,
            float(self.epoch),
            self.mode,
            holds.seconds(self.hold_since),
            holds.seconds(self.hold_until),
        )

    @property
    def longest(self) -> int:
        """Seconds for which rows are kept."""
        return int(self.terms.longest)

    def within(self, means: Means) -> "Addresses":
        kept = self if means.store else msgspec.structs.replace(self, mode="off", hold_since=None, hold_until=None)
        if means.live:
            return kept
        counts = "off" if self.other_logs == "off" else "report"
        return msgspec.structs.replace(kept, other_logs=counts, fail2ban=False)

    def section(self, telling: Telling) -> Section:
        return addresses_page.told(self, telling)

    def keeper(self, services: Services) -> Keeper | None:
        mode = services.site.mode
        journal = services.journal if self.mode != "off" and mode == "on" else None
        looks = self.other_logs != "off" and mode != "off"
        watch = Watch(mask=self.other_logs == "mask", count=services.count) if looks else None
        page = EvidencePage(services, self.terms, self.hold_reason) if self.evidence else None
        if journal or watch or self.fail2ban:
            return _Keeper(self, services, journal, watch, page)
        return _Shown(page) if page is not None else None


class _Shown(Keeper):
    """Where nothing is done in a request: the page alone."""

    name = "addresses"

    def __init__(self, page: EvidencePage) -> None:
        self.pages = page.pages


class _Keeper(Keeper):
    name = "addresses"

    def __init__(
        self,
        promise: Addresses,
        services: Services,
        journal: Journal | None,
        watch: Watch | None,
        page: EvidencePage | None,
    ) -> None:
        self.pages = page.pages if page is not None else {}
        self._put = None if journal is None else journal.put
        self._cut = _CUTS.get(promise.mode)
        self._watch = watch if services.site.mode == "on" else None
        self._held = watch  # it counts as long as somebody holds it
        self._check_next = 0
        self._skip = promise.skip
        self._below = tuple(each.rstrip("/") + "/" for each in promise.skip)
        self._sites = services.site.sites
        self._refusals = auth.KINDS if promise.fail2ban else {}
        wanted = {
            "host": promise.fail2ban or (journal is not None and bool(self._sites)),
            "user-agent": promise.browser and journal is not None,
        }
        self.reads = tuple(name for name, asked in wanted.items() if asked)
        if promise.fail2ban:
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
        route, packed, headers = exchange.route or None, exchange.origin.packed, exchange.headers
        if self._put is not None:
            kept = packed if self._cut is None or packed is None else self._cut(packed)
            self._put(
                (
                    time.time_ns() // 1_000_000,
                    kept,
                    exchange.method,
                    route,
                    exchange.status,
                    duration,
                    "" if route is not None else (exchange.root + path)[:_LONGEST],
                    headers["user-agent"][:_LONGEST] if "user-agent" in headers else "",
                    headers["host"][:_LONGEST] if "host" in headers else "",
                )
            )
        if exchange.status in self._refusals and packed is not None:
            if route is None:
                route = generalised(exchange.root + path)
            site = site_of(exchange.headers.get("host", ""), self._sites)
            auth.tell(exchange.status, route, site, packed)


_LONGEST = 512
"""Characters of what a visitor sends: a full queue of longer ones would fill the memory."""
_CHECKS = 1_000_000_000
"""Nanoseconds between two looks at the factory of log records."""

_CUTS: Final[dict[str, Callable[[bytes], bytes | None]]] = {"network": network, "none": lambda packed: None}
"""What is done to an address before it enters the queue, where not the whole is wanted."""
