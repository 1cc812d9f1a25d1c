"""What a running site tells its operator: the start-up log, and the file that the command line finds."""

import contextlib
import json
import logging
import os
import time
from pathlib import Path
from typing import Any, Final

from privacymw import __version__
from privacymw.errors import StoreError
from privacymw.folder import DataFolder
from privacymw.logplace import LogPlace
from privacymw.settings import Row, Settings

log = logging.getLogger("privacymw")

RUNNING: Final = "running.json"

# Missing before the page can be published, and a line that shows how it is given.
_WANTED: Final = {
    "PRIVACYMW_ORGANISATION_NAME": "Example Health",
    "PRIVACYMW_ORGANISATION_CONTACT": "privacy@example.org",
    "PRIVACYMW_ORGANISATION_ROLE": "business associate",
    "PRIVACYMW_SITES": "example.org,*.example.org",
    "PRIVACYMW_TRUSTED_PROXIES": "127.0.0.1",
    "PRIVACYMW_NOTICE_EFFECTIVE": "2026-01-31",
}


def table(settings: Settings) -> list[dict[str, str]]:
    """The settings table as text: name, value in force, source, default, allowed, help; secrets masked."""
    return [_line(row) for row in settings.rows]


def _line(row: Row) -> dict[str, str]:
    field = row.field
    return {
        "name": field.variable,
        "value": field.show(row.value),
        "source": row.source,
        "default": field.show(field.default),
        "allowed": field.allowed,
        "help": field.meta.description or "",
    }


def settings_lines(settings: Settings) -> bytes:
    """The settings in force as bytes; a secret is masked, so that its change is none."""
    rows = (f"{row.field.variable}={row.field.show(row.value)}\n" for row in settings.rows)
    return "".join(rows).encode("utf-8", "replace")


def announce(settings: Settings, folder: DataFolder | None, place: LogPlace | None = None) -> None:
    """Writes `running.json` and logs the start; of several workers under one parent, the first does.

    Where that one is gone this is another start, though the parent may be the same: an init, a shell.
    `data` says where the folder was, so that the paths below it can be found in a copy of it.
    """
    document = {
        "version": __version__,
        "pid": os.getpid(),
        "parent": os.getppid(),
        "started": int(time.time()),
        "settings": table(settings),
        "data": str(folder.path) if folder is not None else "",
        "log": place.document() if place is not None else None,
    }
    if folder is None:
        log.warning(_first_lines(settings, folder))
        return
    with folder.alone():
        told = read_running(folder.path) or {}
        same = all(told.get(key) == document[key] for key in ("parent", "version", "settings"))
        if not same or not _runs_beside(told.get("pid")):
            with contextlib.suppress(OSError, StoreError):
                folder.replace(RUNNING, document)
            log.warning(_first_lines(settings, folder))


def _runs_beside(pid: object) -> bool:
    """Whether another process of that number is there."""
    if not isinstance(pid, int) or pid <= 0 or pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except (OSError, OverflowError):  # gone, or somebody else's: the number was given anew
        return False
    return True


def read_running(folder: Path) -> dict[str, Any] | None:
    """What the site that uses a data folder wrote at its start, or None."""
    try:
        document = json.loads((folder / RUNNING).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _first_lines(settings: Settings, folder: DataFolder | None) -> str:
    values = {row.field.variable: row for row in settings.rows}
    prefix = values["PRIVACYMW_PREFIX"].value
    place = folder.path if folder else "memory only"
    mode = values["PRIVACYMW_MODE"].value
    page = "there is no policy page" if mode == "off" else f"the policy page is at {prefix}/notice"
    lines = [f"privacymw is {mode}; data in {place}; {page}"]
    published = any(Path(values["PRIVACYMW_NOTICE_VERSIONS"].value or "none").glob("*.json"))  # each has its day
    dated = {"PRIVACYMW_NOTICE_EFFECTIVE"} if published else set()
    missing = [name for name in _WANTED if not values[name].value and name not in dated]
    if missing:
        lines.append("Before the page can be published, set what applies:")
        lines += [f"  {name}={_WANTED[name]}" for name in missing]
    return "\n".join(lines)
