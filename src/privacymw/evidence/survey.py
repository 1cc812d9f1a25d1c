"""What is found without a sentence that speaks of it: gaps of the page, other people's servers, other logs."""

import os
from collections.abc import Callable, Iterator
from typing import Final

from privacymw.evidence import confidential, cookies, headers, outbound
from privacymw.evidence.crawl import Visited
from privacymw.evidence.layers import layers
from privacymw.evidence.probe import Probe
from privacymw.evidence.untold import differs, untold
from privacymw.evidence.verdict import Finding, Level

_YEAR: Final = 31_536_000
_SINGLE: Final = (
    *("content-security-policy", "cross-origin-opener-policy", "cross-origin-resource-policy", "content-type"),
    *("permissions-policy", "referrer-policy", "strict-transport-security", "x-content-type-options"),
    *("x-frame-options", "location", "etag"),
)


def page(probe: Probe) -> Iterator[Finding]:
    """What is missing before the page can be published: the list of the start-up log."""
    claim, where = probe.claim, probe.ours("notice")
    given = claim.organisation
    if not claim.effective:
        yield Finding("page-draft", where, "the page is a draft: no date from which it holds is set", "note")
    if not given.get("name"):
        yield Finding("name-missing", where, "the page does not say who speaks", "note")
    if not given.get("contact"):
        yield Finding("contact-missing", where, "the page does not say whom to ask", "note")
    if not claim.hosts and given.get("name"):
        yield Finding("sites-missing", where, "the page does not say for which hosts it is", "note")
    app = probe.ask(probe.prefix)
    if app.status == 200 and app.body != probe.ask(where).body:
        yield Finding("page-own", probe.prefix, "the app has a page of its own here; ours is at " + where, "note")


def fails(probe: Probe) -> Iterator[Finding]:
    """Pages that could not be looked at."""
    for each in probe.visited:
        if each.answer.status >= 500:
            what = each.answer.failure or f"it answers {each.answer.status}"
            yield Finding("page-fails", each.url, f"{what}: it could not be looked at", "note")


def encoded(probe: Probe) -> Iterator[Finding]:
    """Pages in a coding that neither we nor the middleware can be sure to read."""
    for each in probe.pages:
        coding = each.answer.header("content-encoding").strip().lower()
        if coding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            yield Finding("page-encoded", each.url, f"it came as {coding}: its links could not be looked at")


def origins(probe: Probe) -> Iterator[Finding]:
    """What a browser would fetch from other sites for a page."""
    found: dict[tuple[bool, str], Visited] = {}
    for each in probe.pages:
        at = probe.at(each)
        for _, href in each.page.loads():
            if target := probe.foreign(href, at):
                found.setdefault((confidential.is_marked(probe, each.path), target.host), each)
    for (marked, host), each in found.items():
        if marked:
            text = f"a page with patient information loads something from {host}"
            yield Finding("third-party-confidential", each.url, text)
        else:
            yield Finding("third-party", each.url, f"the page loads something from {host}")


def doubled(probe: Probe) -> Iterator[Finding]:
    """Headers of which a browser wants one."""
    told: set[str] = set()
    for each in headers.answered(probe):
        for name in _SINGLE:
            values = each.answer.every(name)
            if len(values) > 1 and name not in told:
                told.add(name)
                yield Finding("header-doubled", each.url, f"{name} is sent {len(values)} times: {'; '.join(values)}")


def short(probe: Probe) -> Iterator[Finding]:
    """HSTS of less than a year on a page that is in force (ASVS 3.4.1)."""
    seconds = probe.claim.values("headers.hsts").get("seconds")
    if not probe.claim.draft and (seconds is None or seconds < _YEAR):
        text = f"browsers keep to https for {seconds or 0} s after a visit"
        yield Finding("hsts-short", "strict-transport-security", text, "note")


def inside(probe: Probe) -> Iterator[Finding]:
    """Answers that do not come through us, though others do; and what stands around us."""
    promised = [
        name
        for name, sentence in (("x-content-type-options", "headers.nosniff"), ("referrer-policy", "headers.referrer"))
        if sentence in probe.claim
    ]
    for each in headers.answered(probe):
        if promised and not any(each.answer.header(name) for name in promised):
            yield Finding("middleware-inside", each.url, "the answer did not come through privacymw")
            return
    ours = probe.ask(probe.ours("notice"))
    if found := ours.every("set-cookie"):
        text = f"a layer around privacymw sets {found[0].partition('=')[0]} on the privacy page"
        yield Finding("middleware-inside", probe.ours("notice"), text)
        return
    if around := layers(probe.app):
        text = f"around privacymw stands {', '.join(around)}"
        level: Level = "note" if set(around) <= {"ServerErrorMiddleware"} else "warning"
        yield Finding("middleware-inside", probe.ours("notice"), text, level)


def redirects(probe: Probe) -> Iterator[Finding]:
    """Redirects and forms that go to another site: they are the app's own act."""
    for each in probe.visited:
        target = (
            probe.foreign(each.answer.header("location"), probe.at(each)) if each.answer.header("location") else None
        )
        if target and 300 <= each.answer.status < 400:
            yield Finding("redirect-leaves", each.url, f"it redirects to {target.host}", "note")
    for each in probe.pages:
        for form in each.page.forms():
            if form.method == "post" and (to := probe.foreign(form.action, probe.at(each))):
                yield Finding("form-leaves", each.url, f"a form posts to {to.host}", "note")


def proxies(probe: Probe) -> Iterator[Finding]:
    """The app believes a proxy that we were not told of."""
    if probe.proxies:
        return
    if os.environ.get("FORWARDED_ALLOW_IPS"):
        yield Finding(
            "proxy-untold", "FORWARDED_ALLOW_IPS", "the server believes a proxy of which privacymw knows nothing"
        )
    named = {"ProxyFix", "ProxyHeadersMiddleware", "XForwardedForMiddleware"}
    for name in layers(probe.app, everywhere=True):
        if name in named:
            yield Finding("proxy-untold", name, "the app believes a proxy of which privacymw knows nothing")


def keys(probe: Probe) -> Iterator[Finding]:
    """Keys in the folder of the rows: one copy takes both."""
    scratch = probe.scratch
    if scratch and scratch.log.exists() and scratch.keys.is_relative_to(scratch.log.parent):
        text = "the keys lie in the folder of the log: a backup of it keeps addresses readable"
        yield Finding("keys-beside-rows", "PRIVACYMW_KEYS", text, "note")


def unclaimed(probe: Probe) -> Iterator[Finding]:
    """Undeclared cookies and slipped links where no sentence speaks of them."""
    if "cookies.table" not in probe.claim:
        yield from cookies.undeclared(probe)
    yield from cookies.exposed(probe)
    if "outbound.mode" not in probe.claim and not probe.claim.draft and outbound.bare(probe):
        each, host = outbound.bare(probe)[0]
        yield Finding(
            "link-unannounced", each.url, f"a link leads to {host}, and the page says nothing of such links", "note"
        )


SURVEY: Final[tuple[Callable[[Probe], Iterator[Finding]], ...]] = (
    page, unclaimed, origins, doubled, inside, redirects, proxies, short, keys, fails, encoded, untold, differs,
)  # fmt: skip
