"""How fast the pages of a real tree, as an author's tools wrote them, go through the link scanner."""

import gc
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bench.report import Report

BYTES = 3_000_000
"""Of a tree so much is read: pages spread over all of it."""
Engines = Mapping[str, Callable[[bytes], object]]


def sample(tree: Path, most: int = BYTES) -> list[bytes]:
    """Pages of a tree, every so many; ValueError where there are none."""
    paths = sorted(path for path in tree.rglob("*") if path.suffix.lower() in (".html", ".htm") and path.is_file())
    step = max(sum(path.stat().st_size for path in paths) // most, 1)
    pages = [path.read_bytes() for path in paths[:: int(step)]]
    if not pages:
        raise ValueError(f"{tree} holds no .html or .htm file: name the folder of a documentation")
    return pages


def trees(folders: tuple[Path, ...], engines: Engines, rounds: int, notes: list[str]) -> Report:
    """MB/s of each engine over each tree, in turn; medians of the rounds, on the CPU clock."""
    taken = {_name(tree): sample(tree) for tree in folders}
    seconds: dict[tuple[str, str], list[float]] = {(name, engine): [] for name in taken for engine in engines}
    for name, pages in taken.items():  # one after the other: a process serves one site, and remembers its links
        for _ in range(rounds + 1):  # the first warms the caches, and does not count
            for engine in random.sample(list(engines), len(engines)):
                gc.collect()
                seconds[name, engine].append(_time(engines[engine], pages))
    median = {key: statistics.median(times[1:]) for key, times in seconds.items()}
    sizes = {name: sum(map(len, pages)) for name, pages in taken.items()}
    rows = [
        [f"{name}, {len(pages)} pages of {sizes[name] / len(pages) / 1000:.0f} kB", *_row(name, sizes[name], median)]
        for name, pages in taken.items()
    ]
    ratios = [
        f"{name} {', '.join(f'{ratio:.2f} of {other}' for other, ratio in _ratios(name, median))}" for name in taken
    ]
    notes.append(f"Speed beside another's: {'; '.join(ratios)}.")
    notes.append("MB/s over whole trees. The parsers rewrite nothing; lol-html does.")
    speeds = {f"{name}|{engine}": sizes[name] / 1e6 / each for (name, engine), each in median.items()}
    return Report("HTML scanner on real pages", ["tree", *engines], rows, notes, speeds)


def _name(tree: Path) -> str:
    """Enough of the path to tell trees apart."""
    parts = tree.resolve().parts
    return "/".join(part for part in parts[-3:] if part not in ("usr", "share", "doc", "html", "/"))


def _row(name: str, size: int, median: Mapping[tuple[str, str], float]) -> Iterator[str]:
    return (f"{size / 1e6 / each:.0f}" for (tree, _), each in median.items() if tree == name)


def _ratios(name: str, median: Mapping[tuple[str, str], float]) -> Iterator[tuple[str, float]]:
    ours = median[name, "privacymw"]
    return ((other, median[name, other] / ours) for other in ("lexbor", "lol-html") if (name, other) in median)


def _time(work: Callable[[bytes], object], pages: list[bytes]) -> float:
    start = time.process_time()
    for page in pages:
        work(page)
    return time.process_time() - start
