"""Drawings that hold no link: an icon in svg, balanced to its last tag, so that nothing of it is left open."""

from itertools import count

# None of them leads out of svg, to a link or to a rule of its own (HTML 13.2.6.5); `title` and `desc` hold text alone.
_LEAVES = b"path|rect|circle|line|polyline|polygon|ellipse|use|text|tspan|title|desc|stop|animate(?:Transform)?"
_GROUPS = b"g|defs|symbol|text|mask|marker|pattern|filter|clipPath|(?:linear|radial)Gradient"
_DEPTH = 2


def drawing(attributes: bytes) -> bytes:
    """A pattern of an svg with its end tag. `attributes` matches those of a tag."""
    numbers = count()

    def element(names: bytes, content: bytes) -> bytes:
        name = b"n%d" % next(numbers)
        start = rb"(?P<%b>%b)(?=[\t\n\f\r />])%b[\t\n\f\r ]*+" % (name, names, attributes)
        return rb"%b(?:/>|>%b</(?P=%b)>)" % (start, content, name)

    def inside(depth: int) -> bytes:
        leaf = element(_LEAVES, b"[^<]*+")
        elements = leaf + b"|" + element(_GROUPS, inside(depth - 1)) if depth else leaf
        return rb"[^<]*+(?:<(?:%b)[^<]*+)*+" % elements

    return rb"<svg%b[\t\n\f\r ]*+>%b</svg>" % (attributes, inside(_DEPTH))
