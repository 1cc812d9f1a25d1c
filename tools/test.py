"""Everything that must hold before a change lands: `make test`.

On one interpreter: lint, format, types and all tests but the long ones (`make long`). On each other
supported interpreter that is here: the tests without servers and browsers, two interpreters at a time.
All of it runs even if a part fails, and tests that failed beside others run once more alone; the table at
the end names each part, and the exit code is 1 if one failed.
"""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import environment

FAST = "not servers and not browser and not first and not long"
Row = tuple[str, int, float]  # what ran, its exit code, its seconds


def main() -> int:
    first = environment.default()
    if first is None:
        print(f"No Python of {', '.join(environment.VERSIONS)} was found.", file=sys.stderr)
        return 1
    rows = [run("system packages", [str(environment.ROOT / "tools" / "system-packages")])]
    rows += [run("axe", [sys.executable, str(environment.ROOT / "tools" / "axe.py")])]
    rows += again_alone(on_first(first), first)
    others = [version for version in environment.VERSIONS if version != first]
    with ThreadPoolExecutor(max_workers=2) as pool:
        rows += pool.map(on_other, others)
    print_table(rows)
    return int(any(code for _, code, _ in rows))


def on_first(version: str) -> list[Row]:
    programs = environment.prepare(version, lock="dev") / "bin"
    return [
        run(f"{what} on {version}", [str(programs / program), *arguments])
        for what, program, *arguments in (
            ("lint", "ruff", "check", "."),
            ("format", "ruff", "format", "--check", "."),
            ("types", "mypy"),
            # Four processes: much of it waits for servers. A file stays in one, for its fixtures' sake.
            ("tests", "pytest", "-m", "not long", "-n", "4", "--dist", "loadfile"),
        )
    ]


def again_alone(rows: list[Row], version: str) -> list[Row]:
    """The rows; where tests failed beside others, those are run once more by themselves, and the table says so.

    Real servers, clocks and browsers share two cores here: a test may fail for want of time alone. What fails
    alone as well has failed.
    """
    *before, (what, code, seconds) = rows
    if code != 1:
        return rows
    programs = environment.prepare(version, lock="dev") / "bin"
    failed = ("--last-failed", "--last-failed-no-failures", "none")
    _, code, more = run("what failed, alone", [str(programs / "pytest"), "-m", "not long", *failed])
    return [*before, (what, 0 if code == 0 else 1, seconds), ("what failed, alone", code, more)]


def on_other(version: str) -> Row:
    """Run in a thread beside another, so what is printed is collected and comes in one piece."""
    what = f"fast tests on {version}"
    if environment.find(version) is None:
        print(f"Python {version} is not here: its tests are left out.", flush=True)
        return what + " (left out)", 0, 0.0
    programs = environment.prepare(version, lock="dev") / "bin"
    cache = environment.ROOT / ".pytest_cache" / version  # two runs at once must not share one
    spread = ("-n", "2", "--dist", "loadfile")
    return run(what, [str(programs / "pytest"), "-m", FAST, *spread, "-o", f"cache_dir={cache}"], at_once=True)


def run(what: str, command: list[str], *, at_once: bool = False) -> Row:
    begin = time.monotonic()
    heading = f"\n--- {what}: {Path(command[0]).name} {' '.join(command[1:])}"
    if not at_once:
        print(heading, flush=True)
    result = subprocess.run(
        command,
        cwd=environment.ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if at_once else None,
        stderr=subprocess.STDOUT if at_once else None,
        text=True,
    )
    if at_once:
        print(f"{heading}\n{result.stdout}", end="", flush=True)
    return what, result.returncode, time.monotonic() - begin


def print_table(rows: list[Row]) -> None:
    print()
    for what, code, seconds in rows:
        print(f"{'FAILED' if code else 'ok':<8}{what:<36}{seconds:6.1f} s")


if __name__ == "__main__":
    sys.exit(main())
