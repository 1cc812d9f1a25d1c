"""Links that open a mail to write: the notice that goes with them, and what is taken out of them."""

import re
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import parse_qsl, unquote_plus

from privacymw.core import Exchange
from privacymw.html import Edit, Outlet
from privacymw.seal import LinkSeal
from privacymw.words import N_, Words

NOTICE: Final = N_("E-mail is not a fully secure way to write: others may read it on its way.")
SCHEME: Final = "mailto:"
LONGEST: Final = 2_000
"""Bytes of a link that can be sealed."""
_SHORTEST: Final = 4
"""Signs of a value that are looked for in a link: shorter ones stand everywhere by chance."""
_STRIPPED: Final = " \t\n\f\r\x00"


class MailLinks:
    """Decides `mailto:` links.

    Args:
        describe: whether they get the notice as their description.
        seal: makes the link of the page before; None where there is no such page.
        fields: names of fields that hold personal values.
        prefix: path under which our pages stand.
        words: the language of the app's pages.
        count: called with a kind and a name.
    """

    def __init__(
        self, *, describe: bool, seal: LinkSeal | None, fields: Iterable[str], prefix: str, words: Words,
        count: Callable[[str, str], None],
    ) -> None:  # fmt: skip
        self._notice = words.text(NOTICE) if describe else ""
        self._seal = seal
        self._names = frozenset(map(_plain, fields))
        self._said = _said(self._names) if self._names else None
        self._prefix = prefix
        self._count = count
        self.rules = repr((self._notice, seal and seal.first, sorted(self._names)))
        """A text that differs where the same page would be written otherwise."""

    def decide(self, exchange: Exchange, outlet: Outlet) -> Edit | None:
        """The change to one link; None for one of another scheme."""
        href = outlet.value.strip(_STRIPPED)
        if href[: len(SCHEME)].lower() != SCHEME:
            return None
        bare = self.stripped(exchange, href)
        attributes: dict[str, str | None] = {} if bare == href else {outlet.attribute: bare}
        if outlet.element in ("a", "area"):
            attributes |= self._described(outlet)
            page = self._page(exchange, bare)
            attributes |= {} if page is None else {outlet.attribute: page}
        return Edit(attributes) if attributes else None

    def stripped(self, exchange: Exchange, href: str) -> str:
        """The link without the parts of its query that carry personal values (RFC 6068 2, "hfields")."""
        address, mark, query = href.partition("?")
        if not mark or self._said is None:
            return href
        values = self._values(exchange)
        parts = [part for part in query.split("&") if part]
        kept = [part for part in parts if not self._tells(part, values)]
        if len(kept) == len(parts):
            return href
        self._count("mail", "links with personal values, which were taken out")
        return address + (mark + "&".join(kept) if kept else "")

    def _tells(self, part: str, values: list[str]) -> bool:
        """Whether a part is named as a field, names one in its text, or has a value that came with the request."""
        name, _, text = (unquote_plus(each) for each in part.partition("="))
        assert self._said is not None
        return _plain(name) in self._names or bool(self._said.search(text)) or any(each in text for each in values)

    def _values(self, exchange: Exchange) -> list[str]:
        """The personal values in the request's query; those of a posted form are not ours to read."""
        if not exchange.query:
            return []
        pairs = parse_qsl(exchange.query, max_num_fields=None, errors="replace")
        return [value for name, value in pairs if len(value) >= _SHORTEST and _plain(name) in self._names]

    def _described(self, outlet: Outlet) -> dict[str, str | None]:
        """The notice as an accessible description (accname 1.2, 4.3.2); a description of the author's stands."""
        if not self._notice or not outlet.attributes.keys().isdisjoint(("aria-description", "aria-describedby")):
            return {}
        name = "aria-description" if "title" in outlet.attributes or outlet.attribute != "href" else "title"
        return {name: self._notice}

    def _page(self, exchange: Exchange, href: str) -> str | None:
        if self._seal is None or len(href) > LONGEST:
            return None
        return f"{exchange.root}{self._prefix}/mail/{self._seal.seal(href)}"


def _plain(name: str) -> str:
    """A field's name as people vary it: `Member-ID` is `member_id`."""
    return re.sub(r"[\s_-]+", "_", name.strip().lower())


def _said(names: Iterable[str]) -> re.Pattern[str]:
    """Finds `member_id=7` and `Member ID: 7` in a text."""
    spelled = "|".join(r"[\s_-]*".join(map(re.escape, name.split("_"))) for name in sorted(names))
    return re.compile(rf"(?<!\w)(?:{spelled})\s*[:=]\s*\S", re.IGNORECASE)
