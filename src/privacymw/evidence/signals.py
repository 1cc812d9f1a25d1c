"""Evidence on Do Not Track and Global Privacy Control."""

import json
import re
from typing import Final

from privacymw.evidence.claim import Sentence
from privacymw.evidence.crawl import Visited
from privacymw.evidence.driver import Answer
from privacymw.evidence.probe import Probe
from privacymw.evidence.verdict import Seen, broken, held, judged, unseen

_DNT: Final = ("dnt", "1")
_GPC: Final = ("sec-gpc", "1")
_STATUS: Final = "/.well-known/dnt/"
_CHANGING: Final = frozenset(("date", "set-cookie", "age", "x-request-id"))


def _alike(first: Answer, second: Answer) -> bool:
    same = [[pair for pair in each.headers if pair[0] not in _CHANGING] for each in (first, second)]
    return first.status == second.status and same[0] == same[1] and first.body == second.body


def dnt(probe: Probe, sentence: Sentence) -> Seen:
    """Alike with and without the signal, or the status that a stance of honouring gives."""
    if sentence.values.get("stance") == "honour":
        return status(probe, sentence)
    steady: list[Visited] = []
    faults = []
    own = [Visited(where, "", probe.ask(where)) for where in map(probe.ours, ("notice", "choices"))]
    for each in [*[*probe.pages][:20], *own]:
        first, second = (probe.ask(each.path, each.query) for _ in range(2))
        if not _alike(first, second):
            continue  # it changes by itself, as with the token of a form
        steady.append(each)
        if not _alike(first, probe.ask(each.path, each.query, _DNT)):
            faults.append((each.url, "it answers otherwise to a browser that sends DNT"))
    if not steady:
        return unseen("no page was met that answers alike twice")
    return judged(faults, "signal-ignored", f"{len(steady)} pages are the same to the byte with DNT: 1")


def _json(answer: Answer) -> dict[str, object]:
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    return found if answer.status == 200 and isinstance(found, dict) else {}


def status(probe: Probe, sentence: Sentence) -> Seen:
    """A visitor's own status; with DNT and no choice, nothing follows (Tracking Preference Expression 6.2)."""
    answer = probe.ask(_STATUS, "", _DNT)
    tracking = _json(answer).get("tracking")
    if "no-store" not in answer.header("cache-control"):
        return broken("signal-ignored", _STATUS, "a visitor's own status may be kept by a cache")
    if tracking != "N":
        return broken("signal-ignored", _STATUS, f"with DNT: 1 and no choice the status is {tracking or 'missing'}")
    return held("with DNT: 1 and no choice the status is N")


def disclose(probe: Probe, sentence: Sentence) -> Seen:
    """`D` for everybody: the site says that it does not answer the signal."""
    tracking = _json(probe.ask(_STATUS)).get("tracking")
    if tracking != "D":
        return broken("signal-ignored", _STATUS, f"the status is {tracking or 'missing'}")
    return held("the status at /.well-known/dnt/ is D")


def gpc(probe: Probe, sentence: Sentence) -> Seen:
    """The well-known file, a no to each category about sale and sharing, and the visitor's own yes before it."""
    if _json(probe.ask("/.well-known/gpc.json")).get("gpc") is not True:
        return broken("signal-ignored", "/.well-known/gpc.json", "it does not say that GPC is honoured")
    page = probe.ask(probe.ours("choices"), "", _GPC)
    plain = probe.ask(probe.ours("choices"))
    if page.body == plain.body:
        return broken("signal-ignored", probe.ours("choices"), "it says nothing to a browser that sends GPC")
    allowed = re.findall(rb'name="c\.(?:sale|sharing|advertising)" value="1" checked', page.body)
    if allowed:
        return broken("signal-ignored", probe.ours("choices"), "with Sec-GPC: 1 sale or sharing counts as yes")
    return held("gpc.json says so, and with Sec-GPC: 1 and no choice the answer is no")


def difference(probe: Probe, sentence: Sentence) -> Seen:
    """The two signals are not taken for one another."""
    body = probe.ask(probe.ours("choices"), "", _DNT).body
    if body == probe.ask(probe.ours("choices"), "", _GPC).body:
        return broken("signal-ignored", probe.ours("choices"), "DNT and GPC are answered alike")
    return held("the page of choices answers the two otherwise", weak=True)
