"""axe-core, which looks for barriers in a page, installed by npm from a lock file into .venv/axe.

python tools/axe.py        install it, if npm is here; without npm it says so, and in CI it fails
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKED = ROOT / "tools" / "axe"
FOLDER = ROOT / ".venv" / "axe"
SCRIPT = FOLDER / "node_modules" / "axe-core" / "axe.min.js"
STAMP = FOLDER / "lock.stamp"


def main() -> int:
    lock = hashlib.sha256((LOCKED / "package-lock.json").read_bytes()).hexdigest()
    if SCRIPT.exists() and STAMP.exists() and STAMP.read_text() == lock:
        return 0
    npm = shutil.which("npm")
    if npm is None:
        print("npm is not here: the tests that look for barriers will be skipped.", file=sys.stderr)
        return int("CI" in os.environ)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(LOCKED / name, FOLDER / name)
    result = subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=FOLDER)
    if result.returncode == 0:
        STAMP.write_text(lock)
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
