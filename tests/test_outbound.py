"""Links that leave: what a page carries, and the page before the other site."""

import re
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces import Answer, Request, Site, asgi_app, ask_asgi, ask_wsgi, environ_of, run_asyncio, scope_of, wsgi_app
from privacymw import asgi, wsgi
from privacymw.seal import KEY_BYTES, LinkSeal
from privacymw.tally import read_counts
from sites import (
    BROWSER,
    FACES,
    FORM,
    HOST,
    NAVIGATION,
    OTHER_SECRET,
    Portal,
    cookie_of,
    header,
    names,
    page_of,
    portal,
)  # fmt: skip

pytestmark = pytest.mark.parametrize("face", FACES)
OUT = "https://other.example/a?b=c#d"
LEAVING = re.compile(r"/privacy/leaving/[A-Za-z0-9_.-]+")


def seal_of(site: Portal) -> LinkSeal:
    seal = site.started.services.links
    assert seal is not None
    return seal


def rewritten(face: str, text: str, *headers: tuple[str, str], **settings: str) -> str:
    return portal(face, page_of(text, *headers), **settings).ask("/page").body.decode()


def plain(site: Portal, text: str) -> str:
    """A page with every leaving link replaced by what is sealed in it, in brackets."""
    return LEAVING.sub(lambda found: f"[{seal_of(site).open(found[0].rpartition('/')[2])}]", text)


def shown(face: str, text: str, **settings: str) -> str:
    site = portal(face, page_of(text), **settings)
    return plain(site, site.ask("/page").body.decode())


# --- what becomes of a link, by mode and by host

TRUST = {"sites": "own.example, *.own.example", "outbound_trusted": "friend.example"}
LEFT = "external noopener"


@pytest.mark.parametrize(
    ("mode", "href", "address", "suffix"),
    [
        ("interstitial", "/local", "/local", ""),
        ("interstitial", f"https://{HOST}/x", f"https://{HOST}/x", ""),
        ("interstitial", "https://own.example/", "https://own.example/", ""),
        ("interstitial", "https://a.own.example/", "https://a.own.example/", ""),
        ("interstitial", "mailto:a@b.example", "mailto:a@b.example", ""),
        ("interstitial", "javascript:void(0)", "javascript:void(0)", ""),
        ("interstitial", "https://friend.example/", "https://friend.example/", " (friend.example)"),
        ("interstitial", "https://x.friend.example/", "[https://x.friend.example/]", ""),
        ("interstitial", "https://other.example/", "[https://other.example/]", ""),
        ("interstitial", "//other.example", "[http://other.example/]", ""),
        ("interstitial", "/\\other.example", "[http://other.example/]", ""),
        ("interstitial", "https:other.example", "[https://other.example/]", ""),
        ("interstitial", "https://own.example.evil/", "[https://own.example.evil/]", ""),
        ("interstitial", "https://user:pw@other.example/", "https://user:pw@other.example/", " (other.example)"),
        ("interstitial", "https://s3.example/?sig=1", "https://s3.example/?sig=1", " (s3.example)"),
        ("annotate", "https://other.example/", "https://other.example/", " (other.example)"),
        ("annotate", "https://own.example/", "https://own.example/", ""),
        ("annotate", "https://bücher.example/", "https://bücher.example/", " (xn--bcher-kva.example)"),
        ("off", "https://other.example/", "https://other.example/", ""),
    ],
)  # fmt: skip
@pytest.mark.proves("outbound.mode", "outbound.trusted")
def test_what_becomes_of_a_link(face: str, mode: str, href: str, address: str, suffix: str) -> None:
    text = shown(face, f'<a href="{href}">there</a>', outbound_mode=mode, **TRUST)
    assert f'href="{address}"' in text
    assert text.endswith(f">there{suffix}</a>")
    assert ("rel=" in text) == (address != href or bool(suffix))


@pytest.mark.parametrize("length", [1_999, 2_000, 2_001])
@pytest.mark.proves("outbound.scope")
def test_a_target_too_long_for_an_address_is_named_only(face: str, length: int) -> None:
    target = "https://other.example/".ljust(length, "x")
    text = shown(face, f'<a href="{target}">x</a>')
    assert (f'href="[{target}]"' in text) == (length <= 2_000)
    assert ("(other.example)" in text) == (length > 2_000)


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ('<area href="//o.example">', '<area rel="external nofollow" href="[http://o.example/]">'),
        ('<svg><a xlink:href="//o.example">', 'xlink:href="[http://o.example/]"'),
        ('<form action="//o.example"><input name=q>', '<form action="[?http://o.example/]">'),
        ('<form method=post action="//o.example">', '<form method=post action="//o.example">'),
        ('<form><button formaction="//o.example">', 'formaction="[?http://o.example/]"'),
        ('<meta http-equiv=refresh content="5; url=//o.example">', 'content="5; url=[http://o.example/]"'),
        ('<a href="/x" ping="//o.example /y">', '<a href="/x"  >'),
        ('<a href="/x" ping="/y">', '<a href="/x" ping="/y">'),
        ('<a rel="me NOFOLLOW" href="//o.example">', 'rel="me NOFOLLOW external"'),
        ('<title><a href="//o.example"></title>', '<title><a href="//o.example"></title>'),
        ('<!-- <a href="//o.example"> -->', '<!-- <a href="//o.example"> -->'),
        ('<script>"<a href=//o.example>"</script>', '<script>"<a href=//o.example>"</script>'),
        ('<img src="//o.example/i.png">', '<img src="//o.example/i.png">'),
    ],
)
@pytest.mark.proves("outbound.mode", "outbound.scope")
def test_outlets(face: str, page: str, expected: str) -> None:
    assert expected in shown(face, page)


def test_under_a_foreign_base_the_leaving_link_names_our_own_host(face: str) -> None:
    text = shown(face, '<base href="https://other.example/"><a href="x">x</a><a href="//portal.example/y">y</a>')
    assert f'href="//{HOST}[https://other.example/x]"' in text
    assert 'href="//portal.example/y"' in text
    assert '<base href="https://other.example/">' in text


@pytest.mark.parametrize(
    ("outbound_mode", "path", "sealed"),
    [("annotate", "/members/1", True), ("off", "/members/1", True), ("annotate", "/", False), ("off", "/", False)],
)
def test_confidential_pages_have_the_page_in_every_mode(face: str, outbound_mode: str, path: str, sealed: bool) -> None:
    site = portal(face, page_of(f'<a href="{OUT}">x</a>'), outbound_mode=outbound_mode, confidential_paths="/members")
    assert (LEAVING.search(site.ask(path).body.decode()) is not None) == sealed


def test_without_a_secret_the_destination_is_named(face: str) -> None:
    assert "(other.example)" in rewritten(face, f'<a href="{OUT}">x</a>', secret_key="")


def test_a_mount_goes_before_the_leaving_link(face: str) -> None:
    site = portal(face, page_of(f'<a href="{OUT}">x</a>'))
    text = site.ask("/", root="/app").body.decode()
    assert 'href="/app/privacy/leaving/' in text


def test_a_view_can_make_the_link_itself(face: str) -> None:
    site = portal(face, lambda visit: page_of(f"{visit.outbound_url(OUT)} {visit.outbound_url('/x')}"))
    assert plain(site, site.ask().body.decode()) == f"[{OUT}] /x"


HOSTS = ["", "é", "a b", "[::1", "\x7f", "x" * 9_000, "a:b:c", "<script>", "portal.example/..", "%00"]


@pytest.mark.parametrize("host", HOSTS, ids=range(len(HOSTS)))
def test_a_junk_host_neither_raises_nor_lets_a_link_through(face: str, host: str) -> None:
    site = portal(face, page_of(f'<a href="{OUT}">x</a><a href="/y">y</a>'))
    answer = site.ask("/", ("accept", "text/html"), ("host", host))
    assert plain(site, answer.body.decode()).startswith(f'<a rel="external nofollow" href="[{OUT}]">')
    assert answer.body.endswith(b'<a href="/y">y</a>')
    token = seal_of(site).seal(OUT)
    assert site.ask(f"/privacy/leaving/{token}", ("host", host)).status == 200


def test_without_a_host_links_still_go_through_the_page(face: str) -> None:
    site = portal(face, page_of(f'<a href="{OUT}">x</a>'))
    assert LEAVING.search(site.ask("/", ("accept", "text/html")).body.decode())


# --- which answers are rewritten

LINK = f'<a href="{OUT}">é</a>'


@pytest.mark.parametrize(
    ("status", "method", "headers", "body"),
    [
        (200, "GET", (("content-type", "application/json"),), LINK.encode()),
        (200, "GET", (("content-type", ""),), LINK.encode()),
        (200, "GET", (("content-type", "text/html"), ("content-disposition", "attachment; filename=x")), LINK.encode()),
        (206, "GET", (("content-type", "text/html"), ("content-range", "bytes 0-9/99")), LINK.encode()),
        (200, "GET", (("content-type", "text/html"), ("content-encoding", "gzip")), b"\x1f\x8b<a href=//o.example>"),
        (200, "GET", (("content-type", "text/html; charset=utf-16"),), LINK.encode("utf-16")),
        (200, "GET", (("content-type", "text/html"),), LINK.encode("utf-16")),
        (200, "GET", (("content-type", "text/html; charset=iso-2022-jp"),), b"\x1b$B<a href=//o.example>"),
        (200, "HEAD", (("content-type", "text/html"),), b""),
        (204, "GET", (), b""),
        (304, "GET", (("etag", '"x"'),), b""),
    ],
)
@pytest.mark.proves("outbound.exempt")
def test_what_passes_as_it_is(
    face: str, status: int, method: str, headers: tuple[tuple[str, str], ...], body: bytes
) -> None:
    answer = portal(face, Site(status, headers, (body,) if body else ())).ask(method=method)
    assert (answer.status, answer.body) == (status, body)
    assert [header(answer, name) for name, _ in headers] == [value for _, value in headers]


@pytest.mark.parametrize("status", [200, 302, 404, 500])
@pytest.mark.parametrize("charset", ["", "UTF-8", "latin1", "shift_jis", "euc-kr", "big5"])
def test_pages_of_every_status_are_rewritten(face: str, status: int, charset: str) -> None:
    site = portal(
        face,
        Site(status, (("content-type", f"text/html; charset={charset}"),), (b"\x83A", LINK.encode()[:-7], b"</a>")),
    )
    body = site.ask().body
    assert b"/privacy/leaving/" in body
    assert body.startswith(b"\x83A<a ")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_described_the_apps_bytes_is_dropped(face: str, method: str) -> None:
    described = ("content-length", "content-md5", "digest", "repr-digest", "accept-ranges", "last-modified")
    view = page_of(LINK, *((name, "1") for name in described), ("etag", '"v1"'))
    answer = portal(face, view).ask(method=method)
    lengths = [str(len(answer.body))] if method == "GET" else []  # a HEAD's would be that of the app's bytes
    assert [value for name, value in answer.headers if name in described] == lengths
    assert re.fullmatch(r'W/"v1-pmw[0-9a-f]{8}"', header(answer, "etag"))


def test_the_app_is_asked_for_plain_bytes(face: str) -> None:
    seen: list[str] = []

    def view(answered: Any) -> Site:
        exchange = answered._exchange
        seen.extend(value for name, value in exchange.edits if name == "accept-encoding")
        return page_of("x")

    site = portal(face, view)
    site.ask("/", *BROWSER, ("accept-encoding", "gzip"))
    site.ask("/", ("accept", "image/*"), ("accept-encoding", "gzip"))
    assert seen == ["identity"]


# --- validators


def conditional(face: str, request: Request, **settings: str) -> tuple[Answer, dict[str, str]]:
    """The answer of an app that tells, and obeys, the conditions that it is shown."""
    seen: dict[str, str] = {}
    pipe = portal(face, **settings).started.pipeline

    def site(conditions: dict[str, str]) -> Site:
        seen.update({name: value for name, value in conditions.items() if name.startswith("if-")})
        known = '"v1"' in seen.get("if-none-match", "") or "if-modified-since" in seen
        return Site(304, (("etag", '"v1"'),), ()) if known else page_of(LINK, ("etag", '"v1"'))

    if face == "wsgi":

        def app(environ: dict[str, Any], start_response: Any) -> Any:
            conditions = {name[5:].replace("_", "-").lower(): str(environ[name]) for name in environ if "HTTP_" in name}
            return wsgi_app(site(conditions))(environ, start_response)

        return ask_wsgi(wsgi.PrivacyMiddleware(app, pipe), environ_of(request)).answer, seen

    async def asgi_site(scope: Any, receive: Any, send: Any) -> None:
        conditions = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        await asgi_app(site(conditions))(scope, receive, send)

    return ask_asgi(asgi.PrivacyMiddleware(asgi_site, pipe), scope_of(request)).answer, seen


def mark(face: str, **settings: str) -> str:
    return (
        header(portal(face, page_of("x", ("etag", '"v1"')), **settings).ask(), "etag").removeprefix('W/"v1').rstrip('"')
    )


@pytest.mark.parametrize(
    ("method", "name", "sent", "seen"),
    [
        ("GET", "if-none-match", 'W/"v1{mark}"', 'W/"v1"'),
        ("GET", "if-none-match", '"v1"', None),  # of a page kept from before us: its links are direct
        ("GET", "if-none-match", 'W/"v1"', None),
        ("GET", "if-none-match", "*", None),
        ("GET", "if-none-match", 'W/"v0", W/"v1{mark}", "v1"', 'W/"v1"'),
        ("GET", "if-none-match", 'W/"v1-pmw00000000"', None),
        ("GET", "if-none-match", "junk{mark}", None),
        ("GET", "if-none-match", "\x7f" * 99, None),
        ("GET", "if-modified-since", "Tue, 24 Nov 2026 00:00:00 GMT", None),
        ("HEAD", "if-modified-since", "Tue, 24 Nov 2026 00:00:00 GMT", None),
        ("GET", "if-range", '"v1"', None),
        ("GET", "if-match", '"v1"', None),
        ("GET", "if-unmodified-since", "Tue, 24 Nov 2026 00:00:00 GMT", None),
        ("PUT", "if-match", '"v1"', '"v1"'),  # guards against a lost update
        ("PUT", "if-match", 'W/"v1{mark}"', 'W/"v1"'),
        ("POST", "if-unmodified-since", "Tue, 24 Nov 2026 00:00:00 GMT", "Tue, 24 Nov 2026 00:00:00 GMT"),
    ],
)
def test_what_the_app_sees_of_a_validator(face: str, method: str, name: str, sent: str, seen: str | None) -> None:
    value = sent.replace("{mark}", mark(face))
    answer, conditions = conditional(face, Request(method, headers=(*BROWSER, (name, value))))
    assert conditions.get(name) == seen
    assert answer.status == (304 if name == "if-none-match" and seen else 200)
    assert answer.status == 200 or header(answer, "etag") == f'W/"v1{mark(face)}"'


def test_other_files_keep_their_validators(face: str) -> None:
    request = Request(headers=(("accept", "image/*,*/*;q=0.8"), ("host", HOST), ("if-none-match", '"v1"')))
    answer, conditions = conditional(face, request)
    assert (answer.status, header(answer, "etag")) == (304, '"v1"')
    assert conditions == {"if-none-match": '"v1"'}


@pytest.mark.parametrize(
    "settings",
    [{"outbound_mode": "annotate"}, {"outbound_trusted": "a.example"}, {"sites": "b.example"}, {"prefix": "/p"},
     {"secret_key": OTHER_SECRET}],
)  # fmt: skip
def test_other_settings_have_another_mark(face: str, settings: dict[str, str]) -> None:
    assert mark(face) != mark(face, **settings)


def test_with_links_off_validators_are_the_apps_own(face: str) -> None:
    request = Request(headers=(*BROWSER, ("if-none-match", '"v1"')))
    assert conditional(face, request, outbound_mode="off", mail_links="off")[0].status == 304


# --- redirects of the app's


@pytest.mark.parametrize(
    ("location", "host"),
    [("https://login.example/x", "login.example"), ("/y", ""), ("//[", ""), ("é\x7f", ""), (f"https://{HOST}/", "")],
)
def test_a_location_is_left_alone_and_counted(face: str, location: str, host: str, tmp_path: Any) -> None:
    site = portal(face, Site(302, (("location", location),), ()), addresses_mode="off", data=str(tmp_path))
    assert header(site.ask(), "location") == location
    site.started.pipeline.close()
    counted = read_counts(tmp_path).get("redirects", {})
    assert counted == ({host: 1} if host else {})


def test_forms_that_post_elsewhere_are_counted(face: str, tmp_path: Any) -> None:
    site = portal(face, page_of('<form method=post action="//o.example">'), data=str(tmp_path), addresses_mode="off")
    site.ask()
    site.started.pipeline.close()
    assert read_counts(tmp_path)["outbound"] == {"forms that post to another site": 1}


# --- the leaving page


def leaving(site: Portal, target: str, *headers: tuple[str, str], **more: Any) -> Answer:
    return site.ask(f"/privacy/leaving/{seal_of(site).seal(target)}", *headers, **more)


HEADERS = {
    "cache-control": "no-store",
    "x-robots-tag": "noindex, nofollow",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
}


@pytest.mark.parametrize("mode", ["on", "observe", "off"])
@pytest.mark.parametrize("outbound", ["interstitial", "annotate", "off"])
@pytest.mark.proves("outbound.mode")
def test_the_page_names_the_destination(face: str, mode: str, outbound: str) -> None:
    answer = leaving(portal(face, mode=mode, outbound_mode=outbound), OUT)
    text = answer.body.decode()
    assert answer.status == 200
    assert (
        '<span class="quiet">https://</span><strong>other.example</strong><span class="quiet">/a?b=c#d</span>' in text
    )
    assert text.count(f'href="{OUT}"') == 1
    assert 'referrerpolicy="no-referrer"' in text
    assert "<script" not in text
    assert "refresh" not in text.lower()
    assert {name: header(answer, name) for name in HEADERS} == HEADERS
    assert "set-cookie" not in names(answer)


@pytest.mark.parametrize(
    "token",
    ["", "x", "a.b", "..", "%00", "\x00", "é" * 20, "x" * 9_000, "s0.AAAA", "a/b", ".".join("x" * 99)],
)
@pytest.mark.proves("outbound.scope")
def test_a_token_that_is_not_ours_leads_nowhere(face: str, token: str) -> None:
    answer = portal(face).ask(f"/privacy/leaving/{token}")
    assert answer.status == 404
    assert b"other.example" not in answer.body
    assert answer.body.count(b"href=") == 5  # style, skip, home, and two at the foot


def test_a_token_that_was_changed_or_cut_leads_nowhere(face: str) -> None:
    site = portal(face)
    token = seal_of(site).seal(OUT)
    for place in range(0, len(token), 7):
        for other in (token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :], token[:place]):
            assert site.ask(f"/privacy/leaving/{other}").status == 404


def test_another_machines_token_leads_nowhere(face: str) -> None:
    other = seal_of(portal(face, secret_key=OTHER_SECRET)).seal(OUT)
    forged = LinkSeal([(seal_of(portal(face)).first, bytes(KEY_BYTES))]).seal(OUT)
    for token in (other, forged):
        assert portal(face).ask(f"/privacy/leaving/{token}").status == 404


def test_a_key_that_was_rotated_out_of_use_still_opens_links(face: str) -> None:
    token = seal_of(portal(face)).seal(OUT)
    both = portal(face, secret_key=f"{OTHER_SECRET}, a secret that the tests know of")
    assert both.ask(f"/privacy/leaving/{token}").status == 200


@pytest.mark.parametrize(
    ("target", "query", "address"),
    [
        (OUT, "evil=1", OUT),  # an `a` link takes no query
        ("?https://other.example/s?old=1", "q=a+b&c=%3C", "https://other.example/s?q=a+b&c=%3C"),
        ("?https://other.example/s", "", "https://other.example/s"),
        ("?https://other.example/s", 'q="><b>%E9', "https://other.example/s?q=%22%3E%3Cb%3E%E9"),
    ],
)
def test_a_form_carries_its_fields(face: str, target: str, query: str, address: str) -> None:
    text = leaving(portal(face), target, *BROWSER, query=query).body.decode()
    assert f'href="{address}"'.replace("&", "&amp;") in text


HOSTILE = [
    "https://other.example/\"><script>alert(1)</script>",
    "https://other.example/'onclick='x",
    "https://other.example/?<b>",
    "https://other.example/\u202egnp.exe",
    "https://other.example/#\"><img src=x>",
    "https://a'b\"c.example/",
    "https://a&lt;b.example/",
    "https://xn--bcher-kva.example/",
    "https://xn--zzzzzz99.example/",
    "https://\u0430\u0440\u0440\u04cf\u0435.example/",
    "http://[::1]:8080/",
    "http://0x7f.1/",
    "https://other.example:8443/x@y",
]  # fmt: skip


@pytest.mark.parametrize("address", HOSTILE)
def test_hostile_addresses_are_shown_and_harm_nothing(face: str, address: str) -> None:
    page = '<a href="' + address.replace("&", "&amp;").replace('"', "&quot;") + '">x</a>'
    site = portal(face, page_of(page, ("content-type", "text/html; charset=utf-8")))
    link = LEAVING.search(site.ask().body.decode())
    if link is None:  # no browser takes it for an address either
        return
    target = seal_of(site).open(link[0].rpartition("/")[2])
    text = site.ask(link[0]).body.decode()
    assert target is not None
    assert unescape(text).count(f'href="{target}"') == 1
    for sign in ("<script", "<img", "<b>", "'onclick", "\u202e"):
        assert sign not in text
    assert len(re.findall(r"<a [^>]*>", text)) == len(re.findall(r"<a [^>]*>", leaving(site, OUT).body.decode()))


@pytest.mark.parametrize(
    ("host", "readable"),
    [
        ("xn--bcher-kva.example", "bücher.example"),
        ("xn--80ak6aa92e.com", "\u0430\u0440\u0440\u04cf\u0435.com"),
        ("other.example", ""),
    ],
)
def test_an_international_name_is_shown_both_ways(face: str, host: str, readable: str) -> None:
    text = leaving(portal(face), f"https://{host}/").body.decode()
    assert f"<strong>{host}</strong>" in text
    assert ("In letters" in text) == bool(readable)
    assert f"<bdi>{readable}</bdi>" in text or not readable


@pytest.mark.parametrize(
    ("referer", "back"),
    [
        (f"https://{HOST}/page?x=1", "/page?x=1"),
        (f"https://{HOST}//evil.example", "/evil.example"),
        (f"https://{HOST}/\\evil.example", "/evil.example"),
        (f"https://{HOST}/\\/\\evil.example", "/evil.example"),
        (f"https://{HOST}", "/"),
        ("https://evil.example/page", "/"),
        (f"https://{HOST}@evil.example/", "/"),
        (f"https://{HOST}.evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("https://[bad/", "/"),
        ("\"><script>", "/"),
        ("", "/"),
    ],
)  # fmt: skip
def test_the_way_back_stays_here(face: str, referer: str, back: str) -> None:
    text = leaving(portal(face), OUT, *BROWSER, ("referer", referer)).body.decode()
    assert f'<a class="button plain" href="{back}">Stay here</a>' in text


def test_under_a_mount_the_pages_own_links_have_the_prefix(face: str) -> None:
    text = leaving(portal(face), OUT, *BROWSER, root="/app").body.decode()
    assert 'href="/app/">Stay here' in text
    assert 'action="/app/privacy/leaving/' in text


# --- not to be asked again


@pytest.mark.parametrize(("again", "same", "other"), [("site", 303, 200), ("all", 303, 303), ("", 200, 200)])
@pytest.mark.proves("outbound.remember")
def test_not_asked_again(face: str, again: str, same: int, other: int) -> None:
    site = portal(face)
    path = f"/privacy/leaving/{seal_of(site).seal(OUT)}"
    answer = site.post(path, f"again={again}" if again else "")
    cookie = cookie_of(answer)
    assert (answer.status, b"Saved." in answer.body) == (200, True)
    assert leaving(site, OUT, *BROWSER, cookie).status == same
    assert leaving(site, "https://second.example/", *BROWSER, cookie).status == other


@pytest.mark.proves("outbound.remember")
def test_the_redirect_is_kept_nowhere_and_tells_nothing(face: str) -> None:
    site = portal(face)
    cookie = cookie_of(site.post("/privacy/choices", "outside=direct"))
    answer = leaving(site, OUT, *BROWSER, cookie)
    assert header(answer, "location") == OUT
    assert (header(answer, "referrer-policy"), header(answer, "cache-control")) == ("no-referrer", "no-store")
    forged = LinkSeal([(seal_of(site).first, bytes(KEY_BYTES))]).seal(OUT)
    assert site.ask(f"/privacy/leaving/{forged}", *BROWSER, cookie).status == 404


@pytest.mark.parametrize("cookie", ["__Host-privacy=v=1&out=direct", "__Host-privacy=", "privacy=x", "\x7f"])
def test_only_a_valid_preference_redirects(face: str, cookie: str) -> None:
    assert leaving(portal(face), OUT, *BROWSER, ("cookie", cookie)).status == 200


@pytest.mark.parametrize(
    ("body", "headers", "status", "saved"),
    [
        ("again=site", (*NAVIGATION, FORM), 200, True),
        ("again=site", (*BROWSER, ("sec-fetch-site", "cross-site"), FORM), 200, False),
        ("again=site", (*BROWSER, FORM), 200, False),
        ("again=every", (*NAVIGATION, FORM), 400, False),
        ("again=site&again=all", (*NAVIGATION, FORM), 400, False),
        ("again=site", NAVIGATION, 400, False),
        (b"\xff\xfe", (*NAVIGATION, FORM), 400, False),
        ("x" * 1_000_000, (*NAVIGATION, FORM), 413, False),
    ],
)
def test_posts_to_the_page(
    face: str, body: str | bytes, headers: tuple[tuple[str, str], ...], status: int, saved: bool
) -> None:
    site = portal(face)
    answer = site.post(f"/privacy/leaving/{seal_of(site).seal(OUT)}", body, *headers)
    assert (answer.status, "set-cookie" in names(answer)) == (status, saved)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods(face: str, method: str) -> None:
    answer = leaving(portal(face), OUT, method=method)
    assert (answer.status, header(answer, "allow")) == (405, "GET, HEAD, POST")


def test_twenty_hosts_are_remembered_the_oldest_go(face: str) -> None:
    site = portal(face)
    cookie: tuple[tuple[str, str], ...] = ()
    for number in range(22):
        path = f"/privacy/leaving/{seal_of(site).seal(f'https://n{number}.example/')}"
        cookie = (cookie_of(site.post(path, "again=site", *NAVIGATION, FORM, *cookie)),)
    statuses = [leaving(site, f"https://n{number}.example/", *BROWSER, *cookie).status for number in (1, 2, 21)]
    assert statuses == [200, 303, 303]


# --- layers and streams


def test_two_layers_have_one_effect(face: str) -> None:
    inner, outer = portal(face).started.pipeline, portal(face).started.pipeline
    view = page_of(LINK, ("etag", '"v1"'))
    if face == "wsgi":
        twice = wsgi.PrivacyMiddleware(wsgi.PrivacyMiddleware(wsgi_app(view), inner), outer)
        answer = ask_wsgi(twice, environ_of(Request(headers=BROWSER))).answer
    else:
        double = asgi.PrivacyMiddleware(asgi.PrivacyMiddleware(asgi_app(view), inner), outer)
        answer = ask_asgi(double, scope_of(Request(headers=BROWSER))).answer
    assert answer == portal(face, view).ask()


def test_the_first_bytes_go_out_before_the_last_come_in(face: str) -> None:
    site, events = portal(face), list[bytes]()
    parts = (b"<p>first</p><p>", LINK.encode(), b"<p>last</p>")
    if face == "wsgi":

        def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [("Content-Type", "text/html")])
            for part in parts:
                events.append(b"in " + part)
                yield part

        body = wsgi.PrivacyMiddleware(app, site.started.pipeline)(environ_of(Request()), lambda *_: lambda _: None)
        with closing(body):
            events.extend(b"out " + chunk for chunk in body)  # one by one, as the server takes them
    else:

        async def asgi_site(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
            for part in parts:
                events.append(b"in " + part)
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body"})

        async def hear(message: Any) -> None:
            events.append(b"out " + message.get("body", b""))

        run_asyncio(asgi.PrivacyMiddleware(asgi_site, site.started.pipeline), scope_of(Request()), None, hear)
    first_out = next(place for place, each in enumerate(events) if each.startswith(b"out <p>first"))
    assert first_out < events.index(b"in <p>last</p>")


@given(
    href=st.text(st.characters(exclude_characters='"', max_codepoint=0x2FFF, exclude_categories=["Cs"]), max_size=40)
)
def test_no_link_raises(face: str, href: str) -> None:
    site = portal_once(face)._replace(view=lambda _: page_of(f'<a href="{href}">x</a>'))
    assert site.ask().status == 200


portal_once = cache(portal)
