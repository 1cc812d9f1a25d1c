"""Evidence on pages with patient information."""

import re
from collections.abc import Iterator
from typing import Final

from privacymw.evidence.claim import Sentence
from privacymw.evidence.crawl import Visited
from privacymw.evidence.driver import Answer
from privacymw.evidence.headers import SILENT, referrer
from privacymw.evidence.probe import Probe, until
from privacymw.evidence.verdict import Seen, broken, held, judged, unseen

_BELOW: Final = "a1"


def marked_paths(probe: Probe) -> list[str]:
    """The paths that the page names."""
    return [str(each) for each in probe.claim.values("confidential.marked").get("paths", ())]


def is_marked(probe: Probe, path: str) -> bool:
    """Whether a path is one of these, or below it; written anew here, for it judges."""
    return any(_pattern(each).match(path.rstrip("/") + "/") for each in marked_paths(probe))


def _pattern(path: str) -> re.Pattern[str]:
    parts = ("[^/]+" if part == "*" else re.escape(part) for part in path.strip("/").split("/"))
    return re.compile("/" + "/".join(parts) + "/", re.IGNORECASE)


def visited(probe: Probe) -> list[Visited]:
    """The marked pages that were met on the walk."""
    return [each for each in probe.visited if is_marked(probe, each.path) and not each.answer.failure]


def _tried(probe: Probe) -> Iterator[tuple[str, Answer]]:
    """Marked pages of the walk, and addresses that a cache or a curious visitor might make of them."""
    yield from ((each.url, each.answer) for each in visited(probe))
    for marked_path in marked_paths(probe):
        plain = "/" + marked_path.strip("/").replace("*", _BELOW)
        for path in (plain, f"{plain}/{_BELOW}", f"{plain}/{_BELOW}/x.css", plain.upper(), f"/{plain}/{_BELOW}"):
            yield path, probe.ask(path)
    for each in visited(probe)[:3]:
        yield each.path + "/style.css", probe.ask(each.path + "/style.css")


def store(probe: Probe, sentence: Sentence) -> Seen:
    """`no-store` on each, with nothing beside it that says otherwise."""
    tried = [*_tried(probe)]
    faults = [(path, f"cache-control is {found or 'missing'}") for path, answer in tried if (found := _kept(answer))]
    faults += [(path, "cache-control is missing") for path, answer in tried if not answer.header("cache-control")]
    return judged(faults, "confidential-cacheable", f"cache-control: no-store on {len(tried)} addresses under them")


def _kept(answer: Answer) -> str:
    """What lets a copy be kept."""
    found = answer.header("cache-control").lower()
    words = {word.partition("=")[0].strip() for word in found.split(",")}
    return "" if "no-store" in words and not words & {"public", "s-maxage"} else found


def referrers(probe: Probe, sentence: Sentence) -> Seen:
    """A referrer policy that tells other sites nothing."""
    tried = [*_tried(probe)]
    faults = [
        (path, f"referrer-policy is {referrer(answer) or 'missing'}")
        for path, answer in tried
        if referrer(answer) not in SILENT
    ]
    return judged(faults, "confidential-referrer", f"other sites are told nothing, on {len(tried)} addresses")


def marked(probe: Probe, sentence: Sentence) -> Seen:
    """Pages under the paths are treated as such, those of the walk and others; what else shows data is not known."""
    tried = [*_tried(probe)]
    if plain := [path for path, answer in tried if "no-store" not in answer.header("cache-control").lower()]:
        return broken("confidential-cacheable", plain[0], "it is answered like a page for everybody")
    met = [each for each in visited(probe) if each.answer.status < 400]
    if met:
        return held(f"{len(met)} such pages were met, the first at {met[0].path}", weak=True)
    return unseen(f"no link led to a page under {', '.join(marked_paths(probe))}")


def log(probe: Probe, sentence: Sentence) -> Seen:
    """No row of one who looked at nothing else, while another page gives one."""
    scratch = probe.scratch
    if scratch is None or "addresses.what" not in probe.claim:
        return unseen("there is no log to look into")
    quiet, loud = probe.newcomer(), probe.newcomer()
    paths = [path for path, _ in _tried(probe)]
    for path in paths:
        probe.ask(path, peer=quiet)
    probe.ask("/", peer=loud)
    if not until(lambda: scratch.rows(loud)):
        return unseen("the log shows no visit to / either")
    if rows := scratch.rows(quiet):
        return broken("confidential-logged", rows[0].route, f"{len(rows)} lines of visits to marked pages")
    return held(f"{len(paths)} visits, no line of them; a visit to / has its line")
