"""Hostile pages cost time in proportion to their size, and no memory to speak of."""

import resource
import time
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path

import pytest

from fragments import EVIL, chunks, edit_outside, leave, rewrite
from privacymw.html import Edit, Outlet, Rewriter
from privacymw.tokenizer import CAP

HOSTILE: dict[str, tuple[str, str, str]] = {
    "open angle": ("", "<", ""),
    "unfinished tags": ("", "<a ", ""),
    "comments": ("", "<!--", ""),
    "bogus comments": ("", "<!x", ""),
    "quotes": ("<a ", "'", ""),
    "value": ('<a href="', ">", ""),
    "bare value": ("<a href=", "x", ">"),
    "spaces": ("<a ", " ", ">"),
    "slashes": ("<a ", "/", ">"),
    "attributes": ("<a ", "a ", ">"),
    "equals": ("<a ", "a = ", ">"),
    "duplicates": ("<a ", "href=x ", ">"),
    "name": ("<a", "a", ">"),
    "attribute name": ("<a ", "href", "=x>"),
    "spaces before equals": ("<a href", " ", "=x>"),
    "references": ("<a href='", "&", "'>"),
    "reference digits": ("<a href='&#", "0", "'>"),
    "reference name": ("<a href='&", "a", "'>"),
    "script": ("<script>", "<!--<script>", ""),
    "script ends": ("<script>", "</script", ""),
    "svg": ("", "<svg>", ""),
    "groups": ("<svg>", "<g>", "</x>"),
    "points": ("", "<svg><desc>", ""),
    "lost ends": ("", "<svg></x>", ""),
    "deep ends": ("<svg>" + "<g>" * 600, "</x>", ""),
    "cdata": ("<svg>", "<![CDATA[", ""),
    "break out": ("", "<math><mi><svg><p>", ""),
    "noscript": ("", "<noscript>", ""),
    "noscript comments": ("", "<noscript><!--</noscript>", ""),
    "noscript quotes": ("", "<noscript><b a='</noscript>", ""),
    "select": ("<select>", "<title><style>", ""),
    "templates": ("", "<template><col><title>", ""),
    "refresh": ("<meta http-equiv=refresh content='0;url=", " '", '">'),
}


def cost(row: str, size: int, chunk: int) -> float:
    start, middle, end = HOSTILE[row]
    page = (start + middle * (size // len(middle)) + end).encode()
    began = time.process_time()
    rewrite(chunks(page, chunk))
    return time.process_time() - began


@pytest.mark.parametrize("chunk", [16, 1 << 30])
@pytest.mark.parametrize("row", HOSTILE)
def test_time_is_linear(row: str, chunk: int) -> None:
    """Eight times the page may cost 24 times the time on a noisy machine; a square would cost 64."""
    small, large = 8_000, 64_000
    assert min(cost(row, large, chunk) for _ in range(2)) < 24 * (min(cost(row, small, chunk) for _ in range(3)) + 1e-3)


def resident() -> int:
    """The bytes this process has in memory now."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("no /proc: the memory of a running process is not measured")
    return int(statm.read_text().split()[1]) * resource.getpagesize()


def growth(parts: Iterator[bytes]) -> int:
    """The most memory gained at any time, in bytes, while the parts stream by."""
    rewriter = Rewriter(edit_outside)
    before = most = resident()
    for part in parts:
        rewriter.feed(part)
        most = max(most, resident())
    return most - before


STREAMS = {
    "pages": (
        ("<p>" + "text " * 400 + "<a href=//evil.example/>out</a> <a href=/in>in</a>" * 2) * 30,
        "",
        50,
    ),
    "text": ("x" * CAP, "", 50),
    "comment": ("-" * CAP, "<!--", 50),
    "script": ("<!-- <script> " * 4000, "<script>", 50),
    "value": ("x" * CAP, "<a href='", 50),
    "other value": ("x" * CAP, "<b title='", 50),
    "attributes": ("a=b " * (CAP // 4), "<a ", 1),
    "tag name": ("a" * CAP, "<", 50),
    "attribute name": ("a" * CAP, "<a ", 50),
    "nested": ("<g>" * (CAP // 3), "<svg>", 1),
    "noscript": ("<!-- x -->" * 4000, "<noscript>", 1),
}


@pytest.mark.parametrize("stream", STREAMS)
def test_memory_is_constant(stream: str) -> None:
    part, start, megabytes = STREAMS[stream]
    data = part.encode()
    count = megabytes * 1_000_000 // len(data)
    assert (
        growth(iter([start.encode(), *repeat(data, count)])) < 16_000_000
    )  # one chunk of many tiny attributes takes the most


# --- tags and attributes beyond the cap

FILL = "y" * (CAP + 5000)


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        # judged although the tag goes on and on
        (f"<a href={EVIL} title='{FILL}'>", f'<a rel="x" href="/leaving" title=\'{FILL}\'>'),
        (f"<a title='{FILL}' href={EVIL} b>", f'<a title=\'{FILL}\'rel="x"  href="/leaving" b>'),
        (f"<a b={FILL} href={EVIL}>t</a>", f'<a b={FILL} rel="x" href="/leaving">t (evil)</a>'),
        (f"<a {FILL} href={EVIL}>", f'<a {FILL} rel="x" href="/leaving">'),
        (f"<a href=/ok {FILL} href={EVIL}>", f"<a href=/ok {FILL}  >"),
        # a link that long cannot be judged, and no browser may follow it
        (f"<a href='{EVIL}{FILL}'>", f"<a data-href='{EVIL}{FILL}'>"),
        (f"<a href{' ' * CAP}= {EVIL}>", f"<a data-href{' ' * CAP}= {EVIL}>"),
        (f"<area href={FILL} >", f"<area data-href={FILL} >"),
        (f"<a href=' data:text/plain,{FILL}'>", f"<a href=' data:text/plain,{FILL}'>"),
        (f"<img src='{EVIL}{FILL}'>", f"<img src='{EVIL}{FILL}'>"),
        (f"</a href={EVIL} {FILL}>", f"</a href={EVIL} {FILL}>"),
        (
            f"<meta content='0;url={EVIL}' {FILL} http-equiv=refresh>",
            f"<meta content='0;url={EVIL}' {FILL}  >",
        ),
    ],
    ids=range(12),
)
def test_beyond_the_cap(page: str, expected: str) -> None:
    page += f"<a href={EVIL}>"
    expected += '<a rel="x" href="/leaving">'
    for size in (1000, 1024, 4096):
        got = rewrite(chunks(page.encode(), size)).decode()
        assert got.replace(FILL, "Y").replace(" (evil)", "") == expected.replace(FILL, "Y").replace(" (evil)", "")


def test_overlong_links_are_alike_in_one_chunk() -> None:
    page = f"<a href='{EVIL}{FILL}'>".encode()
    rewriter = Rewriter(leave)
    assert rewriter.feed(page) == page.replace(b"href", b"data-href")
    assert rewriter.ambiguous == 1


def test_foreign_elements_may_be_long() -> None:
    page = f"<svg x='{FILL}'/><![CDATA[ > <a href={EVIL}>".encode()
    assert b"/leaving" in rewrite(chunks(page, 1000))


def test_the_decider_is_asked_once_in_page_order() -> None:
    seen: list[str] = []

    def decide(outlet: Outlet) -> Edit | None:
        seen.append(outlet.value)
        return None

    page = b"<noscript><a href=/1></noscript><select><title><a href=/2></title></select><a href=/3>"
    ask: Callable[[Outlet], Edit | None] = decide
    for size in (1, 7, 1000):
        seen.clear()
        rewrite(chunks(page, size), ask)
        assert seen == ["/1", "/2", "/3"]
