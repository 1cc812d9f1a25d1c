"""A promise: a frozen value whose fields are its settings, told as a section, kept by a keeper."""

import datetime
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from privacymw.core import Exchange, Keeper
from privacymw.policy import Organisation, Site
from privacymw.registry import CookieEntry
from privacymw.settings import Group
from privacymw.words import ENGLISH, N_, Words, below

if TYPE_CHECKING:
    from privacymw.cookie import PreferenceCookie
    from privacymw.decider import Decider
    from privacymw.embeds import Embeds
    from privacymw.mailto import MailLinks
    from privacymw.page import Pages
    from privacymw.receipt import Receipts
    from privacymw.seal import LinkSeal
    from privacymw.store.account import Witness
    from privacymw.store.journal import Journal


class Sentence(msgspec.Struct, frozen=True):
    """One sentence of the page: *kept* by a hook, or *stated* by a person. There is no third kind.

    Attributes:
        name: stable, such as `addresses.retention`; evidence and proofs refer to it.
        template: the text with named placeholders, the unit of translation.
        values: what stands in the placeholders.
        by: who states it; empty for a kept sentence.
        on: since when it is stated.
        facts: what it promises in machine form, such as `{"seconds": 86400}`; whoever checks it reads them.
    """

    name: str
    template: str
    values: Mapping[str, str] = {}
    by: str = ""
    on: datetime.date | None = None
    facts: Mapping[str, Any] = {}

    @property
    def kept(self) -> bool:
        return not self.by

    @property
    def is_dated(self) -> bool:
        """Whether the page shows who states it and since when."""
        return self.on is not None

    @property
    def text(self) -> str:
        return self.template.format_map(self.values)

    def told(self, words: Words) -> "Sentence":
        """The sentence in another language; a dated one stays as it was written."""
        return self if self.is_dated else msgspec.structs.replace(self, template=words.text(self.template))


class Table(msgspec.Struct, frozen=True):
    """A table of the page; every row as long as `head`."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Section(msgspec.Struct, frozen=True):
    """A promise's part of the page: a pure function of its fields."""

    name: str
    title: str
    sentences: tuple[Sentence, ...]
    tables: tuple[Table, ...] = ()
    action: tuple[str, str] | None = None
    """A page of ours where the visitor acts, by its name under the prefix, and what the link says."""

    def told(self, words: Words) -> "Section":
        """The section with title and sentences in another language; its tables are made in it."""
        sentences = tuple(each.told(words) for each in self.sentences)
        action = self.action and (self.action[0], words.text(self.action[1]))
        return msgspec.structs.replace(self, title=words.text(self.title), sentences=sentences, action=action)


class Telling(msgspec.Struct, frozen=True):
    """What a section may depend on besides the promise's own fields."""

    site: Site
    organisation: Organisation
    keys_apart: bool = False
    """Whether the address keys lie outside the folder of the store."""
    leaving: bool = True
    """Whether there is a page before links that leave."""
    today: datetime.date = datetime.date.min
    """The day in UTC, for what holds until a certain one."""
    personal: tuple[str, ...] = ()
    """Names of fields that hold personal values."""
    words: Words = ENGLISH
    """The language, for what stands in placeholders and tables; sentences are put into it afterwards."""

    @property
    def name(self) -> str:
        """The organisation as the page names it."""
        return self.organisation.name or self.words.text(N_("the operator of this site"))

    @property
    def prefix(self) -> str:
        """Where our pages in this language stand."""
        return below(self.site.prefix, self.words.language, self.site.language)


class Means(msgspec.Struct, frozen=True):
    """What there is to keep promises with; a promise without its means steps down, on the page too."""

    secret: bool
    store: bool
    leaving: bool = True
    """Whether any link is meant to go through the leaving page."""
    categories: tuple[str, ...] = ()
    """What a visitor has to be asked about, since something keeps the answer."""
    live: bool = True
    """Whether the site does what it says: in a dry run and when it is off, it only counts, or not even that."""


class Services(msgspec.Struct, frozen=True):
    """What keepers are made of, one per process."""

    site: Site
    count: Callable[[str, str], None]
    pages: "Pages"
    cookie: "PreferenceCookie | None" = None
    links: "LinkSeal | None" = None
    embeds: "Embeds | None" = None
    mail: "MailLinks | None" = None
    journal: "Journal | None" = None
    sections: Callable[[str], tuple[Section, ...]] = lambda language: ()
    """The page in a language, as it stands today."""
    witness: "Witness | None" = None
    """Tells what the log holds; None where there is no log."""
    organisation: Organisation = Organisation()
    leaving: bool = False
    allows: Callable[[Exchange, str], bool] = lambda exchange, category: False
    """Whether the visitor of an exchange allows a category."""
    decider: "Decider | None" = None
    """Decides with reasons, where choices are kept."""
    varies: tuple[str, ...] = ("Cookie",)
    """The request headers on which a decision may hang."""
    entries: tuple[CookieEntry, ...] = ()
    """The declared cookies."""
    receipts: "Receipts | None" = None
    gpc: bool = False
    """Whether the page says that Global Privacy Control is honoured."""
    clock: Callable[[], float] = time.time

    def today(self) -> datetime.date:
        """The day in UTC."""
        return datetime.datetime.fromtimestamp(self.clock(), datetime.UTC).date()


class Promise(Group, frozen=True, kw_only=True):
    """A clause of the policy; a subclass lives in one module of `promises/`."""

    title: ClassVar[str] = ""

    def asks(self) -> tuple[str, ...]:
        """Categories of which it keeps the visitor's answer, so that the visitor has to be asked."""
        return ()

    @property
    def entries(self) -> tuple[CookieEntry, ...]:
        """The cookies that it declares."""
        return ()

    def remarks(self, today: datetime.date) -> Iterator[str]:
        """What the operator should hear at a start on this day (UTC): what has expired is withdrawn, and told."""
        yield from ()

    def within(self, means: Means) -> "Promise":
        """The promise that can be kept with what there is; itself where nothing is missing."""
        return self

    def section(self, telling: Telling) -> Section | None:
        """The promise's paragraph; None where there is nothing to tell."""
        raise NotImplementedError

    def keeper(self, services: Services) -> Keeper | None:
        """What keeps it at run time; None where nothing has to be done."""
        raise NotImplementedError
