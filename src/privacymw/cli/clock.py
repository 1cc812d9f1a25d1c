"""Serves an app to `privacymw check` in a process of its own, whose clock can be set forward.

The clock is taken over before anything else is imported: whoever asks for the time from here on, gets ours.
Commands come in as lines of JSON, answers go out the same way on the descriptor that the first argument names.
"""

import time

_ahead = 0.0
_real_time, _real_time_ns, _real_gettime = time.time, time.time_ns, time.clock_gettime


def _time() -> float:
    return _real_time() + _ahead


def _time_ns() -> int:
    return _real_time_ns() + round(_ahead * 1_000_000_000)


def _gettime(clock: int) -> float:
    """The time since the start goes forward too: that of the wall alone would look like a leap of the clock."""
    return _real_gettime(clock) + _ahead


if __name__ == "__main__":
    time.time, time.time_ns, time.clock_gettime = _time, _time_ns, _gettime

import base64  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from typing import Any  # noqa: E402

from privacymw.cli.target import load, wrapped  # noqa: E402
from privacymw.evidence.driver import Asked, driver  # noqa: E402


def serve(handle: int, target: str, kind: str, wraps: bool) -> None:
    """Answers commands until there are no more."""
    global _ahead
    app: Any = load(target)
    driven = driver(wrapped(app, kind) if wraps else app, kind)
    with os.fdopen(handle, "w", encoding="utf-8", buffering=1) as out:
        for line in sys.stdin:
            command = json.loads(line)
            if "ahead" in command:
                _ahead += command["ahead"]
                answer: Any = {"now": time.time()}
            else:
                asked = Asked(**{**command, "body": base64.b64decode(command["body"])})
                found = driven.ask(asked._replace(headers=tuple((name, value) for name, value in asked.headers)))
                answer = {**found._asdict(), "body": base64.b64encode(found.body).decode()}
            print(json.dumps(answer), file=out)
    driven.close()


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4] == "wrapped")
