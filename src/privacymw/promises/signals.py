"""Do Not Track and Global Privacy Control: a stance that is said and kept."""

import datetime
import json
from collections.abc import Callable
from typing import Annotated, ClassVar, Literal

import msgspec

from privacymw.core import Exchange, Keeper, Reply
from privacymw.headers import Pair, opts_out
from privacymw.kinds import setting
from privacymw.promise import Promise, Section, Sentence, Services, Telling

_DAY: Pair = ("cache-control", "public, max-age=86400")


class SignalsSent(msgspec.Struct, frozen=True):
    """What the browser said of itself.

    Attributes:
        gpc: `Sec-GPC: 1` came, an opt-out of sale and sharing (Global Privacy Control).
    """

    gpc: bool


class Signals(Promise, frozen=True, kw_only=True):
    """The stance on two browser signals."""

    group: ClassVar[str] = "signals"
    title: ClassVar[str] = "Browser signals"

    dnt: Annotated[
        Literal["silent", "disclose"],
        setting("Do Not Track: silent does not answer it; disclose says so at /.well-known/dnt/ too.", "word"),
    ] = "silent"
    gpc: Annotated[
        bool | datetime.date,
        setting("Say that Global Privacy Control is honoured, since when: a date, or on.", "switch or date"),
    ] = False

    def section(self, telling: Telling) -> Section:
        sentences = [
            Sentence(
                "signals.dnt",
                "This site does not respond to “Do Not Track” signals: it behaves alike with and without one.",
            )
        ]
        if self.dnt == "disclose":
            sentences.append(
                Sentence("signals.disclose", "It says so to browsers as well, at the address /.well-known/dnt/.")
            )
        if self.gpc:
            sentences.append(
                Sentence(
                    "signals.gpc",
                    "If your browser sends Global Privacy Control, this site takes it as an opt-out of the sale and "
                    "sharing of your data. You need not do anything else. A choice that you make here yourself goes "
                    "before the signal.",
                )
            )
        return Section("signals", self.title, tuple(sentences))

    def keeper(self, services: Services) -> Keeper:
        return _Keeper(self, services)


class _Keeper(Keeper):
    name = "signals"
    reads = ("sec-gpc",)

    def __init__(self, promise: Signals, services: Services) -> None:
        self.offers = {"signals": self._signals}
        self.fallbacks = {}
        if promise.gpc:
            since = promise.gpc if isinstance(promise.gpc, datetime.date) else services.today()
            document = json.dumps({"gpc": True, "lastUpdate": since.isoformat()}).encode()
            self.fallbacks["/.well-known/gpc.json"] = _well_known("application/json", document)
        if promise.dnt == "disclose":
            # Tracking Preference Expression 6.5: one static object; `D` since the page says when.
            status = {"tracking": "D", "policy": f"{services.site.prefix}/notice#signals"}
            document = json.dumps(status).encode()
            self.fallbacks["/.well-known/dnt/"] = _well_known("application/tracking-status+json", document)

    def _signals(self, exchange: Exchange) -> SignalsSent:
        exchange.varies.append("Sec-GPC")
        return SignalsSent(gpc=opts_out(exchange.headers.get("sec-gpc", "")))


def _well_known(kind: str, document: bytes) -> Callable[[Exchange], Reply | None]:
    reply = Reply(200, (("content-type", kind), _DAY), document)

    def page(exchange: Exchange) -> Reply | None:
        # RFC 8615 3: well-known addresses stand at the root of an origin, not under a mount.
        return None if exchange.root else reply

    return page
