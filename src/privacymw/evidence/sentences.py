"""Which evidence belongs to which sentence: the one table, by the names on the page."""

from collections.abc import Callable, Mapping
from typing import Final

from privacymw.evidence import (
    addresses,
    choices,
    confidential,
    cookies,
    headers,
    outbound,
    public,
    retention,
    security,
    signals,
)  # fmt: skip
from privacymw.evidence.claim import Sentence
from privacymw.evidence.probe import Probe
from privacymw.evidence.verdict import Seen, Verdict, unseen

Evidence = Callable[[Probe, Sentence], Seen]

EVIDENCE: Final[Mapping[str, Evidence]] = {
    "confidential.marked": confidential.marked,
    "confidential.store": confidential.store,
    "confidential.log": confidential.log,
    "confidential.referrer": confidential.referrers,
    "choices.none": choices.nothing,
    "choices.cookie": choices.cookie,
    "choices.page": choices.page,
    "choices.holds": choices.holds,
    "choices.reach": choices.reach,
    "choices.host": choices.host,
    "choices.{category}": choices.before,
    "choices.country": choices.country,
    "choices.again": choices.again,
    "choices.bar": choices.bar,
    "choices.record": choices.record,
    "choices.receipt": choices.receipt,
    "cookies.table": cookies.table,
    "cookies.report": cookies.report,
    "cookies.{category}": cookies.category,
    "addresses.none": addresses.nothing,
    "addresses.what": addresses.what,
    "addresses.sealed": addresses.sealed,
    "addresses.browser": addresses.browser,
    "addresses.country": addresses.country,
    "addresses.site": addresses.site,
    "addresses.path": addresses.path,
    "addresses.skip": addresses.skip,
    "addresses.size": addresses.size,
    "addresses.keys": addresses.keys,
    "addresses.masked": addresses.masked,
    "addresses.counted": addresses.counted,
    "outbound.mode": outbound.mode,
    "outbound.interstitial": outbound.of_paths,
    "outbound.annotate": outbound.of_paths,
    "outbound.off": outbound.of_paths,
    "outbound.exempt": outbound.exempt,
    "outbound.blocked": outbound.blocked,
    "outbound.redirects": outbound.redirects,
    "mail.links": outbound.mail,
    "mail.personal": outbound.personal,
    "outbound.scope": outbound.scope,
    "outbound.script": outbound.script,
    "outbound.remember": outbound.remember,
    "outbound.trusted": outbound.trusted,
    "transport.redirect": headers.redirect,
    "transport.exempt": headers.exempt,
    "headers.hsts": headers.hsts,
    "headers.referrer": headers.referrers,
    "headers.nosniff": headers.nosniff,
    "headers.strict": headers.strict,
    "signals.dnt": signals.dnt,
    "signals.dnt_status": signals.status,
    "signals.disclose": signals.disclose,
    "signals.gpc": signals.gpc,
    "signals.difference": signals.difference,
    "security.file": security.file,
    # Each of these sets the other process's clock forward: the shortest first.
    "addresses.retention": retention.addresses,
    "addresses.network": retention.network,
    "addresses.evidence": public.page,  # which keys are gone then
    "choices.record_time": choices.record_time,
    "addresses.hold": retention.hold,
}

STATED: Final[frozenset[str]] = frozenset(("cookies.table",))
"""Sentences that are looked at although a person states them: what they say can be seen."""


def judged(probe: Probe, sentence: Sentence) -> Verdict:
    """What was seen of one sentence. A fault of ours is told as such: it says nothing of the site."""
    look = EVIDENCE.get(sentence.matter)
    if not sentence.kept and sentence.name not in STATED:
        seen = unseen("a person states it")
    elif look is None:
        seen = unseen("no evidence is known for it")
    else:
        try:
            seen = look(probe, sentence)
        except Exception as error:
            seen = unseen(f"looking at it failed: {type(error).__name__}: {error}")
    return Verdict(sentence.name, sentence.text, sentence.kept, seen)


def in_order(sentences: tuple[Sentence, ...]) -> list[Sentence]:
    """The order in which they are looked at: the table's, since some set a clock forward."""
    places = {name: number for number, name in enumerate(EVIDENCE)}
    return sorted(sentences, key=lambda each: places.get(each.matter, -1))
