"""One row for each trap that cost an implementer a day, and what edits look like on the page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from fragments import chunks, edit_outside, leave, rewrite
from privacymw.characters import decode, encode
from privacymw.html import Edit, Outlet, Rewriter, supported_charset


def outlets(page: bytes, charset: str = "utf-8") -> list[Outlet]:
    """All outlets of a page; the same ones whether it comes whole or in single bytes."""
    seen: list[Outlet] = []
    rewrite(chunks(page, 1), seen.append, charset)
    again: list[Outlet] = []
    rewrite([page], again.append, charset)
    assert seen == again
    return seen


def values(page: bytes, charset: str = "utf-8") -> list[str]:
    return [outlet.value for outlet in outlets(page, charset) if outlet.attribute]


TRAPS: list[tuple[str, bytes, list[str]]] = [
    ("1 unfinished quoted value", b'<a a="> href=/no"><a href=/1>', ["/1"]),
    ("1 quote after equals", b"<a href='/1' b=\"'>\">", ["/1"]),
    ("2 vertical tab is no space", b"<a\x0bhref=/no><a b=\x0bhref=/no href=/1>", ["/1"]),
    ("2 first duplicate", b"<a href=/1 HREF=/no>", ["/1"]),
    ("2 slash for space", b"<a/href=/1><a/ /href=/2/>", ["/1", "/2/"]),
    ("2 name from equals", b"<a =href=/no href=/1>", ["/1"]),
    ("2 quote in a name", b'<a a"b=c href=/1>', ["/1"]),
    ("2 glued attributes", b"<a x='y'href=/1>", ["/1"]),
    ("2 spaces around equals", b"<a href\n=\t/1\x0c>", ["/1"]),
    ("2 no value", b"<a href= ><a href><a href=/1>", ["", "", "/1"]),
    ("3 comment ends", b"<!--<a href=/no>--!><a href=1><!--><a href=2><!---><a href=3>", ["1", "2", "3"]),
    ("3 no comment ends", b"<!--!><a href=/no>--><!---!><a href=/no>--><a href=/1>", ["/1"]),
    ("3 bogus comments", b"<?a '><a href=/1></ a\"><a href=/2><!a'><a href=/3>", ["/1", "/2", "/3"]),
    ("3 doctype", b"<!DOCTYPE html PUBLIC '><a href=/1>", ["/1"]),
    ("3 cdata in html", b"<![CDATA[ > <a href=/1> ]]>", ["/1"]),
    ("3 cdata in svg", b"<svg><![CDATA[ > <a href=/no> ]]><a href=/1>", ["/1"]),
    ("3 self-closed svg", b"<svg/><![CDATA[ > <a href=/1>", ["/1"]),
    ("4 double escaped script", b"<script><!--<script></script><a href=/no></script><a href=/1>", ["/1"]),
    ("4 dashes count for both ends", b"<script><!--><script></script><a href=/1>", ["/1"]),
    ("4 raw end needs a delimiter", b"<style></stylex><a href=/no></style ><a href=/1>", ["/1"]),
    ("4 raw end is a full tag", b"<title></title a='><a href=/no>'><a href=/1>", ["/1"]),
    ("5 raw text in svg is none", b"<svg><style><a href=/1></style><title><a href=/2>", ["/1", "/2"]),
    ("5 integration points", b"<svg><desc><style><a href=/no></style></desc><style><a href=/1>", ["/1"]),
    ("5 break out", b"<svg><p><style><a href=/no></style><a href=/1>", ["/1"]),
    ("5 font", b"<svg><font><style><a href=/1></style><font color=x><style><a href=/no></style>", ["/1"]),
    ("5 a point is itself foreign", b"<svg><desc><![CDATA[><a href=/no>]]></desc><a href=/1>", ["/1"]),
    ("6 noscript both ways", b"<noscript><a href=/1></noscript><a href=/2>", ["/1", "/2"]),
    ("6 noscript, comment over its end", b"<noscript><!--</noscript><a href=/1>--><a href=/2>", ["/1", "/2"]),
    ("6 raw text in select", b"<select><title><a href=/1></title></select><a href=/2>", ["/1", "/2"]),
    ("6 script in select", b"<select><script><a href=/no></script></select><a href=/1>", ["/1"]),
    ("7 template", b"<template shadowrootmode=open><a href=/1></template>", ["/1"]),
    ("8 area, svg", b"<area href=/1><svg><a xlink:href=/2><a href=/3>", ["/1", "/2", "/3"]),
    ("8 forms", b"<form action=/1><button formaction=/2><input formaction=/3>", ["/1", "/2", "/3"]),
    ("8 ping", b"<a ping='/1 /2'>", ["/1 /2"]),
    ("8 first base only", b"<base target=x><base href=/1><base href=/no>", ["/1"]),
    ("9 entities", b"<a href='&sol;&#47;&#x2f;e&colon;&Tab;'>", ["///e:\t"]),
    ("9 not html.unescape", b"<a href='?a=1&copy=2&copyx&copy;&#1;&not'>", ["?a=1&copy=2&copyx\xa9\x01\xac"]),
    ("9 longest name", b"<a href='&notin;&notit;'>", ["\u2209&notit;"]),
    ("9 numbers", b"<a href='&#0;&#xD800;&#x110000;&#128;&#129;&#00000000000047;&#;&#x;'>", [
        "\ufffd\ufffd\ufffd\u20ac\x81/&#;&#x;"
    ]),
    ("12 many digits", b"<a href='&#" + b"9" * 9000 + b"'>", ["\ufffd"]),
    ("13 no tag at the end", b"<a href=/1><a href=/no", ["/1"]),
    ("15 scripts", b"<script>x='<a href=/no>'</script><a href=javascript:1>", ["javascript:1"]),
]  # fmt: skip


@pytest.mark.parametrize(("page", "expected"), [row[1:] for row in TRAPS], ids=[row[0] for row in TRAPS])
def test_trap(page: bytes, expected: list[str]) -> None:
    assert values(page) == expected


@pytest.mark.parametrize(
    ("content", "url"),
    [
        ("0;url=/1", "/1"),
        (" 5 ; URL = '/1' x", "/1"),
        ('0,url="/1', "/1"),
        ("0 /1", "/1"),
        (".5;'/1'x", "/1"),
        ("1.2.3; urlx", "urlx"),
        ("0;url=\n/1 2", "/1 2"),
        ("0", None),
        ("0;", None),
        ("0;url=", None),
        ("x;url=/1", None),
        ("0x;url=/1", None),
        ("\u0660;url=/1", None),
    ],
)
def test_refresh(content: str, url: str | None) -> None:
    page = b'<meta http-equiv=Refresh content="' + encode(content, "utf-8") + b'">'
    assert values(page) == ([] if url is None else [url])


def test_refresh_keeps_its_time() -> None:
    page = b"<meta content=\"3; url='https://evil.example/'x\" http-equiv=refresh>"
    assert rewrite([page]) == b'<meta rel="x" content="3; url=/leaving" http-equiv=refresh>'


def methods(page: bytes) -> list[str]:
    return [outlet.method for outlet in outlets(page)]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (b"<form action=/1>", ["get"]),
        (b"<form METHOD=Post action=/1>", ["post"]),
        (b"<form method=dialog action=/1>", ["get"]),
        (b"<form method=post><button formaction=/1>", ["post"]),
        (b"<form method=post><button formaction=/1 formmethod=get>", ["get"]),
        (b"<form method=post></form><button formaction=/1>", ["get"]),
        (b"<a href=/1>", [""]),
    ],
)
def test_method(page: bytes, expected: list[str]) -> None:
    assert methods(page) == expected


def changed(page: bytes, *, charset: str = "utf-8", suffix: str = "", **new: str | None) -> bytes:
    edit = Edit({name.replace("_", "-"): value for name, value in new.items()}, suffix)
    return rewrite([page], lambda _: edit, charset)


@pytest.mark.parametrize(
    ("page", "new", "expected"),
    [
        (b"<a href=/x/>", {"href": "/y"}, b'<a href="/y">'),
        (b"<A Href='x'ping=y b>", {"href": "/y"}, b'<A Href="/y"ping=y b>'),
        (b"<a href=x>", {"href": '<&">'}, b'<a href="&lt;&amp;&quot;&gt;">'),
        (b"<a href>", {"href": "/y", "rel": "z"}, b'<a rel="z" href="/y">'),
        (b"<a/href=x>", {"rel": "z"}, b'<a rel="z"/href=x>'),
        (b"<a href=x ping=y ping=z>", {"ping": None}, b"<a href=x    >"),
        (b"<a b=1 ping='y'c href>", {"ping": None}, b"<a b=1  c href>"),
        (b"<a href ping='y'=//evil>", {"ping": None}, b"<a href /=//evil>"),
        (b"<svg><a/ping=y>", {"ping": None}, b"<svg><a/ >"),
    ],
)
def test_edit(page: bytes, new: dict[str, str | None], expected: bytes) -> None:
    assert changed(page, **new) == expected


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (b"<a href=x>y</a></a>", b"<a href=x>y (&lt;e>)</a></a>".replace(b"e>", b"e&gt;")),
        (b"<a href=x>y<a name=z>w</a>", b"<a href=x>y (&lt;e&gt;)<a name=z>w</a>"),
        (b"<a href=x>y<p><A href=w>", b"<a href=x>y<p> (&lt;e&gt;)<A href=w>"),
        (b"<a href=x>y", b"<a href=x>y"),
        (b"<body><a href=x>y", b"<body><a href=x>y (&lt;e&gt;)"),
        (b"<body><a href=x>y<!-- z", b"<body><a href=x>y<!-- z"),
        (b"<body><a href=x>y</body>", b"<body><a href=x>y (&lt;e&gt;)</body>"),
        (b"<body><a href=x>y<textarea>", b"<body><a href=x>y<textarea>"),
        (b"<area href=x></a>", b"<area href=x></a>"),
    ],
)
def test_suffix(page: bytes, expected: bytes) -> None:
    assert changed(page, suffix=" (<e>)") == expected


def test_base_is_told_and_never_edited() -> None:
    rewriter = Rewriter(lambda outlet: Edit({outlet.attribute: "/y"}))
    assert rewriter.feed(b"<a href=x><base href=//b&amp;c>") == b'<a href="/y"><base href=//b&amp;c>'
    assert (rewriter.base, rewriter.ambiguous) == ("//b&c", 1)


def test_attributes_are_told() -> None:
    (outlet,) = outlets(b"<a REL='a&amp;b' href=x rel=no data-x>")
    assert outlet == Outlet("a", "href", "x", "", {"rel": "a&b", "href": "x", "data-x": ""})


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_written_values_are_read_back(value: str) -> None:
    node = LexborHTMLParser(changed(b"<a href=x>", href=value).decode()).css_first("a")
    assert node is not None
    assert (node.attributes["href"] or "") == value.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")


# --- encodings

SUPPORTED = [
    "utf-8",
    "windows-1252",
    "iso-8859-2",
    "shift_jis",
    "gbk",
    "gb18030",
    "big5",
    "euc-jp",
    "euc-kr",
    "koi8-r",
]


@pytest.mark.parametrize("label", SUPPORTED)
def test_no_trail_byte_is_markup(label: str) -> None:
    """What makes it right to scan bytes and decode values alone."""
    codec = supported_charset(label)
    assert codec
    for code in [*range(0x80, 0xD800), *range(0xE000, 0x30000, 7)]:
        data = chr(code).encode(codec, "ignore")
        assert not set(data) & set(b"<>\"'=&/-! \t\n\f\r"), (label, hex(code), data)


@pytest.mark.parametrize("label", ["utf-16", "utf-16le", "iso-2022-jp", "hz-gb-2312", "utf-7", "unicode", "x", ""])
def test_what_cannot_be_scanned_is_refused(label: str) -> None:
    assert supported_charset(label) is None
    with pytest.raises(ValueError, match="cannot be rewritten"):
        Rewriter(leave, charset=label)


@pytest.mark.parametrize(
    ("label", "codec"), [(" UTF8\n", "utf-8"), ("Latin1", "cp1252"), ("GB2312", "gb18030"), ("sjis", "cp932")]
)
def test_labels_are_a_browsers(label: str, codec: str) -> None:
    assert supported_charset(label) == codec


@pytest.mark.parametrize("label", SUPPORTED)
def test_values_are_decoded_and_encoded(label: str) -> None:
    codec = supported_charset(label) or ""
    text = "/\u2014\u8868\u80fd\u044f\u00fc".encode(codec, "ignore").decode(codec)  # trail bytes: "\\" and "@"
    assert values(b"<a href='%b'>" % text.encode(codec), label) == [text]
    page = changed(b"<a href=x>", charset=label, href=text + "\U0001f600")
    assert decode(page.split(b'"')[1], codec) == text + "\U0001f600"


def test_bad_bytes_do_not_hide_a_quote() -> None:
    assert values(b"<a title='\x81' href=/1><a href='/\x81'>", "shift_jis") == ["/1", "/\ufffd"]


@pytest.mark.parametrize("size", [1, 100])
def test_byte_order_mark_outranks_the_charset(size: int) -> None:
    page = b"\xef\xbb\xbf<a href=\xc3\xbc>"
    seen: list[Outlet] = []
    assert rewrite(chunks(page, size), seen.append, "windows-1252") == page
    assert [outlet.value for outlet in seen] == ["ü"]


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_utf_16_passes_and_is_counted(mark: bytes) -> None:
    page = mark + b"<a href=//evil.example>"
    rewriter = Rewriter(edit_outside)
    assert b"".join(map(rewriter.feed, chunks(page, 1))) + rewriter.close() == page
    assert rewriter.ambiguous == 1
