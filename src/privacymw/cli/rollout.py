"""`privacymw rollout`: what observe mode has counted, in words, and how to go on."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Final

from privacymw.cli import show
from privacymw.cli.kin import kin, suggestions
from privacymw.cli.site import Site, find

_Counts = Mapping[str, Mapping[str, int]]

# What is counted, in the order in which it is told: kind, the column's name, what it means.
_KINDS: Final = (
    ("links", "host", "Links in your pages to other sites: PRIVACYMW_OUTBOUND_MODE says what becomes of them."),
    ("redirects", "host", "Redirects of your app to other sites: PRIVACYMW_OUTBOUND_REDIRECTS says if they are held."),
    ("headers", "header", "Headers of your app's answers that would be added or changed."),
    ("request headers", "header", "Headers of requests that your app would see changed, or not at all."),
    ("answers", "status", "Answers that would be given in place of your app's, such as the redirect to https."),
    ("outbound", "pages", "Pages whose links are not, or not all, looked after."),
    ("mail", "links", "Links that open a mail to write."),
    ("parts that wait", "host", "Parts of your pages that wait for a yes, by the site from which they come."),
    ("undeclared categories", "category", "Parts that nobody can release: name the category in your app's settings."),
    ("preference cookies", "cookies", "Preference cookies that could not be verified: they count as a refusal."),
    ("other logs", "logger", "Log records with a visitor's address: PRIVACYMW_ADDRESSES_OTHER_LOGS=mask masks them."),
    ("leaving", "pages", "Requests for the page before a link that leaves."),
    ("failures", "where", "Faults of privacymw itself. Please look at the log before you go on."),
)  # fmt: skip


def rollout(options: Namespace) -> int:
    """`rollout`."""
    from privacymw.tally import read_counts_since

    site = find(options.data)
    counts, since = read_counts_since(site.folder)
    values = {row["name"]: row["value"] for row in (site.running or {}).get("settings", ())}
    mode = values.get("PRIVACYMW_MODE", "")
    sites = values.get("PRIVACYMW_SITES", "")
    lines = suggestions(kin([*counts.get("links", ()), *counts.get("redirects", ())], sites), sites)
    if options.json:
        show.document({"mode": mode, "since": since, "counts": counts, "suggestions": lines})
        return 0
    _opening(site, mode, since)
    for kind, column, meaning in _KINDS:
        if counts.get(kind):
            _told(meaning, column, counts[kind])
    _ending(mode, counts, lines)
    return 0


def _opening(site: Site, mode: str, since: int | None) -> None:
    modes = {
        "observe": "The site observes: visitors get the app's own answers, and this is what would change.",
        "on": "The site is on: what it counts now, it has also done.",
        "off": "The site is off: nothing is looked at now.",
    }
    show.printed(f"{modes.get(mode, 'No site has written its mode here yet.')} ({show.plain(site.folder)})")
    if since is None:
        show.printed("\nNothing has been counted yet: visit some pages, or let visitors do so.")
    else:
        show.printed(f"Counted since {show.utc(since)} UTC, in whatever mode the site was.")


def _told(meaning: str, column: str, names: Mapping[str, int]) -> None:
    show.printed(f"\n{meaning}\n")
    rows = sorted(names.items(), key=lambda pair: (-pair[1], pair[0]))
    show.table(("times", column), [(number, name) for name, number in rows], right=("times",))


def _ending(mode: str, counts: _Counts, lines: Sequence[str]) -> None:
    if lines:
        show.printed("\nThese hosts look like your own; links to them would then not be outbound:\n")
    elif counts.get("links"):
        show.printed(
            "\nIf one of these hosts is your own, name it in PRIVACYMW_SITES (*.example.org for all below it)."
        )
    for line in lines:
        show.printed(f"  {show.plain(line)}")
    if mode != "on":
        show.printed("\nTo go on, start the site with:\n\n  PRIVACYMW_MODE=on")
        show.printed("\nand back again with PRIVACYMW_MODE=observe; leaving links that are out still answer.")
