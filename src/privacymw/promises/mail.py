"""Electronic mail: that it is not secure is said where an address is offered or asked for."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

import msgspec

from privacymw.core import Exchange, Keeper, Reply, not_allowed
from privacymw.destination import way_back
from privacymw.kinds import setting
from privacymw.mailto import SCHEME, MailLinks
from privacymw.page import NO_INDEX, NO_STORE, Pages
from privacymw.policy import Personal, Site
from privacymw.promise import Means, Promise, Section, Sentence, Services, Telling
from privacymw.seal import LinkSeal
from privacymw.words import N_, Words

if TYPE_CHECKING:
    from markupsafe import Markup


class Mail(Promise, frozen=True, kw_only=True):
    """Mail that visitors write and get."""

    group: ClassVar[str] = "mail"
    title: ClassVar[str] = "Electronic mail"

    links: Annotated[
        Literal["describe", "page", "off"],
        setting("Links that open a mail: the notice as their description, a page before them too, or nothing.", "word"),
    ] = "describe"
    writes: Annotated[
        bool,
        setting("Whether you write to people who gave you their e-mail address; the page then says so.", "switch"),
    ] = False

    def within(self, means: Means) -> "Mail":
        return self if means.secret or self.links != "page" else msgspec.structs.replace(self, links="describe")

    def section(self, telling: Telling) -> Section:
        text = N_(
            "E-mail is not a fully secure way to write. Others may read a mail on its way, unless it is encrypted."
        )
        sentences = [Sentence("mail.insecure", text, {}, telling.name)]
        if self.writes:
            text = N_("If you give us your e-mail address, we may write to you there where the law lets us.")
            sentences.append(Sentence("mail.writes", text, {}, telling.name))
        if self.links != "off":
            sentences.append(Sentence("mail.links", _TOLD[self.links], facts={"links": self.links}))
        if telling.personal:
            text = N_("Values of {fields} are taken out of such links.")
            facts = {"fields": telling.personal}
            sentences.append(Sentence("mail.personal", text, {"fields": ", ".join(telling.personal)}, facts=facts))
        return Section("mail", self.title, tuple(sentences))

    def decides(
        self, site: Site, personal: Personal, seal: LinkSeal | None, count: Callable[[str, str], None]
    ) -> MailLinks | None:
        """What decides the links of pages; None where they are left alone."""
        if self.links == "off" and not personal.fields:
            return None
        return MailLinks(
            describe=self.links != "off",
            seal=seal if self.links == "page" else None,
            fields=personal.fields,
            prefix=site.prefix,
            words=Words(site.language),
            count=count,
        )

    def keeper(self, services: Services) -> Keeper:
        return _Keeper(services)


_TOLD: Final = {
    "describe": N_("A link that opens a mail to write has a note that says so."),
    "page": N_("A link that opens a mail to write leads to a page first that says so."),
}


class _Keeper(Keeper):
    name = "mail"
    reads = ("host", "referer")
    standing = frozenset(("mail",))  # links to it are out in the world, in caches and on paper

    def __init__(self, services: Services) -> None:
        self._pages = services.pages
        self._seal = services.links
        self.offers = {"mail_notice": self._notice}
        if services.links is not None:
            self.pages = {"mail": self._answer}

    def _answer(self, exchange: Exchange, token: str) -> Reply:
        """The page before a mail; it knows only addresses that this site sealed."""
        if exchange.method not in ("GET", "HEAD"):
            return not_allowed("GET, HEAD")
        target = self._seal.open(token) if self._seal is not None else None
        if target is None or not target.lower().startswith(SCHEME):
            text = N_("This link is not one that this site made, or it was damaged on its way here.")
            return self._pages.message(exchange, 404, N_("No such link"), text, NO_INDEX)
        context = {
            "page": f"mail/{token}",
            "target": target,
            "address": _address(target),
            "back": way_back(exchange, [f"{each}/mail/" for each in (self._pages.prefix, *self._pages.others)]),
        }
        return self._pages.reply("mail.html", exchange, context, NO_STORE, NO_INDEX)

    def _notice(self, exchange: Exchange) -> "Markup":
        return mail_notice(self._pages, exchange)


def _address(target: str) -> str:
    """The addresses of a `mailto:` link as people write them."""
    from urllib.parse import unquote

    return unquote(target[len(SCHEME) :].partition("?")[0])


def mail_notice(pages: Pages, exchange: Exchange) -> "Markup":
    """The notice as markup for beside a field that asks for an e-mail address."""
    from markupsafe import Markup

    return Markup(pages.render("mailnotice.html", exchange, {}).decode())  # noqa: S704 - a template of ours
