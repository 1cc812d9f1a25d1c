"""What importing a door adds to its framework, and what a whole start takes."""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.options import Options
from bench.report import Report, against
from bench.subject import SETTINGS, SOURCES

BUDGET = 15.0
"""CPU milliseconds over the framework."""
LATE = ("cryptography", "jinja2", "maxminddb", "psycopg", "sqlite3", "ua_parser", "user_agents")
"""Not to be imported before they are used; what the framework imported itself does not count."""

_CHILD = """
import json, sys, time
{first}
there = set(sys.modules)
began = time.process_time()
{then}
took = (time.process_time() - began) * 1e3
print(json.dumps([took, sorted(set(sys.modules) - there)]))
"""

_CASES = {
    "privacymw.asgi over Starlette": ("import starlette.applications, starlette.responses", "import privacymw.asgi"),
    "privacymw.wsgi over Flask": ("import flask", "import privacymw.wsgi"),
    "with the settings, over Flask": ("import flask", "import privacymw.startup"),
    "start, everything on, over Flask": ("import flask", "from privacymw.startup import start; start()"),
}


def imports(options: Options) -> Report:
    """Fresh interpreters, the compiled files there already."""
    rows, figures = [], {}
    for name, (first, then) in _CASES.items():
        runs = [_child(_CHILD.format(first=first, then=then)) for _ in range(5 if options.quick else 15)]
        took = statistics.median(run[0] for run in runs[1:])
        modules = runs[-1][1]
        late = sorted({module.partition(".")[0] for module in modules} & set(LATE))
        budget = "" if "start" in name else against(took, BUDGET)
        rows.append([name, f"{took:.1f}", budget, str(len(modules)), ", ".join(late) or "none"])
        figures[name] = {"ms": took, "modules": modules, "late": late}
    head = ["what", "CPU ms", "budget", "modules", "of those that come late"]
    return Report("Import", head, rows, [f"Those that come late: {', '.join(LATE)}."], figures)


def _child(code: str) -> Any:
    with TemporaryDirectory(prefix="privacymw-bench-") as folder:
        settings = {**SETTINGS, "PRIVACYMW_DATA": str(Path(folder, "data")), "PYTHONPATH": str(SOURCES)}
        command = [sys.executable, "-c", code]
        result = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=True)
        return json.loads(result.stdout)
