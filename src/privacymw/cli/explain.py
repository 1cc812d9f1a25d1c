"""`privacymw explain`: the page of a finding."""

import difflib
from argparse import Namespace

from privacymw.cli import show
from privacymw.errors import SettingsError
from privacymw.evidence.codes import CODES, Explanation


def explain(options: Namespace) -> int:
    """`explain`."""
    if not options.code:
        return _listed(json=options.json)
    code = CODES.get(options.code)
    if code is None:
        near = difflib.get_close_matches(options.code, CODES, n=1)
        nearest = f"; the nearest is {near[0]}" if near else ""
        raise SettingsError(f"{options.code}: no such finding{nearest}.\nAll of them: privacymw explain")
    if options.json:
        show.document({"code": options.code, **code._asdict()})
    else:
        _told(options.code, code)
    return 0


def _listed(*, json: bool) -> int:
    if json:
        show.document({code: each._asdict() for code, each in CODES.items()})
    else:
        show.table(("code", "what it is"), [(code, each.title) for code, each in CODES.items()])
    return 0


def _told(name: str, code: Explanation) -> None:
    show.printed(f"{name}: {code.title}")
    for title, text in code.parts():
        show.printed(f"\n{title}\n")
        for line in text.splitlines():
            if line.startswith("    "):
                show.printed(line)
            elif line:
                show.paragraph(line)
