"""What a visitor may choose: the page, the forms, and what a view reads."""

import pytest

from faces import Site
from privacymw.errors import PrivacyError
from privacymw.view import Visit
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
PAGE = "/privacy/choices"
EVERYTHING = {"choices_categories": "statistics, sale", "choices_preferences": "language=en|es"}
SAVED = "outside=direct&c.statistics=1&c.sale=0&p.language=es&do=save"


def shows_language(visit: Visit) -> Site:
    return page_of(f"<p>{visit.preferences['language']}</p>")


@pytest.mark.parametrize("mode", ["on", "observe", "off"])
def test_an_answer_that_hangs_on_a_preference_is_private_in_every_mode(face: str, mode: str) -> None:
    answer = portal(face, shows_language, mode=mode, choices_preferences="language=en|es").ask()
    assert (header(answer, "vary"), header(answer, "cache-control")) == ("Cookie", "private")


# --- the page


@pytest.mark.parametrize(
    ("settings", "shown", "hidden"),
    [
        ({}, ['name="outside"', "Save"], ['name="c.', 'name="p.', "nothing to choose"]),
        ({"outbound_mode": "annotate"}, ["nothing to choose"], ["<form", "Clear all"]),
        ({"choices_saved": "off", **EVERYTHING}, ["nothing to choose"], ["<form"]),
        ({"secret_key": "", **EVERYTHING}, ["nothing to choose"], ["<form"]),
        ({"outbound_mode": "off", "choices_categories": "ads"}, ['name="c.ads"', "Save<"], ['name="outside"']),
        ({"outbound_mode": "off", "confidential_paths": "/members"}, ['name="outside"'], ["nothing to choose"]),
        (EVERYTHING, ['name="c.sale"', 'name="p.language" value="es"'], ["nothing to choose"]),
    ],
)
def test_the_page_shows_only_what_something_keeps(
    face: str, settings: dict[str, str], shown: list[str], hidden: list[str]
) -> None:
    text = portal(face, **settings).ask(PAGE).body.decode()
    assert all(each in text for each in shown)
    assert not any(each in text for each in hidden)


@pytest.mark.parametrize("mode", ["on", "observe", "off"])
@pytest.mark.proves("choices.cookie")
def test_the_page_sets_no_cookie_and_stays_out_of_caches(face: str, mode: str) -> None:
    answer = portal(face, mode=mode).ask(PAGE)
    assert answer.status == 200
    assert header(answer, "cache-control") == "no-store"
    assert header(answer, "referrer-policy") == "same-origin"
    assert "default-src 'none'" in header(answer, "content-security-policy")
    assert "set-cookie" not in names(answer)
    assert b"<script" not in answer.body


@pytest.mark.parametrize("settings", [{"choices_saved": "off"}, {"secret_key": ""}, {"outbound_mode": "annotate"}])
@pytest.mark.proves("choices.none")
def test_where_no_choice_is_kept_no_page_sets_a_cookie(face: str, settings: dict[str, str]) -> None:
    token = portal(face).started.services.links.seal("https://other.example/")  # type: ignore[union-attr]
    site = portal(face, page_of("no", status=404), **settings)
    for path, body in ((PAGE, "outside=direct"), (PAGE, "do=clear"), (f"/privacy/leaving/{token}", "again=all")):
        assert "set-cookie" not in names(site.post(path, body))
    assert header(site.post(PAGE, "do=save"), "allow") == "GET, HEAD"
    assert b"/privacy/choices" not in site.ask("/privacy/notice").body


# --- saving and clearing


def saved(site: Portal, body: str = SAVED) -> tuple[str, str]:
    answer = site.post(PAGE, body)
    assert (answer.status, header(answer, "location")) == (303, f"{PAGE}?saved")
    return cookie_of(answer)


@pytest.mark.proves("choices.page")
def test_what_is_saved_is_shown_and_obeyed(face: str) -> None:
    site = portal(face, shows_language, **EVERYTHING)
    cookie = saved(site)
    text = site.ask(f"{PAGE}", *BROWSER, cookie, query="saved").body.decode()
    assert "Your choices are saved." in text
    for field in (
        '"outside" value="direct"',
        '"c.statistics" value="1"',
        '"c.sale" value="0"',
        '"p.language" value="es"',
    ):
        assert f"name={field} checked" in text
    assert site.ask("/", *BROWSER, cookie).body == b"<p>es</p>"


def test_what_a_form_leaves_out_stays(face: str) -> None:
    site = portal(face, **EVERYTHING)
    cookie = saved(site)
    again = cookie_of(site.post(PAGE, "c.statistics=0", *NAVIGATION, FORM, cookie))
    text = site.ask(PAGE, *BROWSER, again).body.decode()
    for field in ('"outside" value="direct"', '"c.statistics" value="0"', '"p.language" value="es"'):
        assert f"name={field} checked" in text


@pytest.mark.proves("choices.page")
def test_clear_all_expires_the_cookie(face: str) -> None:
    site = portal(face)
    answer = site.post(PAGE, "do=clear")
    assert header(answer, "location") == f"{PAGE}?cleared"
    assert header(answer, "set-cookie").startswith("__Host-privacy=; ")
    assert "Max-Age=0" in header(answer, "set-cookie")


def test_hosts_not_asked_of_again_can_be_unticked(face: str) -> None:
    site = portal(face)
    sealed = site.started.services.links
    assert sealed is not None
    cookie = cookie_of(site.post(f"/privacy/leaving/{sealed.seal('https://other.example/')}", "again=site"))
    assert 'value="other.example" checked' in site.ask(PAGE, *BROWSER, cookie).body.decode()
    for body, kept in [("outside=ask", False), ("outside=ask&site=other.example&site=never.example", True)]:
        again = cookie_of(site.post(PAGE, body, *NAVIGATION, FORM, cookie))
        text = site.ask(PAGE, *BROWSER, again).body
        assert (b"other.example" in text) == kept
        assert b"never.example" not in text


@pytest.mark.parametrize(("root", "location"), [("/app", "/app"), ("/ä b", "/%C3%A4%20b")])
def test_under_a_mount(face: str, root: str, location: str) -> None:
    site = portal(face)
    assert f'action="{root}{PAGE}"' in site.ask(PAGE, root=root).body.decode()
    assert header(site.post(PAGE, "do=save", root=root), "location") == f"{location}{PAGE}?saved"


# --- posts from elsewhere


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ((("host", HOST), ("sec-fetch-site", "same-origin")), 303),
        ((("host", HOST), ("sec-fetch-site", "same-site")), 403),
        ((("host", HOST), ("sec-fetch-site", "cross-site")), 403),
        ((("host", HOST), ("sec-fetch-site", "none")), 403),
        ((("host", HOST), ("sec-fetch-site", "cross-site"), ("origin", f"https://{HOST}")), 403),
        ((("host", HOST), ("origin", f"https://{HOST}")), 303),
        ((("host", HOST.upper()), ("origin", f"http://{HOST}")), 303),
        ((("host", HOST), ("origin", f"https://{HOST}:8443")), 403),
        ((("host", HOST), ("origin", "https://evil.example")), 403),
        ((("host", HOST), ("origin", f"https://{HOST}@evil.example")), 403),
        ((("host", HOST), ("origin", "null")), 403),
        ((("host", HOST), ("origin", "https://[bad")), 403),
        ((("host", HOST),), 403),
        ((("origin", "null"),), 403),
        ((), 403),
    ],
)
def test_only_our_own_pages_may_post(face: str, headers: tuple[tuple[str, str], ...], status: int) -> None:
    answer = portal(face).post(PAGE, "do=save", FORM, *headers)
    assert answer.status == status
    assert ("set-cookie" in names(answer)) == (status == 303)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ("colour=red", FORM[1], 400),
        ("c.sale=0", FORM[1], 400),
        ("c.statistics=2", FORM[1], 400),
        ("c.statistics=0&c.statistics=1", FORM[1], 400),
        ("p.language=fr", FORM[1], 400),
        ("p.language=<script>", FORM[1], 400),
        ("outside=never", FORM[1], 400),
        ("site=other.example", FORM[1], 400),
        ("do=destroy", FORM[1], 400),
        ("do=save", "text/plain", 400),
        ("do=save", "multipart/form-data; boundary=x", 400),
        ("do=save", "", 400),
        (b"\x00\xff\xfe" * 99, FORM[1], 400),
        ("c.statistics=%ff%fe", FORM[1], 400),
        ("&".join(["a=1"] * 201), FORM[1], 400),
        ("x" * 1_000_000, FORM[1], 413),
    ],
)
def test_a_bad_form_changes_nothing_and_says_so(face: str, body: str | bytes, kind: str, status: int) -> None:
    site = portal(face, choices_categories="statistics", choices_preferences="language=en|es")
    answer = site.post(PAGE, body, *NAVIGATION, ("content-type", kind))
    assert answer.status == status
    assert "set-cookie" not in names(answer)
    assert b"Nothing was changed" in answer.body or status == 413
    assert b"<script" not in answer.body


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        (PAGE, "HEAD", 200),
        (PAGE, "PUT", 405),
        (PAGE, "DELETE", 405),
        (PAGE, "OPTIONS", 405),
        ("/privacy/notice", "POST", 405),
        ("/privacy/notice", "HEAD", 200),
    ],
)
def test_methods(face: str, path: str, method: str, status: int) -> None:
    answer = portal(face).ask(path, method=method)
    assert answer.status == status
    assert header(answer, "allow") == ("" if status == 200 else "GET, HEAD" + ", POST" * (path == PAGE))
    assert not answer.body or method != "HEAD"


# --- what a view reads


@pytest.mark.parametrize(
    ("view", "vary"),
    [
        (lambda visit: page_of("x"), ""),
        (lambda visit: page_of(visit.client or ""), ""),
        (lambda visit: page_of(visit.outbound_url("https://other.example/")), ""),
        (lambda visit: page_of(str(visit.choices.allows("statistics"))), "Cookie"),
        (shows_language, "Cookie"),
        (lambda visit: page_of(str(visit.signals.gpc)), "Sec-GPC"),
        (lambda visit: page_of(visit.preferences["language"] + str(visit.signals.gpc)), "Cookie, Sec-GPC"),
    ],
)
def test_an_answer_is_private_only_where_the_view_looked(face: str, view: object, vary: str) -> None:
    site = portal(face, view, choices_categories="statistics", choices_preferences="language=en|es")  # type: ignore[arg-type]
    answer = site.ask()
    assert header(answer, "vary") == vary
    assert header(answer, "cache-control") == ("private" if vary else "")


def test_the_apps_own_cache_control_is_made_private(face: str) -> None:
    def view(visit: Visit) -> Site:
        return page_of(visit.preferences["language"], ("cache-control", "public, max-age=60"), ("vary", "Accept"))

    answer = portal(face, view, **EVERYTHING).ask()
    assert (header(answer, "cache-control"), header(answer, "vary")) == ("private, max-age=60", "Accept, Cookie")


def test_a_preference_that_a_view_sets_rides_in_the_cookie(face: str) -> None:
    def view(visit: Visit) -> Site:
        visit.preferences["language"] = "es"
        return page_of(visit.preferences["language"], ("set-cookie", "app=1"))

    answer = portal(face, view, **EVERYTHING).ask()
    assert [value.partition("=")[0] for name, value in answer.headers if name == "set-cookie"] == [
        "app",
        "__Host-privacy",
    ]
    ours = next(value.partition(";")[0] for _, value in answer.headers if value.startswith("__Host-privacy"))
    assert portal(face, shows_language, **EVERYTHING).ask("/", *BROWSER, ("cookie", ours)).body == b"<p>es</p>"


def test_a_preference_taken_back_has_its_default(face: str) -> None:
    def view(visit: Visit) -> Site:
        del visit.preferences["language"]
        return page_of("".join(visit.preferences.values()) + str(len(visit.preferences)))

    site = portal(face, view, **EVERYTHING)
    assert site.ask("/", *BROWSER, saved(site)).body == b"en1"


@pytest.mark.parametrize("stranger", ["fr", "", "es; Path=/"])
def test_a_preference_no_longer_offered_has_its_default(face: str, stranger: str) -> None:
    before = portal(face, choices_preferences="language=en|fr|es; Path=/|x", outbound_mode="off")
    cookie = cookie_of(before.post(PAGE, f"p.language={stranger or 'x'}"))
    assert portal(face, shows_language, **EVERYTHING).ask("/", *BROWSER, cookie).body == b"<p>en</p>"


@pytest.mark.parametrize(
    ("model", "gpc", "cookie", "statistics", "sale"),
    [
        ("opt-in", "", "", False, False),
        ("opt-in", "1", "", False, False),
        ("opt-in", "", "c.statistics=1&c.sale=1", True, True),
        ("opt-in", "1", "c.statistics=1&c.sale=1", True, True),
        ("opt-in", "", "unverifiable", False, False),
        ("opt-out", "", "", True, True),
        ("opt-out", "1", "", True, False),
        ("opt-out", "0", "", True, True),
        ("opt-out", "true", "", True, True),
        ("opt-out", "0, 1", "", True, False),
        ("opt-out", "", "c.statistics=0&c.sale=0", False, False),
        ("opt-out", "1", "c.sale=1", True, True),
        ("opt-out", "1", "c.sale=0", True, False),
        ("opt-out", "", "unverifiable", False, False),
        ("opt-out", "1", "unverifiable", False, False),
    ],
)
@pytest.mark.proves("choices.{category}")
def test_what_is_allowed(face: str, model: str, gpc: str, cookie: str, statistics: bool, sale: bool) -> None:
    settings = {"choices_model": model, "choices_categories": "statistics, sale"}

    def view(visit: Visit) -> Site:
        return page_of(f"{visit.choices.allows('statistics')} {visit.choices.allows('sale')}")

    site = portal(face, view, **settings)
    chosen = () if not cookie else (_sent(face, cookie, settings),)
    answer = site.ask("/", *BROWSER, *chosen, *((("sec-gpc", gpc),) if gpc else ()))
    assert answer.body.decode() == f"{statistics} {sale}"
    assert header(answer, "vary") == "Cookie, Sec-GPC"


def _sent(face: str, body: str, settings: dict[str, str]) -> tuple[str, str]:
    if body == "unverifiable":
        return cookie_of(portal(face, secret_key=OTHER_SECRET, **settings).post(PAGE, "c.statistics=1&c.sale=1"))
    return cookie_of(portal(face, **settings).post(PAGE, body))


def test_a_preference_stored_over_an_unverifiable_cookie_keeps_its_refusals(face: str) -> None:
    def view(visit: Visit) -> Site:
        visit.preferences["language"] = "es"
        return page_of(str(visit.choices.allows("statistics")))

    settings = {**EVERYTHING, "choices_model": "opt-out"}
    site = portal(face, view, **settings)
    first = site.ask("/", *BROWSER, _sent(face, "unverifiable", EVERYTHING))
    assert first.body == b"False"
    assert site.ask("/", *BROWSER, cookie_of(first)).body == b"False"
    partly = cookie_of(site.post(PAGE, "p.language=es", *NAVIGATION, FORM, cookie_of(first)))
    assert site.ask("/", *BROWSER, partly).body == b"False"
    answered = cookie_of(site.post(PAGE, SAVED, *NAVIGATION, FORM, cookie_of(first)))
    assert site.ask("/", *BROWSER, answered).body == b"True"


@pytest.mark.parametrize(
    ("asks", "words"),
    [
        (lambda visit: visit.choices.allows("ads"), ["'ads'", "statistics, sale", "CATEGORIES=statistics,sale,ads"]),
        (lambda visit: visit.preferences["colour"], ["'colour'", "language", "PREFERENCES=colour=first|second"]),
        (lambda visit: visit.preferences.update(language="fr"), ["'fr'", "en, es"]),
    ],
)
def test_an_error_names_what_is_declared_and_the_line_to_paste(face: str, asks: object, words: list[str]) -> None:
    def view(visit: Visit) -> Site:
        with pytest.raises(PrivacyError) as caught:
            asks(visit)  # type: ignore[operator]
        return page_of(str(caught.value))

    text = portal(face, view, **EVERYTHING).ask().body.decode()
    assert all(word in text for word in words)


@pytest.mark.parametrize("settings", [{"choices_saved": "off"}, {"secret_key": ""}])
@pytest.mark.parametrize("model", ["opt-in", "opt-out"])
def test_where_no_choice_is_kept_the_answer_is_no(face: str, settings: dict[str, str], model: str) -> None:
    def view(visit: Visit) -> Site:
        with pytest.raises(PrivacyError, match="PRIVACYMW_SECRET_KEY or PRIVACYMW_DATA"):
            visit.preferences["language"] = "es"
        return page_of(f"{visit.choices.allows('sale')} {visit.preferences['language']}")

    answer = portal(face, view, **{**EVERYTHING, **settings}, choices_model=model).ask()
    assert answer.body == b"False en"
    assert not {"vary", "cache-control", "set-cookie"} & names(answer)


def test_preferences_are_a_mapping_of_what_is_declared(face: str) -> None:
    def view(visit: Visit) -> Site:
        found = visit.preferences
        return page_of(f"{'language' in found} {'colour' in found} {found.get('colour', 'red')} {dict(found)}")

    assert portal(face, view, **EVERYTHING).ask().body == b"True False red {'language': 'en'}"
