"""Do Not Track and Global Privacy Control: a stance that is said and kept."""

import datetime
import json
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec

from privacymw.core import Exchange, Keeper
from privacymw.decider import DNT, FOLLOWING, Decider
from privacymw.headers import Pairs, opts_out
from privacymw.kinds import setting
from privacymw.promise import Promise, Section, Sentence, Services, Table, Telling
from privacymw.wellknown import well_known
from privacymw.words import N_, Words

# Tracking Preference Expression 6.5.1: what hangs on a visitor stays out of shared caches.
_OWN: Final[Pairs] = [("cache-control", "no-store"), ("vary", "DNT, Cookie")]


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
        Literal["silent", "disclose", "honour"],
        setting(
            "Do Not Track: silent does not answer it; disclose says so at /.well-known/dnt/ too; honour takes it as a "
            "no to statistics, advertising and the like.",
            "word",
        ),
    ] = "silent"
    gpc: Annotated[
        bool | datetime.date,
        setting("Say that Global Privacy Control is honoured, since when: a date, or on.", "switch or date"),
    ] = False

    def section(self, telling: Telling) -> Section:
        sentences = self._do_not_track()
        if self.gpc:
            sentences.append(
                Sentence(
                    "signals.gpc",
                    "If your browser sends Global Privacy Control, this site takes it as an opt-out of the sale and "
                    "sharing of your data. You need not do anything else. A choice that you make here yourself goes "
                    "before the signal.",
                )
            )
            sentences.append(_DIFFERENCE)
        return Section(
            "signals", self.title, tuple(sentences), (_followed(telling.words),) if self.dnt == "honour" else ()
        )

    def _do_not_track(self) -> list[Sentence]:
        if self.dnt == "honour":
            text = N_(
                "Some browsers send “Do Not Track”. If yours does, and you have not answered here, we take it as a no "
                "to what the table names. What you choose here goes first."
            )
            where = N_("We tell your browser what holds for you, at the address /.well-known/dnt/.")
            return [Sentence("signals.dnt", text, facts={"stance": self.dnt}), Sentence("signals.dnt_status", where)]
        text = N_("This site does not respond to “Do Not Track” signals: it behaves alike with and without one.")
        sentences = [Sentence("signals.dnt", text, facts={"stance": self.dnt})]
        if self.dnt == "disclose":
            text = N_("It says so to browsers as well, at the address /.well-known/dnt/.")
            sentences.append(Sentence("signals.disclose", text))
        return sentences

    def keeper(self, services: Services) -> Keeper:
        return _Keeper(self, services)


def _followed(words: Words) -> Table:
    _ = words.text
    rows = tuple((words.label(each),) for each in sorted(FOLLOWING))
    return Table(_("What “Do Not Track” says no to here"), (_("Category"),), rows)


_DIFFERENCE: Final = Sentence(
    "signals.difference",
    "We treat the two signals apart, for the law of some states gives weight to Global Privacy Control, while work on "
    "“Do Not Track” has ended.",
)


class _Keeper(Keeper):
    name = "signals"
    reads: tuple[str, ...] = ("sec-gpc",)

    def __init__(self, promise: Signals, services: Services) -> None:
        self.offers = {"signals": self._signals}
        self.fallbacks = {}
        if promise.gpc:
            since = promise.gpc if isinstance(promise.gpc, datetime.date) else services.today()
            document = json.dumps({"gpc": True, "lastUpdate": since.isoformat()}).encode()
            self.fallbacks["/.well-known/gpc.json"] = well_known("application/json", lambda exchange: document)
        policy = f"{services.site.prefix}/notice#signals"
        if promise.dnt == "disclose":
            # Tracking Preference Expression 6.5: one static object; `D` since the page says when.
            status = json.dumps({"tracking": "D", "policy": policy}).encode()
            self.fallbacks["/.well-known/dnt/"] = well_known(_STATUS, lambda exchange: status)
        elif promise.dnt == "honour" and services.decider is not None:
            self.reads = ("sec-gpc", *services.decider.reads)
            told = _Status(services.decider, policy, f"{services.site.prefix}/choices")
            self.fallbacks["/.well-known/dnt/"] = well_known(_STATUS, told.document, _OWN)

    def _signals(self, exchange: Exchange) -> SignalsSent:
        exchange.varies.append("Sec-GPC")
        return SignalsSent(gpc=opts_out(exchange.headers.get("sec-gpc", "")))


_STATUS: Final = "application/tracking-status+json"


class _Status:
    """The tracking status of one visitor (Tracking Preference Expression 6.2).

    `N` where nothing that follows a visitor is allowed, `C` where the visitor's own yes goes before the
    signal, else `T`. No answer of the site's has to carry `Tk`: that is the duty of a status `?` alone.
    """

    def __init__(self, decider: Decider, policy: str, config: str) -> None:
        self._decider = decider
        self._where = {"policy": policy, "config": config}
        self._names = [name for name in decider.questions.categories if name in FOLLOWING]

    def document(self, exchange: Exchange) -> bytes:
        """The status object."""
        allowed = any(self._decider.allows(exchange, name) for name in self._names)
        tracking = "N" if not allowed else "C" if DNT in self._decider.signals(exchange) else "T"
        status: dict[str, Any] = {"tracking": tracking, **self._where}
        return json.dumps(status).encode()
