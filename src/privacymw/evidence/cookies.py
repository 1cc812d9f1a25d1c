"""Evidence on the cookies of the app."""

import email.utils
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from privacymw.evidence.choices import NAME, VIEW, cookies_of
from privacymw.evidence.claim import Sentence
from privacymw.evidence.probe import Probe, until
from privacymw.evidence.verdict import Finding, Level, Seen, broken, held, unseen

OURS: Final = frozenset((NAME, VIEW, "privacy", "privacy-view"))
_SLACK: Final = 60
"""Seconds by which a lifetime may differ, since an `Expires` was written a moment ago."""


class Set(NamedTuple):
    """A cookie that an answer sets."""

    url: str
    name: str
    words: tuple[str, ...]

    @property
    def removes(self) -> bool:
        """Whether it takes the cookie away."""
        left = self.seconds
        return left is not None and left <= 0

    @property
    def seconds(self) -> float | None:
        """How long it lasts from now; None for a session."""
        found = dict(word.partition("=")[::2] for word in self.words)
        if re.fullmatch(r"-?\d+", found.get("max-age", "")):
            return float(found["max-age"])
        try:
            return email.utils.parsedate_to_datetime(found["expires"]).timestamp() - time.time()
        except (KeyError, ValueError, TypeError):
            return None


def cookie_set(url: str, line: str) -> Set:
    """A cookie as a line sets it."""
    pair, *words = line.split(";")
    return Set(url, pair.partition("=")[0].strip(), tuple(word.strip().lower() for word in words))


def seen(probe: Probe) -> Iterator[Set]:
    """The cookies that the app set on the walk, as often as it set them."""
    for each in probe.visited:
        for line in each.answer.every("set-cookie"):
            found = cookie_set(each.url, line)
            if found.name not in OURS and not found.removes:
                yield found


def _first(cookies: Iterable[Set]) -> list[Set]:
    """One of each name, as it was met first: the shortest way to see it again."""
    found: dict[str, Set] = {}
    for each in cookies:
        found.setdefault(each.name, each)
    return list(found.values())


def entry_of(probe: Probe, name: str) -> Mapping[str, Any] | None:
    """What the page says of a cookie."""
    entries = probe.claim.values("cookies.table").get("cookies", ())
    return next((each for each in entries if _matches(str(each["name"]), name)), None)


def _matches(pattern: str, name: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is not None


def undeclared_of(probe: Probe) -> list[Set]:
    """Cookies that are not on the page, each as it was met first."""
    return _first(each for each in seen(probe) if entry_of(probe, each.name) is None)


def undeclared(probe: Probe) -> list[Finding]:
    """Cookies that are not on the page; that breaks it where it says that there are no others."""
    closed = "cookies.table" in probe.claim
    level: Level = "broken" if closed else "warning"
    text = "the app sets a cookie that the page does not name"
    return [Finding("cookie-undeclared", each.url, f"{text}: {each.name[:40]}", level) for each in undeclared_of(probe)]


def table(probe: Probe, sentence: Sentence) -> Seen:
    """Each cookie of the walk is in the table, and lasts no longer than it says."""
    faults = [*undeclared(probe), *_too_long(probe)]
    if faults:
        return Seen("broken", f"{faults[0].text} ({faults[0].where})", findings=tuple(faults))
    names = sorted({each.name for each in seen(probe)})
    if not names:
        return unseen("the app set no cookie on the walk")
    return held(f"on {len(probe.visited)} pages the app set {', '.join(names)}, as the table says")


def _too_long(probe: Probe) -> Iterator[Finding]:
    for each in seen(probe):
        entry = entry_of(probe, each.name)
        told, lasts = (entry["seconds"], each.seconds) if entry else (None, None)
        if entry and lasts is not None and lasts > (told or 0) + _SLACK:
            text = f"{each.name} lasts {round(lasts)} s, the page says {told or 'until the browser closes'}"
            yield Finding("cookie-lifetime", each.url, text, "broken")


def report(probe: Probe, sentence: Sentence) -> Seen:
    """What is missing in the table is counted."""
    scratch, missing = probe.scratch, undeclared(probe)
    if scratch is None:
        return unseen("the data folder of this app is not known here")
    if not missing:
        return unseen("no cookie was missing in the table, so that there was nothing to count")
    name = missing[0].text.rpartition(": ")[2]
    found = until(lambda: any(each.startswith(name[:6]) for each in scratch.counts().get("undeclared cookies", {})))
    if not found:
        return broken("log-differs", "the counts", f"the cookie {name} is missing in the table and was not counted")
    return held(f"{name} is missing in the table, and was counted")


def category(probe: Probe, sentence: Sentence) -> Seen:
    """Not set before a yes; taken away when it comes without one."""
    name = str(sentence.values.get("category"))
    entries = [e for e in probe.claim.values("cookies.table").get("cookies", ()) if e["category"] == name]
    allowed = probe.claim.values(f"choices.{name}").get("model") == "opt-out"
    early = [each for each in seen(probe) if any(_matches(e["name"], each.name) for e in entries)]
    if early and not allowed:
        text = f"{early[0].name} is set although nobody said yes to {name}"
        return broken("cookie-before-choice", early[0].url, text)
    return _removed(probe, name, [str(each["name"]).replace("*", "x") for each in entries])


def _removed(probe: Probe, name: str, cookies: list[str]) -> Seen:
    path = next((each.path for each in probe.pages), "/")
    refused = _refusal(probe, name)
    sent = "; ".join([*([refused] if refused else []), *(f"{each}=1" for each in cookies)])
    answer = probe.ask(path, "", ("cookie", sent))
    gone = {each.name for line in answer.every("set-cookie") if (each := cookie_set(path, line)).removes}
    if kept := [each for each in cookies if each not in gone]:
        return broken("cookie-kept", path, f"{kept[0]} is not removed although the answer to {name} is no")
    return held(f"{', '.join(cookies)}: not set without a yes, and removed where it comes")


def _refusal(probe: Probe, name: str) -> str:
    """The cookies of a visitor who said no to everything."""
    return cookies_of(probe.post(probe.ours("choices"), "do=refuse"))


def exposed(probe: Probe) -> list[Finding]:
    """Cookies that would go over plain http as well (ASVS 3.3.1)."""
    bare = _first(each for each in seen(probe) if "secure" not in each.words)
    text = "it was set over https without Secure"
    return [Finding("cookie-insecure", each.url, f"{each.name[:40]}: {text}") for each in bare]
