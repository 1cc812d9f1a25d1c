"""One look from beginning to end: the walk, the sentences, the survey."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from privacymw.evidence import otherlogs
from privacymw.evidence.claim import Claim, read
from privacymw.evidence.confidential import marked_paths
from privacymw.evidence.crawl import Crawl
from privacymw.evidence.driver import Asked, Driver
from privacymw.evidence.probe import Probe
from privacymw.evidence.sentences import in_order, judged
from privacymw.evidence.survey import SURVEY
from privacymw.evidence.verdict import Finding, Verdict

Told = Callable[[str], None]


class Report(NamedTuple):
    """What was seen.

    Attributes:
        verdicts: one a sentence, in the order of the page.
        findings: those that break a sentence first.
        pages: how many addresses were visited, and how many were left out.
    """

    target: str
    claim: Claim
    verdicts: tuple[Verdict, ...]
    findings: tuple[Finding, ...]
    pages: int
    left_out: int
    parser: str
    notes: tuple[str, ...] = ()

    @property
    def broken(self) -> list[Finding]:
        """What breaks a promise."""
        return [each for each in self.findings if each.level == "broken"]

    def document(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "target": self.target,
            "held": not self.broken,
            "draft": self.claim.draft,
            "pages": self.pages,
            "left_out": self.left_out,
            "parser": self.parser,
            "notes": list(self.notes),
            "sentences": [_verdict(each) for each in self.verdicts],
            "findings": [each._asdict() for each in self.findings],
        }


def _verdict(each: Verdict) -> Mapping[str, Any]:
    return {
        "name": each.sentence,
        "text": each.text,
        "kind": "kept" if each.kept else "stated",
        "verdict": each.seen.state,
        "weak": each.seen.weak,
        "evidence": each.seen.text,
    }


def claim_of(driver: Driver, prefix: str, host: str = "localhost") -> Claim | None:
    """What the app's page says; None where it has none."""
    return read(driver.ask(Asked(f"{prefix}/notice.json", host=host)))


def look(
    probe: Probe,
    target: str,
    told: Told = lambda text: None,
    *,
    starts: tuple[str, ...] = (),
    browser: bool = False,
    only: Collection[str] = (),
) -> Report:
    """Drives an app and judges what its page says.

    Args:
        told: is given a line of progress now and then.
        starts: paths from which to walk, beside the first page.
        browser: whether the pages are opened in Chromium too.
        only: sentences that are judged, by their names (`Sentence.matter`); empty for each of them.
    """
    spans = otherlogs.Spans()
    spans.join()
    with probe.records:
        walk = Crawl(lambda path, query: probe.ask(path, query), base=probe.base, skip=probe.prefix, told=told)
        plain = [path for path in marked_paths(probe) if "*" not in path]
        probe.visited = walk.walk(["/", *starts, *plain])
        verdicts = []
        for each in in_order(tuple(one for one in probe.claim.sentences if not only or one.matter in only)):
            told(each.name)
            verdicts.append(judged(probe, each))
        found = [finding for verdict in verdicts for finding in verdict.seen.findings]
        for survey in SURVEY:
            told(survey.__name__)
            found += survey(probe)
        found += [*otherlogs.found(probe), *spans.found()]
        if browser:
            told("browser")
            found += _browsed(probe)
    return Report(
        target,
        probe.claim,
        _ordered(probe.claim, verdicts),
        tuple(sorted(dict.fromkeys(found), key=lambda each: ("broken", "warning", "note").index(each.level))),
        len(probe.visited),
        walk.left_out,
        probe.parser,
    )


def _browsed(probe: Probe) -> list[Finding]:
    from privacymw.evidence.browsing import browsed

    return browsed(probe)


def _ordered(claim: Claim, verdicts: list[Verdict]) -> tuple[Verdict, ...]:
    """As on the page."""
    places = {each.name: number for number, each in enumerate(claim.sentences)}
    return tuple(sorted(verdicts, key=lambda each: places[each.sentence]))
