"""What the notice says about links to other sites."""

from typing import TYPE_CHECKING

import msgspec

from privacymw.linkmodes import MODES
from privacymw.promise import Sentence
from privacymw.words import N_

if TYPE_CHECKING:
    from privacymw.promises.outbound import Outbound

_TOLD = {
    "interstitial": N_(
        "When you follow a link to another site, we show you a page first that names the destination. From "
        "there you go on or stay."
    ),
    "annotate": N_("The text of a link to another site names the host to which it leads."),
}
_TOLD_OF_PATHS = {
    "interstitial": N_("On pages under {paths}, a page that names the destination comes first."),
    "annotate": N_("On pages under {paths}, the text of a link to another site names its host instead."),
    "off": N_("On pages under {paths}, we leave links to other sites as they are."),
}

_SCOPE = {
    False: N_(
        "Not covered are pages that we exempt one by one, links that a program adds in your browser, forms "
        "that post, and links that are very long or let whoever has them in."
    ),
    True: N_(
        "Not covered are pages that we exempt one by one, sites that a program opens by itself, forms that post or "
        "that a program adds, and links that are very long or let whoever has them in."
    ),
}


def of_links(promise: "Outbound") -> list[Sentence]:
    """What becomes of a link, where, and of which it does not."""
    sentences = (
        [Sentence("outbound.mode", _TOLD[promise.mode], facts={"mode": promise.mode})] if promise.mode != "off" else []
    )
    for mode in MODES:
        paths = [path for path, word in promise.paths.items() if word == mode]
        if paths:
            facts, values = {"paths": paths, "mode": mode}, {"paths": ", ".join(paths)}
            sentences.append(Sentence(f"outbound.{mode}", _TOLD_OF_PATHS[mode], values, facts=facts))
    page = "interstitial" in promise.modes
    if not page and promise.modes != {"off"}:
        text = N_(
            "Not covered are pages that we exempt one by one, forms, and links that a program adds in your browser."
        )
        sentences.append(Sentence("outbound.exempt", text))
    if page:
        sentences.append(Sentence("outbound.scope", _SCOPE[promise.script], facts={"script": promise.script}))
        if promise.script:
            text = N_("A link that a program adds in your browser leads to a page that only names its address.")
            sentences.append(Sentence("outbound.script", text))
        text = N_("You can ask on that page not to be shown it again. We keep no list of the links that you follow.")
        sentences.append(Sentence("outbound.remember", text))
    return sentences


def of_hosts(promise: "Outbound", name: str) -> list[Sentence]:
    """What is so for some hosts; `name` is whose word it is."""
    sentences = []
    if promise.trusted and promise.modes != {"off"}:
        trusted = {
            True: N_("Links to {hosts} lead there without such a page; their text names the host."),
            False: N_("This is so for links to {hosts} too, which we trust."),
        }
        text = trusted["interstitial" in promise.modes]
        sentences.append(
            Sentence("outbound.trusted", text, {"hosts": ", ".join(promise.trusted)}, facts={"hosts": promise.trusted})
        )
    if promise.notes and "interstitial" in promise.modes:
        text = N_("On that page we also say what we know of these sites: {hosts}.")
        hosts = tuple(each.host for each in promise.notes)
        facts = {"notes": tuple(msgspec.structs.astuple(each) for each in promise.notes)}
        sentences.append(Sentence("outbound.notes", text, {"hosts": ", ".join(hosts)}, name, facts=facts))
    if promise.blocked:
        text = N_("We do not link to {hosts}: a link to such a site does not lead there.")
        sentences.append(
            Sentence("outbound.blocked", text, {"hosts": ", ".join(promise.blocked)}, facts={"hosts": promise.blocked})
        )
    if promise.reachable:
        text = N_(
            "Our server sends your browser on to another site only if it is one of {hosts}. Else you see a page "
            "with the address."
        )
        sentences.append(
            Sentence(
                "outbound.redirects", text, {"hosts": ", ".join(promise.reachable)}, facts={"hosts": promise.reachable}
            )
        )
    elif promise.reachable is not None:
        text = N_("Our server does not send your browser on to another site. You see a page with the address.")
        sentences.append(Sentence("outbound.redirects", text, facts={"hosts": ()}))
    return sentences
