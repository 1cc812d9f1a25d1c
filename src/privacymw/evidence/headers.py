"""Evidence on the headers that tell a browser to be careful, and on the way to https."""

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import Final

from privacymw.evidence.claim import Sentence
from privacymw.evidence.crawl import Visited
from privacymw.evidence.driver import Answer
from privacymw.evidence.probe import Probe
from privacymw.evidence.verdict import Seen, broken, held, judged, unseen

SILENT: Final = frozenset(("no-referrer", "same-origin"))
"""Referrer policies under which another site is told nothing."""
_DISCREET: Final = SILENT | {
    *("origin", "strict-origin", "origin-when-cross-origin"),
    "strict-origin-when-cross-origin",
}
_POLICIES: Final = ("content-security-policy", "cross-origin-opener-policy", "cross-origin-resource-policy")


def referrer(answer: Answer) -> str:
    """The referrer policy in force: the last that a browser knows (Referrer Policy 8.1)."""
    words = [word.strip().lower() for word in answer.header("referrer-policy").split(",")]
    known = [word for word in words if word in _DISCREET or word in ("unsafe-url", "no-referrer-when-downgrade")]
    return known[-1] if known else ""


def answered(probe: Probe) -> Iterator[Visited]:
    """Everything visited that came to an answer."""
    return (each for each in probe.visited if not each.answer.failure)


def _each(probe: Probe, code: str, fault: Callable[[Answer], str], well: str) -> Seen:
    visited = [*answered(probe)]
    if not visited:
        return unseen("no page of the app was met")
    faults = [(each.url, found) for each in visited if (found := fault(each.answer))]
    return judged(faults, code, f"{well}, on {len(visited)} answers")


def nosniff(probe: Probe, sentence: Sentence) -> Seen:
    """One `nosniff` on each answer."""

    def fault(answer: Answer) -> str:
        found = answer.every("x-content-type-options")
        return "" if [each.strip().lower() for each in found] == ["nosniff"] else f"x-content-type-options is {found}"

    return _each(probe, "header-missing", fault, "x-content-type-options: nosniff, once")


def referrers(probe: Probe, sentence: Sentence) -> Seen:
    """A policy under which no path leaves the site."""

    def fault(answer: Answer) -> str:
        found = referrer(answer)
        return "" if found in _DISCREET else f"referrer-policy is {found or 'missing'}"

    return _each(probe, "header-missing", fault, "a referrer policy that gives no path away")


def _age(answer: Answer) -> int:
    found = re.search(r"(?:^|;)\s*max-age\s*=\s*\"?(\d+)", answer.header("strict-transport-security"), re.IGNORECASE)
    return int(found[1]) if found else -1


def hsts(probe: Probe, sentence: Sentence) -> Seen:
    """Over https for at least as long as the page says; not over http (RFC 6797 7.2)."""
    promised = int(sentence.values.get("seconds", 0))
    if plain := probe.ask("/", scheme="http").header("strict-transport-security"):
        return broken("header-missing", "/ over http", f"strict-transport-security: {plain}")

    def fault(answer: Answer) -> str:
        if len(answer.every("strict-transport-security")) > 1:
            return "strict-transport-security is sent twice"
        return "" if _age(answer) >= promised else f"strict-transport-security max-age is {_age(answer)}"

    return _each(probe, "header-missing", fault, f"strict-transport-security of at least {promised} s")


def strict(probe: Probe, sentence: Sentence) -> Seen:
    """The policies of the strict preset on each answer, each once."""

    def fault(answer: Answer) -> str:
        lacking = [name for name in (*_POLICIES, "permissions-policy") if not answer.header(name)]
        if lacking:
            return f"{lacking[0]} is missing"
        return "" if "default-src" in answer.header(_POLICIES[0]) else "content-security-policy has no default-src"

    return _each(probe, "header-missing", fault, "the strict policies are there")


# --- the way to https


def _by_proxy(probe: Probe) -> list[tuple[str, tuple[tuple[str, str], ...]]] | None:
    """A proxy's address, and how it may say that a visitor came by http; None where no proxy is known."""
    for word in probe.proxies:
        try:
            network = ipaddress.ip_network(word, strict=False)
            peer = str(network[1] if network.num_addresses > 2 else network[0])
        except ValueError:
            peer = "192.0.2.10" if word.isdigit() else ""  # a number of proxies: whoever asks is one
        if peer:
            told = ("x-forwarded-for", "203.0.113.1")
            return [
                (peer, (told, ("x-forwarded-proto", "http"))),
                (peer, (("forwarded", "for=203.0.113.1;proto=http"),)),
            ]
    return None


def _unsafely(probe: Probe, sentence: Sentence, path: str) -> list[Answer] | None:
    """Answers to a request that came without encryption; None where nobody could say so."""
    if sentence.values.get("redirect") == "on":
        return [probe.ask(path, scheme="http")]
    ways = _by_proxy(probe)
    return None if ways is None else [probe.ask(path, "", *headers, scheme="http", peer=peer) for peer, headers in ways]


def redirect(probe: Probe, sentence: Sentence) -> Seen:
    """A plain request is sent to the same address by https, once."""
    path = next((each.path for each in probe.pages), "/")
    answers = _unsafely(probe, sentence, path)
    if answers is None:
        return unseen("no proxy is named that could say so (PRIVACYMW_TRUSTED_PROXIES)")
    wanted = f"https://{probe.host}{path}"
    for answer in answers:
        if answer.status in (301, 307, 308) and answer.header("location") == wanted:
            return held(f"{path} over http answers {answer.status} to {wanted}")
    return broken("https-missing", path, f"over http it answers {answers[0].status}, and not with a way to https")


def exempt(probe: Probe, sentence: Sentence) -> Seen:
    """The paths named answer over http themselves."""
    told = probe.claim.find("transport.redirect")
    paths = [str(each) for each in sentence.values.get("paths", ())]
    asked = [(path, _unsafely(probe, told, path)) for path in paths] if told else []
    if not asked or asked[0][1] is None:
        return unseen("no proxy is named that could say so (PRIVACYMW_TRUSTED_PROXIES)")
    wanted = "https://" + probe.host
    faults = [
        (path, "it is sent on to https all the same")
        for path, answers in asked
        if any(each.header("location").startswith(wanted + path) for each in answers or ())
    ]
    return judged(faults, "https-missing", f"{len(paths)} paths are not sent on")
