"""Parsers of different age, scripting on and off: what a visitor's browser may take for a link to another site."""

import importlib.util
from collections.abc import Callable, Iterator

from fragments import CLASSIFIER, PAGE

OUTLETS = {
    "a": ("href", "xlink:href", "ping"),
    "area": ("href", "ping"),
    "form": ("action",),
    "button": ("formaction",),
    "input": ("formaction",),
    "meta": ("content",),
}
Link = tuple[str, str, str]


def leads_out(tag: str, value: str) -> bool:
    if tag == "meta":
        return "evil" in value
    return CLASSIFIER.verdict(value, PAGE).kind == "outside"


def _out(nodes: Iterator[tuple[str, dict[str, str | None]]]) -> list[Link]:
    found = [(tag, name, values.get(name)) for tag, values in nodes for name in OUTLETS.get(tag, ())]
    return [(tag, name, value) for tag, name, value in found if value is not None and leads_out(tag, value)]


def lexbor(page: str) -> list[Link]:
    from selectolax.lexbor import LexborHTMLParser

    return _out((str(node.tag), node.attributes) for node in LexborHTMLParser(page).css(",".join(OUTLETS)))


def html5lib(page: str, *, scripting: bool) -> list[Link]:
    """The rules of 2020: tags in `select` are dropped."""
    import html5lib as library

    tree = library.parse(page, treebuilder="etree", scripting=scripting)
    nodes = (node for node in tree.iter() if isinstance(node.tag, str))
    return _out((_local(node.tag), {_local(name): value for name, value in node.attrib.items()}) for node in nodes)


def _local(name: str) -> str:
    """`{http://www.w3.org/1999/xlink}href` as it is written."""
    space, _, local = str(name).rpartition("}")
    return f"xlink:{local}" if space.endswith("xlink") else local


def justhtml(page: str, *, scripting: bool) -> list[Link]:
    from justhtml import JustHTML

    document = JustHTML(page, sanitize=False, scripting_enabled=scripting)
    return _out((node.name, dict(node.attrs or {})) for node in _all(document.root))


def _all(root: object) -> Iterator[object]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if hasattr(node, "attrs") and isinstance(getattr(node, "name", None), str):
            yield node
        waiting += getattr(node, "children", None) or ()
        content = getattr(node, "template_content", None)
        waiting += [content] if content is not None else []


ORACLES: dict[str, tuple[str, Callable[[str], list[Link]]]] = {
    "lexbor": ("selectolax", lexbor),
    "html5lib": ("html5lib", lambda page: html5lib(page, scripting=False)),
    "html5lib, scripting": ("html5lib", lambda page: html5lib(page, scripting=True)),
    "justhtml": ("justhtml", lambda page: justhtml(page, scripting=False)),
    "justhtml, scripting": ("justhtml", lambda page: justhtml(page, scripting=True)),
}
"""By name: the package that is needed, and what it sees."""


def present(oracle: str) -> bool:
    return importlib.util.find_spec(ORACLES[oracle][0]) is not None


def ways_out(oracle: str, page: bytes) -> list[Link]:
    """What the oracle still takes for a link to another site."""
    return ORACLES[oracle][1](page.decode("utf-8", "replace"))
