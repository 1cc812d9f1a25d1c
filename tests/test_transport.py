"""https only, and the policy headers."""

import pytest

from faces import Site
from sites import FACES, HOST, header, names, page_of, portal

pytestmark = pytest.mark.parametrize("face", FACES)
PROXY = {"trusted_proxies": "192.0.2.1"}  # the peer of every request here
HTTP = ("x-forwarded-proto", "http")
HTTPS = ("x-forwarded-proto", "https")
FETCHED = ("sec-fetch-site", "none")


# --- the redirect


@pytest.mark.parametrize(
    ("redirect", "settings", "headers", "scheme", "sent"),
    [
        ("auto", {}, (), "http", False),  # a proxy that nobody told us of may end https before us
        ("auto", {}, (HTTP,), "http", False),
        ("auto", PROXY, (HTTP,), "http", True),
        ("auto", PROXY, (HTTPS,), "http", False),
        ("auto", PROXY, (("forwarded", "for=1.2.3.4;proto=http"),), "http", True),
        ("auto", PROXY, (("x-forwarded-proto", "http, https"),), "http", False),
        ("auto", PROXY, (), "http", False),
        ("auto", {}, (), "https", False),
        ("on", {}, (), "http", True),
        ("on", {}, (HTTP,), "http", True),
        ("on", {}, (HTTPS,), "http", False),
        ("on", {}, (("x-forwarded-proto", "HTTPS, http"),), "http", False),
        ("on", {}, (("forwarded", "proto=https"),), "http", False),
        ("on", {}, (FETCHED,), "http", False),  # browsers send it over https and on loopback only
        ("on", {}, (), "https", False),
        ("on", PROXY, (HTTP, FETCHED), "http", True),
        ("off", PROXY, (HTTP,), "http", False),
        ("off", {}, (), "http", False),
    ],
)
@pytest.mark.proves("transport.redirect")
def test_plain_http_is_sent_on(
    face: str, redirect: str, settings: dict[str, str], headers: tuple[tuple[str, str], ...], scheme: str, sent: bool
) -> None:
    site = portal(face, transport_redirect=redirect, **settings)
    answer = site.ask("/a b", ("host", HOST), *headers, query="x=%20&y", scheme=scheme)
    assert (answer.status, header(answer, "location")) == (
        (308, f"https://{HOST}/a%20b?x=%20&y") if sent else (200, "")
    )
    assert "strict-transport-security" not in names(answer) or not sent


@pytest.mark.parametrize(
    ("host", "sites", "location"),
    [
        (HOST, "", f"https://{HOST}/"),
        (HOST + ":8080", "", f"https://{HOST}/"),
        (HOST, HOST, f"https://{HOST}/"),
        (HOST.upper(), HOST, f"https://{HOST.upper()}/"),
        ("a." + HOST, f"*.{HOST}", f"https://a.{HOST}/"),
        ("evil.example", HOST, ""),
        (f"{HOST}.evil.example", f"{HOST}, *.{HOST}", ""),
        (f"{HOST}@evil.example", "", ""),
        (f"{HOST}/x", "", ""),
        (f"{HOST}:80:80", "", ""),
        ("", "", ""),
        ("[::1]", "", ""),
        ("é", "", ""),
        ("a b", "", ""),
        ("x" * 9_000, "", ""),
    ],
)
def test_only_a_host_of_ours_goes_into_the_location(face: str, host: str, sites: str, location: str) -> None:
    answer = portal(face, transport_redirect="on", sites=sites).ask("/", ("host", host))
    assert header(answer, "location") == location


@pytest.mark.parametrize(
    ("path", "exempt", "sent"),
    [
        ("/.well-known/acme-challenge/x", None, False),
        ("/health", None, False),
        ("/healthz", None, False),
        ("/health/db", None, False),
        ("/healthy", None, True),
        ("/Health", None, True),
        ("/other", None, True),
        ("/health", "/ping", True),
        ("/ping/", "/ping/", False),
    ],
)
@pytest.mark.proves("transport.exempt")
def test_exempt_paths(face: str, path: str, exempt: str | None, sent: bool) -> None:
    settings = {} if exempt is None else {"transport_exempt": exempt}
    assert (portal(face, transport_redirect="on", **settings).ask(path, ("host", HOST)).status == 308) == sent


@pytest.mark.parametrize(
    ("method", "status"), [("GET", 308), ("HEAD", 308), ("POST", 403), ("PUT", 403), ("OPTIONS", 403), ("X", 403)]
)
def test_what_came_in_clear_is_not_sent_again(face: str, method: str, status: int) -> None:
    answer = portal(face, transport_redirect="on").ask("/", ("host", HOST), method=method, body=b"a=secret")
    assert answer.status == status
    assert b"secret" not in answer.body
    assert header(answer, "cache-control") == "no-store"


def test_a_redirect_keeps_the_mount_and_sets_no_cookie(face: str) -> None:
    answer = portal(face, transport_redirect="on").ask("/ü", ("host", HOST), root="/app")
    assert header(answer, "location") == f"https://{HOST}/app/%C3%BC"
    assert "set-cookie" not in names(answer)


@pytest.mark.parametrize("settings", [{}, PROXY])
@pytest.mark.parametrize("told", [HTTPS, FETCHED])
def test_following_a_redirect_ends(face: str, settings: dict[str, str], told: tuple[str, str]) -> None:
    """Behind a proxy that ends https: what a browser, or the proxy, says then shows it."""
    site = portal(face, transport_redirect="on", **settings)
    assert site.ask("/", ("host", HOST)).status == 308
    assert site.ask("/", ("host", HOST), told).status == 200


# --- headers


@pytest.mark.parametrize(
    ("settings", "scheme", "hsts"),
    [
        ({}, "http", ""),
        ({}, "https", "max-age=3600"),
        ({"headers_preset": "strict"}, "https", "max-age=31536000"),
        ({"headers_preset": "strict"}, "http", ""),
        ({"headers_preset": "off"}, "https", ""),
        ({"headers_preset": "off", "headers_hsts": "1d"}, "https", "max-age=86400"),
        ({"headers_hsts": "730d"}, "https", "max-age=63072000"),
        ({"headers_hsts": "0s"}, "https", ""),
    ],
)
@pytest.mark.proves("headers.hsts")
def test_hsts_goes_over_https_only(face: str, settings: dict[str, str], scheme: str, hsts: str) -> None:
    assert header(portal(face, **settings).ask(scheme=scheme), "strict-transport-security") == hsts


@pytest.mark.parametrize(
    ("preset", "added"),
    [
        ("off", set()),
        ("standard", {"x-content-type-options", "referrer-policy"}),
        (
            "strict",
            {
                "x-content-type-options", "referrer-policy", "content-security-policy", "permissions-policy",
                "cross-origin-opener-policy", "cross-origin-resource-policy",
            },
        ),
    ],
)  # fmt: skip
@pytest.mark.proves("headers.referrer", "headers.nosniff", "headers.strict")
def test_presets(face: str, preset: str, added: set[str]) -> None:
    answer = portal(face, page_of("x"), headers_preset=preset).ask()
    assert names(answer) == {"content-type", *added}


CSP = "content-security-policy"


@pytest.mark.parametrize(
    ("preset", "name", "theirs", "sent"),
    [
        ("standard", "x-content-type-options", "NOSNIFF, nonsense", "nosniff"),
        ("standard", "referrer-policy", "no-referrer", "no-referrer"),
        ("standard", "referrer-policy", "unsafe-url", "strict-origin-when-cross-origin"),
        ("standard", CSP, "script-src *", "script-src *"),
        ("off", "referrer-policy", "unsafe-url", "unsafe-url"),
        ("strict", CSP, "frame-ancestors *", "frame-ancestors *; base-uri 'self'; object-src 'none'"),
        ("strict", "cross-origin-opener-policy", "unsafe-none", "unsafe-none"),
        ("strict", "cross-origin-resource-policy", "cross-origin", "cross-origin"),
        ("strict", "permissions-policy", "camera=(self)", "camera=(self)"),
        ("strict", "strict-transport-security", "max-age=9; preload", "max-age=31536000; preload"),
        ("standard", "strict-transport-security", "max-age=9999999", "max-age=9999999"),
        ("standard", "strict-transport-security", "junk, max-age=\x7f", "max-age=3600"),
    ],
)
@pytest.mark.proves("headers.referrer")
def test_the_apps_own_header_is_merged_and_stands_once(
    face: str, preset: str, name: str, theirs: str, sent: str
) -> None:
    answer = portal(face, page_of("x", (name, theirs)), headers_preset=preset).ask(scheme="https")
    assert header(answer, name) == sent


def test_two_fields_of_the_apps_become_one(face: str) -> None:
    view = Site(200, (("referrer-policy", "origin"), ("x-other", "1"), ("referrer-policy", "no-referrer")))
    answer = portal(face, view).ask()
    assert header(answer, "referrer-policy") == "no-referrer"
    assert header(answer, "x-other") == "1"


@pytest.mark.parametrize("status", [204, 206, 304, 404, 500])
@pytest.mark.proves("headers.nosniff")
def test_headers_stand_on_every_status(face: str, status: int) -> None:
    answer = portal(face, Site(status, (), ())).ask()
    assert header(answer, "x-content-type-options") == "nosniff"


@pytest.mark.parametrize("mode", ["observe", "off"])
def test_a_dry_run_sends_nobody_on(face: str, mode: str) -> None:
    answer = portal(face, page_of("x"), transport_redirect="on", headers_preset="strict", mode=mode).ask(
        "/", ("host", HOST)
    )
    assert (answer.status, answer.headers, answer.body) == (200, [("content-type", "text/html")], b"x")
