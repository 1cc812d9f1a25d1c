"""`python -m bench`: all parts, or the named ones."""

import argparse
import json
import logging
import platform
import sys
from collections.abc import Callable
from pathlib import Path

from bench import perrequest
from bench.guard import guard
from bench.handoff import handoff
from bench.imports import imports
from bench.load import load
from bench.options import Options
from bench.purge import purge
from bench.records import records
from bench.report import Report
from bench.scanner import scanner
from bench.servers import servers

PARTS: dict[str, Callable[[Options], Report]] = {
    "starlette": perrequest.starlette,
    "flask": perrequest.flask,
    "guard": guard,
    "handoff": handoff,
    "records": records,
    "imports": imports,
    "scanner": scanner,
    "servers": servers,
    "load": load,
    "purge": purge,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"one of {', '.join(PARTS)}; all when none is named")
    parser.add_argument("--quick", action="store_true", help="see that it runs; too short to judge by")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--against", type=Path, metavar="SRC", help="another tree's src folder, in the same run")
    parser.add_argument("--seconds", type=int, default=30, help="of a saturating load (30)")
    parser.add_argument("--postgresql", action="store_true", help="load: also with a log in PostgreSQL")
    parser.add_argument("--tree", type=Path, action="append", metavar="PATH", help="scanner: pages of a real tree")
    options = parser.parse_args()
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    logging.getLogger("privacymw").setLevel(logging.ERROR)  # the welcome of each start is not wanted here
    print(f"CPython {platform.python_version()}; compare within one table only", flush=True)
    figures = {}
    against = options.against.resolve() if options.against else None
    trees = tuple(options.tree or ())
    for name in options.parts or PARTS:
        report = PARTS[name](Options(options.quick, against, options.seconds, options.postgresql, trees))
        figures[name] = {"title": report.title, "notes": list(report.notes), **report.figures}
        print(report.show(), flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
