"""Pieces of hostile HTML, documents made of them, and where the published conformance data lies."""

import os
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import strategies as st

from privacymw.html import Edit, Outlet, Rewriter
from privacymw.url import Classifier

PAGE = "https://site.example/dir/page"
EVIL = "//evil.example/x"
CLASSIFIER = Classifier()

LINKS = [
    f"<a href={EVIL}>a</a>",
    f"<a href='https:{EVIL}'>",
    f'<a\nhref = "{EVIL}">b</a>',
    f"<a/href={EVIL}>",
    f"<A HREF={EVIL} href=/ok>",
    f"<a title='>' href={EVIL}>",
    f'<a title="<a href=/x>" href={EVIL}>',
    f"<a =x href={EVIL}>",
    f'<a a"b href={EVIL}>',
    f"<a x href={EVIL}>",
    f"<a x= href={EVIL}>",
    "<a href=&sol;&#47evil.example>",
    "<a href='/&Tab;/evil.example'>",
    "<a href='https&colon;//evil.example'>",
    "<a href=\\\\evil.example>",
    "<a href='/\n/evil.example'>",
    f"<area href={EVIL}>",
    f"<a xlink:href={EVIL}>",
    f"<a ping={EVIL} href=/ok>",
    f"<form action={EVIL}></form>",
    f"<button formaction={EVIL}>",
    f"<input type=submit formaction={EVIL}>",
    f"<meta http-equiv=refresh content='3;url={EVIL}'>",
    f'<a href="{EVIL}"ping="{EVIL}"x>',
    f"<a\0 href={EVIL}>",
    f"<a href={EVIL}/>",
    f"<a href ping='y'=//x href={EVIL}>",
    "<a href=/ok>",
    "<a name=here>",
    "</a>",
    "</form>",
]
TEXT = [
    "<!--", "-->", "--!>", "<!-->", "<!--->", "<!---!>", "<!--!>", "<!x>", "<!doctype html>", "<?x",
    "?>", "</ x>", "</>", "<", ">", "<>", "<3", "'", "\"", "=", "/", " ", "x", "\0", "&amp;", "<b",
    "<b x='", "<b x=\"", "</b", "<p>", "</p>", "<div>", "</div>", "<br/>", "</br>", "<span x=y>",
    "</span>", "--", "-", "!", "]", "é",
]  # fmt: skip
RAW = [
    f"<{slash}{name}>"
    for name in ("title", "textarea", "style", "xmp", "iframe", "noembed", "noframes", "script")
    for slash in ("", "/")
]
RAW += [
    "<script><!--",
    "<script",
    "</script",
    "</script x>",
    "</scripty>",
    "</TITLE/>",
    "</style\n>",
    "</title",
]
FOREIGN = [
    "<svg>", "</svg>", "<svg/>", "<math>", "</math>", "<math/>", "<![CDATA[", "]]>", "]]", "<![cdata[",
    "<g>", "</g>", "<title/>", "<svg><title>", "<svg><style>", "</style>", "<foreignObject>",
    "</foreignObject>", "<desc>", "</desc>", "<mi>", "</mi>", "<mtext>", "<mglyph>", "<malignmark>",
    "<annotation-xml>", "</annotation-xml>", "<annotation-xml encoding=text/html>",
    "<annotation-xml encoding='Application/XHTML+XML'>", "<font>", "<font color=red>", "</font>",
    "<svg><script>", "<svg><textarea>", "<table>", "</table>", "<td>", "<tr>", "<b>", "</b>", "<i>",
    "</i>", "<h1>", "</h1>", "<li>", "</li>", "<ul>", "</ul>", "<svg><p>", "<math><mi>",
]  # fmt: skip
DUBIOUS = [
    "<select>", "</select>", "<option>", "<template>", "</template>", "<col>", "<colgroup>",
    "<frameset>", "</frameset>", "<noscript>", "</noscript>", "<head>", "</head>", "<body>", "</body>",
    "</html>", "<caption>", "<template><col>", "<select><title>", "<select><svg>",
]  # fmt: skip
PLAINTEXT = ["<plaintext>", "<select><plaintext>", "<template><col><plaintext>"]
POOLS = {
    "markup": LINKS + TEXT + RAW,
    "foreign": LINKS + TEXT + RAW + FOREIGN,
    "dubious": LINKS + TEXT + RAW + DUBIOUS,
    "all": LINKS + TEXT + RAW + FOREIGN + DUBIOUS + PLAINTEXT,
}


def document(chance: random.Random, pool: list[str], length: int = 14) -> bytes:
    return "".join(chance.choices(pool, k=chance.randint(1, length))).encode()


documents = st.lists(st.sampled_from(POOLS["all"]), max_size=14).map(lambda parts: "".join(parts).encode())


def edit_outside(outlet: Outlet) -> Edit | None:
    """The simplest decider: what leaves the site, or may, is replaced."""
    outside = CLASSIFIER.verdict(outlet.value, PAGE).kind == "outside"
    return Edit({outlet.attribute: "/leaving", "rel": "x"}, suffix=" (evil)") if outside else None


def leave(outlet: Outlet) -> None:
    """The decider that touches nothing."""


def chunks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def rewrite(
    parts: Iterable[bytes], decide: Callable[[Outlet], Edit | None] = edit_outside, charset: str = "utf-8"
) -> bytes:
    rewriter = Rewriter(decide, charset=charset)
    return b"".join([rewriter.feed(part) for part in parts] + [rewriter.close()])


def reduced(page: bytes, fails: Callable[[bytes], bool]) -> bytes:
    """A page that still fails, and does not without any run of its bytes that was tried."""
    size = len(page) // 2
    while size:
        at = 0
        while at < len(page):
            shorter = page[:at] + page[at + size :]
            if fails(shorter):
                page = shorter
            else:
                at += size
        size //= 2
    return page


def conformance(*path: str) -> Path:
    """A file or folder of the published conformance data; the test is skipped where it is not there."""
    default = Path(__file__).resolve().parents[2] / "shared/testdata"
    found = Path(os.environ.get("PRIVACYMW_TESTDATA", default)).joinpath(*path)
    if not found.exists():
        pytest.skip(f"conformance data not found: {found} (set PRIVACYMW_TESTDATA)")
    return found
