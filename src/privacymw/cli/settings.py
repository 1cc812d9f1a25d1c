"""`privacymw settings`: the table of all settings, of the environment or of the running site."""

import os
from argparse import Namespace
from typing import Any

from privacymw.cli import show
from privacymw.cli.site import Site, find
from privacymw.errors import StoreError

_HEAD = ("name", "value", "from", "default", "help")


def settings(options: Namespace) -> int:
    """`settings`."""
    if options.markdown:
        return _markdown()
    site = _site(options)
    rows: list[dict[str, str]] = _of_environment() if site is None else _of_running(site)
    origin = "the environment" if site is None else _described(site)
    if options.json:
        show.document({"from": origin, "running": site is not None, "settings": rows})
        return 0
    show.printed(f"Settings of {show.plain(origin)}:\n")
    if show.width():
        _listed(rows)
    else:
        show.table(_HEAD, [[row["name"], row["value"], row["source"], row["default"], row["help"]] for row in rows])
    return 0


def _listed(rows: list[dict[str, str]]) -> None:
    """Two lines a setting: five columns fit into no terminal."""
    for row in rows:
        value = f" = {row['value']}" if row["value"] else "  not set"
        default = f"; default {row['default'] or 'not set'}" if row["value"] != row["default"] else ""
        show.printed(show.plain(f"{row['name']}{value}  ({row['source']}{default})"))
        show.paragraph(row["help"], indent="    ")


def _site(options: Namespace) -> Site | None:
    """The site whose settings are asked for; None for those of the environment."""
    if options.running or options.data:
        return find(options.data)
    if any(name.startswith("PRIVACYMW_") for name in os.environ):
        return None
    try:
        site = find(None)
    except StoreError:
        return None
    return site if site.running and site.lives() else None


def _described(site: Site) -> str:
    state = "running" if site.lives() else "not running now"
    started = show.utc((site.running or {}).get("started", 0))
    return f"the site that was started with {site.folder} ({started} UTC, {state})"


def _of_running(site: Site) -> list[dict[str, str]]:
    if site.running is None:
        raise StoreError(f"{site.folder / 'running.json'}: there is none. Was the site started with this folder?")
    rows: list[dict[str, str]] = site.running["settings"]
    return rows


def _of_environment() -> list[dict[str, str]]:
    from privacymw.policies import Policy
    from privacymw.running import table

    read = Policy.from_env(os.environ).settings
    for warning in read.warnings:
        show.told(warning)
    return table(read)


def _markdown() -> int:
    """The same whatever the environment says: it goes into documents."""
    from privacymw.policies import Policy
    from privacymw.running import table

    print("| Setting | Default | Allowed | What for |\n|---|---|---|---|")
    for row in table(Policy.from_env({}).settings):
        print("| " + " | ".join([_code(row["name"]), _code(row["default"]), _cell(row["allowed"]), row["help"]]) + " |")
    return 0


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _cell(text: Any) -> str:
    return str(text).replace("|", "\\|")
