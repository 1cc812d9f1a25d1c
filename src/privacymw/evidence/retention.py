"""Evidence on what ends: the clock of another process with the same app is set forward by what the page promises."""

import datetime
from pathlib import Path
from typing import Final

from privacymw.address import network_text, pack
from privacymw.evidence.claim import Sentence
from privacymw.evidence.driver import Asked
from privacymw.evidence.probe import Elsewhere, Probe, until
from privacymw.evidence.verdict import Seen, broken, held, unseen
from privacymw.store import open_log
from privacymw.store.reader import Entry

SECRET: Final = 64
"""Bytes of a key at the end of its file."""
_LATE: Final = 5.0
"""Seconds that a key may outlive its deadline: a turn of the writer, and a slow disk."""
_BUSY: Final = 45.0
"""Seconds until a visit has to be in the log: a store on a busy disk is late and breaks nothing by that."""
_ALONE: Final = "it needs the app in a process of its own: privacymw check MODULE:APP"


def secrets(folder: Path, lane: str = "") -> dict[str, bytes]:
    """The keys in a folder by the names of their files."""
    found = {}
    for path in sorted(folder.glob(f"{lane or '*'}-*.key")):
        try:
            found[path.name] = path.read_bytes()[-SECRET:]
        except FileNotFoundError:
            continue
    return found


def _began(name: str) -> float:
    """When the epoch of a key's file began, in seconds."""
    return int(name.removesuffix(".key").partition("-")[2]) / 1000


def addresses(probe: Probe, sentence: Sentence) -> Seen:
    """After the promised time no key that opened the address is in any file, and no line is left of the visit."""
    mode = sentence.values.get("mode")
    if mode == "none":
        return _without(probe, sentence)
    seen = _ends(probe, "network" if mode == "network" else "address", sentence)
    longer = int(probe.claim.values("addresses.network").get("seconds", 0))
    return _emptied(probe, seen, int(sentence.values.get("seconds", 0))) if not longer else seen


def network(probe: Probe, sentence: Sentence) -> Seen:
    """The same for the network of an address, with which the lines go."""
    return _emptied(probe, _ends(probe, "network", sentence), int(sentence.values.get("seconds", 0)))


def _visited(probe: Probe, there: Elsewhere) -> tuple[str, float]:
    """Who asked for the first page there, and when."""
    who, began = probe.newcomer(), there.now()
    there.ask(Asked("/", host=probe.host, peer=who))
    return who, began


def _used(there: Elsewhere, lane: str) -> dict[str, bytes]:
    """The next epoch's key is there already: it has opened nothing yet, and may live longer."""
    return {name: key for name, key in secrets(there.scratch.keys, lane).items() if _began(name) <= there.now()}


def _ends(probe: Probe, lane: str, sentence: Sentence) -> Seen:
    if sentence.values.get("held"):
        return unseen("a hold is in force, which goes before")
    there, seconds = probe.elsewhere, int(sentence.values.get("seconds", 0))
    if there is None:
        return unseen(_ALONE)
    who, began = _visited(probe, there)
    if not until(lambda: there.scratch.rows(who, there.now), _BUSY):
        return unseen("the log of the other process shows no visit")
    keys = _used(there, lane)
    if not keys:
        return unseen(f"no key of the {lane} was found")
    there.travel(max(began + seconds - there.now(), 0) + _LATE)
    until(lambda: not there.scratch.files_with(*keys.values()))
    return _left(there, lane, who, list(keys.values()), seconds)


def _left(there: Elsewhere, lane: str, who: str, keys: list[bytes], seconds: int) -> Seen:
    if found := there.scratch.files_with(*keys):
        text = f"{seconds} s after a visit the key of its {lane} is still in a file"
        return broken("retention-broken", ", ".join(found), text)
    if _readable(there, lane, who):
        return broken("retention-broken", "the log", f"{seconds} s after a visit its {lane} can still be read")
    return held(f"{seconds} s after a visit ({len(keys)} keys then) none of the keys is in any file")


def _readable(there: Elsewhere, lane: str, who: str) -> bool:
    if lane == "address":
        return any(row.address for row in there.scratch.rows(who, there.now))
    wanted = network_text(pack(who) or bytes(16))
    return any(wanted == row.network for row in _rows(there))


def _rows(there: Elsewhere) -> list[Entry]:
    log = open_log(there.scratch.data, url=f"sqlite:///{there.scratch.log}", keys=there.scratch.keys, clock=there.now)
    return list(log.rows())


def _lines(there: Elsewhere, until_ms: float) -> int:
    """How many lines of a time stand in the store's own tables, whatever its reader would show."""
    tables = [str(name) for (name,) in there.scratch.query("select distinct log from epoch")]
    counts = [there.scratch.query(f'select count(*) from "{each}" where at < {round(until_ms)}') for each in tables]  # noqa: S608 - names of the store's own
    return sum(int(rows[0][0]) for rows in counts if rows)


def _emptied(probe: Probe, seen: Seen, seconds: int) -> Seen:
    """With the last key the lines go: what was logged before the clock was set forward is not there any more."""
    there = probe.elsewhere
    if seen.state != "held" or there is None:
        return seen
    before = (there.now() - seconds) * 1000
    if until(lambda: _lines(there, before) == 0):
        return seen._replace(text=f"{seen.text}, and no line is left")
    text = f"{seconds} s after a visit {_lines(there, before)} lines of that time are still there"
    return broken("retention-broken", "the log", text)


def _without(probe: Probe, sentence: Sentence) -> Seen:
    """Where a line has neither address nor key, it goes itself."""
    there, seconds = probe.elsewhere, int(sentence.values.get("seconds", 0))
    if sentence.values.get("held"):
        return unseen("a hold is in force, which goes before")
    if there is None:
        return unseen(_ALONE)
    _visited(probe, there)
    if not until(lambda: _lines(there, (there.now() + 1) * 1000), _BUSY):
        return unseen("the log of the other process shows no visit")
    there.travel(seconds + _LATE)
    return _emptied(probe, held(f"{seconds} s after a visit its time is over"), seconds)


def hold(probe: Probe, sentence: Sentence) -> Seen:
    """While the hold lasts a key outlives its ordinary time; when it is over, the key goes."""
    there = probe.elsewhere
    if there is None:
        return unseen(_ALONE)
    ordinary = int(probe.claim.values("addresses.retention").get("seconds", 0))
    end = datetime.datetime.fromisoformat(f"{sentence.values.get('until')}T00:00:00+00:00").timestamp()
    who, began = _visited(probe, there)
    keys = _used(there, "address") if until(lambda: there.scratch.rows(who, there.now), _BUSY) else {}
    if not keys:
        return unseen("no key of a visit was found")
    if began + ordinary + _LATE < end:
        there.travel(began + ordinary + _LATE - there.now())
        until(lambda: not there.scratch.files_with(*keys.values()), 1.5)
        if not there.scratch.files_with(*keys.values()):
            return broken("retention-broken", "the keys", "a key is gone although a hold is to keep it")
    there.travel(max(end, began + ordinary) + _LATE - there.now())
    until(lambda: not there.scratch.files_with(*keys.values()))
    if found := there.scratch.files_with(*keys.values()):
        return broken("retention-broken", ", ".join(found), "the hold is over, and a key that it kept is still there")
    return held("a key outlives its time while the hold lasts, and is gone when it is over")
