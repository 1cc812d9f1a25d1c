"""How links are treated by path, by host and by answer; redirects; what the report counts."""

from pathlib import Path
from typing import Any

import pytest

from faces import Site
from privacymw.paths import PathTable
from privacymw.tally import read_counts
from sites import BROWSER, FACES, HOST, Portal, cookie_of, header, names, page_of, portal

faces = pytest.mark.parametrize("face", FACES)
OUT = "https://other.example/a"
LINK = f'<a href="{OUT}">x</a>'
BECAME = {"/privacy/leaving/": "interstitial", "(other.example)": "annotate"}


def mode_of(text: str) -> str:
    """The mode in which a page was written."""
    return next((mode for sign, mode in BECAME.items() if sign in text), "off")


# --- by path

PATHS = {"/blog": "annotate", "/blog/*/raw": "off", "/blog/news/raw": "interstitial", "/pay/": "off", "/ü": "annotate"}


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/", ""),
        ("/blog", "annotate"),
        ("/blog/", "annotate"),
        ("/blog/a/b/c", "annotate"),
        ("//blog//a", "annotate"),
        ("/blog/a/raw", "off"),
        ("/blog/a/raw/x", "off"),
        ("/blog/news/raw", "interstitial"),
        ("/blog/a/b/raw", "annotate"),
        ("/blogs", ""),
        ("/blog.css", ""),
        ("/Blog", ""),
        ("/x/blog", ""),
        ("/pay", "off"),
        ("/ü/x", "annotate"),
        ("/blog/../members", ""),
        ("/members/../blog", "annotate"),
        ("/blog/./a/raw", "off"),
        ("/blog\n", ""),
    ],
)
def test_the_longest_path_counts(path: str, word: str) -> None:
    assert PathTable(PATHS).find("", path) == word


def test_a_path_is_found_with_and_without_its_mount() -> None:
    table = PathTable({"/app/blog": "off", "/news": "annotate"})
    assert [table.find("/app", path) for path in ("/blog", "/news", "/x")] == ["off", "annotate", ""]
    assert table.find("", "/blog") == ""


@faces
@pytest.mark.parametrize("base", ["interstitial", "annotate", "off"])
@pytest.mark.proves("outbound.interstitial", "outbound.annotate", "outbound.off")
def test_a_path_has_its_own_mode(face: str, base: str) -> None:
    paths = "/a=interstitial, /b=annotate, /c=off"
    site = portal(face, page_of(LINK), outbound_mode=base, outbound_paths=paths)
    found = [mode_of(site.ask(path).body.decode()) for path in ("/a", "/b/1", "/c", "/d")]
    assert found == ["interstitial", "annotate", "off", base]


@faces
def test_without_a_secret_a_path_steps_down(face: str) -> None:
    site = portal(face, page_of(LINK), outbound_mode="off", outbound_paths="/a=interstitial", secret_key="")
    assert mode_of(site.ask("/a").body.decode()) == "annotate"


@faces
def test_a_confidential_path_has_the_page_whatever_is_set(face: str) -> None:
    site = portal(face, page_of(LINK), outbound_paths="/members=off", confidential_paths="/members")
    assert mode_of(site.ask("/members/7").body.decode()) == "interstitial"


@faces
def test_a_view_makes_the_link_of_its_path(face: str) -> None:
    site = portal(face, lambda visit: page_of(visit.outbound_url(OUT)), outbound_paths="/b=annotate")
    assert site.ask("/b").body == OUT.encode()
    assert site.ask("/a").body.startswith(b"/privacy/leaving/")


# --- by answer


def said(*words: str, text: str = LINK, status: int = 200, more: tuple[tuple[str, str], ...] = ()) -> Site:
    return page_of(text, *(("privacymw-outbound", word) for word in words), *more, status=status)


@faces
@pytest.mark.parametrize("base", ["interstitial", "annotate", "off"])
@pytest.mark.parametrize(
    ("words", "mode"),
    [
        (("off",), "off"),
        (("annotate",), "annotate"),
        ((" Interstitial ",), "interstitial"),
        (("off", "off"), "off"),
        (("",), ""),
        (("none",), ""),
        (("off, annotate",), ""),
        (("off", "annotate"), ""),
    ],
)
@pytest.mark.proves("outbound.exempt", "outbound.scope")
def test_the_app_names_the_mode_of_one_answer(face: str, base: str, words: tuple[str, ...], mode: str) -> None:
    answer = portal(face, said(*words), outbound_mode=base).ask()
    assert mode_of(answer.body.decode()) == (mode or base)
    assert "privacymw-outbound" not in names(answer)


@faces
@pytest.mark.parametrize(
    ("settings", "word", "counted"),
    [
        ({}, "none", "answers with an unknown Privacymw-Outbound"),
        ({"confidential_paths": "/"}, "off", "confidential answers that named a mode, in vain"),
        ({}, "off", ""),
    ],
)
def test_a_word_that_does_not_count_is_counted(
    face: str, settings: dict[str, str], word: str, counted: str, tmp_path: Path
) -> None:
    site = counting(face, said(word), tmp_path, **settings)
    assert mode_of(site.ask().body.decode()) == ("off" if not counted else "interstitial")
    assert counts(site, tmp_path).get("outbound", {}) == ({counted: 1} if counted else {})


@faces
def test_the_word_goes_no_further_with_any_answer(face: str) -> None:
    for site in (
        Site(200, (("content-type", "image/png"), ("privacymw-outbound", "off")), (b"x",)),
        Site(302, (("location", "/x"), ("privacymw-outbound", "off")), ()),
        Site(304, (("etag", '"v1"'), ("privacymw-outbound", "off")), ()),
    ):
        assert "privacymw-outbound" not in names(portal(face, site).ask())


@faces
def test_a_page_cannot_say_it(face: str) -> None:
    meta = '<meta http-equiv="Privacymw-Outbound" content="off"><meta name="privacymw-outbound" content="off">'
    text = f'{meta}<div data-privacymw-outbound="off">{LINK}</div>'
    assert mode_of(portal(face, page_of(text)).ask().body.decode()) == "interstitial"


@faces
def test_a_client_cannot_say_it(face: str) -> None:
    answer = portal(face, page_of(LINK)).ask("/", *BROWSER, ("privacymw-outbound", "off"))
    assert mode_of(answer.body.decode()) == "interstitial"


@faces
@pytest.mark.parametrize(("word", "tag"), [("off", '"v1"'), ("annotate", "")])
def test_no_answer_with_a_word_of_its_own_is_confirmed(face: str, word: str, tag: str) -> None:
    """The browser asks again; what the app will say then is not known, so that it must answer in full."""
    assert header(portal(face, said(word, more=(("etag", '"v1"'),))).ask(), "etag") == tag
    edits: dict[str, str | None] = {}

    def view(visited: Any) -> Site:
        edits.update(visited._exchange.edits)
        return said(word)

    portal(face, view).ask("/", *BROWSER, ("if-none-match", '"v1"'))
    assert edits["if-none-match"] is None


# --- by host: blocked

BLOCKED = {"outbound_blocked": "foe.example, *.foe.example"}


@faces
@pytest.mark.parametrize("mode", ["interstitial", "annotate", "off"])
@pytest.mark.parametrize(
    "markup",
    [
        '<a href="https://foe.example/x">x</a>',
        '<a href="https://a.foe.example/x">x</a>',
        '<area href="https://foe.example/">',
        '<form action="https://foe.example/s"></form>',
        '<form method="post" action="https://foe.example/s"></form>',
        '<meta http-equiv="refresh" content="0; url=https://foe.example/">',
    ],
)
@pytest.mark.proves("outbound.blocked")
def test_no_outlet_leads_to_a_blocked_host(face: str, mode: str, markup: str) -> None:
    site = portal(face, page_of(markup), outbound_mode=mode, **BLOCKED)
    text = site.ask().body.decode()
    assert "foe.example" not in text
    token = text.partition("/privacy/leaving/")[2].partition('"')[0]
    for method in ("GET", "POST"):
        answer = site.ask(f"/privacy/leaving/{token}", method=method)
        assert (answer.status, header(answer, "cache-control")) == (403, "no-store")
        assert b"foe.example" in answer.body
        assert b'href="https' not in answer.body


@faces
@pytest.mark.parametrize(
    "href", ["https://user:pw@foe.example/", "https://foe.example/?sig=1", "https://foe.example/" + "x" * 3_000]
)
def test_a_blocked_link_that_cannot_be_sealed_is_taken_out(face: str, href: str) -> None:
    text = portal(face, page_of(f'<a href="{href}">x</a>'), **BLOCKED).ask().body.decode()
    assert text == "<a  >x (foe.example)</a>"


@faces
def test_without_a_secret_a_blocked_link_is_taken_out(face: str) -> None:
    text = portal(face, page_of('<a href="https://foe.example/">x</a>'), secret_key="", **BLOCKED).ask().body.decode()
    assert "href" not in text


@faces
@pytest.mark.proves("outbound.blocked")
def test_neither_an_old_link_nor_a_preference_leads_there(face: str) -> None:
    before = portal(face)
    seal = before.started.services.links
    assert seal is not None
    path = f"/privacy/leaving/{seal.seal('https://foe.example/')}"
    cookie = cookie_of(before.post(path, "again=all"))
    assert before.ask(path, *BROWSER, cookie).status == 303
    assert portal(face, **BLOCKED).ask(path, *BROWSER, cookie).status == 403


@faces
def test_what_stands_nearer_counts(face: str) -> None:
    """Own before blocked, blocked before trusted."""
    hosts = {"sites": "own.example", "outbound_trusted": "foe.example", "outbound_blocked": "foe.example, own.example"}
    links = "".join(f'<a href="https://{host}/">x</a>' for host in ("own.example", "foe.example"))
    text = portal(face, page_of(links), **hosts).ask().body.decode()
    assert 'href="https://own.example/"' in text
    assert "foe.example" not in text


@faces
def test_a_view_gets_no_way_to_a_blocked_host(face: str) -> None:
    site = portal(face, lambda visit: page_of(visit.outbound_url("https://foe.example/?sig=1")), **BLOCKED)
    assert site.ask().body == b"#"


# --- redirects

HELD = {"outbound_redirects": "allow-list", "outbound_redirect_hosts": "login.example, *.bank.example"}


def redirect(location: str, status: int = 302, *headers: tuple[str, str]) -> Site:
    return Site(status, (("location", location), *headers), ())


@faces
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(
    ("location", "goes"),
    [
        ("/x", True),
        (f"https://{HOST}/x", True),
        ("https://login.example/authorize", True),
        ("https://a.bank.example/", True),
        ("https://bank.example/", False),
        ("https://login.example.evil.example/", False),
        ("//evil.example", False),
        ("/\\evil.example", False),
        ("https:evil.example", False),
        ("https://login.example@evil.example/", False),
        ("com.example.app:/callback", True),
    ],
)
@pytest.mark.proves("outbound.redirects")
def test_redirects_are_held_to_the_list(face: str, location: str, goes: bool, status: int, method: str) -> None:
    answer = portal(face, redirect(location, status), **HELD).ask(method=method)
    assert answer.status == (status if goes else 403)
    assert header(answer, "location") == (location if goes else "")


@faces
@pytest.mark.parametrize("mode", ["interstitial", "annotate", "off"])
def test_a_held_redirect_names_its_target_and_leads_nowhere(face: str, mode: str) -> None:
    site = portal(face, redirect("https://evil.example/a?b=<c>"), outbound_mode=mode, **HELD)
    answer = site.ask("/go", *BROWSER, ("referer", f"https://{HOST}/page"))
    text = answer.body.decode()
    assert "<strong>evil.example</strong>" in text
    assert 'href="https' not in text
    assert 'href="/page">Stay here' in text
    assert (header(answer, "cache-control"), header(answer, "x-robots-tag")) == ("no-store", "noindex, nofollow")
    assert "default-src 'none'" in header(answer, "content-security-policy")


@faces
def test_of_several_locations_each_is_looked_at(face: str) -> None:
    site = Site(302, (("location", "/x"), ("location", "https://evil.example/")), ())
    assert portal(face, site, **HELD).ask().status == 403


@faces
def test_a_sign_out_that_is_held_signs_out(face: str) -> None:
    site = redirect("https://evil.example/", 302, ("set-cookie", "session=; Max-Age=0"), ("set-cookie", "b=1"))
    answer = portal(face, site, **HELD).ask()
    assert [value for name, value in answer.headers if name == "set-cookie"] == ["session=; Max-Age=0", "b=1"]


@faces
def test_the_app_lets_one_redirect_through(face: str) -> None:
    site = redirect("https://evil.example/", 302, ("privacymw-outbound", "off"))
    answer = portal(face, site, **HELD).ask()
    assert (answer.status, "privacymw-outbound" in names(answer)) == (302, False)


@faces
def test_a_dry_run_holds_nothing(face: str, tmp_path: Path) -> None:
    site = counting(face, redirect("https://evil.example/"), tmp_path, mode="observe", **HELD)
    assert site.ask().status == 302
    found = counts(site, tmp_path)
    assert (found["redirects"], found["answers"]) == ({"evil.example": 1}, {"403": 1})


@faces
@pytest.mark.parametrize(
    ("settings", "refresh", "sent"),
    [
        ({}, "5; url=/x", "5; url=/x"),
        ({}, "5", "5"),
        ({}, "5; url=https://evil.example/", "5; url=/privacy/leaving/"),
        ({}, "0;'https://evil.example/'", "0;/privacy/leaving/"),
        ({"outbound_mode": "annotate"}, "5; url=https://evil.example/", "5; url=https://evil.example/"),
        ({"outbound_mode": "annotate", **HELD}, "5; url=https://evil.example/", ""),
        ({"outbound_mode": "off", **HELD}, "5; url=https://evil.example/", ""),
        ({"outbound_mode": "off", **HELD}, "5; url=https://login.example/", "5; url=https://login.example/"),
        (HELD, "5; url=https://login.example/", "5; url=https://login.example/"),
        (HELD, "5; url=https://evil.example/?sig=1", ""),
        ({"outbound_mode": "off"}, "5; url=https://evil.example/", "5; url=https://evil.example/"),
    ],
)
@pytest.mark.parametrize("kind", ["text/html", "text/plain"])
def test_a_refresh_header_is_treated_as_in_a_page(
    face: str, settings: dict[str, str], refresh: str, sent: str, kind: str
) -> None:
    answer = portal(face, page_of("x", ("content-type", kind), ("refresh", refresh)), **settings).ask()
    found = header(answer, "refresh")
    assert found.startswith(sent)
    assert bool(found) == bool(sent)


@faces
@pytest.mark.parametrize(
    ("mode", "host", "left"),
    [
        ("interstitial", "evil.example", False),
        ("annotate", "evil.example", False),
        ("off", "evil.example", False),
        ("annotate", "login.example", True),
        ("off", "login.example", True),
    ],
)
def test_a_page_that_sends_on_is_held_too(face: str, mode: str, host: str, left: bool) -> None:
    markup = f'<meta http-equiv="refresh" content="0; url=https://{host}/">'
    text = portal(face, page_of(markup), outbound_mode=mode, **HELD).ask().body.decode()
    assert (host in text) == left
    assert left or "/privacy/leaving/" in text


# --- what is counted


def counting(face: str, view: Any, folder: Path, **settings: str) -> Portal:
    return portal(face, view, data=str(folder), addresses_mode="off", **settings)


def counts(site: Portal, folder: Path) -> dict[str, dict[str, int]]:
    site.started.pipeline.close()
    return read_counts(folder)


@faces
def test_hosts_are_counted_by_route_and_fate(face: str, tmp_path: Path) -> None:
    markup = (
        f"{LINK}{LINK}<a href='https://friend.example/'>x</a><a href='https://foe.example/'>x</a>"
        "<a href='https://s3.example/?sig=1'>x</a><form method=post action='https://pay.example/'></form>"
    )
    more = {"outbound_trusted": "friend.example", **BLOCKED}
    site = counting(face, page_of(markup), tmp_path, confidential_paths="/patients", **more)
    for path in ("/members/4711", "/members/4712", "/patients/7"):
        site.ask(path)
    assert counts(site, tmp_path)["outbound hosts"] == {
        "other.example sealed /members/{}": 4,
        "friend.example trusted /members/{}": 2,
        "foe.example blocked /members/{}": 2,
        "s3.example unsealable /members/{}": 2,
        "pay.example posts /members/{}": 2,
    }


@faces
def test_no_count_holds_an_address_or_what_patients_see(face: str, tmp_path: Path) -> None:
    markup = '<a href="https://clinic.example/hiv?name=Jane">x</a><form method=post action="https://p.example/">'
    site = counting(face, page_of(markup, ("refresh", "1; url=https://r.example/")), tmp_path, confidential_paths="/p")
    site.ask("/p/7", query="name=Jane")
    text = str(counts(site, tmp_path))
    assert not [word for word in ("clinic", "hiv", "Jane", "p.example", "r.example") if word in text]
