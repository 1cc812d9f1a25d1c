"""Evidence on links to other sites, read by a parser that is not the one that rewrites them."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from typing import Final

from privacymw.evidence.claim import Sentence
from privacymw.evidence.crawl import Visited, parsed
from privacymw.evidence.driver import Answer
from privacymw.evidence.markup import Element, Link
from privacymw.evidence.places import Place, is_of, place
from privacymw.evidence.probe import Probe, until
from privacymw.evidence.verdict import Finding, Seen, broken, held, unseen

_LONG: Final = 1_500
"""A link of so many signs may be too long to be sealed, as the page says."""
_KEYS: Final = ("sign", "token", "key", "credential", "auth", "code", "secret", "password", "sas", "x-amz", "expires")


def _links(probe: Probe) -> Iterator[tuple[Visited, Link, Place]]:
    """Links of the pages that still lead to another site."""
    for each in probe.pages:
        at = probe.at(each)
        for link in each.page.links():
            if link.element == "form" and link.method == "post":
                continue
            hrefs = link.href.split() if link.attribute == "ping" else [link.href]
            for href in hrefs:
                if target := probe.foreign(href, at):
                    yield each, link, target


def leaving(probe: Probe) -> list[tuple[Visited, str]]:
    """Links to the page before, by the page on which they stand."""
    found = []
    for each in probe.pages:
        for link in each.page.links():
            target = place(link.href, probe.at(each))
            if target and f"{probe.prefix}/leaving/" in target.path:
                found.append((each, target.path))
    return list({path: (each, path) for each, path in found}.values())


def bare(probe: Probe) -> list[tuple[Visited, str]]:
    """Links that lead straight to another site, by page and host."""
    return [(each, target.host) for each, link, target in _links(probe) if link.element in ("a", "area")]


def _named(link: Link, target: Place) -> bool:
    return target.host in link.text.lower()


def _let_out(link: Link, target: Place) -> bool:
    """Whether the page says that such a link is not covered: very long, or one that lets its holder in."""
    query = target.query.lower()
    return len(target.href) > _LONG or target.guarded or any(word in query for word in _KEYS)


def mode(probe: Probe, sentence: Sentence) -> Seen:
    """Each link that leaves goes through the page, or names where it leads; pages with a mode of their own apart."""
    return _judged(probe, str(sentence.values.get("mode")), "")


def of_paths(probe: Probe, sentence: Sentence) -> Seen:
    """The same under the paths that the sentence names; where links are left alone there is nothing to hold."""
    told = str(sentence.values.get("mode"))
    pages = [each for each in probe.pages if _rule(probe, each.path) == sentence.name]
    sealed = [each.url for each in pages if any(f"{probe.prefix}/leaving/" in link.href for link in each.page.links())]
    if told != "interstitial" and sealed:
        return broken("leaving-page", sealed[0], "a link goes through a page, where the page says otherwise")
    if told == "off" and pages:
        return held("no link there goes through a page", weak=True)
    return _judged(probe, told, sentence.name)


def _rule(probe: Probe, path: str) -> str:
    """The name of the sentence that is about a path: the longest that names it; empty for the general one."""
    told = [each for each in probe.claim.sentences if each.name.startswith("outbound.") and "paths" in each.values]
    named = [(str(at).rstrip("/"), each.name) for each in told for at in each.values["paths"]]
    found = [(len(at), name) for at, name in named if (path + "/").startswith(at + "/")]
    return max(found)[1] if found else ""


def _judged(probe: Probe, wanted: str, rule: str) -> Seen:
    pages = {each.url for each in probe.pages if _rule(probe, each.path) == rule}
    if not pages:
        return unseen("no page of the app was met that it is about")
    trusted = tuple(str(each) for each in probe.claim.values("outbound.trusted").get("hosts", ()))
    interstitial, named = wanted == "interstitial", 0
    faults: list[Finding] = []
    for each, link, target in (found for found in _links(probe) if found[0].url in pages):
        free = not interstitial or is_of(target.host, trusted) or _let_out(link, target)
        if free and (_named(link, target) or link.element not in ("a", "area")) and link.attribute != "ping":
            named += 1
        else:
            faults.append(_slipped(each, link, target))
    if faults:
        return Seen("broken", f"{faults[0].text} ({faults[0].where})", findings=tuple(dict.fromkeys(faults)))
    return _followed(probe, named) if interstitial else _said(named)


def exempt(probe: Probe, sentence: Sentence) -> Seen:
    """What is not covered is told, not kept."""
    return held("the exceptions are told, not kept", weak=True)


def blocked(probe: Probe, sentence: Sentence) -> Seen:
    """No link leads to such a host, nor does the page before one."""
    hosts = tuple(str(each) for each in sentence.values.get("hosts", ()))
    for each, _, target in _links(probe):
        if is_of(target.host, hosts):
            return broken("link-slips", each.url, f"a link leads to {target.host}, to which none may lead")
    for each, path in leaving(probe)[:20]:
        to = _target(probe, probe.ask(path))
        if to and is_of(to.host, hosts):
            return broken("leaving-page", each.url, f"the page before a link leads on to {to.host}")
    return held("no link of the pages leads there", weak=True)


def redirects(probe: Probe, sentence: Sentence) -> Seen:
    """No redirect of the walk leads to another site that is not named."""
    hosts = tuple(str(each) for each in sentence.values.get("hosts", ()))
    for each in probe.visited:
        location = each.answer.header("location")
        target = probe.foreign(location, probe.at(each)) if location else None
        if target and 300 <= each.answer.status < 400 and not is_of(target.host, hosts):
            return broken("redirect-leaves", each.url, f"it redirects to {target.host}")
    return held("no redirect of the walk leads to another site that is not named", weak=True)


def mail(probe: Probe, sentence: Sentence) -> Seen:
    """No link opens a mail without more ado: it is described, or leads to a page of ours."""
    met = [(each, element) for each in probe.pages for element in each.page.named("a", "area")]
    bare = [(each, e) for each, e in met if e.attributes.get("href", "").strip().lower().startswith("mailto:")]
    pages = [each for each, e in met if f"{probe.prefix}/mail/" in e.attributes.get("href", "")]
    if not bare and not pages:
        return unseen("no link that opens a mail was met")
    wrong = [each.url for each, e in bare if sentence.values.get("links") == "page" or not _described(e.attributes)]
    if wrong:
        return broken("mail-unannounced", wrong[0], "a link opens a mail without a word")
    return held(f"{len(bare)} links to mails are described, {len(pages)} lead to a page first")


def _described(attributes: Mapping[str, str]) -> bool:
    return any(attributes.get(name) for name in ("aria-description", "aria-describedby", "title"))


def personal(probe: Probe, sentence: Sentence) -> Seen:
    """What is named stands in no link that opens a mail."""
    names = [str(each).lower() + "=" for each in sentence.values.get("fields", ())]
    for each in probe.pages:
        for element in each.page.named("a", "area"):
            href = element.attributes.get("href", "").lower()
            if href.startswith("mailto:") and any(
                part.startswith(tuple(names)) for part in href.partition("?")[2].split("&")
            ):
                return broken("mail-unannounced", each.url, "a link that opens a mail holds personal data")
    return held("no link that opens a mail holds a value of these", weak=True)


def _slipped(each: Visited, link: Link, target: Place) -> Finding:
    """A link in a page that came encoded was out of reach."""
    encoded = each.answer.header("content-encoding").lower() not in ("", "identity")
    text = f"a link leads straight to {target.host} (<{link.element} {link.attribute}>)"
    if encoded:
        text += f", in a page that came as {each.answer.header('content-encoding')}"
    return Finding("page-encoded" if encoded else "link-slips", each.url, text, "broken")


def _said(named: int) -> Seen:
    return held(f"{named} links to other sites name their host") if named else unseen("no link to another site was met")


def _followed(probe: Probe, named: int) -> Seen:
    """A few of the leaving links are opened: a page, no redirect, that names the destination."""
    links = leaving(probe)
    for each, path in links[:5]:
        answer = probe.ask(path)
        if fault := _page_fault(probe, answer):
            return broken("leaving-page", each.url, f"a leaving link answers {answer.status}: {fault}")
    if not links and not named:
        return unseen("no link to another site was met")
    return held(f"{len(links)} links go through the page before, {named} name their host")


def _page_fault(probe: Probe, answer: Answer) -> str:
    blocked = [str(each) for each in probe.claim.values("outbound.blocked").get("hosts", ())]
    if answer.status == 403 and _target(probe, answer) is None and blocked:
        return ""  # a host to which none may lead: the page says so
    if answer.status != 200:
        return "no page"
    target = _target(probe, answer)
    if target is None:
        return "no link goes on from it"
    return "" if target.host in answer.body.decode(errors="replace") else "it does not name the host"


def _target(probe: Probe, answer: Answer) -> Place | None:
    """Where the leaving page leads on to."""
    links = parsed(answer).links()
    return next((found for link in links if (found := probe.foreign(link.href))), None)


def scope(probe: Probe, sentence: Sentence) -> Seen:
    """The page is of sealed links alone: one that somebody made up leads nowhere."""
    for token in ("A" * 32, "https%3A%2F%2Fmade-up.example%2F", "aHR0cHM6Ly9tYWRlLXVwLmV4YW1wbGUv"):
        made_up = probe.ask(probe.ours(f"leaving/{token}"))
        if made_up.status != 404 or made_up.header("location"):
            return broken("leaving-page", probe.ours("leaving"), f"a made-up link answers {made_up.status}")
    return held("a made-up link answers 404; the exceptions are told, not kept", weak=True)


def script(probe: Probe, sentence: Sentence) -> Seen:
    """Pages carry the script, its bytes are those of its hash, and its page has no link to another site."""
    tags = [each for visited in probe.pages for each in visited.page.named("script") if _is_ours(probe, each)]
    if not tags:
        return broken("link-slips", "/", "no page carries the script that sees to added links")
    for tag in {each.attributes["src"]: each for each in tags}.values():
        path, _, query = tag.attributes["src"].partition("?")
        hashed = base64.b64encode(hashlib.sha384(probe.ask(path, query).body).digest()).decode()
        if tag.attributes.get("integrity") != f"sha384-{hashed}":
            return broken("link-slips", path, "the script is not that of its hash, so that no browser runs it")
    away = probe.ask(probe.ours("away"))
    if away.status != 200 or any(probe.foreign(link.href) for link in parsed(away).links()):
        return broken("leaving-page", probe.ours("away"), f"answers {away.status}, or has a link to another site")
    return held("pages carry the script; the page to which it leads has no link to another site", weak=True)


def _is_ours(probe: Probe, tag: Element) -> bool:
    return probe.ours("leave.js") in tag.attributes.get("src", "")


def remember(probe: Probe, sentence: Sentence) -> Seen:
    """With the visitor's own cookie the link leads there at once; what was followed is in no file."""
    links = leaving(probe)
    if not links:
        return unseen("no link to another site was met")
    path, target = links[0][1], _target(probe, probe.ask(links[0][1]))
    saved = probe.post(path, "again=all")
    cookies = [line.partition(";")[0] for line in saved.every("set-cookie")]
    after = probe.ask(path, "", ("cookie", "; ".join(cookies)))
    if target is None or after.status != 303 or after.header("location") != target.href:
        return broken("leaving-page", path[:40], f"after 'not ask again' the link answers {after.status}")
    forged = probe.ask(path, "", ("cookie", "; ".join(each[:-3] + "AAA" for each in cookies)))
    if forged.status != 200:
        return broken("leaving-page", path[:40], f"a forged cookie is obeyed: {forged.status}")
    return _untraced(probe, target, path)


def _untraced(probe: Probe, target: Place, path: str) -> Seen:
    """A list of followed links would hold the target or its token."""
    scratch = probe.scratch
    if scratch is None:
        return held("the link leads there at once, for the holder of the cookie alone")
    until(lambda: False, 1.2)  # whatever counts, counts once a second
    token = path.rpartition("/")[2].encode()
    written = target.href.encode() if len(target.path) > 1 or target.query else token
    if found := scratch.files_with(token, written):
        return broken("log-differs", ", ".join(found), "a link that was followed is written down")
    return held("the link leads there at once, for the holder of the cookie alone; no file tells of it")


def trusted(probe: Probe, sentence: Sentence) -> Seen:
    """Links to trusted hosts name them."""
    hosts = tuple(str(each) for each in sentence.values.get("hosts", ()))
    found = [(each, link, target) for each, link, target in _links(probe) if is_of(target.host, hosts)]
    for each, link, target in found:
        if link.element in ("a", "area") and not _named(link, target):
            return broken("link-slips", each.url, f"the text of a link to {target.host} does not name it")
    return held(f"{len(found)} links name their host") if found else unseen("no link to a trusted host was met")
