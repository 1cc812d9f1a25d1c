"""Dangerous verbs ask before they act."""

import sys

from privacymw.errors import StoreError


def ask(question: str) -> None:
    """Returns where the answer is yes.

    Raises:
        StoreError: it is not, or there is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise StoreError(f"{question}\nThere is no terminal to ask at: add --yes")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise StoreError("nothing was done")
