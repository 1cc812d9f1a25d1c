"""`flask privacy ...`: the same verbs, where the app's own command line is at hand."""

from collections.abc import Sequence
from typing import Final

import click

from privacymw.cli import main

_VERBS: Final = {
    "addresses": "Read, purge and verify the log of addresses.",
    "choices": "Look up what visitors decided, by the receipt that they have.",
    "settings": "Show the settings in force, and where each comes from.",
    "rollout": "Show what observe mode has counted.",
    "outbound": "Look at where the links of your pages lead.",
    "preview": "Show the policy page while settings are tried.",
}

group = click.Group("privacy", help="Look at what privacymw does for this app.")


def _verb(name: str, text: str) -> click.Command:
    """A command that hands all it is given, `--help` included, to our own parser."""

    def call(arguments: Sequence[str]) -> None:
        context = click.get_current_context()
        context.exit(main([name, *arguments], program="flask privacy"))

    given = click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)
    as_it_is = {"ignore_unknown_options": True, "allow_interspersed_args": False}
    return click.Command(
        name, callback=call, params=[given], help=text, add_help_option=False, context_settings=as_it_is
    )


for _name, _text in _VERBS.items():
    group.add_command(_verb(_name, _text))
