"""What the site does and its page keeps silent about, and where the page for people differs from that for programs."""

import html
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from privacymw.evidence.choices import NAME, saved
from privacymw.evidence.confidential import is_marked
from privacymw.evidence.outbound import leaving
from privacymw.evidence.probe import Probe, until
from privacymw.evidence.verdict import Finding

_WITH: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "confidential.marked": (("confidential.store",), ("confidential.log",), ("confidential.referrer",)),
    "choices.cookie": (("choices.page",), ("choices.holds",), ("choices.reach",)),
    "choices.record_time": (("choices.receipt",), ("choices.record",)),
    "choices.receipt": (("choices.record_time",),),
    "addresses.what": (("addresses.sealed",), ("addresses.retention",), ("addresses.others",)),
    "addresses.hold": (("addresses.hold_reason",),),
    "outbound.mode": (("outbound.scope", "outbound.exempt"),),
    "outbound.scope": (("outbound.remember",),),
    "signals.gpc": (("signals.difference",),),
}
"""What says too little alone: each needs one of each row beside it. A page in an operator's words keeps the names."""


def untold(probe: Probe) -> Iterator[Finding]:
    """Sentences that are missing beside others, and what is done without one."""
    where = probe.ours("notice")
    if not probe.claim.sentences:
        return
    for name, needed in _WITH.items():
        for any_of in needed if name in probe.claim else ():
            if not any(each in probe.claim for each in any_of):
                yield Finding("sentence-untold", where, f"it says {name}, and nothing of {' or '.join(any_of)}")
    for name, does in _DONE.items():
        if name not in probe.claim and (seen := does(probe)):
            yield Finding("sentence-untold", where, f"{seen}, and {name} is not on the page")


def _logs(probe: Probe) -> str:
    """The walk is in a log by now, if there is one."""
    scratch = probe.scratch
    if scratch is None or not probe.visited or "addresses.none" in probe.claim:  # which is looked at itself
        return ""
    rows = until(lambda: scratch.rows("203.0.113.1") or scratch.nameless(), 1.5)
    return f"the log has {len(rows)} lines" if rows else ""


def _keeps_choices(probe: Probe) -> str:
    return f"a choice sets {NAME}" if NAME + "=" in saved(probe) else ""


def _seals(probe: Probe) -> str:
    """Pages with patient information have such links in each mode; so have paths and hosts that are named."""
    told = "outbound.interstitial" in probe.claim or "outbound.blocked" in probe.claim
    links = [] if told else [path for each, path in leaving(probe) if not is_marked(probe, each.path)]
    return f"{len(links)} links go through a page before" if links else ""


_DONE: Final[Mapping[str, Callable[[Probe], str]]] = {
    "addresses.what": _logs,
    "choices.cookie": _keeps_choices,
    "outbound.mode": _seals,
}


def differs(probe: Probe) -> Iterator[Finding]:
    """Each sentence that programs read stands on the page for people too."""
    where = probe.ours("notice")
    answer = probe.ask(where)
    if not probe.claim.sentences or answer.status != 200:
        return
    text = _MARKUP.sub(" ", answer.body.decode(errors="replace"))
    page = _words(html.unescape(text))
    missing = [each.name for each in probe.claim.sentences if _words(each.text) not in page]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        yield Finding("page-differs", where, f"people do not read {missing[0]}{more}", "broken")


_MARKUP: Final = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.IGNORECASE | re.DOTALL)


def _words(text: str) -> str:
    return re.sub(r"\W+", "", text).lower()
