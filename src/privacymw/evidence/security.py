"""Evidence on the file that names whom to tell of a weak spot."""

import datetime
from typing import Final

from privacymw.evidence.claim import Sentence
from privacymw.evidence.probe import Probe
from privacymw.evidence.verdict import Seen, broken, held

_PATH: Final = "/.well-known/security.txt"


def file(probe: Probe, sentence: Sentence) -> Seen:
    """Until its day the file names the contacts and the day; from then on there is none (RFC 9116 2.5.5)."""
    answer = probe.ask(_PATH)
    day = str(sentence.values.get("date"))
    there = answer.status == 200 and answer.header("content-type").startswith("text/plain")
    if datetime.datetime.now(datetime.UTC).date().isoformat() >= day:
        return broken("security-file", _PATH, "it is there after its day") if there else held("it is withdrawn")
    fields = [line.partition(": ")[::2] for line in answer.body.decode(errors="replace").splitlines()] if there else []
    contacts = [str(each) for each in probe.claim.values("security.contact").get("contacts", ())]
    if [value for name, value in fields if name == "Contact"] != contacts:
        return broken("security-file", _PATH, f"it answers {answer.status}, and does not name whom the page names")
    if not any(name == "Expires" and value.startswith(day) for name, value in fields):
        return broken("security-file", _PATH, "it names another day than the page")
    return held(f"it names {len(contacts)} contacts and the day {day}")
