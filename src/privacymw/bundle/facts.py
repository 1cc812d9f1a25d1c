"""The files of a bundle that do not come from a log: settings, page, versions, what ran."""

import platform
import re
import sqlite3
import ssl
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from privacymw import __version__, plain
from privacymw.bundle.clean import Cleaner
from privacymw.bundle.packing import digest, document
from privacymw.edition import Edition
from privacymw.running import settings_lines, table
from privacymw.words import LANGUAGES, Words

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from privacymw.policies import Policy
    from privacymw.versions import Archive

FORMS: Final[Mapping[str, "Callable[[Edition, Words], str]"]] = {
    "json": lambda edition, words: edition.json(words),
    "md": lambda edition, words: edition.plain(plain.markdown, words),
    "txt": lambda edition, words: edition.plain(plain.text, words),
}
_SHOWN: Final = ("name", "value", "source", "default")
_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")
_DEVELOPMENT: Final = re.compile(r"extra\s*==\s*['\"]dev['\"]")


def settings(policy: "Policy", running: Iterable[Mapping[str, str]] | None, cleaner: Cleaner) -> bytes:
    """The settings of the environment and those with which the site was started; networks are not shown."""
    return document({
        "digest": digest(settings_lines(policy.settings)),
        "environment": _rows(table(policy.settings), cleaner),
        "running": None if running is None else _rows(running, cleaner),
    })  # fmt: skip


def _rows(rows: Iterable[Mapping[str, str]], cleaner: Cleaner) -> list[Mapping[str, str]]:
    return [{name: cleaner.setting(str(row.get(name, ""))) for name in _SHOWN} for row in rows]


def notices(policy: "Policy", archive: "Archive", today: "date") -> dict[str, bytes]:
    """The page as settings give it and, where one is published, the version in force: each language and form."""
    made = {}
    in_force = archive.in_force(today)
    for language in LANGUAGES:
        given = policy.notice.effective
        sections = policy.sections(language)
        draft = given is None or policy.site.mode != "on"
        editions = {"settings": Edition(policy.organisation, sections, given, draft=draft)}
        if in_force is not None:
            words = in_force.sections[language]
            editions["in-force"] = Edition(in_force.organisation, words, in_force.effective, version=in_force)
        for kind, edition in editions.items():
            for form, told in FORMS.items():
                made[f"notice/{kind}/{language}.{form}"] = told(edition, Words(language)).encode()
    return made


def versions(archive: "Archive", folder: Path | None) -> dict[str, bytes]:
    """The files of the published versions as they are, and the head of their chain."""
    told = {
        "head": archive.head,
        "versions": len(archive.versions),
        "faults": [_short(each) for each in archive.faults],
    }
    made = {"versions.json": document(told)}
    for path in sorted(folder.glob("*.json")) if folder is not None else ():
        if any(path.name == each.name for each in archive.versions):
            made[f"versions/{path.name}"] = path.read_bytes()
    return made


def _short(fault: str) -> str:
    """Without the folder, which is nobody's business."""
    return Path(fault.partition(" ")[0].rstrip(":")).name + " " + fault.partition(" ")[2]


def ran(target: str, *, source: str, made: str) -> bytes:
    """What made the bundle, and what it looked at."""
    return document({
        "app": target,
        "log": source,
        "made": made,
        "privacymw": __version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "sqlite": sqlite3.sqlite_version,
        "openssl": ssl.OPENSSL_VERSION,
        "dependencies": dependencies(),
    })  # fmt: skip


def dependencies() -> dict[str, str | None]:
    """The versions of what privacymw needs or can use; None for what is not installed."""
    try:
        wanted = requires("privacymw") or []
    except PackageNotFoundError:  # it runs from its source
        wanted = []
    used = [each for each in wanted if not _DEVELOPMENT.search(each)]
    names = sorted({found[0] for each in used if (found := _NAME.match(each))} - {"privacymw"})
    return {name: _version(name) for name in names}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
