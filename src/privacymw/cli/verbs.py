"""What the parsers of all verbs have in common."""

import argparse
import sys
from typing import NoReturn

Verbs = argparse._SubParsersAction  # the only name of its type


class Parser(argparse.ArgumentParser):
    """A parser whose usage errors end with 1: 2 says that a promise is broken."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(1, f"{self.prog}: {message}\n")


def verb_of(verbs: "Verbs[Parser]", name: str, calls: str, text: str, *, data: bool = True) -> Parser:
    """A verb with the options that all of them have; `calls` is `module:function` below `privacymw.cli`."""
    added = verbs.add_parser(name, help=_short(text), description=text, allow_abbrev=False)
    added.set_defaults(verb=calls)
    if data:
        added.add_argument("--data", metavar="PATH", help="the site's data folder (default: found by itself)")
    return added


def group_of(verbs: "Verbs[Parser]", name: str, text: str) -> "Verbs[Parser]":
    """Where the verbs of a group are added."""
    group = verbs.add_parser(name, help=_short(text), description=text, allow_abbrev=False)
    below: Verbs[Parser] = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    return below


def json_form(verb: argparse._ActionsContainer) -> None:
    """`--json`."""
    verb.add_argument("--json", action="store_true", help="print JSON")


def _short(text: str) -> str:
    return text[0].lower() + text[1:].rstrip(".")
