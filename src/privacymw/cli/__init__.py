"""The command line: finds the running site by itself, reads what it left, and makes nothing of its own.

Exit codes: 0 all is held, 1 usage or environment, 2 a promise is broken. What a verb needs is imported
when it runs, so that help comes at once.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from privacymw.errors import PrivacyError

_INTERRUPTED = 130  # 128 + SIGINT and 128 + SIGPIPE, as a shell counts programs that a signal ended
_UNREAD = 141


def main(arguments: Sequence[str] | None = None, *, program: str = "privacymw") -> int:
    """Runs one command; its exit code. Errors of the operator and of the environment are told, not raised."""
    try:
        code = _run(arguments, program)
        sys.stdout.flush()
    except PrivacyError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read us has enough. Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _UNREAD
    except KeyboardInterrupt:
        return _INTERRUPTED
    return code


def _run(arguments: Sequence[str] | None, program: str) -> int:
    from privacymw.cli.parser import parsed

    options = parsed(program, sys.argv[1:] if arguments is None else arguments)
    module, _, function = options.verb.partition(":")
    code: int = getattr(import_module(f"privacymw.cli.{module}"), function)(options)
    return code
