"""Patient information: marked paths leave no copy and no trace behind."""

import posixpath
import re
from collections.abc import Iterable
from typing import Annotated, ClassVar, Final

from privacymw.core import Exchange, Keeper
from privacymw.headers import Context, Header, no_store, stricter_referrer
from privacymw.kinds import setting
from privacymw.promise import Promise, Section, Sentence, Services, Telling
from privacymw.words import N_


def path_pattern(paths: Iterable[str]) -> re.Pattern[str]:
    """A pattern that finds the given paths and all below them; `*` stands for one part.

    Doubled slashes and another case are found too: to mark one page too many costs a cache entry,
    to miss one breaks the promise.

    Raises:
        ValueError: a path does not begin with a slash.
    """
    patterns = []
    for path in paths:
        if not path.startswith("/"):
            raise ValueError(f"{path!r} is no path: it begins with a slash, as /members or /members/*/claims")
        parts = [part for part in path.split("/") if part]
        patterns.append("".join("/+" + ("[^/]+" if part == "*" else re.escape(part)) for part in parts))
    return re.compile(rf"(?:{'|'.join(patterns)})(?:[/;.].*)?", re.IGNORECASE | re.DOTALL)


class Confidential(Promise, frozen=True, kw_only=True):
    """Paths under which patient information is shown."""

    group: ClassVar[str] = "confidential"
    title: ClassVar[str] = "Patient information"

    paths: Annotated[
        tuple[str, ...],
        setting(
            "Paths, and all below them, that show patient information; * stands for one part.",
            "list",
            check=path_pattern,
            example="/members",
        ),
    ] = ()

    def section(self, telling: Telling) -> Section | None:
        sentences = [*_role(telling)]
        if self.paths:
            values = {"paths": ", ".join(self.paths)}
            sentences += [
                Sentence(
                    "confidential.marked",
                    "Patient information stands on pages under {paths}.",
                    values,
                    facts={"paths": self.paths},
                ),
                Sentence(
                    "confidential.store",
                    "We tell browsers and networks not to keep a copy of these pages.",
                ),
                Sentence("confidential.log", "A visit to them leaves no line in our log of addresses."),
                Sentence(
                    "confidential.referrer",
                    "When you follow a link from them to another site, that site is not told where you came from.",
                ),
            ]
        return Section("confidential", self.title, tuple(sentences)) if sentences else None

    def keeper(self, services: Services) -> Keeper | None:
        return _Keeper(self) if self.paths else None


ROLES: Final = (N_("covered entity"), N_("business associate"))
"""What an organisation may be under HIPAA, as the page says it."""


def _role(telling: Telling) -> Iterable[Sentence]:
    role = telling.organisation.role
    if not role:
        return
    values = {"name": telling.name, "role": telling.words.text(role)}
    by = telling.name
    yield Sentence(
        "confidential.role",
        "{name} acts as a {role} under the Health Insurance Portability and Accountability Act (HIPAA).",
        values,
        by,
    )
    yield Sentence(
        "confidential.not_hipaa_notice",
        "This page is about the web site. It is not the HIPAA notice of privacy practices.",
        {},
        by,
    )


class _Keeper(Keeper):
    name = "confidential"
    refuses = True

    def __init__(self, promise: Confidential) -> None:
        self._is_marked = path_pattern(promise.paths).fullmatch

    def on_request(self, exchange: Exchange) -> None:
        if self._is_marked(exchange.path) or self._is_marked_otherwise(exchange.root, exchange.path):
            exchange.confidential = True

    def _is_marked_otherwise(self, root: str, path: str) -> bool:
        """As a browser shows it, with the mount before it; or as an app may resolve it, without dot segments."""
        return (root != "" and self._is_marked(root + path) is not None) or (
            "/." in path and self._is_marked(posixpath.normpath(path)) is not None
        )

    def fixed(self, context: Context) -> Iterable[Header]:
        if context.confidential:
            yield Header("cache-control", "no-store", no_store)
            yield Header("referrer-policy", "same-origin", stricter_referrer)
