"""Writes `docs/commands.md` from the command line's own parser.

python tools/commands.py            writes it
python tools/commands.py --check    exit code 1 where it is not current
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from privacymw.cli.parser import parser

PAGE = Path(__file__).resolve().parent.parent / "docs" / "commands.md"
HEAD = """# Commands

Made from the command line's own help by `python tools/commands.py`; do not edit it here.

`privacymw` and `python -m privacymw` are the same. In a Flask app, `flask --app MODULE privacy ...` takes the same
commands, without `run`. Times are UTC. The site is found by `--data`, else by `PRIVACYMW_DATA`, else in
`./privacymw-data`, the current folder and `/var/lib/privacymw`. Nothing makes a store or a folder; as root, the log is
read as the folder's owner.

| exit code | meaning |
|---|---|
| 0 | all is held |
| 1 | usage or environment: the text on standard error says what to do |
| 2 | a promise is broken |

Colors are left out where `NO_COLOR` is set, and where the output is no terminal.
"""


def page() -> str:
    """The whole document."""
    return "\n".join([HEAD, *(part for verb in verbs(parser()) for part in told(verb))])


def verbs(top: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Every parser that takes a command's options, in the order of the help."""
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                below = list(verbs(each))
                yield from below or [each]


def told(verb: argparse.ArgumentParser) -> list[str]:
    actions = [action for action in verb._actions if not isinstance(action, argparse._HelpAction)]
    parts = [f"## {verb.prog}", "", verb.description or "", "", f"    {usage(verb, actions)}", ""]
    parts += ["| option | what for |", "|---|---|", *map(row, actions), ""]
    return [*parts, f"{verb.epilog}.", ""] if verb.epilog else parts


def usage(verb: argparse.ArgumentParser, actions: list[argparse.Action]) -> str:
    """Our own, since argparse's changes with Python and with the width of the terminal."""
    return " ".join([verb.prog, *(spelled(a) if not a.option_strings else f"[{spelled(a)}]" for a in actions)])


def spelled(action: argparse.Action) -> str:
    name = str(action.metavar or action.dest.upper())
    if not action.option_strings:
        return f"[{name} ...]" if action.nargs == "*" else name
    return action.option_strings[0] if action.nargs == 0 else f"{action.option_strings[0]} {name}"


def row(action: argparse.Action) -> str:
    text = (action.help or "").replace("|", "\\|")
    return f"| `{spelled(action)}` | {text} |"


def main() -> int:
    if "--check" in sys.argv[1:]:
        current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()
        print("current" if current else f"{PAGE.name} is not current: run python tools/commands.py")
        return 0 if current else 1
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
