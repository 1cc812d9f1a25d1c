"""The page of evidence: what the log holds today and what has gone, as the store and its keys say themselves.

It shows no row, no address and no number of requests, which may be a secret of the site's business.
"""

import datetime
import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from privacymw.core import Exchange, Job, Reply, not_allowed
from privacymw.page import NO_INDEX, NO_STORE
from privacymw.promise import Services
from privacymw.store import DAY, Terms
from privacymw.store.base import Tombstone
from privacymw.store.chain import Head
from privacymw.words import N_, Words

if TYPE_CHECKING:
    from privacymw.store.account import Account

_UNKNOWN: Final = N_("not known: it cannot be read now")
_NONE: Final = N_("there is none")
_LANES: Final = {"address": N_("Whole address"), "network": N_("Network of the address")}
_LOST: Final = {
    "dropped": N_("Not stored, as too many came at once"),
    "failed": N_("Not stored, as the log could not be written"),
    "unsealed": N_("Stored without an address, for want of a key"),
    "trimmed": N_("Went early, as the log was full"),
}
_GONE: Final = {True: N_("being removed"), False: N_("gone"), None: _UNKNOWN}


class EvidencePage:
    """Answers `/privacy/evidence` and `/privacy/evidence.json`; may read for two seconds, so it is a job.

    Args:
        terms: how long what can be read; in mode off nothing is logged, but an earlier log may still be there.
        reason: why there is a hold, in the operator's words.
    """

    def __init__(self, services: Services, terms: Terms, reason: str) -> None:
        self._pages, self._witness = services.pages, services.witness
        self._terms, self._reason, self._clock = terms, reason, services.clock
        self._logged, self._live = terms.mode != "off", services.site.mode == "on"
        self.pages = {"evidence": self._answering(self._html), "evidence.json": self._answering(self._json)}

    def _answering(self, reply: Callable[[Exchange], Reply]) -> Callable[[Exchange, str], Reply | Job | None]:
        def page(exchange: Exchange, rest: str) -> Reply | Job | None:
            if rest:
                return None
            if exchange.method not in ("GET", "HEAD"):
                return not_allowed("GET, HEAD")
            return Job(lambda body: reply(exchange), 0)

        return page

    def _account(self) -> "Account | None":
        return self._witness.account() if self._witness is not None else None

    def _holds(self) -> list[tuple[float, float]]:
        """The holds in force: from what was logged when, and until when (Unix seconds)."""
        terms = self._terms
        return [(terms.hold_since, terms.hold_until)] if terms.holds(int(self._clock() * 1000)) else []

    def _told_reason(self, words: Words) -> str:
        return self._reason or words.text(N_("A court or an authority asks us to do so."))

    def _json(self, exchange: Exchange) -> Reply:
        terms = self._terms
        held = [dict(zip(("since", "until"), map(stamp, each), strict=True)) for each in self._holds()]
        document = {"logged": self._logged, "settings": terms._asdict(), "holds": held, **told(self._account())}
        body = json.dumps(document, indent=1).encode() + b"\n"
        headers = (("content-type", "application/json; charset=utf-8"), NO_STORE, NO_INDEX)
        return self._pages.under_headers(Reply(200, headers, body))

    def _html(self, exchange: Exchange) -> Reply:
        account, words = self._account(), self._pages.words(exchange)
        days = self._terms.epoch == DAY
        context = {
            "page": "evidence",
            "logged": self._logged,
            "log": account is not None,
            "chain": self._live and account is not None and account.chain is not None,
            "at": moment(account.at) if account else "",
            "facts": list(_facts(account, words, days=days)) if account else [],
            "lost": list(_lost(account, words)) if account else [],
            "ended": _ended(account, words, days=days),
            "settings": list(_settings(self._terms, words)),
            "holds": [(self._told_reason(words), *map(moment, each)) for each in self._holds()],
        }
        return self._pages.reply("evidence.html", exchange, context, NO_STORE, NO_INDEX)


def moment(at: float) -> str:
    """A time in UTC to the second."""
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def stamp(at: float) -> str:
    """A time as programs read it (RFC 3339)."""
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def told(account: "Account | None") -> Mapping[str, Any]:
    """The account for programs: null is unknown; `log` false: there is none."""
    if account is None:
        return {"log": False}
    rows, keys, writers = account.rows, account.keys, account.writers
    return {
        "log": True,
        "at": stamp(account.at),
        "rows": rows and {"oldest": _optional(rows.oldest), "overdue_epochs": rows.overdue},
        "keys": keys and {lane: _lane(each) for lane, each in keys.lanes.items()},
        "keys_lost": account.lost_keys,
        "chain": chain_told(account.chain),
        "destroyed": keys and [_grave(account, each) for each in keys.ended],
        "writers": writers
        and {"alive": writers.alive, "silent": writers.silent, "swept": writers.swept and stamp(writers.swept)},
        "rows_lost": writers and dict(writers.lost),
    }


def chain_told(head: Head | None) -> Mapping[str, Any] | None:
    """The head of the chain for programs."""
    return head and {"entries": head.entries, "head": head.digest, "at": stamp(head.at)}


def _optional(ms: int | None) -> str | None:
    return "none" if ms is None else stamp(ms / 1000)


def _lane(lane: Any) -> Mapping[str, Any]:
    return {"live": lane.live, "next_end": _optional(lane.next_end), "overdue": lane.overdue}


def _grave(account: "Account", grave: Tombstone) -> Mapping[str, Any]:
    there = account.has_tokens(grave.lane, grave.start)
    return {
        "lane": grave.lane,
        "epoch": stamp(grave.start / 1000),
        "due": stamp(grave.deadline / 1000),
        "destroyed": stamp(grave.destroyed / 1000),
        "sealed": None if there is None else "there" if there else "gone",
    }


def _epoch(start: int, words: Words, *, days: bool) -> str:
    """An epoch as its day, where it is one."""
    at = start / 1000
    return words.date(datetime.datetime.fromtimestamp(at, datetime.UTC).date()) if days else moment(at)


def _facts(account: "Account", words: Words, *, days: bool) -> Iterator[tuple[str, str]]:
    """What is so now: label and value."""
    unknown = words.text(_UNKNOWN)
    nothing = words.text(_NONE)
    rows, writers = account.rows, account.writers
    oldest = unknown if rows is None else nothing if rows.oldest is None else _epoch(rows.oldest, words, days=days)
    yield words.text(N_("Day of the oldest entry") if days else N_("Oldest entry, from")), oldest
    overdue = _UNKNOWN if rows is None else N_("yes, they are being removed") if rows.overdue else N_("no")
    yield words.text(N_("Entries past their time are still here")), words.text(overdue)
    for lane, label in _LANES.items():
        yield from _keys(words.text(label), account, lane, words)
    lost = account.lost_keys
    yield words.text(N_("Keys lost without having been destroyed")), unknown if lost is None else str(lost)
    alive = unknown if writers is None else str(writers.alive)
    yield words.text(N_("Processes on this machine that look after the log")), alive
    swept = writers and writers.swept
    yield words.text(N_("Last look for what has to go")), moment(swept) if swept else unknown


def _lost(account: "Account", words: Words) -> Iterator[tuple[str, str]]:
    for name, label in _LOST.items():
        count = account.writers and account.writers.lost[name]
        yield words.text(label), words.text(_UNKNOWN) if count is None else str(count)


def _keys(label: str, account: "Account", lane: str, words: Words) -> Iterator[tuple[str, str]]:
    seen = account.keys and account.keys.lanes[lane]
    unknown = words.text(_UNKNOWN)
    yield words.said(N_("{what}: keys that can open it"), what=label), str(seen.live) if seen else unknown
    end = unknown if not seen else moment(seen.next_end / 1000) if seen.next_end else words.text(_NONE)
    yield words.said(N_("{what}: the next key ends at"), what=label), end
    yield words.said(N_("{what}: keys past their time"), what=label), str(seen.overdue) if seen else unknown


def _ended(account: "Account | None", words: Words, *, days: bool) -> list[tuple[str, ...]] | None:
    """The last keys that were destroyed: what, of when, when it was due, when it was done, what it sealed."""
    if account is None or account.keys is None:
        return None
    return [
        (
            _epoch(grave.start, words, days=days),
            words.text(_LANES[grave.lane]),
            moment(grave.deadline / 1000),
            moment(grave.destroyed / 1000),
            words.text(_GONE[account.has_tokens(grave.lane, grave.start)]),
        )
        for grave in account.keys.ended
    ]


def _settings(terms: Terms, words: Words) -> Iterator[tuple[str, str]]:
    network = terms.retention if terms.network_retention is None else terms.network_retention
    if terms.mode == "whole":
        yield words.text(N_("A whole address can be read for at most")), words.duration(int(terms.retention))
    if terms.mode in ("whole", "network"):
        yield words.text(N_("The network of an address can be read for at most")), words.duration(int(network))
        yield words.text(N_("One key is for the entries of")), words.duration(int(terms.epoch))
    else:
        yield words.text(N_("An entry is kept for at most")), words.duration(int(terms.longest))
