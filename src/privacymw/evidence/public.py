"""Evidence on the page that shows visitors what the log holds today."""

import json

from privacymw.evidence.claim import Sentence
from privacymw.evidence.driver import Asked
from privacymw.evidence.probe import Elsewhere, Probe, until
from privacymw.evidence.verdict import Seen, broken, held


def page(probe: Probe, sentence: Sentence) -> Seen:
    """It is there, names nobody, and tells of keys that are gone; whether its numbers are right was not counted."""
    who, where = probe.newcomer(), probe.ours("evidence")
    probe.ask("/", peer=who)
    answer = probe.ask(where, peer=who)
    if answer.status != 200 or not answer.is_html:
        return broken("log-differs", where, f"it answers {answer.status}, and shows nothing")
    if who.encode() in answer.body or b"203.0.113.1" in answer.body:
        return broken("log-clear", where, "it shows the address of a visitor")
    there = probe.elsewhere
    if there and [*there.scratch.keys.glob("*.gone")] and not until(lambda: _gone(probe, there)):
        return broken("log-differs", where, "keys are gone, and it does not say so")
    return held("the page is there and names nobody; its numbers were not counted", weak=True)


def _gone(probe: Probe, there: Elsewhere) -> bool:
    """Whether the page of the other process names keys that are gone."""
    try:
        told = json.loads(there.ask(Asked(probe.ours("evidence.json"), host=probe.host)).body)
    except ValueError:
        return False
    return bool(told.get("destroyed"))
