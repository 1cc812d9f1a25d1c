"""Where the memory of a writer may land: a key in use lies there, and an address for a quarter of a second."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from privacymw.store.base import Finding


def memory(pids: Iterable[int], proc: Path = Path("/proc")) -> Iterator[Finding]:
    """Swap, and core dumps of these processes; nothing where the system does not tell (it has no /proc)."""
    swaps = _read(proc / "swaps").splitlines()[1:]
    if swaps:
        text = "swap is on: memory with keys may be written to it (encrypt it, or turn it off)"
        yield Finding("keys-swap", text, True)
    dumping = [pid for pid in pids if _dumps_core(_read(proc / str(pid) / "limits"))]
    if dumping:
        text = f"{len(dumping)} writers may leave core dumps, which hold keys (ulimit -c 0, or LimitCORE=0)"
        yield Finding("keys-core-dumps", text, True)


def _dumps_core(limits: str) -> bool:
    line = next((line for line in limits.splitlines() if line.startswith("Max core file size")), "")
    return bool(line) and line.split()[4] != "0"


def _read(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8")
    return ""
