"""What a log and its keys say of themselves, as files of a bundle: no row, no token, no address, no key."""

import hashlib
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from privacymw.bundle.clean import Cleaner
from privacymw.bundle.packing import document
from privacymw.proving import chain_told, stamp
from privacymw.store.base import LANES, Finding, Query
from privacymw.store.chain import CHAIN, Link, faults, head_of, told
from privacymw.store.evidence import CANARIES
from privacymw.store.files import search

if TYPE_CHECKING:
    from privacymw.store.evidence import Log

_SAMPLE: Final = 100  # tokens that are tried
_LOOKED_FOR: Final = (
    "addresses kept for documentation (RFC 5737, RFC 3849), as text and as bytes: privacymw check visits the app from"
    " such addresses, so any that were stored in the clear are found"
)


def files_of(log: "Log", findings: list[Finding], cleaner: Cleaner) -> dict[str, bytes]:
    """The files of one log; `findings` are those of `addresses verify`."""
    chain = log.keys.home.chain(log.data)
    lines = chain.lines() if chain is not None else []
    held = all(each.held for each in findings)
    found = [each._asdict() | {"text": cleaner.text(each.text)} for each in findings]
    return {
        CHAIN: b"".join(lines),
        "chain.json": document({"head": chain_told(head_of(lines[-1])) if lines else None, "faults": faults(lines)}),
        "keys.json": document(_keys(log, list(told(lines)))),
        "bytes.json": document(_bytes(log)),
        "decryptions.json": document(_decryptions(log)),
        "verify.json": document({"held": held, "findings": found}),
    }


def _ms(when: int | None) -> str | None:
    return None if when is None else stamp(when / 1000)


def _keys(log: "Log", links: list[Link]) -> Mapping[str, Any]:
    """Each key that is known: by the home, or by the chain alone, whose memory is longer."""
    live, gone = log.keys.census()
    births = {link.epoch: link for link in links if link.kind == "key-made"}
    deaths = {link.epoch: link for link in links if link.kind == "key-destroyed"}
    here = {(lane, epoch.start) for epoch in log.store.epochs() for lane in epoch.lanes}

    def one(name: tuple[str, int]) -> Mapping[str, Any]:
        lane, start = name
        birth, death, grave, info = births.get(name), deaths.get(name), gone.get(name), live.get(name)
        deadline = log.keys.deadline(info) if info else (grave or death or birth or _NOTHING).deadline
        died = (grave or death or _NOTHING).destroyed
        state = "live" if info else "destroyed" if died else "lost"
        return {
            "id": f"{lane}-{start}",
            "lane": lane,
            "epoch": _ms(start),
            "state": state,
            "birth_entered": _ms(birth.at) if birth else None,
            "deadline": _ms(deadline),
            "destroyed": _ms(died),
            "tombstone": grave is not None,
        }

    names = {*live, *gone, *births, *deaths, *here}
    return {"at": _ms(log.keys.now()), "terms": log.keys.terms._asdict(), "keys": [one(name) for name in sorted(names)]}


_NOTHING: Final = Link(kind="key-made")


def _bytes(log: "Log") -> Mapping[str, Any]:
    """In the data folder and, wherever it is, the store."""
    files = [path for path in log.data.rglob("*") if path.is_file()]
    found = sorted({path.name for path, _ in search(log.data, CANARIES)})
    found += ["the store"] if not found and log.store.scan_for(CANARIES) else []
    size = sum(path.stat().st_size for path in files if path.exists())
    return {"looked_for": _LOOKED_FOR, "files": len(files), "bytes": size, "found_in": found}


def _decryptions(log: "Log") -> Mapping[str, Any]:
    """Tokens of dead epochs that are still stored, each tried with every key that is left."""
    live, gone = log.keys.census()
    seals = {name: seal for name in live if (seal := log.keys.opening(*name))}
    tried = [
        {
            "key": f"{lane}-{start}",
            "token_sha256": hashlib.sha256(token).hexdigest(),
            "keys_tried": len(seals),
            "opened": any(seal.open(token) is not None for (each, _), seal in seals.items() if each == lane),
        }
        for lane, start, token in islice(_dead(log, gone), _SAMPLE)
    ]
    return {"destroyed_keys": len(gone), "tried": tried, "opened": sum(each["opened"] for each in tried)}


def _dead(log: "Log", gone: Mapping[tuple[str, int], object]) -> Iterator[tuple[str, int, bytes]]:
    starts = {start for _, start in gone}
    for epoch in [each.start for each in log.store.epochs() if each.start in starts]:
        for start, row in log.store.read(Query(since=epoch, until=epoch + log.keys.terms.length)):
            for lane, token in zip(LANES, (row.address, row.network), strict=True):
                if token and (lane, start) in gone:
                    yield lane, start, token
