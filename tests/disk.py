"""Real disks for tests: what their files contain, and one that is full."""

import contextlib
import subprocess
from pathlib import Path

import pytest


def bytes_in(folder, *needles):
    """Which needles are in which files; a file that goes while we look has none."""
    found = []
    for path in Path(folder).rglob("*"):
        if path.is_file():
            with contextlib.suppress(FileNotFoundError):
                content = path.read_bytes()
                found += [(path.name, needle) for needle in needles if needle in content]
    return found


@contextlib.contextmanager
def small_disk(folder, size="1m"):
    """A tmpfs of its own; needs root."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no full disk without root: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder):
    """Use up all room; the file that does it."""
    path = folder / "ballast"
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return path
