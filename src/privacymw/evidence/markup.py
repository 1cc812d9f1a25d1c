"""Pages read by a parser that has nothing to do with the one that rewrites them.

It is lexbor, through `selectolax`, where that is installed (the extra `check`): it builds the tree that a
browser builds. Else it is the standard library's `html.parser`, which goes wrong on hostile markup.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from html.parser import HTMLParser
from typing import Final, NamedTuple

try:
    from selectolax.lexbor import LexborHTMLParser

    PARSER = "lexbor (selectolax)"
except ImportError:
    PARSER = "html.parser of the standard library; pip install 'privacymw[check]' for a browser's"


class Element(NamedTuple):
    """One element: its name, its attributes, the text below it, and the number of the form it stands in."""

    name: str
    attributes: Mapping[str, str]
    text: str = ""
    form: int = -1


class Link(NamedTuple):
    """A way to another page: element, attribute, address as it is written, text, and what else it says."""

    element: str
    attribute: str
    href: str
    text: str = ""
    rel: str = ""
    method: str = ""

    @property
    def follows(self) -> bool:
        """Whether a crawler may follow it."""
        return self.element in ("a", "area") and "nofollow" not in self.rel.split() and self.attribute == "href"


class Form(NamedTuple):
    """A form and the fields with which it would be sent as it stands."""

    action: str
    method: str
    fields: tuple[Element, ...]

    def values(self) -> dict[str, str]:
        """What a browser would send without a change; a button is not among it."""
        found = {}
        for name, attributes in ((each.name, each.attributes) for each in self.fields):
            kind = attributes.get("type", "text").lower()
            ticked = kind not in ("radio", "checkbox") or "checked" in attributes
            if name != "button" and attributes.get("name") and ticked and kind != "submit":
                found[attributes["name"]] = attributes.get("value", "")
        return found


class Page(NamedTuple):
    """What stands in a page."""

    elements: tuple[Element, ...]

    def named(self, *names: str) -> Iterator[Element]:
        """Its elements of some names."""
        return (each for each in self.elements if each.name in names)

    @property
    def base(self) -> str:
        """What its addresses are relative to; empty where it does not say."""
        return next((each.attributes["href"] for each in self.named("base") if each.attributes.get("href")), "")

    def links(self) -> Iterator[Link]:
        """The ways by which a visitor, or the browser for one, gets to another page."""
        for each in self.elements:
            for attribute in _WAYS.get(each.name, ()):
                if (href := each.attributes.get(attribute)) is not None:
                    given = each.attributes
                    method = (given.get("method") or given.get("formmethod") or "get").lower()
                    yield Link(each.name, attribute, href, each.text, given.get("rel", "").lower(), method)
            refreshes = each.name == "meta" and each.attributes.get("http-equiv", "").lower() == "refresh"
            if refreshes and (found := _REFRESH.search(each.attributes.get("content", ""))):
                yield Link("meta", "content", found[1].strip("'\""))

    def loads(self) -> Iterator[tuple[str, str]]:
        """Element and address of what a browser fetches by itself for the page."""
        for each in self.elements:
            yield from ((each.name, url) for url in _loaded(each))

    def forms(self) -> list[Form]:
        """Its forms, in order."""
        tags = list(self.named("form"))
        return [
            Form(
                each.attributes.get("action", ""),
                each.attributes.get("method", "get").lower(),
                tuple(field for field in self.elements if field.form == number and field.name in _FIELDS),
            )
            for number, each in enumerate(tags)
        ]


_REMEMBERED: Final = 128
"""Pages that are remembered: more than one walk has."""
_FIELDS: Final = ("input", "button", "textarea", "select")
_WAYS: Final[Mapping[str, tuple[str, ...]]] = {
    "a": ("href", "xlink:href", "ping"),
    "area": ("href", "ping"),
    "form": ("action",),
    "button": ("formaction",),
    "input": ("formaction",),
}
_REFRESH: Final = re.compile(r"^\s*[\d.]*\s*[;,]?\s*(?:url\s*=\s*)?(\S.*?)\s*$", re.IGNORECASE)
_SOURCES: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("script", "iframe", "embed", "audio", "track", "frame", "input"), ("src",)),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "object": ("data",),
    "use": ("href", "xlink:href"),
    "image": ("href", "xlink:href"),
}
_FETCHED: Final = frozenset(
    ("stylesheet", "icon", "apple-touch-icon", "manifest", "preload", "prefetch", "modulepreload")
) | {"preconnect", "dns-prefetch"}
_STYLED: Final = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""", re.IGNORECASE)


def _loaded(each: Element) -> Iterator[str]:
    attributes = each.attributes
    for attribute in _SOURCES.get(each.name, ()):
        if value := attributes.get(attribute):
            yield from (
                (part.split()[0] for part in value.split(", ") if part.split()) if "srcset" in attribute else [value]
            )
    if each.name == "link" and _FETCHED & set(attributes.get("rel", "").lower().split()):
        yield attributes.get("href", "")
    for style in (attributes.get("style", ""), each.text if each.name == "style" else ""):
        yield from (found[1] or found[2] for found in _STYLED.finditer(style))


@lru_cache(_REMEMBERED)
def page(body: bytes, charset: str = "utf-8") -> Page:
    """What a browser would see in a page's bytes; each look asks for the same pages again."""
    text = body.decode(charset if _known(charset) else "utf-8", "replace")
    return Page(tuple(_lexbor(text) if PARSER.startswith("lexbor") else _standard(text)))


def _known(charset: str) -> bool:
    try:
        return bool("".encode(charset) or True)
    except LookupError:
        return False


_WITH_TEXT: Final = frozenset(("a", "style", "textarea", "h1", "title", "th", "td", "button"))


def _lexbor(text: str) -> Iterator[Element]:
    tree = LexborHTMLParser(text)
    forms: list[int] = []
    root = tree.root
    for node in root.traverse(include_text=False) if root is not None else ():
        name = node.tag or ""
        attributes = {key.lower(): value or "" for key, value in node.attributes.items()}
        if name == "form":
            forms.append(node.mem_id)
        words = node.text(deep=True, strip=False) if name in _WITH_TEXT else ""
        yield Element(name, attributes, words or "", _owner(node, forms) if name in _FIELDS else -1)


def _owner(node: object, forms: list[int]) -> int:
    """The number of the form that a field stands in."""
    above = getattr(node, "parent", None)
    while above is not None:
        if above.tag == "form" and above.mem_id in forms:
            return forms.index(above.mem_id)
        above = above.parent
    return -1


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Element] = []
        self.open: list[tuple[int, list[str]]] = []
        self.form = -1
        self.forms = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "form":
            self.form, self.forms = self.forms, self.forms + 1
        attributes: dict[str, str] = {}
        for name, value in attrs:
            attributes.setdefault(name, value or "")  # the first counts (HTML 13.2.5.33)
        self.found.append(Element(tag, attributes, "", self.form if tag in _FIELDS else -1))
        if tag in _WITH_TEXT:
            self.open.append((len(self.found) - 1, []))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        for _, words in self.open:
            words.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.form = -1
        for place in reversed(range(len(self.open))):
            index, words = self.open[place]
            if self.found[index].name == tag:
                self.found[index] = self.found[index]._replace(text="".join(words))
                del self.open[place:]
                return


def _standard(text: str) -> list[Element]:
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader.found
