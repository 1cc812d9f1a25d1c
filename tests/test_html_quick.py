"""What the fast path eats is what the exact path would have passed, byte for byte."""

import random
import re
import sys

import pytest

from fragments import CLASSIFIER, EVIL, PAGE, POOLS, chunks, document, reduced
from privacymw.held import CATEGORY, ELEMENTS, END
from privacymw.html import Edit, Outlet, Rewriter
from privacymw.quick import Glance, glance
from privacymw.recall import Recall, Shelf
from privacymw.tokenizer import _NOTED as NOTED

OWN = [
    '<a href="x">in</a>', '<a class="c" href="/a/b?c=d&amp;e#f" id="i"><code>x</code></a>',
    '<a href="#s" title=">">', '<a href="">', "<a href='x'>y</a>", "<a href=x>y</a>", '<a id="i"></a>',
    '<a name="n">', '<a href="//evil.example">', '<a href="/\\evil.example">z</a>',
    '<a href="x" ping="//evil.example">p</a>', '<a href="x"xlink:href=//evil.example>',
    '<a href="&sol;/evil.example">', '<a href="x" href="//evil.example">two</a>',
    '<a href="https://evil.example/">o</a>', '<a hreflang=de href="x">y</a>',
    '<a class="c" href="x"><b class="d">y</b> z <br> w</a>', "</a>", "</a >", "</A>", '<a href="x:y">',
    '<a\thref="/x"\n>y</a>', '<a =href="x" href="y">', '<a href="/" / >', '<a/href="x">',
    '<a href="x"><img src=y data-privacy-category=ads></a>', '<a href="x"><!-- c --></a>', '<a href="x"><svg></a>',
]  # fmt: skip
DULL = [
    '<p class="a b">', '<div id="x" class=y data-z=\'1\'>', "<br/>", "<hr />", '<td colspan="2" align="left">',
    "</td >", '<p ="x>">', '<p a= "x>">', '<p a="b"c="d>">', "<p a=b'c>", '<p a="b" = "c>">', "<span <a href=x>",
    "</p x='>'>", '<my-x y="z">', "<linkx>", "<colx>", "<col>", '<p class="a"/>', "<p/a>", "<h1>", "</h1>",
    "<!-- c -->", "<!-- a--b -->", "<!-- -->", "<!---->", "<!-->", "-->", "<!--x--!>", "</br>", "</forM>",
    "</tEmplate>", "<privacy-notice>", "<privacy-noticed>", "<li >", "<p class=\"'\">", "<p\0>",
]  # fmt: skip
OTHER = [
    '<img src=x data-privacy-category="ads">', "<script src=y Data-Privacy-Category=ads></script>",
    "<base href=/b/>", f"<base href={EVIL}>", "<base target=x>", "</body>", "<head>",
    "<iframe src=x data-privacy-category=ads>", "<svg>", "<noscript>", "</noscript>", "<select>", "<title>",
    "</title>", "</svg>", "<path d='x'/>", "<meta http-equiv=refresh content='0;//evil.example'>",
    "<input type=x formaction=//evil.example>",
]  # fmt: skip
HEADS = [
    "<!DOCTYPE html>", "<!doctype html SYSTEM '>'>", "<?xml version='1.0'?>", "<!->", "<!x", "<![CDATA[ x ]]>",
    "<title>a</title>", "<title>a<b></title>", "<title>", "<title/>x</title>", '<meta charset="utf-8">',
    '<meta http-equiv="Content-Type" content="text/html">',
    "<meta http-equiv=x http-equiv=refresh content='0;//evil.example'>",
    '<meta http-equiv=refresh http-equiv=x content="0;//evil.example">', "<style>a > b {}</style>",
    "<style><!-- x --></style>",
    "<style></stylex></STYLE >", "<style>", "</style>", "<script>a<b</script>", "<script defer src=x></script>",
    "<script data-x=y>'</scriptx>'</script>", "<script><!-- <script> --></script>", "<script>", "</script>",
    "<script/>",
    '<script data-privacy-category="ads">x</script>', "<link data-PRIVACY-category=ads>", "<col>", '<col width="1"/>',
    "<template>", "</template>", "<select>", "</select>", "<option>", "<![CDATA[", "]]>",
]  # fmt: skip
DRAWN = [
    "<svg>", '<svg class="x" viewBox="0 0 1 1">', "<svg/>", "</svg>", "<path d='x'/>", '<path d="x"></path>',
    "<path d=x/>",
    "</path>", "<g>", "</g>", "<g id=x>", "<title>a</title>", "<title>", "</title>", "<text>x</text>", "<desc>x</desc>",
    "<tspan>", "<use xlink:href='//evil.example'/>", "<a href=//evil.example>x</a>", "<a xlink:href=//evil.example>",
    "<p>",
    "<linearGradient id=a><stop/></linearGradient>", "<defs><g><path/></g></defs>", "<![CDATA[", "]]>", "<style>",
    "</style>", "<svg><path/></svg>", "<svg><g><path></path></g></svg>", "<svg><title>x</title></svg>",
    "<svg><path></svg>",
    '<a href="x"><svg><path/></svg></a>', "<math>", "</math>", "<select>", "</select>", "<br/>",
]  # fmt: skip
POOLS = {
    **POOLS,
    "heads": HEADS * 2 + OWN + DULL,
    "heads and others": HEADS * 2 + OWN + OTHER,
    "drawings": DRAWN * 3 + OWN,
    "drawings and others": DRAWN * 2 + OWN + HEADS + OTHER,
    "own": OWN + DULL,
    "own and others": OWN * 3 + DULL * 2 + OTHER + POOLS["markup"],
    "own and readings": OWN * 3 + DULL + OTHER * 3 + POOLS["all"],
}


def decide(outlet: Outlet) -> Edit | None:
    """Answers that show all that is told, and leaves alone what `Links` leaves alone."""
    if outlet.attribute == CATEGORY:
        return Edit({"hidden": ""}, before=f"[{outlet.linked}]", held=True)
    if not outlet.attribute:
        return Edit(before="[end]" if outlet.element == END else "[bar]")
    if outlet.attribute == "ping":
        return Edit({"ping": None})
    outside = CLASSIFIER.verdict(outlet.value, PAGE).kind == "outside"
    address = {} if len(outlet.attributes) % 2 else {outlet.attribute: "/leaving"}
    return Edit({**address, "rel": outlet.method}, suffix=" (evil)", again=("x",)) if outside else None


Seen = tuple[bytes, int, str | None]


def read(rewriter: Rewriter, page: bytes, size: int) -> Seen:
    out = b"".join([*map(rewriter.feed, chunks(page, size)), rewriter.close()])
    return out, rewriter.ambiguous, rewriter.base


def exact(page: bytes, size: int) -> Seen:
    rewriter = Rewriter(decide)
    rewriter._page.glance = None
    return read(rewriter, page, size)


RECALL = Recall({}, str)
"""Of all pages here: what is known of one holds for the next."""


def quick(page: bytes, size: int, patterns: Glance | None = None) -> Seen:
    rewriter = Rewriter(decide, passes_own=True, recall=RECALL)
    rewriter._page.glance = patterns or rewriter._page.glance
    return read(rewriter, page, size)


def differ(page: bytes, size: int, patterns: Glance | None = None) -> bool:
    return quick(page, size, patterns) != exact(page, size)


def differing(pool: list[str], count: int, chance: random.Random, patterns: Glance | None = None) -> list[bytes]:
    """A reduced document that the two paths write differently, if there is one."""
    for _ in range(count):
        page, size = document(chance, pool, 24), chance.choice((1, 3, 17, 64, 1 << 20))
        if differ(page, size, patterns):
            return [reduced(page, lambda one, size=size: differ(one, size, patterns))]  # type: ignore[misc]
    return []


@pytest.mark.parametrize("pool", POOLS)
def test_paths_are_identical(pool: str) -> None:
    assert differing(POOLS[pool], 1500, random.Random(pool)) == []


def test_a_link_is_judged_once_and_told_each_time() -> None:
    asked, told = [], []

    def judge(outlet: Outlet) -> Edit | None:
        asked.append(outlet.value)
        return decide(outlet)

    known = Shelf().known("here")
    link = b'<a id="i" href="//evil.example">x</a>'
    for _ in range(2):
        rewriter = Rewriter(judge, recall=Recall(known, told.append))
        out = rewriter.feed(link * 3) + rewriter.close()
        assert out == b'<a rel="" id="i" href="/leaving">x (evil)</a>' * 3
    assert (asked, told) == (["//evil.example"], ["x"] * 5)
    rewriter = Rewriter(judge, recall=Recall(known, told.append))
    rewriter.feed(b"<base href=/b/>" + link)
    assert len(asked) == 3, "under a base a link may lead elsewhere"
    rewriter = Rewriter(judge, charset="latin1", recall=Recall(known, told.append))
    rewriter.feed(b"\xef\xbb\xbf" + link)
    assert len(asked) == 4, "a byte order mark changes what is read"


def test_what_is_known_is_bounded() -> None:
    shelf = Shelf()
    first = shelf.known("0.example")
    assert shelf.known("0.example") is first
    for number in range(20):
        shelf.known(f"{number}.example")
    assert shelf.known("0.example") is not first
    recall = Recall(first, str)
    for number in range(3000):
        recall.keep(b'<a href="%d">' % number, [], "", "", ())
    recall.keep(b'<a href="%s">' % (b"x" * 600), [], "", "", ())
    assert len(first) <= 2048
    assert max(map(len, first)) <= 400


MATTERS = {
    **dict.fromkeys((b"input", b"button"), b"formaction"),
    b"meta": b"http-equiv",
    **dict.fromkeys(ELEMENTS, CATEGORY.encode()),
}
"""Of these tags a single attribute is what matters."""


@pytest.mark.parametrize("name", sorted(NOTED - {b"body"}))  # of which the end alone matters
def test_no_glance_eats_what_matters(name: bytes) -> None:
    one = MATTERS.get(name, b"x")
    for tag in (
        b"<%b %b>", b'<%b %b="refresh">', b"<%b y=z %b>", b"<%b\n%b/>", b'<%b\t%b=Refresh>', b"<%b a='x' b\t%b ='y'>"
    ):  # fmt: skip
        patterns = glance()[: 1 if name == b"col" else 2 if name == b"a" else 3]
        assert {
            pattern.match(tag % (name, each) + b"</a>").end() for pattern in patterns for each in (one, one.upper())
        } == {0}
    assert glance().dull.match(b'<a href="x">y</a>').end() == 0


@pytest.mark.parametrize("name", [b"a", b"form", b"body", b"select", b"template"])
def test_no_glance_eats_an_end_that_matters(name: bytes) -> None:
    for tag in (b"</%b>", b"</%b >", b"</%b\n>", b"</%b/>"):
        assert [pattern.match(tag % each).end() for pattern in glance()[:3] for each in (name, name.upper())] == [0] * 6


PLANTED = {
    "another host": (rb"(?!//)", b""),
    "an entity": (rb'[^":&\\', rb'[^":\\'),
    "ping": (rb"hpxHPX", b"hxHX"),
    "two links": (rb"hpxHPX", b"px"),
    "a comment's end": (rb"(?!-?>)", b""),
    "select": (rb"select|template|col", b"template|col"),
    "an image": (rb"=dD", b"="),
    "a refresh": (rb"=hH", b"="),
    "a button": (rb"=fF", b"="),
    "a quote for a name": (rb"""[^\t\n\f\r />"'=]++""", rb"[^\t\n\f\r />]++"),
    "an end tag": (rb"a|form|body", b"a|form"),
    "capitals": (rb"[a-z][a-z0-9-]*+>", rb"[a-zA-Z][a-zA-Z0-9-]*+>"),
}


@pytest.mark.parametrize("slip", PLANTED)
def test_a_planted_slip_is_found(slip: str) -> None:
    old, new = PLANTED[slip]
    assert any(old in pattern.pattern for pattern in glance())
    planted = Glance(*(re.compile(pattern.pattern.replace(old, new)) for pattern in glance()))
    assert any(differing(POOLS[pool], 3000, random.Random(slip), planted) for pool in ("own", "own and others"))


def test_old_interpreters_get_patterns_they_can_run() -> None:
    """CPython before 3.11.5 gets possessive repetitions of a group wrong (gh-106052)."""
    right = [re.compile(rb"(?:ab?c)%b" % times).match(b"aca") for times in (b"*+", b"?+", b"++")]
    if sys.version_info >= (3, 11, 5):
        assert [found and found.span() for found in right] == [(0, 2)] * 3
    assert glance() == glance(sys.version_info >= (3, 11, 5))
    assert [re.findall(rb"\)[*+?]\+", pattern.pattern) for pattern in glance(False)] == [[]] * 6
    chance = random.Random(0)
    for _ in range(3000):
        page = document(chance, OWN + DULL, 30)
        for new, old in zip(glance(True), glance(False), strict=True):
            seen = [found and found.end() for found in (new.match(page), old.match(page))]
            assert seen[0] == seen[1], page
