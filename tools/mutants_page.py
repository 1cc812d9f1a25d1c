"""Writes `docs/mutants.md`: breaks privacymw in each way of tests/mutants.py, and notes what `check` says of it.

python tools/mutants_page.py          tries all of them, writes the page; exit code 1 where one is not caught
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import mutants  # noqa: E402
import mutation  # noqa: E402
from mutation import Mutant, Verdict  # noqa: E402

PAGE = ROOT / "docs" / "mutants.md"
HEAD = """# Mutants

Made by `make mutants`; do not edit it here.

A claim of evidence is worth what it does when the thing is broken. Here privacymw is broken on purpose, in one place at
a time: a header dropped, a key not destroyed, a cookie let through, a sentence not told. Then the engine of
`privacymw check` looks at the app from the outside: at its answers, its bytes, its log records, its files. It knows
nothing of the change.

{caught} of {count} breaks are named. {sites} whole apps with the same settings are looked at as well: nothing is found
there that is not so.

| what is broken | sentence | verdict | found |
|---|---|---|---|
"""
REST = """
## Not seen

{rows}
"""


def page(verdicts: Mapping[str, Verdict]) -> str:
    """The whole document, from what `check` said of each mutant."""
    caught = [each for each in mutants.MUTANTS if verdicts[each.name].caught]
    head = HEAD.format(caught=len(caught), count=len(mutants.MUTANTS), sites=len(mutants.SITES))
    lines = "".join(row(each, verdicts[each.name]) for each in mutants.MUTANTS)
    missed = [each.name for each in mutants.MUTANTS if not verdicts[each.name].caught]
    told = "\n".join(f"- {name}: {mutants.SURVIVORS.get(name, 'not known why')}." for name in missed)
    return head + lines + (REST.format(rows=told) if missed else "")


def row(mutant: Mutant, verdict: Verdict) -> str:
    """One mutant."""
    codes = ", ".join(f"`{code}`" for code in verdict.codes) or "nothing"
    return f"| {mutant.name} | `{mutant.breaks}` | {verdict.state} | {codes} |\n"


def rows(text: str) -> Iterator[tuple[str, ...]]:
    """The rows of a page: what is broken, sentence, verdict, found."""
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith("| what is broken "):
            yield tuple(part.strip() for part in line.strip("| ").split(" | "))


def main() -> int:
    begun = time.monotonic()
    tasks = [("site", name) for name in mutants.SITES] + [("mutant", each.name) for each in mutants.MUTANTS]
    results = mutation.all_of(tasks)
    faulty = {name: faults for (kind, name), faults in results.items() if kind == "site" and faults}
    verdicts = {name: found for (kind, name), found in results.items() if kind == "mutant"}
    PAGE.write_text(page(verdicts), encoding="utf-8")
    missed = [name for name, found in verdicts.items() if not found.caught]
    print(f"{len(verdicts) - len(missed)} of {len(verdicts)} breaks are named, in {time.monotonic() - begun:.0f} s")
    for name in missed:
        print(f"not seen: {name}: {mutants.SURVIVORS.get(name, 'why is not known')}")
    for name, faults in faulty.items():
        print(f"found on the whole site {name}:", *faults, sep="\n  ")
    return int(bool(faulty) or set(missed) != set(mutants.SURVIVORS))


if __name__ == "__main__":
    sys.exit(main())
