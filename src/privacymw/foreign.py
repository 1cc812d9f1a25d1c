"""The open elements inside svg and math: enough of the tree to know where HTML's own rules stop.

Only they decide whether `<![CDATA[` hides markup and whether `<title>` holds text (HTML 13.2.6.5). Outside of
svg and math no element is followed, and nothing is spent.
"""

from collections.abc import Iterable, Iterator
from typing import Final

HTML, SVG, MATH = "", "svg", "math"

# Without a bound, each end tag on a hostile page would cost as much as the page is deep. Browsers stop too.
_DEPTH = 128
_ROOTS = {b"svg": SVG, b"math": MATH}
_POINTS = {
    **{(SVG, name): "html" for name in (b"foreignobject", b"desc", b"title")},
    **{(MATH, name): "text" for name in (b"mi", b"mo", b"mn", b"ms", b"mtext")},
}
_BREAKOUT = frozenset(
    b"b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing "
    b"menu meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul var".split()
)
_VOID = frozenset(
    b"area base basefont bgsound br col embed frame hr image img input keygen link meta param source track wbr".split()
)
# End tags that close their element over everything that is open inside it.
_BLOCKS = frozenset(
    b"address article aside blockquote button center details dialog dir div dl fieldset figcaption figure "
    b"footer header hgroup listing main menu nav ol pre search section summary ul".split()
)
_FONT = frozenset((b"color", b"face", b"size"))
_EITHER = frozenset((b"mglyph", b"malignmark"))  # in `<mi>`: foreign, unless an HTML element is open in it
SPEAKS: Final = frozenset((b"font", b"annotation-xml"))
"""Elements whose attributes say how the page goes on."""


class Node:
    """An open element over those it stands in; equal to another with equal elements all the way down.

    `point` names the start tags that follow HTML's rules inside: "" (none), "html" (all) or "text" (most).
    """

    __slots__ = ("_hash", "depth", "name", "names", "namespace", "point", "under")

    def __init__(self, name: bytes, namespace: str, point: str = "", under: "Node | None" = None) -> None:
        self.name, self.namespace, self.point, self.under = name, namespace, point, under
        self.depth: int = under.depth + 1 if under else 1
        self.names: frozenset[bytes] = _with(under.names, name) if under else frozenset((name,))
        self._hash = hash((name, namespace, point, under))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        mine: object = self
        while isinstance(mine, Node) and isinstance(other, Node) and mine is not other:
            if mine._own() != other._own():
                return False
            mine, other = mine.under, other.under
        return mine is other

    def __iter__(self) -> Iterator["Node"]:
        node: Node | None = self
        while node:
            yield node
            node = node.under

    def _own(self) -> tuple[int, bytes, str, str]:
        return self._hash, self.name, self.namespace, self.point


def _with(names: frozenset[bytes], name: bytes) -> frozenset[bytes]:
    return names if name in names else names | {name}


Stack = Node | None  # the innermost open element
Stacks = tuple[Stack, ...]  # each of them may be the true one

OUTSIDE: Final[Stacks] = (None,)
"""In no svg or math, and compared by identity."""
UNKNOWN: Final = Node(b"", "?")
"""Any stack at all: whatever hangs on it goes both ways."""
_UNKNOWN: Final[Stacks] = (UNKNOWN,)
_MOST = 8  # beyond so many the page is a hostile one, and none is told from another any more


def joined(stacks: Iterable[Stack]) -> Stacks:
    """Each once; all are one where one is unknown, or where there are too many."""
    found = tuple(dict.fromkeys(stacks))
    if len(found) == 1:
        return OUTSIDE if found[0] is None else found
    return _UNKNOWN if len(found) > _MOST or UNKNOWN in found else found


def is_foreign(stack: Stack) -> bool:
    """Whether the current element is one of svg or math, where CDATA sections are."""
    return stack is not None and stack.namespace != HTML


def bared(stack: Stack) -> Stack:
    """The stack without the HTML elements inside its last integration point.

    Many tags end such elements unsaid (a second `<a>`, `<div>` in `<p>`), and none of that is followed here.
    """
    while stack and stack.namespace == HTML:
        stack = stack.under
    return stack


def openings(
    stack: Stack, name: bytes, attributes: dict[bytes, bytes], empty: bool, *, raw: bool, torn: bool
) -> Iterator[tuple[Stack, bool]]:
    """All that the stack may be after a start tag, each with whether that makes an HTML element.

    `raw`: such an element's content would be no markup. `torn`: some parsers drop the tag here.
    """
    if stack is UNKNOWN:
        yield stack, True
        if raw:
            yield stack, False
        return
    after, html = _opened(stack, name, attributes, empty)
    yield after, html
    if name in _EITHER and stack and not is_foreign(stack):
        yield _opened(bared(stack), name, attributes, empty)
    if torn and name in _ROOTS and after != stack:
        yield stack, html


def _opened(stack: Stack, name: bytes, attributes: dict[bytes, bytes], empty: bool) -> tuple[Stack, bool]:
    """The stack after a start tag (`empty`: one that ends in "/>"), and whether it makes an HTML element."""
    if stack and not _html_rules(stack, name):
        if name not in _BREAKOUT and not (name == b"font" and _FONT & attributes.keys()):
            return (stack if empty else _pushed(stack, name, stack.namespace, attributes)), False
        stack = _broken_out(stack)
    if name in _ROOTS:
        return (stack if empty else _pushed(stack, name, _ROOTS[name], {})), False
    if stack and name not in _VOID:
        stack = _pushed(stack, name, HTML, {})
    return stack, True


def closings(stack: Stack, name: bytes) -> Stacks:
    """The stack after an end tag; two where the answer hangs on elements that are not followed here."""
    if stack is UNKNOWN:
        return _UNKNOWN
    if stack is None or stack.name == name:
        return (stack and stack.under,)
    if is_foreign(stack) and name in (b"br", b"p"):  # HTML 13.2.6.5 breaks out; older parsers did not
        return _broken_out(stack), stack
    if name not in stack.names:
        return stack, None  # it may close an element around the whole svg, or nothing
    passed: set[str] = set()
    for node in stack:
        if node.name == name:
            return _closed_over(stack, node, passed)
        passed.add(node.namespace)
    raise AssertionError("a name among a stack's names is on it")


def _closed_over(stack: Stack, node: Node, passed: set[str]) -> tuple[Stack, ...]:
    """After the end of `node` with others open inside it, of the namespaces `passed`."""
    foreign = HTML not in passed and node.namespace != HTML
    block = node.name in _BLOCKS and passed | {node.namespace} == {HTML}
    return (node.under,) if foreign or block else (node.under, stack)


def _html_rules(node: Node, name: bytes) -> bool:
    if node.namespace == HTML or node.point == "html":
        return True
    if node.point == "text":
        return name not in (b"mglyph", b"malignmark")
    return node.name == b"annotation-xml" and name == b"svg"


def _pushed(stack: Stack, name: bytes, namespace: str, attributes: dict[bytes, bytes]) -> Stack:
    point = _POINTS.get((namespace, name), "")
    if namespace == MATH and name == b"annotation-xml":
        encoding = attributes.get(b"encoding", b"").lower()
        point = "html" if encoding in (b"text/html", b"application/xhtml+xml") else ""
    return stack if stack and stack.depth >= _DEPTH else Node(name, namespace, point, stack)


def _broken_out(stack: Stack) -> Stack:
    while stack and stack.namespace != HTML and not stack.point:
        stack = stack.under
    return stack
