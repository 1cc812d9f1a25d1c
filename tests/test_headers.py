"""Header fields as pairs: find, merge, build."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacymw import headers
from privacymw.headers import (
    Header,
    HeaderSet,
    Merge,
    Pairs,
    append,
    completed_policy,
    cookie_values,
    keep,
    made_private,
    media_type,
    members,
    merged,
    replace,
    set_cookie,
    stricter_referrer,
    stricter_transport,
    values,
    with_vary,
    without,
)

# --- the app's value and ours -> what is sent


@pytest.mark.parametrize(
    ("merge", "theirs", "ours", "sent"),
    [
        (keep, "theirs", "ours", "theirs"),
        (replace, "theirs", "ours", "ours"),
        (append, "<a>", "<b>", "<a>, <b>"),
        (stricter_referrer, "unsafe-url", "strict-origin", "strict-origin"),
        (stricter_referrer, "no-referrer", "strict-origin", "no-referrer"),
        (stricter_referrer, "NO-REFERRER", "strict-origin", "no-referrer"),
        (stricter_referrer, "no-referrer, unsafe-url", "origin", "origin"),
        (stricter_referrer, "same-origin, from-the-future", "origin", "same-origin"),
        (stricter_referrer, "nonsense", "origin", "origin"),
        (stricter_referrer, "", "origin", "origin"),
        (stricter_transport, "max-age=5", "max-age=10", "max-age=10"),
        (stricter_transport, "max-age=20", "max-age=10", "max-age=20"),
        (stricter_transport, 'MAX-AGE="20" ;', "max-age=10", "max-age=20"),
        (stricter_transport, "max-age=0", "max-age=10", "max-age=10"),
        (stricter_transport, "max-age=2²", "max-age=10", "max-age=10"),
        (stricter_transport, "max-age=" + "9" * 5_000, "max-age=10", "max-age=10"),
        (
            stricter_transport,
            "preload",
            "max-age=1; includeSubDomains",
            "max-age=1; includeSubDomains; preload",
        ),
        (stricter_transport, "max-age=20, max-age=5; preload", "max-age=10", "max-age=20"),
        (completed_policy, "default-src 'self'", "base-uri 'none'", "default-src 'self'; base-uri 'none'"),
        (completed_policy, "base-uri 'self'", "base-uri 'none'", "base-uri 'self'"),
        (completed_policy, "BASE-URI", "base-uri 'none'", "BASE-URI"),
        (completed_policy, "img-src a, base-uri b", "base-uri 'none'", "img-src a, base-uri b"),
        (
            completed_policy,
            "img-src *;",
            "script-src 'self'; object-src 'none';",
            "img-src *; object-src 'none'",
        ),
        (completed_policy, " ; ;", "object-src 'none'", "object-src 'none'"),
    ],
)
def test_merge_rules(merge: Merge, theirs: str, ours: str, sent: str) -> None:
    assert merge(theirs, ours) == sent


OURS = {
    keep: "ours",
    replace: "ours",
    append: "ours",
    stricter_referrer: "strict-origin",
    stricter_transport: "max-age=10; includeSubDomains",
    completed_policy: "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
}


@pytest.mark.parametrize("merge", OURS)
@given(theirs=st.text())
def test_no_merge_raises_on_junk(merge: Merge, theirs: str) -> None:
    assert merge(theirs, OURS[merge]) or not theirs


@pytest.mark.parametrize("merge", [stricter_referrer, stricter_transport, completed_policy])
@given(theirs=st.text(st.sampled_from("max-age=0123 ;,'noreferrerorigin base-uri")))
def test_merging_twice_changes_nothing_more(merge: Merge, theirs: str) -> None:
    once = merge(theirs, OURS[merge])
    assert merge(once, OURS[merge]) == once


NAMES = st.sampled_from(["vary", "cache-control", "link", "set-cookie", "x-a"])
PAIRS = st.lists(st.tuples(NAMES, st.text(max_size=20)))


@given(theirs=PAIRS, name=NAMES)
def test_a_merged_header_stands_once(theirs: Pairs, name: str) -> None:
    sent = merged(theirs, name, "ours", append)
    assert len(values(sent, name)) == 1
    assert without(sent, name) == without(theirs, name)


@given(theirs=PAIRS, names=st.lists(NAMES))
def test_a_set_leaves_each_of_its_headers_once(theirs: Pairs, names: list[str]) -> None:
    headers = HeaderSet(Header(name, "ours", append) for name in names)
    sent = headers.merged(theirs)
    assert all(len(values(sent, name)) == 1 for name in names)
    assert without(sent, *names) == without(theirs, *names)
    assert len(headers.text) == len(headers.raw) == len(headers.names)


# --- fields


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        ("text/html", ("text/html", "")),
        ("Text/HTML; Charset=UTF-8", ("text/html", "utf-8")),
        ("text/html;charset='latin-1' ;x=y", ("text/html", "latin-1")),
        ('text/html; a=b; charset="utf-8"; charset=x', ("text/html", "utf-8")),
        ("text/html; charset", ("text/html", "")),
        ("", ("", "")),
        (";;;=;", ("", "")),
    ],
)
def test_media_type(value: str, parsed: tuple[str, str]) -> None:
    assert media_type(value) == parsed


@pytest.mark.parametrize(
    ("pairs", "names", "sent"),
    [
        ([], ["cookie"], ["cookie"]),
        ([], [], []),
        ([], ["cookie", "cookie"], ["cookie"]),
        ([("vary", "Accept")], ["cookie"], ["Accept, cookie"]),
        ([("vary", "Accept"), ("vary", "Origin")], ["cookie"], ["Accept, Origin, cookie"]),
        ([("vary", "Cookie")], ["cookie"], ["Cookie"]),
        ([("vary", "*")], ["cookie"], ["*"]),
        ([("vary", "")], ["cookie"], ["cookie"]),
    ],
)
def test_vary(pairs: Pairs, names: list[str], sent: list[str]) -> None:
    assert values(with_vary(pairs, names), "vary") == sent


@pytest.mark.parametrize(
    ("sent", "made"),
    [
        (None, "private"),
        ("public, max-age=60", "private, max-age=60"),
        ("S-MaxAge=9, immutable", "private, immutable"),
        ("no-store", "no-store"),
        ("Private", "Private"),
        ('no-cache="a, b"', 'private, no-cache="a, b"'),
        ("", "private"),
    ],
)
def test_made_private(sent: str | None, made: str) -> None:
    pairs = [] if sent is None else [("cache-control", sent)]
    assert made_private([*pairs, ("x", "y")])[-1] == (("cache-control", made) if sent != made else ("x", "y"))


@given(pairs=PAIRS)
def test_no_list_field_raises_on_junk_or_is_doubled(pairs: Pairs) -> None:
    assert len(values(with_vary(pairs, ["cookie"]), "vary")) >= 1
    directives = [each for value in values(made_private(pairs), "cache-control") for each in members(value)]
    assert "private" in directives or "no-store" in directives
    assert with_vary(with_vary(pairs, ["cookie"]), ["Cookie"]) == with_vary(pairs, ["cookie"])
    assert made_private(made_private(pairs)) == made_private(pairs)


# --- cookies


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", []),
        ("a=1", ["1"]),
        ("a=", [""]),
        ("a", []),
        ("=a", []),
        ("a=1; a=2", ["1", "2"]),
        ("b=0;a=1;c=2", ["1"]),
        (" \ta=1 \t; b=2", ["1"]),
        ("aa=1; ba=2; A=3", []),
        ("b=a=1", []),
        ("a=b=c==", ["b=c=="]),
        ('a="1"', ['"1"']),
        ('a="1; b=2"', ['"1']),
        ("b=1,a=2, a=3", ["2", "3"]),
        ("a=\xe9\u20ac", ["\xe9\u20ac"]),
        ("\x00; ;;=;,; a=1; b@[]{}()=;$Version=1", ["1"]),
        ("; ".join(f"n{number}={number}" for number in range(200)) + "; a=last", ["last"]),
        ("a=1; " * 200, ["1"] * 200),
    ],
)
def test_cookie_values(header: str, found: list[str]) -> None:
    assert cookie_values(header, "a") == found


@given(header=st.text(st.sampled_from('ab=;, "\t\xe9') | st.characters()))
def test_no_cookie_header_raises(header: str) -> None:
    assert all(f"a={value}" in header for value in cookie_values(header, "a"))


@given(before=st.lists(st.text(st.sampled_from('xyz=" é'))), value=st.from_regex(r"\A[a-zA-Z0-9._-]*\Z"))
def test_a_cookie_is_found_among_any_neighbours(before: list[str], value: str) -> None:
    assert cookie_values("; ".join([*before, f"a={value}", *before]), "a") == [value]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"max_age": 60, "secure": True}, "a=b; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"),
        ({"max_age": 10**9, "secure": False}, "a=b; Path=/; Max-Age=34560000; HttpOnly; SameSite=Lax"),
        (
            {"max_age": 0, "secure": False},
            "a=b; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        ),
    ],
)
def test_set_cookie(options: dict[str, int], line: str) -> None:
    assert set_cookie("a", "b", **options) == ("set-cookie", line)  # type: ignore[arg-type]


# --- small ones


@pytest.mark.parametrize(
    ("function", "result"),
    [
        (lambda pairs: values(pairs, "b"), ["2", "3"]),
        (lambda pairs: headers.first(pairs, "b"), "2"),
        (lambda pairs: headers.first(pairs, "c"), ""),
        (lambda pairs: without(pairs, "b", "c"), [("a", "1")]),
    ],
)
def test_finding(function: Callable[[Pairs], object], result: object) -> None:
    assert function([("a", "1"), ("b", "2"), ("b", "3")]) == result


def test_fixed_headers_are_encoded_at_start() -> None:
    found = HeaderSet([Header("x-content-type-options", "nosniff", keep)])
    assert found.text == [("X-Content-Type-Options", "nosniff")]
    assert found.raw == [(b"x-content-type-options", b"nosniff")]
