"""Look for pages and addresses that are judged wrongly: `make fuzz`, or `python tests/fuzz.py SECONDS [SEED]`.

In turn: the fast path against the exact one, random chunkings, each parser that is installed, and Node's URL where
there is one. Prints its seed, and of the first failure a reduced document; the exit code is then 1. A failure
belongs into tests/test_html_oracles.py or tests/test_html_quick.py as a row, before it is mended.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable

import oracles
import test_html_oracles
import test_html_quick
import test_url
from fragments import POOLS, chunks, document, reduced, rewrite

Check = Callable[[random.Random], "bytes | str | None"]


def paths(chance: random.Random) -> bytes | None:
    pool = test_html_quick.POOLS[chance.choice(list(test_html_quick.POOLS))]
    return next(iter(test_html_quick.differing(pool, 200, chance)), None)


def splits(chance: random.Random) -> bytes | None:
    for _ in range(200):
        page, size = document(chance, POOLS["all"], 30), chance.randint(1, 40)
        if rewrite(chunks(page, size)) != rewrite([page]):
            return reduced(page, lambda one, size=size: rewrite(chunks(one, size)) != rewrite([one]))  # type: ignore[misc]
    return None


def sees(oracle: str) -> Check:
    return lambda chance: test_html_oracles.slip(oracle, chance.choice(list(POOLS)), 100, chance)


def addresses(chance: random.Random) -> str | None:
    hrefs = ["".join(chance.choices(test_url.PIECES, k=chance.randint(1, 8))) for _ in range(5000)]
    return next(iter(test_url.slips(hrefs)), None)


def checks() -> dict[str, Check]:
    found: dict[str, Check] = {"fast and exact path": paths, "chunks": splits}
    found |= {name: sees(name) for name in oracles.ORACLES if oracles.present(name)}
    if test_url.NODE:
        found["Node's URL"] = addresses
    return found


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().getrandbits(32)
    chance, turns, end = random.Random(seed), checks(), time.monotonic() + seconds
    print(f"seed {seed}; {', '.join(turns)}", flush=True)
    missing = [name for name in oracles.ORACLES if not oracles.present(name)]
    print(f"not installed: {', '.join(missing)}" if missing else "all parsers are here", flush=True)
    count = 0
    while time.monotonic() < end:
        for name, check in turns.items():
            failure = check(chance)
            if failure is not None:
                print(f"FAILED, seed {seed}, {name}: {failure!r}")
                return 1
        count += 1
    print(f"nothing found in {count} rounds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
