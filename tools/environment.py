"""Prepare a virtual environment from a lock file and print its folder.

    python tools/environment.py            the first interpreter found, lock "dev", in .venv/3.x
    python tools/environment.py 3.13       that interpreter
    python tools/environment.py --demo     lock "demo", in .venv/demo

An environment whose lock file, interpreter and place are as before is used as it is. This file runs before
anything is installed, so it keeps to the standard library and to what Python 3.9 understands.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = ("3.11", "3.12", "3.13")
PROBE = "import ensurepip, sys, venv; print('{}.{}'.format(*sys.version_info))"


def main() -> int:
    parser = argparse.ArgumentParser(description="Prepare a virtual environment and print its folder.")
    parser.add_argument("version", nargs="?", choices=VERSIONS)
    parser.add_argument("--demo", action="store_true", help="only what the demo needs")
    options = parser.parse_args()
    version = options.version or default()
    if version is None:
        print(f"No Python of {', '.join(VERSIONS)} was found on PATH or through pyenv.", file=sys.stderr)
        return 1
    print(prepare(version, lock="demo" if options.demo else "dev"))
    return 0


def default() -> str | None:
    """The running interpreter's version if we support it, else the first supported one that is here."""
    running = "{}.{}".format(*sys.version_info)
    return next((version for version in (running, *VERSIONS) if version in VERSIONS and find(version)), None)


def find(version: str) -> str | None:
    """The path of an interpreter that starts, says it is `version`, and can make environments."""
    return next((path for path in candidates(version) if answers(path) == version), None)


def candidates(version: str) -> Iterator[str]:
    yield sys.executable
    for folder in os.get_exec_path():  # all of them: the first may be a shim that leads nowhere
        yield str(Path(folder, "python" + version))
    if shutil.which("pyenv"):
        prefix = output(["pyenv", "prefix", version])
        if prefix:
            yield str(Path(prefix, "bin", "python"))


def answers(path: str) -> str | None:
    return output([path, "-c", PROBE]) if os.access(path, os.X_OK) else None


def output(command: list[str]) -> str | None:
    result = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    return result.stdout.strip() if result.returncode == 0 else None


def prepare(version: str, *, lock: str) -> Path:
    """The folder of an environment with the locked packages and this tree installed editable."""
    folder = ROOT / ".venv" / (version if lock == "dev" else lock)
    requirements = ROOT / "requirements" / f"{lock}.txt"
    interpreter = find(version)
    if interpreter is None:
        raise SystemExit(f"Python {version} was not found.")
    python = str(folder / "bin" / "python")
    pip = [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-input"]

    packages = digest(requirements.read_bytes(), interpreter, str(folder))
    if not stamped(folder / "packages.stamp", packages):
        print(f"Setting up {folder.relative_to(ROOT)} (up to a minute)", file=sys.stderr, flush=True)
        run([interpreter, "-m", "venv", "--clear", str(folder)])
        run([*pip, "--require-hashes", "-r", str(requirements)])
        stamp(folder / "packages.stamp", packages)

    tree = digest((ROOT / "pyproject.toml").read_bytes(), packages)
    if not stamped(folder / "tree.stamp", tree):
        run([*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)])
        stamp(folder / "tree.stamp", tree)
    return folder


def digest(content: bytes, *more: str) -> str:
    return hashlib.sha256(b"\0".join([content, *(part.encode() for part in more)])).hexdigest()


def stamped(path: Path, value: str) -> bool:
    return path.exists() and path.read_text() == value


def stamp(path: Path, value: str) -> None:
    path.write_text(value)


def run(command: list[str]) -> None:
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    if result.returncode:
        raise SystemExit(f"This failed ({result.returncode}): {' '.join(command)}")


if __name__ == "__main__":
    sys.exit(main())
