"""The open elements inside svg and math: enough of the tree to know where HTML's own rules stop.

Only they decide whether `<![CDATA[` hides markup and whether `<title>` holds text (HTML 13.2.6.5). Outside of
svg and math the stack is empty and costs nothing. Stacks are tuples, so that two readings can share one.
"""

from typing import NamedTuple

HTML, SVG, MATH = "", "svg", "math"


class Node(NamedTuple):
    """An open element; `point` names the start tags that follow HTML's rules inside: "", "html" or "text"."""

    name: bytes
    namespace: str
    point: str = ""


Stack = tuple[Node, ...]

# Blink stops nesting at 512 too; without a bound a page of 100,000 `<g>` would cost the square of it.
_DEPTH = 512
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


def is_foreign(stack: Stack) -> bool:
    """Whether the current element is one of svg or math, where CDATA sections are."""
    return bool(stack) and stack[-1].namespace != HTML


def opened(stack: Stack, name: bytes, attributes: dict[bytes, bytes], empty: bool) -> tuple[Stack, bool]:
    """The stack after a start tag (`empty`: one that ends in "/>"), and whether it makes an HTML element."""
    if stack and not _html_rules(stack[-1], name):
        if name not in _BREAKOUT and not (name == b"font" and _FONT & attributes.keys()):
            return (stack if empty else _pushed(stack, _foreign(stack[-1], name, attributes))), False
        stack = _broken_out(stack)
    if name in _ROOTS:
        return (stack if empty else _pushed(stack, Node(name, _ROOTS[name]))), False
    if stack and name not in _VOID:
        stack = _pushed(stack, Node(name, HTML))
    return stack, True


def closed(stack: Stack, name: bytes) -> tuple[Stack, ...]:
    """The stack after an end tag; two where the answer hangs on elements that are not followed here."""
    if not stack or stack[-1].name == name:
        return (stack[:-1],)
    foreign = _foreign_run(stack)
    if is_foreign(stack) and name in (b"br", b"p"):  # HTML 13.2.6.5 breaks out; older parsers did not
        return _broken_out(stack), stack
    at = _last(stack, name)
    if at >= len(stack) - foreign:
        return (stack[:at],)
    if at < 0:  # it may close an element around the whole svg, or nothing
        return stack, ()
    if name in _BLOCKS and all(node.namespace == HTML for node in stack[at:]):
        return (stack[:at],)
    return stack[:at], stack


def _html_rules(node: Node, name: bytes) -> bool:
    if node.namespace == HTML or node.point == "html":
        return True
    if node.point == "text":
        return name not in (b"mglyph", b"malignmark")
    return node.name == b"annotation-xml" and name == b"svg"


def _foreign(parent: Node, name: bytes, attributes: dict[bytes, bytes]) -> Node:
    point = _POINTS.get((parent.namespace, name), "")
    if parent.namespace == MATH and name == b"annotation-xml":
        encoding = attributes.get(b"encoding", b"").lower()
        point = "html" if encoding in (b"text/html", b"application/xhtml+xml") else ""
    return Node(name, parent.namespace, point)


def _pushed(stack: Stack, node: Node) -> Stack:
    return (*stack, node) if len(stack) < _DEPTH else stack


def _broken_out(stack: Stack) -> Stack:
    while stack and stack[-1].namespace != HTML and not stack[-1].point:
        stack = stack[:-1]
    return stack


def _foreign_run(stack: Stack) -> int:
    for count, node in enumerate(reversed(stack)):
        if node.namespace == HTML:
            return count
    return len(stack)


def _last(stack: Stack, name: bytes) -> int:
    for at in range(len(stack) - 1, -1, -1):
        if stack[at].name == name:
            return at
    return -1
