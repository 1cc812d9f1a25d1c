"""Whose policy it is, for which sites, and how it runs: the settings that belong to no single promise."""

import datetime
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from privacymw.errors import SettingsError
from privacymw.faults import one_line
from privacymw.forwarding import Forwarding
from privacymw.kinds import setting
from privacymw.settings import Group
from privacymw.store.location import SAME, check_keys, check_store, is_server, open_way, verified
from privacymw.url import host_pattern


def check_hosts(patterns: Iterable[str]) -> None:
    """Raises ValueError for the first text that is no host and no `*.domain`."""
    for each in patterns:
        host_pattern(each)


def check_prefix(prefix: str) -> None:
    """Raises ValueError unless our pages can stand under it.

    It goes into links and headers as it is, and two slashes in front would name another host.
    """
    if not _PREFIX.fullmatch(prefix):
        raise ValueError("a path such as /privacy: a slash first, none at the end, then letters, digits, - and _")


_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9_-]+)+")


def check_proxies(words: Sequence[str]) -> None:
    """Raises ValueError where `Forwarding` would refuse."""
    try:
        Forwarding(words)
    except SettingsError as error:
        raise ValueError("; ".join(line.strip() for line in str(error).splitlines() if line.startswith("  "))) from None


SHORTEST_SECRET: Final = 16


def check_secrets(keys: Iterable[str]) -> None:
    """Raises ValueError, without the key, for one that could be guessed."""
    if any(len(each) < SHORTEST_SECRET for each in keys):
        raise ValueError(f"each key has at least {SHORTEST_SECRET} characters (yours is not shown here)")


class Site(Group, frozen=True, kw_only=True):
    """How the middleware runs."""

    group: ClassVar[str] = ""

    mode: Annotated[
        Literal["on", "observe", "off"],
        setting("on keeps the promises; observe only counts what it would do; off passes through.", "word"),
    ] = "on"
    data: Annotated[str, setting("Folder of the secret, the keys and the store; none for no folder at all.")] = (
        "./privacymw-data"
    )
    store: Annotated[
        str, setting("Where addresses are logged; empty for the data folder.", "store", check=check_store)
    ] = ""
    store_tls: Annotated[
        Literal["verify", "off"],
        setting("Whether a database elsewhere has to prove its name; off trusts the network, and says so.", "word"),
    ] = "verify"
    keys: Annotated[
        str, setting("Where the address keys are; empty for keys in the data folder.", "keys", check=check_keys)
    ] = ""
    secret_key: Annotated[
        tuple[str, ...],
        setting(
            "Signs choices and seals links; several for rotation, the newest first.",
            "list",
            secret=True,
            check=check_secrets,
        ),
    ] = ()
    link_keys: Annotated[
        tuple[str, ...],
        setting(
            "Former secrets that still open links, and sign and seal nothing any more.",
            "list",
            secret=True,
            check=check_secrets,
        ),
    ] = ()
    config: Annotated[str, setting("A TOML file for what is a table; the environment goes over it.")] = ""
    sites: Annotated[
        tuple[str, ...],
        setting(
            "Hosts of your own: example.org, *.example.org. Links to them are not outbound.",
            "list",
            check=check_hosts,
            example="example.org, *.example.org",
        ),
    ] = ()
    trusted_proxies: Annotated[
        tuple[str, ...],
        setting(
            "Networks of your proxies, or their number: only they may tell the visitor's address.",
            "list",
            check=check_proxies,
            example="127.0.0.1",
        ),
    ] = ()
    prefix: Annotated[str, setting("Path under which the privacy pages stand.", check=check_prefix)] = "/privacy"
    language: Annotated[
        Literal["en", "es"],
        setting("Language of the pages under the plain prefix; the other's stand below, as in /privacy/es.", "word"),
    ] = "en"
    templates: Annotated[str, setting("A folder whose templates go before ours.")] = ""

    @property
    def databases(self) -> dict[str, str]:
        """The URLs of databases, by the field that names them."""
        keys = self.store if self.keys == SAME else self.keys
        return {name: url for name, url in (("store", self.store), ("keys", keys)) if is_server(url)}

    @property
    def unverified(self) -> str:
        """A host to which the log travels without a check of who it is; empty where there is none."""
        return next(filter(None, map(open_way, self.databases.values())), "")

    def contradictions(self) -> Iterator[tuple[str, str, str]]:
        if self.keys == SAME and not is_server(self.store):
            yield "keys", "PRIVACYMW_STORE is no database", ""
        if self.databases and not self.secret_key:
            yield "secret_key", "not set: all machines that share a database need the same", ""
        for name, url in self.databases.items() if self.store_tls == "verify" else ():
            if host := open_way(url):
                why = f"{one_line(host)} would not have to prove its name (or PRIVACYMW_STORE_TLS=off)"
                yield name, why, verified(url)


class Organisation(Group, frozen=True, kw_only=True):
    """Who makes the promises."""

    group: ClassVar[str] = "organisation"

    name: Annotated[str, setting("The organisation that answers for the site, as the page names it.")] = ""
    contact: Annotated[str, setting("Where questions go: a mail address, a telephone number or a web address.")] = ""
    postal_address: Annotated[str, setting("Postal address, commas between its lines.")] = ""
    role: Annotated[
        Literal["", "covered entity", "business associate"],
        setting("The organisation's role under HIPAA, where it has one.", "word"),
    ] = ""


def check_fields(names: Iterable[str]) -> None:
    """Raises ValueError for what no field of a form is called."""
    for name in names:
        if not _FIELD.fullmatch(name):
            raise ValueError(f"{name!r}: a field's name has letters, digits, - and _")


_FIELD: Final = re.compile(r"\w(?:[\w-]{0,62}\w)?")


class Personal(Group, frozen=True, kw_only=True):
    """What is personal about visitors."""

    group: ClassVar[str] = "personal"

    fields: Annotated[
        tuple[str, ...],
        setting("Fields of forms that hold personal values: they are taken out of links that open a mail.", "list",
                check=check_fields, example="member_id, email"),
    ] = ()  # fmt: skip


class Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sentence that no middleware can keep: a person answers for it.

    Attributes:
        section: name of the section in which it stands, such as `personal`.
        text: the sentence as the visitor reads it.
        by: who states it.
        on: since when it is stated.
    """

    section: str
    text: str
    by: str
    on: datetime.date
