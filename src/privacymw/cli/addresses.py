"""`privacymw addresses`: the log as its keys still open it, the purge, and the evidence."""

import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from privacymw.cli import show
from privacymw.cli.site import Site, find
from privacymw.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from privacymw.store.base import Finding
    from privacymw.store.reader import Entry

_HEAD = ("time (UTC)", "client", "from", "with", "site", "method", "status", "ms", "route")
_MAY_LACK = ("from", "with", "site")  # columns that are left out where no entry has anything in them


def rows(options: Namespace) -> int:
    """`addresses list`."""
    site = find(options.data)
    names = ("since", "until", "address", "network")
    query = {name: getattr(options, name) for name in names}
    with site.log() as log:
        entries = list(log.rows(statuses=options.status, limit=options.limit or None, **query))
        cut = bool(entries) and len(entries) == options.limit
        missing = log.missing(since=entries[0].when if cut else options.since, until=options.until)
    if options.json:
        show.document([entry._asdict() for entry in entries])
    elif entries:
        _table([_cells(entry) for entry in entries])
    else:
        show.told(f"no request matches in {site.folder}")
    if missing:
        show.told(f"{missing} requests of this time are missing: more came at once than the log could take")
    if cut:
        show.told(f"the newest {options.limit} are shown; --limit 0 shows all")
    return 0


def _cells(entry: "Entry") -> tuple[object, ...]:
    """The client is its address, or its network where only that can still be read."""
    client = entry.address or entry.network or "-"
    place = " ".join(filter(None, (entry.country, f"AS{entry.asn}" if entry.asn else None)))
    agent = ", ".join(filter(None, (entry.browser, entry.system, entry.device)))
    method = show.shortened(entry.method, 10)  # a stranger's own invention must not widen the table
    took = f"{entry.duration * 1000:.1f}"
    what = entry.path or entry.route
    return show.utc(entry.when), client, place, agent, entry.site or "", method, entry.status, took, what


def _table(rows: list[tuple[object, ...]]) -> None:
    shown = [at for at, name in enumerate(_HEAD) if name not in _MAY_LACK or any(row[at] for row in rows)]
    show.table([_HEAD[at] for at in shown], [[row[at] for at in shown] for row in rows], right=("status", "ms"))


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
    findings += other_logs(site)
    broken = sum(not finding.held for finding in findings)
    if options.json:
        show.document({"held": not broken, "findings": [finding._asdict() for finding in findings]})
        return 2 if broken else 0
    show.table(("result", "finding", "what was seen"), [(_result(each), each.code, each.text) for each in findings])
    print(f"\n{broken} of {len(findings)} findings broken" if broken else "\nAll that was looked at is held", end=" ")
    show.printed(f"in {show.plain(site.folder)}.")
    return 2 if broken else 0


def other_logs(site: Site) -> list["Finding"]:
    """What was seen of the process's other logs, as the counts say; nothing where no site has run."""
    from privacymw.logs import records
    from privacymw.store.base import Finding
    from privacymw.tally import read_counts

    settings = {row["name"]: row["value"] for row in (site.running or {}).get("settings", ())}
    mode = settings.get("PRIVACYMW_ADDRESSES_OTHER_LOGS", "")
    counts = read_counts(site.folder)
    if mode == "mask":
        leaked, masked = counts.get(records.LEAKED, {}), counts.get(records.MASKED, {})
        text = f"{sum(masked.values())} records of other logs masked, unmasked seen: {_names(leaked)}"
        return [Finding("logs-masked", text, not leaked)]
    if mode == "report":
        text = f"records of other logs that hold addresses: {_names(counts.get(records.SEEN, {}))}"
        return [Finding("logs-counted", text, True)]
    return [Finding("logs-unwatched", "other logs of the process are not looked at", True)] if mode else []


def _names(counts: "Mapping[str, int]") -> str:
    """Loggers and numbers, the most first."""
    return ", ".join(f"{name} {counts[name]}" for name in sorted(counts, key=lambda name: -counts[name])) or "none"


def _result(finding: "Finding") -> str:
    if not finding.held:
        return "BROKEN"
    return "note" if finding.code.startswith(("rows-", "keys-", "hold-", "logs-counted", "logs-unwatched")) else "held"
