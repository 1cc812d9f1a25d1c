"""What can be typed: verbs, options, and their help. `docs/commands.md` is made from this."""

import argparse
from collections.abc import Sequence
from typing import Final

from privacymw import __version__
from privacymw.cli import values
from privacymw.cli.addresses.options import addresses
from privacymw.cli.verbs import Parser, Verbs, group_of, json_form, verb_of

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
    addresses(verbs)
    _choices(verbs)
    _settings(verbs)
    _rollout(verbs)
    _outbound(verbs)
    _preview(verbs)
    _check(verbs)
    _evidence(verbs)
    _explain(verbs)
    _notice(verbs)
    _run(verbs)
    return top


def _choices(verbs: "Verbs[Parser]") -> None:
    below = group_of(verbs, "choices", "Look up what visitors decided, by the receipt that they have.")
    text = "Verify a visitor's receipt, and show it beside the record; exit code 2 where they do not agree."
    verb = verb_of(below, "verify", "choices:verify", text)
    verb.add_argument("receipt", metavar="RECEIPT", help="the file with the receipt's text; - for standard input")
    json_form(verb)


def _settings(verbs: "Verbs[Parser]") -> None:
    verb = verb_of(verbs, "settings", "settings:settings", "Show the settings in force, and where each comes from.")
    verb.add_argument("--running", action="store_true", help="those with which the site was started")
    form = verb.add_mutually_exclusive_group()
    json_form(form)
    form.add_argument("--markdown", action="store_true", help="print all settings as a table for documents")


def _rollout(verbs: "Verbs[Parser]") -> None:
    text = "Show what PRIVACYMW_MODE=observe has counted: what would change with PRIVACYMW_MODE=on."
    json_form(verb_of(verbs, "rollout", "rollout:rollout", text))


def _outbound(verbs: "Verbs[Parser]") -> None:
    below = group_of(verbs, "outbound", "Look at where the links of your pages lead.")
    text = "List the hosts to which links and redirects lead, by route, and what became of them."
    json_form(verb_of(below, "report", "outbound:report", text))
    text = "Print the tag of the script for links that programs add, and its hash; see PRIVACYMW_OUTBOUND_SCRIPT."
    json_form(verb_of(below, "script", "outbound:script", text, data=False))


def _preview(verbs: "Verbs[Parser]") -> None:
    text = "Show the policy page that settings give, and the lines that set them; makes no folder and no store."
    verb = verb_of(verbs, "preview", "preview:preview", text, data=False)
    form = verb.add_mutually_exclusive_group()
    form.add_argument("--text", action="store_true", help="the page as text (default)")
    form.add_argument("--html", action="store_true", help="the page as HTML; the lines go to standard error")
    json_form(form)
    verb.add_argument(
        "settings",
        nargs="*",
        type=values.assignment,
        metavar="NAME=VALUE",
        help="settings to try over the environment, such as ADDRESSES_RETENTION=7d",
    )


def _notice(verbs: "Verbs[Parser]") -> None:
    below = group_of(verbs, "notice", "Publish versions of the policy page, and compare them.")

    text = "Freeze the page of these settings as a new version, a file in PRIVACYMW_NOTICE_VERSIONS."
    verb = verb_of(below, "publish", "notice:publish", text, data=False)
    verb.add_argument("--effective", type=values.day, metavar="DATE", help="the day from which it holds (UTC)")
    kind = verb.add_mutually_exclusive_group()
    kind.add_argument("--material", action="store_true", help="it changes what is done with data")
    kind.add_argument("--words", dest="material", action="store_false", help="it changes words only (default)")
    verb.add_argument("--summary", default="", metavar="TEXT", help="what has changed, in a sentence for visitors")
    verb.set_defaults(material=False)
    json_form(verb)

    json_form(
        verb_of(
            below, "list", "notice:versions", "List the versions; exit code 2 where a file was changed.", data=False
        )
    )

    text = "Compare versions, or the version in force with what these settings give."
    verb = verb_of(below, "diff", "notice:diff", text, data=False)
    verb.add_argument("before", nargs="?", type=values.count, metavar="VERSION", help="default: the one in force")
    verb.add_argument("after", nargs="?", type=values.count, metavar="VERSION", help="default: the settings here")
    verb.add_argument("--language", choices=("en", "es"), help="default: the site's")
    json_form(verb)

    text = "Bind the sentences of an approved text to the promises; lists what nothing keeps, and what is not told."
    verb = verb_of(below, "adopt", "adopt:adopt", text, data=False)
    verb.add_argument("file", metavar="FILE", help="plain text or Markdown, in English")
    form = verb.add_mutually_exclusive_group()
    form.add_argument("--toml", action="store_true", help="print what nothing keeps as statements for PRIVACYMW_CONFIG")
    json_form(form)

    text = "Print the message that tells of a version, for you to mail; nothing is sent."
    verb = verb_of(below, "render", "notice:render", text, data=False)
    verb.add_argument("number", nargs="?", type=values.count, metavar="VERSION", help="default: the newest")
    verb.add_argument("--language", choices=("en", "es"), help="default: the version's")


def _check(verbs: "Verbs[Parser]") -> None:
    text = (
        "Drive an app and hold what it does against what its privacy page says; exit code 2 where a promise is broken."
    )
    verb = verb_of(verbs, "check", "check:check", text, data=False)
    _app(verb)
    verb.add_argument("--path", action="append", default=[], help="a path to look at beside those that links lead to")
    verb.add_argument("--host", help="the host by which the site is asked (default: the first of PRIVACYMW_SITES)")
    json_form(verb)
    verb.add_argument("--html", metavar="FILE", help="write the report as a page of its own too")
    verb.add_argument("--browser", action="store_true", help="open the pages in Chromium too (extra: browser)")
    verb.add_argument("--evidence", metavar="FILE", help="write a signed bundle for outsiders (a zip) too")
    verb.add_argument(
        "--data", metavar="PATH", help="with --evidence: the site's data folder (default: found by itself)"
    )
    text = "with --evidence: the private key that signs, made if it is not there (default: in the data folder)"
    verb.add_argument("--key", metavar="FILE", help=text)


def _evidence(verbs: "Verbs[Parser]") -> None:
    below = group_of(verbs, "evidence", "Verify a bundle of evidence, as check makes it.")
    text = "Verify that a bundle is whole and who signed it, and say what that proves; exit code 2 where it is not."
    verb = verb_of(below, "verify", "evidence:verify", text, data=False)
    verb.add_argument("file", metavar="FILE", help="the bundle")
    verb.add_argument("--key", metavar="PUBLIC", help="the public key of the signer: a file, or its fingerprint")
    verb.add_argument("--head", metavar="DIGEST", help="a head of the chain that you noted: it has to be in the chain")
    verb.add_argument("--after", metavar="FILE", help="an earlier bundle of the site: its chain has to go on here")
    json_form(verb)


def _explain(verbs: "Verbs[Parser]") -> None:
    text = "Print what a finding of check means, how to see it, and how to mend it."
    verb = verb_of(verbs, "explain", "explain:explain", text, data=False)
    verb.add_argument("code", nargs="?", metavar="CODE", help="such as cookie-undeclared; without it all are listed")
    json_form(verb)


def _app(verb: Parser) -> None:
    """An app, and its kind where it does not show."""
    verb.add_argument("app", metavar="MODULE:APP", help="such as portal:app, or portal:create_app()")
    kind = verb.add_mutually_exclusive_group()
    kind.add_argument("--wsgi", dest="kind", action="store_const", const="wsgi", help="it is a WSGI app")
    kind.add_argument("--asgi", dest="kind", action="store_const", const="asgi", help="it is an ASGI app")


def _run(verbs: "Verbs[Parser]") -> None:
    text = "Serve an app with privacymw in front of it, under the installed gunicorn (WSGI) or uvicorn (ASGI)."
    verb = verb_of(verbs, "run", "run:run", text, data=False)
    _app(verb)
    verb.add_argument("--bind", metavar="HOST:PORT", default="127.0.0.1:8000", help="default: 127.0.0.1:8000")
    verb.epilog = "What follows -- goes to the server: privacymw run portal:app -- --workers 2"
    verb.set_defaults(server=())
