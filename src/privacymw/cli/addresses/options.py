"""What can be typed after `privacymw addresses`."""

import argparse
from typing import Final

from privacymw.cli import values
from privacymw.cli.verbs import Parser, Verbs, group_of, json_form, verb_of

WHAT: Final = ("statuses", "routes", "networks", "addresses", "countries", "as", "browsers", "methods", "sites")
"""What `top` can count by."""


def addresses(verbs: "Verbs[Parser]") -> None:
    """Adds the group."""
    below = group_of(verbs, "addresses", "Read, purge and verify the log of addresses.")
    for add in (_list, _top, _timeline, _tail, _show, _disclose, _export, _purge, _verify):
        add(below)


def _list(below: "Verbs[Parser]") -> None:
    verb = verb_of(below, "list", "addresses.listing:listing", "List the requests of the log, the newest last.")
    _times(verb)
    _filters(verb)
    _client(verb)
    _limit(verb, 100, "the newest so many; 0 for all")
    _forms(verb)


def _top(below: "Verbs[Parser]") -> None:
    text = "Count requests by route, network and the like, the most first; without WHAT an overview of several."
    verb = verb_of(below, "top", "addresses.top:top", text)
    verb.add_argument("what", nargs="*", metavar="WHAT", type=_what, help=f"any of {', '.join(WHAT)}")
    _times(verb, "24h")
    _filters(verb)
    _client(verb)
    _limit(verb, None, "so many of each; 0 for all (default: 10, in an overview 5)")
    _forms(verb)


def _what(text: str) -> str:
    if text not in WHAT:
        raise argparse.ArgumentTypeError(f"{text!r} cannot be counted by: allowed are {', '.join(WHAT)}")
    return text


def _timeline(below: "Verbs[Parser]") -> None:
    text = "Show requests and errors over time."
    verb = verb_of(below, "timeline", "addresses.timeline:timeline", text)
    _times(verb, "24h")
    _filters(verb)
    _client(verb)
    verb.add_argument("--bucket", type=values.span, metavar="SPAN", help="time of one line (default: by the range)")
    _forms(verb)


def _tail(below: "Verbs[Parser]") -> None:
    text = "Show the newest requests, and then each as it is stored, until Ctrl-C."
    verb = verb_of(below, "tail", "addresses.tail:tail", text)
    _filters(verb)
    _client(verb)
    verb.add_argument(
        "-n",
        dest="limit",
        type=values.count,
        default=10,
        metavar="N",
        help="begin with the newest so many (default: 10)",
    )
    verb.add_argument("--json", action="store_true", help="print a line of JSON for each")


def _show(below: "Verbs[Parser]") -> None:
    text = "Show all that can be read of one client or network, and for which days nobody can say any more."
    verb = verb_of(below, "show", "addresses.client:show", text)
    verb.add_argument("client", metavar="ADDRESS", help="an address, or a network such as 203.0.113.0/24")
    _times(verb)
    _filters(verb)
    _limit(verb, 20, "the newest so many rows; 0 for all")
    json_form(verb)


def _disclose(below: "Verbs[Parser]") -> None:
    text = "State what could be handed over today about an address at a time, and what can no longer be read."
    verb = verb_of(below, "disclose", "addresses.disclose:disclose", text)
    verb.add_argument("--address", required=True, help="the client, whole")
    verb.add_argument(
        "--at", type=values.moment, required=True, metavar="WHEN", help="the time, in UTC or with an offset"
    )
    verb.add_argument(
        "--window", type=values.span, default=300.0, metavar="SPAN", help="so long before and after (default: 5m)"
    )
    json_form(verb)


def _export(below: "Verbs[Parser]") -> None:
    text = "Write the log for other programs, its addresses cut to their networks."
    verb = verb_of(below, "export", "addresses.export:export", text)
    _times(verb)
    _filters(verb)
    _client(verb)
    verb.add_argument(
        "--format",
        choices=("combined", "ecs"),
        default="combined",
        help="Combined Log Format, or lines of JSON by the Elastic Common Schema (default: combined)",
    )
    verb.add_argument("--output", metavar="FILE", help="a new file for you alone (default: standard output)")
    verb.add_argument("--force", action="store_true", help="replace the file if it is there")
    verb.add_argument("--clear", action="store_true", help="whole addresses; asks, for nothing deletes them any more")
    verb.add_argument("--yes", action="store_true", help="do not ask")


def _purge(below: "Verbs[Parser]") -> None:
    text = "Destroy overdue keys and take their rows away, as the site does itself."
    verb = verb_of(below, "purge", "addresses.upkeep:purge", text)
    verb.add_argument("--yes", action="store_true", help="do not ask")
    json_form(verb)


def _verify(below: "Verbs[Parser]") -> None:
    text = "Look for evidence that the retention is kept; exit code 2 where it is not."
    json_form(verb_of(below, "verify", "addresses.upkeep:verify", text))


def _times(verb: Parser, since: str = "") -> None:
    when = "a time ago such as 1h or 2d, today, yesterday, or a time in UTC such as 2026-01-31T12:00"
    default = f" (default: {since})" if since else ""
    verb.add_argument("--since", type=values.moment, metavar="WHEN", help=f"not before: {when}{default}")
    verb.add_argument("--until", type=values.moment, metavar="WHEN", help="before: the same")


def _filters(verb: Parser) -> None:
    several = "several with commas"
    for option, dest, read, metavar, text in (
        ("--status", "statuses", values.statuses, "CODES", "only these: 404, 5xx, 400-403, or 4xx,500"),
        ("--route", "routes", values.routes, "ROUTE", "only this route: /members/{id}, or /members/* for all below"),
        ("--method", "methods", values.methods, "NAMES", f"only these methods, {several}"),
        ("--country", "countries", values.countries, "CODES", f"only these countries, such as DE, {several}"),
        ("--as", "asns", values.asns, "NUMBERS", f"only these autonomous systems, such as 3320, {several}"),
        ("--site", "sites", values.hosts, "HOSTS", f"only these hosts of the site, {several}"),
    ):
        verb.add_argument(option, dest=dest, type=read, default=(), metavar=metavar, help=text)


def _client(verb: Parser) -> None:
    verb.add_argument("--address", help="only this client; found as long as its key lives")
    verb.add_argument("--network", metavar="NET", help="only this network, such as 203.0.113.0/24")


def _limit(verb: Parser, default: int | None, text: str) -> None:
    told = "" if default is None else f" (default: {default})"
    verb.add_argument("--limit", "-n", type=values.count, default=default, metavar="N", help=text + told)


def _forms(verb: Parser) -> None:
    form = verb.add_mutually_exclusive_group()
    json_form(form)
    form.add_argument("--csv", action="store_true", help="print CSV; what would be a formula begins with '")
