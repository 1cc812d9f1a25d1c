"""Evidence on the page that shows visitors what the log holds today."""

from privacymw.evidence.claim import Sentence
from privacymw.evidence.probe import Probe
from privacymw.evidence.verdict import Seen, broken, held


def page(probe: Probe, sentence: Sentence) -> Seen:
    """It is there, and names nobody; whether its numbers are right was not counted."""
    who, where = probe.newcomer(), probe.ours("evidence")
    probe.ask("/", peer=who)
    answer = probe.ask(where, peer=who)
    if answer.status != 200 or not answer.is_html:
        return broken("log-differs", where, f"it answers {answer.status}, and shows nothing")
    if who.encode() in answer.body or b"203.0.113.1" in answer.body:
        return broken("log-clear", where, "it shows the address of a visitor")
    return held("the page is there and names nobody; its numbers were not counted", weak=True)
