"""What was seen of a sentence, and what was found."""

from typing import Literal, NamedTuple

State = Literal["held", "broken", "not looked at"]
Level = Literal["broken", "warning", "note"]


class Finding(NamedTuple):
    """Something to act on; its page is in `codes.py`.

    Attributes:
        code: stable.
        where: the path, logger, file or setting.
        text: what was seen there.
        level: `broken` where the site does not do what its page says.
    """

    code: str
    where: str
    text: str
    level: Level = "warning"


class Seen(NamedTuple):
    """The evidence for one sentence.

    Attributes:
        text: what was seen, or why nothing was looked at.
        weak: it agrees with the sentence, but a site that breaks it could look alike.
        findings: what breaks it.
    """

    state: State
    text: str
    weak: bool = False
    findings: tuple[Finding, ...] = ()


class Verdict(NamedTuple):
    """A sentence of the page and what was seen of it; `stated` where a person answers for it."""

    sentence: str
    text: str
    kept: bool
    seen: Seen


def held(text: str, *, weak: bool = False) -> Seen:
    """The app does what the sentence says, as far as was seen."""
    return Seen("held", text, weak)


def unseen(why: str) -> Seen:
    """There was nothing to look at."""
    return Seen("not looked at", why)


def broken(code: str, where: str, text: str) -> Seen:
    """The app does something else."""
    return Seen("broken", f"{text} ({where})", findings=(Finding(code, where, text, "broken"),))


def judged(faults: list[tuple[str, str]], code: str, else_: str) -> Seen:
    """Broken by each (where, what), else held."""
    if not faults:
        return held(else_)
    findings = tuple(Finding(code, where, text, "broken") for where, text in dict.fromkeys(faults))
    where, text = faults[0]
    more = f", and {len(findings) - 1} more" if len(findings) > 1 else ""
    return Seen("broken", f"{text} ({where}{more})", findings=findings)
