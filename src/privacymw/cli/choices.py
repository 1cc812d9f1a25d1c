"""`privacymw choices`: a visitor's receipt against the record that the site has."""

import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from privacymw.cli import show
from privacymw.cli.site import Site, find
from privacymw.errors import StoreError

if TYPE_CHECKING:
    from privacymw.receipt import Receipt
    from privacymw.store.decisions import Decision

_HEAD = ("what", "the receipt says", "the record says")


class _Found(NamedTuple):
    """What came out: `held` is False where receipt and record do not agree."""

    held: bool
    text: str
    receipt: "Receipt | None" = None
    record: "Decision | None" = None


def verify(options: Namespace) -> int:
    """`choices verify`."""
    text, site = _text(options.receipt), find(options.data)
    found = _compared(site, text)
    if options.json:
        show.document(_document(found))
        return 0 if found.held else 2
    if found.receipt is not None:
        show.table(_HEAD, _rows(found.receipt, found.record))
    show.printed(("held: " if found.held else "BROKEN: ") + found.text)
    return 0 if found.held else 2


def _text(path: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}. RECEIPT is a file with the text of a receipt, or -") from None
    return raw.decode("utf-8", errors="replace")


def _compared(site: Site, text: str) -> _Found:
    from privacymw.receipt import Receipts, Unsigned

    try:
        receipt = Receipts(_secrets(site)).read(text)
    except Unsigned as error:
        return _Found(False, f"{error}")
    with site.log() as log:
        record, now = log.store.noted(receipt.decision.receipt), log.keys.now() // 1000
    return _judged(receipt, record, now, _retention(site))


def _judged(receipt: "Receipt", record: "Decision | None", now: int, retention: int | None) -> _Found:
    """A record ends with its own time or with the retention in force, whichever comes first."""
    decision = receipt.decision
    ends = decision.until if retention is None else min(decision.until, decision.at + retention)
    if now >= ends:
        return _Found(True, "this site signed the receipt; the time of its record is over", receipt)
    if record is None:
        return _Found(False, "this site signed the receipt, but has no record of it", receipt)
    if record != decision:
        return _Found(False, "this site signed the receipt, but its record says something else", receipt, record)
    return _Found(True, "this site signed the receipt, and its record says the same", receipt, record)


def _secrets(site: Site) -> list[str]:
    """The secrets of the settings, else of the data folder."""
    from privacymw.cli.owner import as_owner
    from privacymw.policies import Policy

    if given := Policy.from_env(os.environ).site.secret_key:
        return list(given)
    path = site.folder / "secret"
    try:
        with as_owner(site.folder):
            found = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        found = []
    if not found:
        raise StoreError(
            f"{path} has no secret, so no receipt can be verified: set PRIVACYMW_SECRET_KEY as the site does"
        )
    return found


def _retention(site: Site) -> int | None:
    """For how many seconds the running site keeps records; None where it does not say."""
    from privacymw.kinds import KINDS

    rows = (site.running or {}).get("settings", [])
    told = [row["value"] for row in rows if row["name"] == "PRIVACYMW_CHOICES_RECORD_RETENTION"]
    return int(KINDS["duration"].read(told[0])) if told else None


def _rows(receipt: "Receipt", record: "Decision | None") -> list[tuple[str, str, str]]:
    theirs, ours = _told(receipt.decision), _told(record) if record is not None else {}
    return [("site", receipt.site, ""), *((name, value, ours.get(name, "-")) for name, value in theirs.items())]


def _told(decision: "Decision") -> dict[str, str]:
    return {
        "receipt": decision.receipt.hex(),
        "time (UTC)": show.utc(decision.at),
        "version": decision.version,
        "answers": decision.answers,
        "signals": decision.signals or "none",
        "kept until": show.utc(decision.until),
    }


def _document(found: _Found) -> dict[str, Any]:
    return {
        "held": found.held,
        "finding": found.text,
        "site": found.receipt.site if found.receipt else None,
        "receipt": _told(found.receipt.decision) if found.receipt else None,
        "record": _told(found.record) if found.record else None,
    }
