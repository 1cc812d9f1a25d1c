"""`privacymw outbound`: to which hosts a site's pages lead, from which routes, and what became of the links."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from privacymw.cli import show
from privacymw.cli.kin import kin, suggestions
from privacymw.cli.site import find

FATES: Final = {
    "sealed": "through the page before links that leave",
    "named": "the host in the link's text",
    "trusted": "a trusted host: in the link's text",
    "unsealable": "too long, or it lets its holder in: in the link's text",
    "blocked": "a blocked host: not linked to",
    "left": "a form that asks: left alone",
    "posts": "a form that posts: left alone",
    "refresh": "a page that sends on by itself: left alone",
    "redirect": "a redirect of the app: left alone",
    "held": "a redirect, or a page that sends on: held back",
}
"""What becomes of a link; the keys are those of the counts and of the JSON form."""

_OTHERS: Final = "(others)"


class Row(NamedTuple):
    """Links to one host from one route."""

    host: str
    fate: str
    route: str
    times: int


def report(options: Namespace) -> int:
    """`outbound report`."""
    from privacymw.tally import read_counts_since

    site = find(options.data)
    counts, since = read_counts_since(site.folder)
    found = rows(counts.get("outbound hosts", {}))
    settings = {row["name"]: row["value"] for row in (site.running or {}).get("settings", ())}
    sites = settings.get("PRIVACYMW_SITES", "")
    lines = suggestions(kin({each.host for each in found}, sites), sites)
    pages, mail = counts.get("outbound", {}), counts.get("mail", {})
    if options.json:
        document = {"since": since, "links": [each._asdict() for each in found], "pages": {**pages, **mail}}
        show.document({**document, "suggestions": lines})
        return 0
    _told(found, {**pages, **mail}, lines, since)
    return 0


def script(options: Namespace) -> int:
    """`outbound script`."""
    from privacymw.clicks import Clicks, integrity
    from privacymw.page import Pages
    from privacymw.pipeline import Pipeline
    from privacymw.policies import Policy
    from privacymw.promises.outbound import Outbound

    policy = Policy.from_env()
    site = policy.site
    outbound = next(each for each in policy.promises if isinstance(each, Outbound))
    pages = Pages(site.prefix, site.templates, language=site.language)
    clicks = Clicks(pages, site.sites, outbound.trusted, outbound.blocked)
    exchange = Pipeline([], prefix=site.prefix).begin("GET", "", "/", "", "https", None, {})
    tag, digest = clicks.tag(exchange), integrity(pages)
    if options.json:
        show.document({"tag": tag, "integrity": digest, "script_src": f"'{digest}'"})
        return 0
    show.printed(f"{tag}\n\nIn a policy that names hashes:\n\n  script-src '{digest}'")
    return 0


def rows(counts: Mapping[str, int]) -> list[Row]:
    """The counts, most first; a count of names beyond the bound has no host and no route."""
    found = []
    for name, times in counts.items():
        host, _, rest = name.partition(" ")
        fate, _, route = rest.partition(" ")
        found.append(Row(host, fate, route, times) if route else Row(_OTHERS, "", "", times))
    return sorted(found, key=lambda each: (-each.times, each))


def _told(found: Sequence[Row], pages: Mapping[str, int], lines: Sequence[str], since: Any) -> None:
    if since is None:
        show.printed("Nothing has been counted yet: visit some pages, or let visitors do so.")
        return
    show.printed(f"Counted since {show.utc(since)} UTC; confidential pages are left out.")
    if found:
        show.printed()
        cells = [(each.times, each.host, FATES.get(each.fate, each.fate), each.route) for each in found]
        show.table(("times", "host", "what became of it", "route"), cells, right=("times",))
    else:
        show.printed("\nNo link to another site was met.")
    if pages:
        show.printed("\nPages whose links are not, or not all, looked after, and what else was met:\n")
        show.table(("times", "pages"), sorted(((n, name) for name, n in pages.items()), reverse=True), right=("times",))
    if lines:
        show.printed("\nThese hosts look like your own; if they are, links to them are not outbound with:\n")
        for line in lines:
            show.printed(f"  {show.plain(line)}")
