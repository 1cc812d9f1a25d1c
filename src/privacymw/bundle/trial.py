"""A trial of the end of keys, on a copy of what the driven app has logged: tokens that open, and then do not."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from privacymw.proving import stamp
from privacymw.seal import KEY_BYTES, AddressSeal
from privacymw.store import Terms, open_log
from privacymw.store.base import LANES, Query
from privacymw.store.evidence import Log
from privacymw.store.files import search

_SAMPLE: Final = 20  # tokens of each key
_Token = tuple[str, int, bytes]  # lane, epoch start


def trial(data: Path, keys: Path, log: Path, terms: Terms) -> Mapping[str, Any]:
    """Ends each key by the terms and a clock set forward; tries what it has sealed before and after.

    Afterwards each token is tried with each key that is left, and with each run of as many bytes as a key has in
    the files of the keys; and the bytes of the keys that ended are looked for in all files. `held` says that no
    token opened and no key was found.
    """
    if not log.exists():
        return {"held": True, "why_not": "the driven app has no log"}
    with tempfile.TemporaryDirectory(prefix="privacymw-trial-") as folder:
        here = Path(folder)
        shutil.copytree(data, here / "data", ignore=shutil.ignore_patterns("*.tmp"))
        folder_of_keys = here / "keys"
        if keys.is_relative_to(data):
            folder_of_keys = here / "data" / keys.relative_to(data)
        else:
            shutil.copytree(keys, folder_of_keys, ignore=shutil.ignore_patterns("*.tmp"))
        return _tried(here, folder_of_keys, f"sqlite:///{here / 'data' / log.name}", terms)


def _tried(here: Path, keys: Path, url: str, terms: Terms) -> Mapping[str, Any]:
    before = open_log(here / "data", url=url, keys=keys, terms=terms)
    tokens = list(_tokens(before))
    names = {(lane, start) for lane, start, _ in tokens}
    opened = [_opens(before, token) for token in tokens]
    secrets = [found[1] for name in sorted(names) if (found := before.keys.home.load(*name))]
    end = max((before.keys.deadline(info) for info in before.keys.home.live()), default=0) / 1000 + 1
    later = open_log(here / "data", url=url, keys=keys, terms=terms, clock=lambda: end)
    died = later.keys.destroy_overdue()
    after = open_log(here / "data", url=url, keys=keys, terms=terms)  # by today's clock: no deadline hides
    runs = [AddressSeal(run, lane) for lane in LANES for run in _runs(keys)]
    still = [_opens(after, token) or any(seal.open(token[2]) for seal in runs) for token in tokens]
    left = sorted({path.name for path, _ in search(here, secrets)}) if secrets else []
    return {
        "held": not any(still) and not left,
        "clock_set_to": stamp(end),
        "keys_destroyed": died,
        "tokens": [
            {
                "key": f"{lane}-{start}",
                "token_sha256": hashlib.sha256(token).hexdigest(),
                "opened_before": was,
                "opened_after": now,
            }
            for (lane, start, token), was, now in zip(tokens, opened, still, strict=True)
        ],
        "runs_tried_as_keys": len(runs) // len(LANES),
        "keys_looked_for": len(secrets),
        "keys_found_in": left,
    }


def _tokens(log: Log) -> Iterator[_Token]:
    """Some of each key's, each once."""
    found = dict[tuple[str, int], set[bytes]]()
    for start, row in log.store.read(Query()):
        for lane, token in zip(LANES, (row.address, row.network), strict=True):
            mine = found.setdefault((lane, start), set())
            if token and token not in mine and len(mine) < _SAMPLE:
                mine.add(token)
                yield lane, start, token


def _opens(log: Log, token: _Token) -> bool:
    seal = log.keys.opening(token[0], token[1])
    return seal is not None and seal.open(token[2]) is not None


def _runs(folder: Path) -> Iterator[bytes]:
    """Whatever could be a key in the files of the keys."""
    for path in sorted(folder.iterdir()):
        content = path.read_bytes() if path.is_file() else b""
        yield from (content[at : at + KEY_BYTES] for at in range(len(content) - KEY_BYTES + 1))
