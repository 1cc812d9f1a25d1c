import json
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fragments import conformance
from privacymw.url import Classifier, Hosts, Target, Verdict, host_pattern, parse, with_query

PAGE = "https://site.example/dir/page?q"
CLASSIFIER = Classifier(own=["*.site.example"], trusted=["friend.example", "both.example"], blocked=["both.example"])

# Each looks like one thing and is another. "out" leaves the site, "in" does not, "-" is no web address.
ADVERSARIAL: dict[str, list[str]] = {
    "out": [
        "//evil.example", "///evil.example", "////evil.example", "/\\evil.example", "\\/evil.example",
        "\\\\evil.example", "\\\\\\evil.example", "https:\\\\evil.example", "https:/\\evil.example",
        "https:///evil.example", "https:////evil.example", "HTTPS://evil.example", "hTTp:\\\\evil.example",
        " //evil.example", "\t//evil.example", "\n//evil.example", "/\n/evil.example", "/\t\\evil.example",
        "\\\t\\evil.example", "ht\ntps://evil.example", "https:/\t/evil.example", "https\t://evil.example",
        "\x00//evil.example", "\x1f https://evil.example", "//evil.example\\@site.example",
        "https://evil.example\\@site.example", "https://site.example@evil.example",
        "https://site.example:x@evil.example", "https://site.example%40evil.example@evil.example",
        "//site.example:443@evil.example", "https://@evil.example", "https://:@evil.example",
        "https://evil.example#@site.example", "https://evil.example?@site.example",
        "https://evil.example/@site.example", "//evil.example:443", "//evil.example.", "//site.example.",
        "https://site.example.evil.example", "//evilsite.example", "//site.example-evil.example",
        "https://site.exampl\xe9", "https://\uff45\uff56\uff49\uff4c.example", "https://evil\u3002example",
        "https://ev\xadil.example", "https://evil%2eexample", "https://EVIL.example", "//0x7f.1",
        "//127.0.0.1", "//2130706433", "//0177.0.0.1", "//127.1", "//[::1]", "//[::ffff:127.0.0.1]",
        "http:evil.example", "http:/evil.example", "http:site.evil", "http:///evil.example",
        "//xn--e1awd7f.example", "https://b\xfccher.example", "//evil.example/site.example", "//evil",
        "//evil.example/../..", "//evil.example/.//", "https://evil.example:0", "//e",
    ],
    "in": [
        "", "#", "?", "/", ".", "..", "../../..", "page", "./page", "/.//evil.example", "/..//evil.example",
        ".//evil.example", "x//evil.example", "https:evil.example", "https:/evil.example", "https:evil",
        "/%2f/evil.example", "/%5cevil.example", "%2f%2fevil.example", "?//evil.example", "#//evil.example",
        "https://site.example", "//site.example", "\\\\SITE.example", "https://site%2eexample",
        "https://\uff53\uff49\uff54\uff45.example", "https://si\xadte.example", "//site.example:8443",
        "http://site.example", "https://evil.example@site.example", "//sub.site.example", "/\t", " /x",
        "/x\\\\evil.example", "https:page", "javascript", "/javascript:x", "?javascript:x", "/x:y", "x?y:z",
        "https:",
    ],
    "-": [
        "mailto:x@evil.example", "tel:1", "javascript:1", "JaVaScRiPt:1", " java\nscript:1", "data:,x",
        "blob:https://x/1", "ftp://evil.example", "about:blank", "file:///x", "ws://evil.example", "x:y",
        "evil.example:443", "localhost:80",
    ],
    "invalid": [
        "//", "https://", "//[", "//[::1", "//a b", "//evil.example:99999", "//%zz", "//a%00b",
        "https://\\", "//256.1.1.1", "//1.2.3.4.5", "//a<b", "//a^b",
    ],
}  # fmt: skip
KINDS = {"out": "outside", "in": "internal", "-": "other", "invalid": "invalid"}
ROWS = [(href, KINDS[what]) for what, hrefs in ADVERSARIAL.items() for href in hrefs]


@pytest.mark.parametrize(("href", "kind"), ROWS)
def test_adversarial(href: str, kind: str) -> None:
    assert CLASSIFIER.verdict(href, PAGE).kind == kind


def test_a_lone_surrogate_is_never_internal() -> None:
    assert CLASSIFIER.verdict("//\ud800", PAGE).kind == "invalid"


def test_web_platform_tests() -> None:
    """Every case with an http(s) base: same host, scheme and href, or failure, as browsers agreed on."""
    entries = json.loads(conformance("wpt-url", "urltestdata.json").read_text("utf-8"))
    cases = [case for case in entries if isinstance(case, dict) and usable(case)]
    wrong = [case for case in cases if not agrees(case)]
    assert len(cases) > 500
    assert not wrong, wrong[:5]


def usable(case: dict[str, str]) -> bool:
    """With a web page for its base, or an address that needs none."""
    return case["base"].startswith("http") if case.get("base") else not case.get("failure")


def page_of(case: dict[str, str]) -> str:
    """Its base, or a page of another scheme, on which `https:x` is as absolute as with none."""
    return case.get("base") or ("http://site.example/" if case["protocol"] == "https:" else PAGE)


def agrees(case: dict[str, str]) -> bool:
    try:
        case["input"].encode()
    except UnicodeEncodeError:  # a lone surrogate, which decoding a page never gives
        return True
    verdict = Classifier().verdict(case["input"], page_of(case))
    page = parse(page_of(case))
    assert page
    if case.get("failure"):
        return verdict.kind == "invalid"
    if case["protocol"] not in ("http:", "https:"):
        return verdict.kind == "other"
    if verdict.kind == "internal" and verdict.target is None:
        return case["hostname"] == page.host
    return (verdict.kind == "internal") == (case["hostname"] == page.host) and verdict.target == Target(
        case["href"], case["protocol"][:-1], case["hostname"], bool(case["username"] or case["password"])
    )


NODE = shutil.which("node")
ASK_NODE = """
let text = "";
process.stdin.on("data", (part) => (text += part)).on("end", () => {
  const [page, hrefs] = JSON.parse(text);
  const host = (href) => {
    try { const url = new URL(href, page); return [url.protocol, url.hostname]; } catch { return null; }
  };
  process.stdout.write(JSON.stringify(hrefs.map(host)));
});"""
PIECES = [
    "/", "//", "\\", ":", "@", "?", "#", ".", "..", "\t", "\n", " ", "\x00", "%2f", "%00", "[", "]", "::1",
    "http:", "https:", "HTTPS:", "javascript:", "site.example", "evil.example", "xn--", "1", "0x7f",
    "\uff45", "\xe9", "\xad", "-",
]  # fmt: skip
HREFS = st.lists(st.sampled_from(PIECES), max_size=7).map("".join)


def slips(hrefs: list[str]) -> list[str]:
    """Those that Node's URL class takes for another site's, and we do not."""
    assert NODE
    question = json.dumps([PAGE, hrefs])
    asked = subprocess.run([NODE, "-e", ASK_NODE], input=question, capture_output=True, text=True, check=True)
    judged = zip(hrefs, json.loads(asked.stdout), strict=True)
    own = {
        href: bool(answer and answer[0] in ("http:", "https:") and answer[1] == "site.example")
        for href, answer in judged
    }
    return [href for href in hrefs if Classifier().verdict(href, PAGE).kind == "internal" and not own[href]]


@pytest.mark.skipif(NODE is None, reason="node is not on PATH: its URL class is not asked")
@given(st.lists(HREFS, min_size=200, max_size=200))
@settings(max_examples=15, deadline=None)
def test_node_agrees(hrefs: list[str]) -> None:
    assert slips(hrefs + [href for href, _ in ROWS]) == []


@pytest.mark.parametrize(
    ("href", "kind"),
    [
        ("//friend.example", "trusted"),
        ("//both.example", "blocked"),
        ("//sub.friend.example", "outside"),
        ("//a.b.site.example", "internal"),
        ("//xsite.example", "outside"),
    ],
)
def test_lists(href: str, kind: str) -> None:
    assert CLASSIFIER.verdict(href, PAGE).kind == kind


@pytest.mark.parametrize("page", ["https://", "x", "", "//site.example/", "mailto:x", "https://a b/", "https://[/"])
def test_a_page_that_cannot_be_parsed_has_no_inside(page: str) -> None:
    """A client chooses the Host header."""
    assert {CLASSIFIER.verdict(href, page).kind for href in ("", "/x", "x?y", "//evil.example")} == {"invalid"}


@pytest.mark.parametrize(
    ("href", "base", "kind"),
    [
        ("x", "//evil.example/", "outside"),
        ("", "//evil.example/", "outside"),
        ("/x", "/y", "internal"),
        ("x", "//[", "internal"),
        ("x", "data:,y", "internal"),
        ("x", "mailto:y", "invalid"),
        ("//site.example/", "//evil.example/", "internal"),
    ],
)
def test_base(href: str, base: str, kind: str) -> None:
    assert CLASSIFIER.verdict(href, PAGE, base).kind == kind


def test_target() -> None:
    verdict = CLASSIFIER.verdict("//u:p@BÜCHER.example:444/a b?c#d", PAGE)
    href = "https://u:p@xn--bcher-kva.example:444/a%20b?c#d"
    assert verdict == Verdict("outside", Target(href, "https", "xn--bcher-kva.example", credentials=True))


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("Example.ORG", "example.org"),
        ("*.example.org", "*.example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("*.bücher.example", "*.xn--bcher-kva.example"),
        ("example.org.", "example.org."),
        ("127.1", "127.0.0.1"),
        ("[0:0::1]", "[::1]"),
        ("localhost", "localhost"),
    ],
)
def test_host_pattern(text: str, pattern: str) -> None:
    assert host_pattern(text) == pattern


@pytest.mark.parametrize(
    "text",
    [
        "", "*", "*.", "a.*", "**.a", "https://a", "a/b", "a:80", "u@a", "a b", "a?b", "a\\b",
        "*.127.0.0.1", "*.[::1]", "a%2fb", "1.2.3.4.5", "[::1", "a<b",
    ],
)  # fmt: skip
def test_host_pattern_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no|is an"):
        host_pattern(text)


def test_hosts() -> None:
    hosts = Hosts(["b.example", "*.a.example"])
    assert [*hosts] == ["*.a.example", "b.example"]
    assert len(hosts) == 2
    inside = ["x.a.example", "y.x.a.example", "b.example"]
    outside = ["a.example", "x.b.example", "a.example.", "xa.example", "x.a.example.", "example", ""]
    assert [host in hosts for host in inside + outside] == [True] * 3 + [False] * 7


@pytest.mark.parametrize(
    ("href", "query", "expected"),
    [
        ("https://a.example/b?c=d#e", "f=g h", "https://a.example/b?f=g%20h#e"),
        ("https://a.example", "", "https://a.example/?"),
        ("https://a.example", "?x", "https://a.example/??x"),
        ("https://a.example", "x#y", "https://a.example/?x%23y"),
    ],
)
def test_with_query(href: str, query: str, expected: str) -> None:
    assert with_query(href, query) == expected


def test_with_query_wants_an_absolute_url() -> None:
    with pytest.raises(ValueError):
        with_query("/x", "y")


def test_verdicts_are_remembered_within_bounds() -> None:
    classifier = Classifier()
    for number in range(6000):
        classifier.verdict(f"//{number}.example", PAGE)
    assert classifier._judged.cache_info().currsize <= 4096
