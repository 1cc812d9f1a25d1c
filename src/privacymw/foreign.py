"""The open elements inside svg and math: enough of the tree to know where HTML's own rules stop.

Only they decide whether `<![CDATA[` hides markup and whether `<title>` holds text (HTML 13.2.6.5). Outside of
svg and math no element is followed, and nothing is spent.
"""

from collections.abc import Iterator

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


class Node:
    """An open element over those it stands in; equal to another with equal elements all the way down.

    `point` names the start tags that follow HTML's rules inside: "" (none), "html" (all) or "text" (most).
    """

    __slots__ = ("_hash", "depth", "name", "namespace", "point", "under")

    def __init__(self, name: bytes, namespace: str, point: str = "", under: "Node | None" = None) -> None:
        self.name, self.namespace, self.point, self.under = name, namespace, point, under
        self.depth: int = under.depth + 1 if under else 1
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


Stack = Node | None  # the innermost open element


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


def opened(stack: Stack, name: bytes, attributes: dict[bytes, bytes], empty: bool) -> tuple[Stack, bool]:
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


def closed(stack: Stack, name: bytes) -> tuple[Stack, ...]:
    """The stack after an end tag; two where the answer hangs on elements that are not followed here."""
    if stack is None or stack.name == name:
        return (stack and stack.under,)
    if is_foreign(stack) and name in (b"br", b"p"):  # HTML 13.2.6.5 breaks out; older parsers did not
        return _broken_out(stack), stack
    passed: set[str] = set()
    for node in stack:
        if node.name == name:
            return _closed_over(stack, node, passed)
        passed.add(node.namespace)
    return stack, None  # it may close an element around the whole svg, or nothing


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
