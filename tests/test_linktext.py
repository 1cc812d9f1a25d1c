"""Links that name their host: once, in the text, for eyes and for ears."""

import html
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fragments import chunks
from privacymw.html import Edit, Outlet, Rewriter
from privacymw.linktext import LONGEST, says, shows
from privacymw.tally import read_counts
from sites import FACES, page_of, portal

faces = pytest.mark.parametrize("face", FACES)


@pytest.mark.parametrize(
    "content",
    [
        "cdc.gov",
        "CDC.gov",
        "www.cdc.gov",
        "https://www.cdc.gov/flu/index.html?x=1#y",
        "http://cdc.gov",
        "cdc.gov:8443/flu",
        "  cdc.gov\n",
        "Flu (cdc.gov)",
        "Flu, see “cdc.gov”.",
        "Flu at cdc.gov, and more",
        "<b>cdc</b>.gov",
        "<em>Flu</em> <code>cdc.gov</code>",
        "cdc&#46;gov",
        "cdc&period;gov",
        "cdc<wbr>.gov",
        "<img src=x>cdc.gov",
        "<span class=icon></span>cdc.gov",
        "<span class=icon>Flu</span> cdc.gov",
        "<span><span hidden>x</span> cdc.gov</span>",
        "Flu in 3 steps cdc.gov",
    ],
)
def test_shown(content: str) -> None:
    for host in ("cdc.gov", "www.cdc.gov"):
        assert shows(content.encode(), "utf-8", host)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "Flu",
        "cdc",
        "gov",
        "a.cdc.gov",
        "cdc.gov.evil.example",
        "cdc.gov.",  # the full stop goes, and it is the host: see below
        "xcdc.gov",
        "cdc.gov-flu",
        "cdc.gov@evil.example",
        "https://evil.example@cdc.gov/",
        "evil.example",
        "evil.example cdc.gov",
        "cdc.gov or evil.example",
        "https://evil.example/cdc.gov",
        "evil.example:cdc.gov",
        "cdc.gov:pw@evil.example",
        "cdc.gov\\@evil.example",
        "cdc.gov\u3002evil",
        "cdc.g\u043ev",
        "cd\u0441.gov",
        "\u202evog.cdc",
        "cdc.gov\u200b",
        "cd&shy;c.gov",
        "cdc.gov&#x202e;",
        "cdc gov",
        "c<br>dc.gov",
        "<span hidden>cdc.gov</span>",
        "<span class=x>cdc.gov</span>",
        "<span style='display:none'>cdc.gov</span>",
        "<b hidden><b></b>cdc.gov</b>",
        "cdc<b class=x>evil</b>.gov",
        "cdc.gov <b class=x>evil.example</b>",
        "<!-- cdc.gov -->",
        "<!-- x -->cdc.gov",
        "<script>cdc.gov</script>",
        "<style>cdc.gov</style>",
        "<svg><text>cdc.gov</text></svg>",
        "<div>cdc.gov</div>",
        "<img alt=cdc.gov>",
        "<bdo dir=rtl>cdc.gov</bdo>",
        "<x-y>cdc.gov</x-y>",
        "<b cdc.gov",
        "<span hidden><p></span>cdc.gov</p>",
        "cdc.gov" + " " * LONGEST,
    ],
)
def test_not_shown(content: str) -> None:
    assert shows(content.encode(), "utf-8", "cdc.gov") == (content == "cdc.gov.")


def test_an_international_host_is_shown_in_its_plain_letters_alone() -> None:
    """In its own letters it may look like another one."""
    assert shows(b"xn--80ak6aa92e.com", "utf-8", "xn--80ak6aa92e.com")
    assert not shows("\u0430\u0440\u0440\u04cf\u0435.com".encode(), "utf-8", "xn--80ak6aa92e.com")
    assert not shows("\u212ade.org".encode(), "utf-8", "kde.org")  # the sign for Kelvin


def test_www_alone_is_no_difference_that_counts() -> None:
    assert says("www.gov", "www.gov")
    assert not says("gov", "www.gov")


@given(st.binary(max_size=60), st.sampled_from(["utf-8", "shift_jis", "windows-1252"]))
def test_no_content_raises(content: bytes, codec: str) -> None:
    shows(content, {"windows-1252": "cp1252"}.get(codec, codec), "a.example")


@given(st.lists(st.sampled_from(["cdc.gov", "evil.example", "<b>", "</b>", "<b hidden>", " ", "x", "<br>", "@", "/"])))
def test_what_is_shown_is_read_by_a_parser_too(parts: list[str]) -> None:
    selectolax = pytest.importorskip("selectolax.lexbor")
    content = "".join(parts)
    if shows(content.encode(), "utf-8", "cdc.gov"):
        body = selectolax.LexborHTMLParser(content.replace("<br>", " ")).body
        for each in body.css("[hidden]"):
            each.decompose()
        assert "cdc.gov" in body.text()


# --- as a page streams by


def decide(outlet: Outlet) -> Edit | None:
    return Edit({"rel": "x"}, suffix=" (cdc.gov)", host="cdc.gov") if outlet.value.startswith("//") else None


STREAMED = [
    ("<a href=//x>Flu</a>", True),
    ("<a href=//x>cdc.gov</a>", False),
    ("<a href=//x><b>cdc</b>.gov</a>", False),
    ("<a href=//x><img src=i></a>", True),
    ("<a href=//x></a>", True),
    ("<a href=//x>" + "word " * 300 + "cdc.gov</a>", False),
    ("<a href=//x>" + "word " * 600 + "cdc.gov</a>", True),
    ("<a href=//x data-y='" + "y" * 70_000 + "' z>cdc.gov</a>", False),
    ("<a href=//x data-y='" + "y" * 70_000 + "' z>Flu</a>", True),
    ("<a href=/x>Flu</a><a href=//x>cdc.gov</a>", False),
    ("<a href=//x>cdc.gov</a><a href=//y>Flu</a>", True),
    ("<a href=//x><noscript>cdc.gov</noscript></a>", True),
    ("<select><a href=//x>cdc.gov</a></select>", False),
    ("<body><a href=//x>cdc.gov", False),
    ("<body><a href=//x>Flu", True),
    ("<a href=//x>cdc.gov<a href=/y>z</a>", False),
]


@pytest.mark.parametrize(("page", "named"), STREAMED, ids=range(len(STREAMED)))
def test_the_outcome_does_not_hang_on_chunks(page: str, named: bool) -> None:
    sizes = (len(page), 1, 7, 1_000, 4_096) if len(page) < 5_000 else (len(page), 997, 65_536)
    made = set()
    for size in sizes:
        rewriter = Rewriter(decide)
        made.add(b"".join([*map(rewriter.feed, chunks(page.encode(), size)), rewriter.close()]).decode())
    assert len(made) == 1
    assert (" (cdc.gov)" in made.pop()) == named


def test_a_link_that_does_not_end_is_not_gathered_without_end() -> None:
    rewriter = Rewriter(decide)
    rewriter.feed(b"<a href=//x>")
    for _ in range(100):
        rewriter.feed(b"x" * 60_000)
    assert len(rewriter._editor.open._content) <= LONGEST + 1


# --- through a site


def annotated(face: str, text: str, **settings: str) -> str:
    return portal(face, page_of(text), **{"outbound_mode": "annotate", **settings}).ask("/page").body.decode()


@faces
@pytest.mark.parametrize(
    ("text", "made"),
    [
        ('<a href="https://www.cdc.gov/flu">cdc.gov</a>', ">cdc.gov</a>"),
        ('<a href="https://www.cdc.gov/flu">Flu</a>', ">Flu (www.cdc.gov)</a>"),
        ('<a href="https://evil.example/">cdc.gov</a>', ">cdc.gov (evil.example)</a>"),
        ('<a href="https://cdc.gov/"><img src="/i.png"></a>', '><img src="/i.png"> (cdc.gov)</a>'),
        ('<a href="https://cdc.gov/" aria-label="Flu">Flu</a>', ">Flu (cdc.gov)</a>"),
        ('<a href="https://cdc.gov/" title="x">Flu</a>', ' title="x">Flu (cdc.gov)</a>'),
    ],
)
def test_the_host_stands_in_the_text_once(face: str, text: str, made: str) -> None:
    out = annotated(face, text)
    assert out.endswith(made)
    assert 'rel="external noopener"' in out
    for added in ("<i", "aria-hidden", "<svg"):
        assert out.count(added) == text.count(added)


@faces
def test_a_page_that_was_annotated_stays_as_it_is(face: str) -> None:
    once = annotated(face, '<a href="https://cdc.gov/">Flu</a><area href="https://cdc.gov/" alt="Flu">')
    assert annotated(face, once) == once


@faces
@pytest.mark.parametrize(
    ("area", "alt", "title"),
    [
        ('<area href="https://cdc.gov/">', "(cdc.gov)", "(cdc.gov)"),
        ('<area href="https://cdc.gov/" alt="Flu">', "Flu (cdc.gov)", "(cdc.gov)"),
        ('<area href="https://cdc.gov/" alt="Flu" title="Here">', "Flu (cdc.gov)", "Here (cdc.gov)"),
        ('<area href="https://cdc.gov/" alt="&quot;cdc.gov&quot;">', '"cdc.gov"', "(cdc.gov)"),
    ],
)
def test_an_area_is_named_where_it_is_read_and_hovered(face: str, area: str, alt: str, title: str) -> None:
    out = annotated(face, area)
    assert f'alt="{html.escape(alt)}"' in out
    assert f'title="{html.escape(title)}"' in out


@faces
def test_a_form_that_asks_another_site_is_counted_as_left(face: str, tmp_path: Path) -> None:
    site: Any = portal(
        face, page_of('<form action="https://cdc.gov/s"><input name=q></form>'), outbound_mode="annotate",
        data=str(tmp_path), addresses_mode="off",
    )  # fmt: skip
    assert b'<form action="https://cdc.gov/s">' in site.ask("/page").body
    site.started.pipeline.close()
    assert read_counts(tmp_path)["outbound hosts"] == {"cdc.gov left /page": 1}
