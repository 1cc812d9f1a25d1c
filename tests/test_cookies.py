"""The guard: what the page says of cookies is what browser and app get."""

from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faces import Answer, Site
from privacymw.registry import CookieEntry, Registry, Scope, check_entries
from privacymw.setcookie import SetCookie, cookie_name, cookie_pairs, expiry
from privacymw.view import Visit
from sites import BROWSER, FACES, Portal, cookie_of, header, page_of, portal

DECLARED = """[
  {name = "sid", category = "necessary", purpose = "keeps you signed in", secure = true, http_only = true},
  {name = "_st*", category = "statistics", purpose = "counts", lifetime = "30d", script = true, scopes = [SCOPES]},
  {name = "strict", category = "necessary", purpose = "guards forms", same_site = "Strict"},
]""".replace("SCOPES", '{path = "/"}, {path = "/", domain = "example.org"}')


def guarded(face: str, *lines: str, guard: str = "report", **more: Any) -> Portal:
    view = page_of("<p>hello</p>", *[("set-cookie", line) for line in lines])
    return portal(face, view, cookies_declared=DECLARED, cookies_guard=guard, **more)


def lines_of(answer: Answer) -> list[str]:
    return [value for name, value in answer.headers if name == "set-cookie"]


def choice(face: str, say: str) -> tuple[str, str]:
    """The cookie of a visitor who answered for statistics."""
    return cookie_of(guarded(face).post("/privacy/choices", f"c.statistics={say}&do=save"))


# --- out: what the app sets


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(
    ("guard", "line", "sent"),
    [
        ("off", "who=1", "who=1"),
        ("report", "who=1", "who=1"),
        ("enforce", "who=1; Path=/", None),
        ("enforce", "=nameless", None),
        ("enforce", "nameless", None),
        ("enforce", "=__Host-sid=1", None),
        ("enforce", "sid=1", "sid=1; Secure; HttpOnly"),
        ("enforce", 'sid=a b"c; Path=/; secure; HTTPONLY', 'sid=a b"c; Path=/; secure; HTTPONLY'),
        ("report", "sid=1; SameSite=None; Partitioned", "sid=1; SameSite=None; Partitioned; Secure; HttpOnly"),
        ("report", "strict=1", "strict=1; SameSite=Strict"),
        ("report", "strict=1; SameSite=None; Secure", "strict=1; Secure; SameSite=Strict"),
        ("report", "strict=1; samesite=strict", "strict=1; samesite=strict"),
        ("report", "__Host-privacy=theirs", "__Host-privacy=theirs"),
    ],
)
@pytest.mark.proves("cookies.table")
def test_what_the_app_sets(face: str, guard: str, line: str, sent: str | None) -> None:
    answer = guarded(face, line, guard=guard).ask()
    assert lines_of(answer) == ([] if sent is None else [sent])
    assert header(answer, "cache-control") == "", "nothing here hangs on a choice"


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("guard", ["off", "report", "enforce"])
@pytest.mark.parametrize(("say", "kept"), [("0", False), ("1", True)])
@pytest.mark.proves("cookies.{category}")
def test_a_refused_category_is_withheld_in_every_mode(face: str, guard: str, say: str, kept: bool) -> None:
    answer = guarded(face, "_st1=x; Max-Age=60", "sid=1", guard=guard).ask("/", *BROWSER, choice(face, say))
    assert [line for line in lines_of(answer) if line.startswith("_st1=x")] == (["_st1=x; Max-Age=60"] if kept else [])
    assert header(answer, "cache-control") == "private"
    assert header(answer, "vary") == "Cookie"


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(
    ("line", "sent"),
    [
        ("_st=1; Max-Age=99999999", "_st=1; Max-Age=2592000"),
        ("_st=1; max-age=99999999; Expires=x", "_st=1; Expires=x; Max-Age=2592000"),
        (
            "_st=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT",
            "_st=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT; Max-Age=2592000",
        ),
        ("_st=1; Max-Age=60", "_st=1; Max-Age=60"),
        ("_st=1; Max-Age=-1", "_st=1; Max-Age=-1"),
        ("_st=1", "_st=1"),
        ("_st=1; Expires=nonsense", "_st=1; Expires=nonsense"),
    ],
)
@pytest.mark.proves("cookies.table")
def test_lifetime_is_capped_at_what_was_declared(face: str, line: str, sent: str) -> None:
    assert lines_of(guarded(face, line).ask("/", *BROWSER, choice(face, "1"))) == [sent]


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("status", [200, 204, 302, 304, 404, 500])
def test_every_status_is_guarded(face: str, status: int) -> None:
    view = Site(status, (("content-type", "text/plain"), ("set-cookie", "who=1"), ("set-cookie", "sid=2")), ())
    answer = portal(face, view, cookies_declared=DECLARED, cookies_guard="enforce").ask()
    assert lines_of(answer) == ["sid=2; Secure; HttpOnly"]


@pytest.mark.parametrize("face", FACES)
def test_several_lines_stay_several_in_their_order(face: str) -> None:
    lines = ["sid=1; Secure; HttpOnly", "b=2", "strict=3; SameSite=Strict", "sid=4; Secure; HttpOnly"]
    assert lines_of(guarded(face, *lines).ask()) == lines


# --- in: what the browser sends


def seen_by(face: str, header_value: str, *more: tuple[str, str], guard: str) -> tuple[str, Answer]:
    """What the app sees of a Cookie header, and the answer."""
    seen: list[str] = []

    def view(visit: Visit) -> Site:
        exchange = visit._exchange
        hidden = [value for name, value in exchange.edits if name == "cookie"]
        seen.append(hidden[0] or "" if hidden else exchange.headers.get("cookie", ""))
        return page_of("<p>hello</p>")

    cookie = "; ".join([header_value, *(value for _, value in more)])
    site = portal(face, view, cookies_declared=DECLARED, cookies_guard=guard)
    answer = site.ask("/", *BROWSER, ("cookie", cookie))
    return seen[0], answer


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(
    ("guard", "sent", "seen"),
    [
        ("report", "sid=1; who=2", "sid=1; who=2"),
        ("enforce", "sid=1; who=2; sid=3", "sid=1; sid=3"),
        ("report", "sid=1; _st9=8", "sid=1"),
        ("off", "_st9=8", ""),
        ("report", "sid=1,_st9=8", "sid=1"),
        ("report", "sid=a,b; _st9=8", "sid=a,b"),
        ("enforce", "sid=1; ; =x; junk; \x01=2; b{x}=3; ü=4", "sid=1"),
    ],
)
def test_what_the_app_sees(face: str, guard: str, sent: str, seen: str) -> None:
    assert seen_by(face, sent, guard=guard)[0] == seen


@pytest.mark.parametrize("face", FACES)
@pytest.mark.proves("cookies.{category}")
def test_a_refused_cookie_is_expired_on_arrival_for_each_of_its_scopes(face: str) -> None:
    _, answer = seen_by(face, "_st9=8; sid=1", choice(face, "0"), guard="report")
    tail = "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
    assert lines_of(answer) == [f"_st9=; Path=/; {tail}", f"_st9=; Path=/; Domain=example.org; {tail}"]
    assert header(answer, "cache-control") == "private"


@pytest.mark.parametrize("face", FACES)
def test_an_allowed_cookie_arrives(face: str) -> None:
    seen, answer = seen_by(face, "_st9=8", choice(face, "1"), guard="enforce")
    assert "_st9=8" in seen
    assert lines_of(answer) == []


@pytest.mark.parametrize("face", FACES)
def test_two_hundred_cookies_and_a_large_one(face: str) -> None:
    many = "; ".join(f"c{number}={number}" for number in range(200))
    assert seen_by(face, f"sid=1; {many}; big={'x' * 5000}", guard="enforce")[0] == "sid=1"


# --- the report, the page, the registry


@pytest.mark.parametrize("face", FACES)
@pytest.mark.proves("cookies.report")
def test_undeclared_cookies_are_counted_by_name_and_route_without_values(face: str) -> None:
    counted: list[tuple[str, str]] = []
    site = guarded(face, "who=secret", "track12345=1")
    for keeper in site.started.pipeline.keepers:
        if keeper.name == "cookies":
            keeper._count = lambda kind, name: counted.append((kind, name))  # type: ignore[attr-defined]
    site.ask("/items/4711")
    assert counted == [
        ("undeclared cookies", "who set by the app, /items/{}"),
        ("undeclared cookies", "track* set by the app, /items/{}"),
    ]


@pytest.mark.parametrize(("guard", "kind"), [("off", "stated"), ("report", "stated"), ("enforce", "kept")])
def test_the_sentence_is_kept_only_where_the_guard_enforces(guard: str, kind: str) -> None:
    sections = {each.name: each for each in guarded("wsgi", guard=guard).started.policy.sections()}
    sentence = sections["cookies"].sentences[0]
    assert ("kept" if sentence.kept else "stated") == kind
    assert [row[0] for row in sections["cookies"].tables[0].rows] == ["sid", "_st*", "strict"]


def test_a_category_of_a_cookie_is_offered_as_a_choice() -> None:
    assert 'name="c.statistics"' in guarded("wsgi").ask("/privacy/choices").body.decode()


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"name": "a b"}, "name"),
        ({"name": ""}, "name"),
        ({"category": "Not A Word"}, "category"),
        ({"purpose": " "}, "purpose"),
        ({"lifetime": "30 dayz"}, "unit"),
    ],
)
def test_an_entry_that_means_nothing_is_refused(entry: dict[str, str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_entries([CookieEntry(**{"name": "a", "category": "necessary", "purpose": "works", **entry})])  # type: ignore[arg-type]


def test_exact_names_go_before_patterns() -> None:
    entries = [CookieEntry(name=name, category="necessary", purpose="p") for name in ("a*", "*z", "abc")]
    registry = Registry(entries)
    found = {name: registry.find(name) for name in ("abc", "ab", "yz", "", "q")}
    assert {name: each and each.name for name, each in found.items()} == {
        "abc": "abc",
        "ab": "a*",
        "yz": "*z",
        "": None,
        "q": None,
    }


# --- lines


@given(st.text(max_size=300))
def test_no_line_raises_and_none_changes(line: str) -> None:
    cookie = SetCookie(line)
    cookie.lifetime(0)
    cookie.stricter_same_site("Strict")
    assert cookie.with_attribute("Secure").attribute("secure") == ""
    assert cookie.with_attribute("Secure").name == cookie.name
    assert cookie.name == cookie_name(line.partition(";")[0])


@given(
    st.lists(st.from_regex(r"[a-z]{1,5}=[a-z0-9]{0,5}", fullmatch=True), max_size=6), st.sampled_from(["; ", ";", ","])
)
def test_pairs_are_found_however_they_are_joined(pairs: list[str], joint: str) -> None:
    assert cookie_pairs(joint.join(pairs)) == pairs


LINE = st.builds(
    lambda name, rest: name + rest,
    st.sampled_from(["sid", "_st7", "who", "", "strict", "__Host-x", "sid ", "\tsid", "SID", "sid\x00"]),
    st.sampled_from(
        ["=1", "=1; Path=/x", "=; Max-Age=0", "", "=a=b; Domain=.example.org; Secure", "=1; Max-Age=9999999999"]
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(LINE, max_size=5), st.sampled_from(sorted(FACES)))
@pytest.mark.proves("cookies.table")
def test_whatever_the_app_sets_the_browser_ends_with_declared_cookies(lines: list[str], face: str) -> None:
    answer = guarded(face, *lines, guard="enforce").ask()
    names = {SetCookie(line).name for line in lines_of(answer)}
    assert names <= {"sid", "strict"}, "statistics were not allowed, and nothing else is declared"


def test_an_expiry_names_what_a_browser_compares() -> None:
    assert expiry("__Secure-a", "/x", "example.org").startswith("__Secure-a=; Path=/x; Domain=example.org; Secure; ")
    assert Scope() == Scope("/", "")
    late = SetCookie(f"a=1; Expires={formatdate(100, usegmt=True)}")
    assert late.lifetime(40) == 60
