"""How long a writer waits while a day of a full log is taken away, beside the same writer left in peace."""

import contextlib
import os
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from bench.options import Options
from bench.postgresql import cluster, missing
from bench.report import Report
from bench.subject import SOURCES
from bench.waiting import in_line
from privacymw.store import DAY, Batch, Keys, Row, Store, Terms, open_keys, open_store
from privacymw.store.retention import Retention

BUDGET = 0.010
"""Seconds that a writer may wait."""
DAYS, TURNS = 30, 3
ROWS = 100_000
"""Rows of a day."""
READER = 2.0
"""Seconds for which somebody reads in one transaction, from before the purge."""
_MS = 86_400_000
ROOT = Path(__file__).resolve().parent.parent


class Sample(NamedTuple):
    """One write of the writer's, in seconds."""

    began: float
    took: float
    blocked: float


class Step(NamedTuple):
    """One transaction of a purge, and how long it was in line for a core, with all locks that it held."""

    begin: float
    end: float
    in_line: float


class _Timed:
    """A store whose steps of a purge are timed."""

    def __init__(self, store: Store, steps: list[Step]) -> None:
        self._store, self._steps = store, steps

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def purge(self, epoch: int) -> Iterator[None]:
        steps = self._store.purge(epoch)
        going = True
        while going:
            begin, line = time.monotonic(), in_line()
            going = next(steps, self) is not self
            self._steps.append(Step(begin, time.monotonic(), in_line() - line))
            yield


class Spell(NamedTuple):
    """A stretch of time in which a day was taken away, or nothing was done."""

    begin: float
    end: float


class Place(NamedTuple):
    """A store that can be filled, measured and read from.

    Attributes:
        fill: fills the day that begins so (ms).
        size: bytes on the disk.
        reading: reads in one transaction for a while.
        settle: writes out what the filling left to be written.
    """

    url: str
    fill: Callable[[int], None]
    size: Callable[[], int]
    reading: Callable[[], contextlib.AbstractContextManager[object]]
    settle: Callable[[], object]


def purge(options: Options) -> Report:
    """SQLite, and PostgreSQL beside a reader: purges of a day and as much quiet in turn."""
    if not Path("/proc/self/schedstat").exists():
        return Report("Purge of a day", notes=["Skipped: this needs a Linux /proc."])
    rows: list[list[str]] = []
    figures: dict[str, Any] = {}
    notes = [f"{DAYS} days of {ROWS // (10 if options.quick else 1):,} rows; a writer of 100 rows every 5 ms."]
    for kind, opened in {"SQLite": _sqlite, "PostgreSQL, a reader of 2 s": _postgresql}.items():
        if kind.startswith("PostgreSQL") and (why := missing()):
            notes.append(f"Skipped: {kind}, {why}.")
            continue
        with opened(ROWS // (10 if options.quick else 1)) as place:
            _measure(kind, place, rows, figures)
    notes += [
        "Blocked: spent neither on a core nor in line for one; what is above it is this machine's other work.",
        "Kept waiting: blocked, less what the purge itself was in line for a core at the time, locks in hand.",
        "PostgreSQL without fsync: a slow disk makes each write wait, beside a purge and in peace.",
        f"Budget: no write kept waiting for more than {BUDGET * 1000:.0f} ms while a day is taken away.",
    ]
    head = ["writes", "number", "p50 ms", "p99 ms", "max ms", "blocked p99", "blocked max", "kept waiting max"]
    head += ["budget", "purge s", "MB"]
    return Report("Purge of a day, and who waits for it", head, rows, notes, figures)


def _measure(kind: str, place: Place, rows: list[list[str]], figures: dict[str, Any]) -> None:
    first = int(time.time()) * 1000 // _MS * _MS - (DAYS + TURNS) * _MS
    for day in range(DAYS + TURNS):
        place.fill(first + day * _MS)
    place.settle()
    before = place.size()
    with TemporaryDirectory(prefix="privacymw-bench-") as folder, _writing(place.url, Path(folder)) as samples:
        quiet, busy, steps = _in_turn(place, Path(folder), first)
    sizes = f"{before / 1e6:.0f} -> {place.size() / 1e6:.0f}"
    for name, spells in (("in peace", quiet), ("beside a purge", busy)):
        found = [each for each in samples() if any(spell.begin <= each.began <= spell.end for spell in spells)]
        took, blocked = sorted(each.took for each in found), sorted(each.blocked for each in found)
        kept = [each.blocked - sum(step.in_line for step in steps if _meet(each, step)) for each in found]
        worst = max(*kept, 0.0)
        purging = spells is busy
        verdict = f"≤ 10{'' if worst <= BUDGET else ' MISSED'}" if purging else ""
        seconds = statistics.median(spell.end - spell.begin for spell in spells)
        cells = [_at(took, 0.5), _at(took, 0.99), took[-1], _at(blocked, 0.99), blocked[-1], worst]
        line = [f"{kind}: {name}", f"{len(found)}", *(f"{each * 1000:.2f}" for each in cells), verdict]
        rows.append([*line, f"{seconds:.1f}" if purging else "", sizes if purging else ""])
        figures[f"{kind}: {name}"] = dict(
            zip(("p50", "p99", "max", "blocked p99", "blocked max", "kept waiting max"), cells, strict=True)
        )


def _at(values: list[float], part: float) -> float:
    return values[min(int(len(values) * part), len(values) - 1)]


def _meet(sample: Sample, step: Step) -> bool:
    return sample.began < step.end and step.begin < sample.began + sample.took


def _in_turn(place: Place, folder: Path, first: int) -> tuple[list[Spell], list[Spell], list[Step]]:
    quiet, busy, steps = [], [], list[Step]()
    store: Any = _Timed(open_store(place.url, create=False), steps)
    clock = [first / 1000 + DAYS * DAY - 1]
    keys = open_keys(folder / "keys", Terms(DAYS * DAY), clock=lambda: clock[0])
    for _ in range(TURNS):
        with place.reading():
            begin = time.monotonic()
            clock[0] += DAY  # by which the next day is over
            _purge(store, keys)
            busy.append(Spell(begin, time.monotonic()))
        begin = time.monotonic()
        time.sleep(max(busy[-1].end - busy[-1].begin, 2.0))
        quiet.append(Spell(begin, time.monotonic()))
    store.close()
    return quiet, busy, steps


def _purge(store: Store, keys: Keys) -> None:
    """As a writer's thread does: a tenth of a second in each turn, a turn each quarter of a second."""
    before = len(store.epochs())
    retention = Retention(store, keys)
    while retention.swept is None:
        with contextlib.suppress(Exception):  # a reader in the way: tried again at the next turn
            retention.destroy()
            retention.work("bench", 0.1)
        time.sleep(0.15)
    assert len(store.epochs()) == before - 1


@contextlib.contextmanager
def _writing(url: str, folder: Path) -> Iterator[Callable[[], list[Sample]]]:
    """A process that writes all along; what it measured, once it has ended."""
    file = folder / "samples"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SOURCES), str(ROOT)])}
    command = [sys.executable, "-m", "bench.waiting", url, str(file)]
    kept: list[Sample] = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environ) as process:
        while not file.exists():
            assert process.poll() is None
            time.sleep(0.05)
        try:
            yield lambda: kept
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(20)
            kept += [Sample(*map(float, line.split())) for line in file.read_text(encoding="ascii").splitlines()]


def _row(day: int) -> Batch:
    return Batch(day, [Row(day, b"a" * 32, b"n" * 32, "GET", "/members/{id}", 200, 321)])


@contextlib.contextmanager
def _sqlite(count: int) -> Iterator[Place]:
    with TemporaryDirectory(prefix="privacymw-bench-") as folder:
        path = Path(folder, "log.sqlite")
        store = open_store(f"sqlite:///{path}", max_bytes=1 << 34)

        def fill(day: int) -> None:
            store.write(_row(day))
            with contextlib.closing(sqlite3.connect(path)) as db:
                (log,) = db.execute("select log from epoch where start = ?", (day,)).fetchone()
                db.execute(
                    f"insert into {log} with recursive n(i) as (select 1 union all select i + 1 from n where i < ?)"
                    " select null, ?, ? + i, randomblob(32), randomblob(32), 'GET', '/members/{id}', 200, 321 from n",
                    (count, day, day),
                )
                db.commit()

        yield Place(f"sqlite:///{path}", fill, lambda: path.stat().st_size, contextlib.nullcontext, store.settle)
        store.close()


@contextlib.contextmanager
def _postgresql(count: int) -> Iterator[Place]:
    import psycopg

    with cluster() as url:
        store = open_store(url, max_bytes=1 << 34)
        admin = psycopg.connect(url, autocommit=True)

        def fill(day: int) -> None:
            store.write(_row(day))
            admin.execute(
                "insert into privacymw.log (epoch, at, address, network, method, route, status, duration)"
                " select %(day)s, %(day)s + i, sha256(i::text::bytea), sha256((-i)::text::bytea), 'GET',"
                " '/members/{id}', 200, 321 from generate_series(1, %(count)s) i",
                {"day": day, "count": count},
            )

        def size() -> int:
            found = admin.execute("select pg_database_size(current_database())").fetchone()
            return int(found[0]) if found else 0

        yield Place(url, fill, size, lambda: _reader(url), lambda: admin.execute("checkpoint"))
        admin.close()
        store.close()


@contextlib.contextmanager
def _reader(url: str) -> Iterator[None]:
    """Somebody who has just begun to read the whole log, and takes his time."""
    import psycopg

    db = psycopg.connect(url)
    db.execute("select max(at) from privacymw.log").fetchone()
    end = threading.Timer(READER, db.close)
    end.start()
    try:
        yield
    finally:
        end.join()
