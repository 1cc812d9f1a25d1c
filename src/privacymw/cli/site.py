"""Finds the site: its data folder, what it wrote at its start, and its log. Makes nothing."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from privacymw.errors import StoreError
from privacymw.logplace import LogPlace
from privacymw.running import RUNNING, read_running
from privacymw.store.heartbeat import STALE, beats

if TYPE_CHECKING:
    from privacymw.store.evidence import Log

_USUAL: Final = ("privacymw-data", ".", "/var/lib/privacymw")
_OURS: Final = (RUNNING, "log.sqlite")


class NoLog(StoreError):
    """The site keeps no log."""


class Site(NamedTuple):
    """A site's data folder, and what it wrote there at its start."""

    folder: Path
    running: Mapping[str, Any] | None

    def lives(self) -> bool:
        """Whether a process of the site is there, or has given a sign of life just now."""
        import time

        fresh = any(not beat.get("closed") and time.time() - beat["time"] <= STALE for beat in beats(self.folder))
        return fresh or (self.running is not None and _process(self.running.get("pid")))

    def place(self) -> LogPlace:
        """Where the log is: as the running site says, else as the environment says.

        Raises:
            StoreError: there is no log by these settings.
        """
        recorded = (self.running or {}).get("log")
        log = recorded if isinstance(recorded, dict) else {}
        found = self._recorded(log) if log.get("store") else self._configured()
        if log.get("server") and (found is None or not found.networked):
            raise StoreError(
                f"{self.folder}: this site logs in {log['server']}, whose password is not written down.\n"
                "Set PRIVACYMW_STORE, PRIVACYMW_KEYS and PRIVACYMW_SECRET_KEY here as they are set for the site."
            )
        if found is None:
            raise NoLog(f"{self.folder}: by its settings this site logs no addresses (PRIVACYMW_STORE=none)")
        return found

    def _recorded(self, log: Mapping[str, Any]) -> LogPlace:
        """Paths below the data folder are looked for below it where it is now: this may be a copy."""
        from privacymw.store import Terms

        assert self.running is not None
        before, now = str(self.running.get("data") or self.folder), str(self.folder)
        scheme, _, path = str(log["store"]).partition(":///")
        moved = [_moved(each, before, now) for each in (path, str(log["keys"]))]
        return LogPlace(f"{scheme}:///{moved[0]}", Path(moved[1]), Terms(**log["terms"]))

    def _configured(self) -> LogPlace | None:
        from privacymw.policies import Policy

        return Policy.from_env(os.environ).log_place(self.folder)

    @contextmanager
    def log(self) -> "Iterator[Log]":
        """The log, opened and used as the folder's owner.

        Raises:
            StoreError: there is none, or it is somebody else's.
        """
        from privacymw.cli.owner import as_owner
        from privacymw.store import open_log

        place = self.place()
        with as_owner(self.folder):
            _check_ours(place)
            yield open_log(self.folder, url=place.url, keys=place.keys, terms=place.terms, secrets=place.secrets)


def _moved(path: str, before: str, now: str) -> str:
    inside = path == before or path.startswith(before.rstrip("/") + "/")
    return now + path[len(before.rstrip("/")) :] if inside else path


def _process(pid: object) -> bool:
    if not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def find(option: str | None, environ: Mapping[str, str] = os.environ) -> Site:
    """The site of `--data`, else of PRIVACYMW_DATA, else of a usual place.

    Raises:
        StoreError: there is none; names the paths that were tried.
    """
    asked = option or _asked(environ)
    tried = []
    for path in [Path(asked)] if asked else [Path(each) for each in _USUAL]:
        folder = path.absolute()
        tried.append(folder)
        if _holds_site(folder, told=bool(asked)):
            return Site(folder, read_running(folder))
    where = "".join(f"\n  {folder}" for folder in tried)
    source = "--data" if option else "PRIVACYMW_DATA" if asked else "no PRIVACYMW_DATA"
    raise StoreError(
        f"no site's data folder was found ({source}); tried:{where}\n"
        "Name the folder with --data PATH, or start the site first: it is made then."
    )


def _asked(environ: Mapping[str, str]) -> str:
    """The folder of the settings, if they name one."""
    if "PRIVACYMW_DATA" not in environ and "PRIVACYMW_DATA_FILE" not in environ and "PRIVACYMW_CONFIG" not in environ:
        return ""
    from privacymw.policies import Policy

    row = next(row for row in Policy.from_env(environ).settings.rows if row.field.variable == "PRIVACYMW_DATA")
    if row.value.lower() == "none":
        raise StoreError("PRIVACYMW_DATA=none: this site has no data folder. Name another with --data PATH")
    return "" if row.source == "default" else str(row.value)


def _holds_site(folder: Path, *, told: bool) -> bool:
    """Whether a folder is a site's; any folder with something in it, where somebody `told` us so.

    Raises:
        StoreError: we may not look; says who may.
    """
    try:
        names = set(os.listdir(folder))  # noqa: PTH208 - names, not paths
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError:
        if not told:
            return False
        raise StoreError(_not_ours(folder)) from None
    return bool(names if told else names.intersection(_OURS))


def _check_ours(place: LogPlace) -> None:
    """Raises StoreError where a file of the log or the keys is there and closed to us; says who may.

    SQLite reads a log with a write-ahead file only where it may write. Its own words are the same for what is
    not there and what is not ours.
    """
    from privacymw.store.location import SQLITE

    log = Path(place.url.removeprefix(SQLITE)) if place.url.startswith(SQLITE) else None
    keys = Path(place.keys) if isinstance(place.keys, Path) else None
    for path, access in ((log, os.R_OK | os.W_OK), (keys, os.R_OK | os.X_OK)):
        effective = os.access in os.supports_effective_ids
        if path and path.exists() and not os.access(path, access, effective_ids=effective):
            raise StoreError(_not_ours(path))


def _not_ours(folder: Path) -> str:
    from privacymw.cli.owner import name_of

    try:
        owner = name_of(folder.stat().st_uid)
    except OSError:
        return f"{folder}: permission denied (you are {name_of(os.geteuid())}). Run this as the user of the site"
    return (
        f"{folder}: permission denied; it belongs to {owner}, and you are {name_of(os.geteuid())}.\n"
        f"To paste: sudo -u {owner} privacymw ..."
    )
