"""What can be typed: verbs, options, and their help. `docs/commands.md` is made from this."""

import argparse
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

from privacymw import __version__
from privacymw.cli import values


class Parser(argparse.ArgumentParser):
    """A parser whose usage errors end with 1: 2 says that a promise is broken."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(1, f"{self.prog}: {message}\n")


_EPILOG: Final = "exit codes: 0 all is held, 1 usage or environment, 2 a promise is broken"


def parsed(program: str, arguments: Sequence[str]) -> argparse.Namespace:
    """The options; `server` holds what follows `--`, which argparse would not keep apart from our own."""
    top = parser(program)
    own, server = list(arguments), []
    if "--" in own:
        own, server = own[: own.index("--")], own[own.index("--") + 1 :]
    options = top.parse_args(own)
    if server and "server" not in options:
        top.error(f"nothing may follow -- here: {' '.join(server)}")
    options.server = server
    return options


def parser(program: str = "privacymw") -> Parser:
    """The parser of all verbs; the options it gives name what to call in `verb`, as `module:function`."""
    top = Parser(
        prog=program,
        description="Look at a site that runs under privacymw, and try settings before it does.",
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"privacymw {__version__}")
    verbs = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _addresses(verbs)
    _choices(verbs)
    _settings(verbs)
    _rollout(verbs)
    _preview(verbs)
    _notice(verbs)
    _run(verbs)
    return top


_Verbs = argparse._SubParsersAction  # the only name of its type


def _verb(verbs: "_Verbs[Parser]", name: str, calls: str, text: str, *, data: bool = True) -> Parser:
    """A verb with the options that all of them have."""
    added = verbs.add_parser(name, help=text[0].lower() + text[1:].rstrip("."), description=text, allow_abbrev=False)
    added.set_defaults(verb=calls)
    if data:
        added.add_argument("--data", metavar="PATH", help="the site's data folder (default: found by itself)")
    return added


def _json(verb: argparse._ActionsContainer) -> None:
    verb.add_argument("--json", action="store_true", help="print JSON")


def _addresses(verbs: "_Verbs[Parser]") -> None:
    text = "Read, purge and verify the log of addresses."
    group = verbs.add_parser("addresses", help=text[0].lower() + text[1:-1], description=text, allow_abbrev=False)
    below = group.add_subparsers(title="commands", metavar="COMMAND", required=True)

    rows = _verb(below, "list", "addresses:rows", "List the requests of the log, the newest last.")
    when = "a time ago such as 1h or 2d, or a time in UTC such as 2026-01-31T12:00"
    rows.add_argument("--since", type=values.moment, metavar="WHEN", help=f"not before: {when}")
    rows.add_argument("--until", type=values.moment, metavar="WHEN", help="before: the same")
    rows.add_argument(
        "--status", type=values.statuses, default=(), metavar="CODES", help="only these: 404, 5xx, or 4xx,500"
    )
    rows.add_argument("--address", help="only this client; found as long as its key lives")
    rows.add_argument("--network", metavar="NET", help="only this network, such as 203.0.113.0/24")
    rows.add_argument(
        "--limit", type=values.count, default=100, metavar="N", help="the newest so many; 0 for all (default: 100)"
    )
    _json(rows)

    purge = _verb(
        below, "purge", "addresses:purge", "Destroy overdue keys and take their rows away, as the site does itself."
    )
    purge.add_argument("--yes", action="store_true", help="do not ask")
    _json(purge)

    verify = _verb(
        below,
        "verify",
        "addresses:verify",
        "Look for evidence that the retention is kept; exit code 2 where it is not.",
    )
    _json(verify)


def _choices(verbs: "_Verbs[Parser]") -> None:
    text = "Look up what visitors decided, by the receipt that they have."
    group = verbs.add_parser("choices", help=text[0].lower() + text[1:-1], description=text, allow_abbrev=False)
    below = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    text = "Verify a visitor's receipt, and show it beside the record; exit code 2 where they do not agree."
    verb = _verb(below, "verify", "choices:verify", text)
    verb.add_argument("receipt", metavar="RECEIPT", help="the file with the receipt's text; - for standard input")
    _json(verb)


def _settings(verbs: "_Verbs[Parser]") -> None:
    verb = _verb(verbs, "settings", "settings:settings", "Show the settings in force, and where each comes from.")
    verb.add_argument("--running", action="store_true", help="those with which the site was started")
    form = verb.add_mutually_exclusive_group()
    _json(form)
    form.add_argument("--markdown", action="store_true", help="print all settings as a table for documents")


def _rollout(verbs: "_Verbs[Parser]") -> None:
    text = "Show what PRIVACYMW_MODE=observe has counted: what would change with PRIVACYMW_MODE=on."
    _json(_verb(verbs, "rollout", "rollout:rollout", text))


def _preview(verbs: "_Verbs[Parser]") -> None:
    text = "Show the policy page that settings give, and the lines that set them; makes no folder and no store."
    verb = _verb(verbs, "preview", "preview:preview", text, data=False)
    form = verb.add_mutually_exclusive_group()
    form.add_argument("--text", action="store_true", help="the page as text (default)")
    form.add_argument("--html", action="store_true", help="the page as HTML; the lines go to standard error")
    _json(form)
    verb.add_argument(
        "settings",
        nargs="*",
        type=values.assignment,
        metavar="NAME=VALUE",
        help="settings to try over the environment, such as ADDRESSES_RETENTION=7d",
    )


def _notice(verbs: "_Verbs[Parser]") -> None:
    text = "Publish versions of the policy page, and compare them."
    group = verbs.add_parser("notice", help=text[0].lower() + text[1:-1], description=text, allow_abbrev=False)
    below = group.add_subparsers(title="commands", metavar="COMMAND", required=True)

    text = "Freeze the page of these settings as a new version, a file in PRIVACYMW_NOTICE_VERSIONS."
    verb = _verb(below, "publish", "notice:publish", text, data=False)
    verb.add_argument("--effective", type=values.day, metavar="DATE", help="the day from which it holds (UTC)")
    kind = verb.add_mutually_exclusive_group()
    kind.add_argument("--material", action="store_true", help="it changes what is done with data")
    kind.add_argument("--words", dest="material", action="store_false", help="it changes words only (default)")
    verb.add_argument("--summary", default="", metavar="TEXT", help="what has changed, in a sentence for visitors")
    verb.set_defaults(material=False)
    _json(verb)

    _json(
        _verb(below, "list", "notice:versions", "List the versions; exit code 2 where a file was changed.", data=False)
    )

    text = "Compare versions, or the version in force with what these settings give."
    verb = _verb(below, "diff", "notice:diff", text, data=False)
    verb.add_argument("before", nargs="?", type=values.count, metavar="VERSION", help="default: the one in force")
    verb.add_argument("after", nargs="?", type=values.count, metavar="VERSION", help="default: the settings here")
    verb.add_argument("--language", choices=("en", "es"), help="default: the site's")
    _json(verb)

    text = "Bind the sentences of an approved text to the promises; lists what nothing keeps, and what is not told."
    verb = _verb(below, "adopt", "adopt:adopt", text, data=False)
    verb.add_argument("file", metavar="FILE", help="plain text or Markdown, in English")
    form = verb.add_mutually_exclusive_group()
    form.add_argument("--toml", action="store_true", help="print what nothing keeps as statements for PRIVACYMW_CONFIG")
    _json(form)

    text = "Print the message that tells of a version, for you to mail; nothing is sent."
    verb = _verb(below, "render", "notice:render", text, data=False)
    verb.add_argument("number", nargs="?", type=values.count, metavar="VERSION", help="default: the newest")
    verb.add_argument("--language", choices=("en", "es"), help="default: the version's")


def _run(verbs: "_Verbs[Parser]") -> None:
    text = "Serve an app with privacymw in front of it, under the installed gunicorn (WSGI) or uvicorn (ASGI)."
    verb = _verb(verbs, "run", "run:run", text, data=False)
    verb.add_argument("app", metavar="MODULE:APP", help="such as portal:app, or portal:create_app()")
    kind = verb.add_mutually_exclusive_group()
    kind.add_argument("--wsgi", dest="kind", action="store_const", const="wsgi", help="it is a WSGI app")
    kind.add_argument("--asgi", dest="kind", action="store_const", const="asgi", help="it is an ASGI app")
    verb.add_argument("--bind", metavar="HOST:PORT", default="127.0.0.1:8000", help="default: 127.0.0.1:8000")
    verb.epilog = "What follows -- goes to the server: privacymw run portal:app -- --workers 2"
    verb.set_defaults(server=())
