"""`privacymw addresses purge` and `verify`: what a site does itself, and whether it does."""

from argparse import Namespace
from typing import TYPE_CHECKING

from privacymw.cli import show
from privacymw.cli.ask import ask
from privacymw.cli.site import Site, find

if TYPE_CHECKING:
    from collections.abc import Mapping

    from privacymw.store.base import Finding


def purge(options: Namespace) -> int:
    """`addresses purge`."""
    with find(options.data).log() as log:
        overdue = [info for info in log.keys.home.live() if log.keys.now() >= log.keys.deadline(info)]
        if not options.yes:
            ask(f"Destroy {len(overdue)} keys past their deadline in {log.keys.home.shown}, and take their rows away?")
        died = log.purge()
    if options.json:
        show.document({"keys_destroyed": died})
    else:
        print(f"{died} keys destroyed; rows that nobody may read any more are gone")
    return 0


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
