"""Evidence on the log of addresses: what it holds, in which form, and for how long."""

from typing import Final

from privacymw.address import network, network_text, pack
from privacymw.evidence.claim import Sentence
from privacymw.evidence.driver import BROWSER
from privacymw.evidence.places import is_of
from privacymw.evidence.probe import Probe, Scratch, until
from privacymw.evidence.records import ServerLog
from privacymw.evidence.retention import secrets
from privacymw.evidence.verdict import Seen, broken, held, judged, unseen
from privacymw.store.reader import Entry

_WORD: Final = "pmw0canary0word"
"""What is asked for in a search; it may stand in no file."""
_NOWHERE: Final = "the data folder of this app is not known here"
_HERE: Final = "198.51.100.7"
"""Who asks while a server's line is written: servers put a port behind it."""


def nothing(probe: Probe, sentence: Sentence) -> Seen:
    """No log grows while the app is used, and the address is in no file."""
    if probe.scratch is None:
        return unseen(_NOWHERE)
    scratch, who, before = probe.scratch, probe.newcomer(), probe.scratch.settled()
    probe.ask("/", peer=who)
    if rows := until(lambda: scratch.rows(who) or scratch.nameless()[before:], 1.0):
        return broken("log-differs", "the log", f"{len(rows)} lines of a visit that should leave none")
    return _clear(scratch, who) or held("a visit leaves no line, and its address is in no file")


def what(probe: Probe, sentence: Sentence) -> Seen:
    """A visit gives one line with time, method, status and duration, and with as much of the address as is told."""
    scratch, who, mode = probe.scratch, probe.newcomer(), sentence.values.get("mode", "whole")
    if scratch is None:
        return unseen(_NOWHERE)
    before = scratch.settled() if mode == "none" else 0
    answer = probe.ask("/", f"q={_WORD}", peer=who)
    # Long, since a store on a busy disk is late and breaks nothing by that.
    rows = until(lambda: scratch.nameless()[before:] if mode == "none" else scratch.rows(who), 45.0)
    if not rows:
        return broken("log-differs", "the log", "a visit to / left no line in it")
    row, client = rows[0], who if mode == "whole" else None
    if (len(rows), row.address, row.method, row.status) != (1, client, "GET", answer.status):
        return broken("log-differs", "the log", f"one visit left {len(rows)} lines, the first says {row.status}")
    if (row.network is None) != (mode == "none"):
        return broken("log-differs", "the log", "a line says another part of the address than the page")
    if "?" in row.route or _WORD in row.route:
        return broken("log-clear", "the log", "a line holds the words of a search")
    part = {"whole": "the address", "network": "the network"}.get(str(mode), "neither address nor network")
    return held(f"a visit gives one line: {row.method} {row.route} {row.status}, with {part}")


def _line(probe: Probe, path: str = "/") -> Entry | None:
    """The line of a visit; None where none can be found."""
    scratch, who = probe.scratch, probe.newcomer()
    if scratch is None:
        return None
    nameless = probe.claim.values("addresses.what").get("mode") == "none"
    before = scratch.settled() if nameless else 0
    probe.ask(path, peer=who)
    rows = until(lambda: scratch.nameless()[before:] if nameless else scratch.rows(who), 3.0)
    return rows[0] if rows else None


_NO_LINE: Final = "no line of a visit can be found by its address"


def browser(probe: Probe, sentence: Sentence) -> Seen:
    """Names of browser, system and kind of device; the header itself is in no file."""
    row = _line(probe)
    if row is None or probe.scratch is None:
        return unseen(_NO_LINE)
    if not (row.browser and row.system and row.device):
        return broken("log-differs", "the log", f"a line says {row.browser}, {row.system}, {row.device}")
    if found := probe.scratch.files_with(dict(BROWSER)["user-agent"].encode()):
        return broken("log-clear", ", ".join(found), "the whole header of a browser is written down")
    return held(f"a line says {row.browser}, {row.system}, {row.device}; the whole header is in no file")


def country(probe: Probe, sentence: Sentence) -> Seen:
    """The files know no address of the documentation's networks."""
    row = _line(probe)
    if row is None:
        return unseen(_NO_LINE)
    if row.country:
        return broken("log-differs", "the log", f"a line says {row.country} of an address that is nobody's")
    return held("for an address of nowhere a line says no country", weak=True)


def site(probe: Probe, sentence: Sentence) -> Seen:
    """A line names the host that was asked."""
    row = _line(probe)
    if row is None:
        return unseen(_NO_LINE)
    if not row.site or (not is_of(probe.host, (row.site,)) and row.site != probe.host):
        return broken("log-differs", "the log", f"a line says {row.site or 'no site'}, asked was {probe.host}")
    return held(f"a line says {row.site}")


def path(probe: Probe, sentence: Sentence) -> Seen:
    """The path of what is no page is opened by a key, and is in no file in the clear."""
    word = "pmw0canary0path"
    row = _line(probe, f"/{word}/1234567")
    if row is None or probe.scratch is None:
        return unseen(_NO_LINE)
    if found := probe.scratch.files_with(f"{word}/1234567".encode()):
        return broken("log-clear", ", ".join(found), "a path of no known kind is in the clear")
    if row.path is None or word not in row.path:
        return unseen("the app knows a kind of page for each path that was tried")
    return held("a path of no known kind is opened by a key, and is in no file in the clear")


def sealed(probe: Probe, sentence: Sentence) -> Seen:
    """Neither the address nor the words of a search stand in any file, while the line is there."""
    scratch, who = probe.scratch, probe.newcomer()
    if scratch is None:
        return unseen(_NOWHERE)
    none = sentence.values.get("mode") == "none"
    before = scratch.settled() if none else 0
    probe.ask("/", f"q={_WORD}", peer=who)
    there = until(lambda: scratch.nameless()[before:] if none else scratch.rows(who))
    if clear := _clear(scratch, who):
        return clear
    return held("neither the address nor the words are in any byte of its files") if there else unseen(_NO_LINE)


def _clear(scratch: Scratch, address: str) -> Seen | None:
    """What stands in the clear, as text or packed."""
    packed = pack(address) or b""
    near = network_text(packed)
    needles = (address.encode(), packed, near.encode(), network(packed), _WORD.encode())
    if found := scratch.files_with(*needles):
        return broken("log-clear", ", ".join(found), "an address, or the words of a search, in the clear")
    return None


def skip(probe: Probe, sentence: Sentence) -> Seen:
    """The named paths, and what is below them, leave no line."""
    scratch, quiet, loud = probe.scratch, probe.newcomer(), probe.newcomer()
    if scratch is None:
        return unseen(_NOWHERE)
    paths = [str(each) for each in sentence.values.get("paths", ())]
    before = scratch.settled()
    for path in paths:
        probe.ask(path, peer=quiet)
        probe.ask(path.rstrip("/") + "/live", peer=quiet)
    probe.ask("/privacy-check", peer=loud)
    nameless = probe.claim.values("addresses.what").get("mode") == "none"
    if not until(lambda: scratch.nameless()[before:] if nameless else scratch.rows(loud)):
        return unseen("the log shows no other visit either")
    rows = scratch.nameless()[before + 1 :] if nameless else scratch.rows(quiet)
    faults = [(row.route, "a visit to it is logged") for row in rows]
    return judged(faults, "log-differs", f"no line of {len(paths)} paths, while another path has its line")


def size(probe: Probe, sentence: Sentence) -> Seen:
    """What the log takes on the disk now."""
    if probe.scratch is None:
        return unseen(_NOWHERE)
    most = int(sentence.values.get("bytes", 0))
    taken = sum(each.stat().st_size for each in probe.scratch.log.parent.glob(probe.scratch.log.name + "*"))
    if taken > most:
        return broken("log-differs", probe.scratch.log.name, f"{taken} bytes, where {most} are promised")
    return held(f"{taken} bytes of {most}; that the oldest lines go first was not tried", weak=True)


def keys(probe: Probe, sentence: Sentence) -> Seen:
    """No key's bytes in the folder of the data."""
    scratch = probe.scratch
    if scratch is None:
        return unseen(_NOWHERE)
    probe.ask("/", peer=probe.newcomer())
    kept = until(lambda: secrets(scratch.keys))
    if not kept:
        return unseen("there is no key yet")
    found = Scratch(scratch.data, scratch.data, scratch.log).files_with(*kept.values())
    if found:
        return broken("keys-beside-rows", ", ".join(found), "a key lies with the log")
    return held(f"{len(kept)} keys, and none of their bytes in the folder of the log")


# --- the other logs of the process


def masked(probe: Probe, sentence: Sentence) -> Seen:
    """A server's access line that is written while the app answers shows no address; nor did any record so far."""
    who, server = _HERE, ServerLog(probe.kind)
    if writers := [*probe.records.writers_of("203.0.113.1")]:
        return broken("log-address", ", ".join(writers), "the address of a visitor, although it is to be masked")
    lines = _listened(probe, who, server)
    if not lines:
        return unseen("no answer began")
    if any(who in line for line in lines):
        return broken("log-address", server.logger, "an access line shows the whole address")
    if any(_WORD in line for line in lines):
        return broken("log-address", server.logger, "an access line shows the words of a search")
    return held(f"{len(lines)} lines of {server.logger} show neither the address nor the words of a search")


def _listened(probe: Probe, who: str, server: ServerLog) -> list[str]:
    before, probe.driver.on_start = probe.driver.on_start, server
    try:
        probe.ask("/", f"q={_WORD}", peer=who)
    finally:
        probe.driver.on_start = before
    return server.lines


def counted(probe: Probe, sentence: Sentence) -> Seen:
    """A line with an address is counted by its logger's name."""
    scratch, server = probe.scratch, ServerLog(probe.kind)
    if scratch is None:
        return unseen(_NOWHERE)
    _listened(probe, _HERE, server)
    found = until(lambda: [kind for kind, names in scratch.counts().items() if server.logger in names])
    if not found:
        return broken("log-differs", server.logger, "a line with an address was written and not counted")
    return held(f"a line of {server.logger} with an address was counted")
