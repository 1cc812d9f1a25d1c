"""`privacymw addresses`: the log as its keys still open it, the purge, and the evidence."""

import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from privacymw.cli import show
from privacymw.cli.site import find
from privacymw.errors import StoreError

if TYPE_CHECKING:
    from privacymw.store.base import Finding
    from privacymw.store.reader import Entry

_HEAD = ("time (UTC)", "client", "method", "status", "ms", "route")


def rows(options: Namespace) -> int:
    """`addresses list`."""
    site = find(options.data)
    names = ("since", "until", "address", "network")
    query = {name: getattr(options, name) for name in names}
    with site.log() as log:
        entries = list(log.rows(statuses=options.status, limit=options.limit or None, **query))
    if options.json:
        show.document([entry._asdict() for entry in entries])
    elif entries:
        show.table(_HEAD, map(_cells, entries), right=("status", "ms"))
    else:
        show.told(f"no request matches in {site.folder}")
    if entries and len(entries) == options.limit:
        show.told(f"the newest {options.limit} are shown; --limit 0 shows all")
    return 0


def _cells(entry: "Entry") -> tuple[object, ...]:
    """The client is its address, or its network where only that can still be read."""
    client = entry.address or entry.network or "-"
    method = show.shortened(entry.method, 10)  # a stranger's own invention must not widen the table
    return show.utc(entry.when), client, method, entry.status, f"{entry.duration * 1000:.1f}", entry.route


def purge(options: Namespace) -> int:
    """`addresses purge`."""
    with find(options.data).log() as log:
        overdue = [info for info in log.keys.home.live() if log.keys.now() >= log.keys.deadline(info)]
        if not options.yes:
            _ask(f"Destroy {len(overdue)} keys past their deadline in {log.keys.home.shown}, and take their rows away?")
        died = log.purge()
    if options.json:
        show.document({"keys_destroyed": died})
    else:
        print(f"{died} keys destroyed; rows that nobody may read any more are gone")
    return 0


def _ask(question: str) -> None:
    """Returns where the answer is yes."""
    if not sys.stdin.isatty():
        raise StoreError(f"{question}\nThere is no terminal to ask at: add --yes")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise StoreError("nothing was done")


def verify(options: Namespace) -> int:
    """`addresses verify`."""
    site = find(options.data)
    with site.log() as log:
        findings = log.verify()
    broken = sum(not finding.held for finding in findings)
    if options.json:
        show.document({"held": not broken, "findings": [finding._asdict() for finding in findings]})
        return 2 if broken else 0
    show.table(("result", "finding", "what was seen"), [(_result(each), each.code, each.text) for each in findings])
    print(f"\n{broken} of {len(findings)} findings broken" if broken else "\nAll that was looked at is held", end=" ")
    show.printed(f"in {show.plain(site.folder)}.")
    return 2 if broken else 0


def _result(finding: "Finding") -> str:
    if not finding.held:
        return "BROKEN"
    return "note" if finding.code.startswith(("rows-", "keys-")) else "held"
