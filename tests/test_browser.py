"""A visitor's choices in a real browser, in front of real servers: what is asked of whom, and what is kept."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from neighbours import other_site, page_cache
from privacymw.words import Words
from servers import Server, gunicorn, uvicorn
from sites import portal

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = [pytest.mark.browser, pytest.mark.servers]

APPS = Path(__file__).parent / "apps"
SECRET = "a secret that the tests know of"
DECLARED = """
[[cookies.declared]]
name = "counter"
category = "statistics"
purpose = "counts visits"
lifetime = "30d"
http_only = true
"""
OURS = [f"/privacy/{page}" for page in ("notice", "choices", "evidence", "es/notice", "es/choices", "es/evidence")]
EMBEDS = {"/film", "/map.svg", "/count.js"}
SERVERS = {"flask": (gunicorn, "embeds:app"), "starlette": (uvicorn, "embeds:asgi")}


class Stage:
    """A site, the other site whose parts stand in its pages, and what a browser asked of that."""

    def __init__(self, server: Server, other: str, asked: list[str]) -> None:
        self.url = server.url
        self.server = server
        self.other = other
        self.asked = asked


@contextlib.contextmanager
def staged(kind: str, folder: Path, *, declared: str = DECLARED, **env: str) -> Iterator[Stage]:
    start, app = SERVERS[kind]
    config = folder / "privacy.toml"
    config.write_text(declared)
    settings = {
        "PRIVACYMW_DATA": "none",
        "PRIVACYMW_SECRET_KEY": SECRET,
        "PRIVACYMW_CONFIG": str(config),
        "PRIVACYMW_CHOICES_BAR": "on",
        "PRIVACYMW_COOKIES_GUARD": "enforce",
        **env,
    }
    with other_site() as (other, asked), start(app, folder=APPS, env={"OTHER": other, **settings}) as server:
        yield Stage(server, other, asked)
        assert "Traceback" not in server.log, server.log


@pytest.fixture(scope="module", params=SERVERS)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(request.param, tmp_path_factory.mktemp("site")) as stage:
        yield stage


@pytest.fixture
def stage(shared: Stage) -> Stage:
    shared.asked.clear()
    return shared


@pytest.fixture
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context() as context:
        yield context


def cookies(page: Page) -> dict[str, Any]:
    return {each["name"]: each for each in page.context.cookies()}


def bar(page: Page) -> Any:
    return page.get_by_role("region", name="Your choices")


def opened(page: Page, url: str) -> Page:
    page.goto(url, wait_until="networkidle")
    return page


def chosen(page: Page, stage: Stage, answer: str) -> None:
    """Answers on the page of choices."""
    opened(page, stage.url + "/privacy/choices")
    page.get_by_role("group", name="Statistics").get_by_label(answer).check()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Your choices are saved.").wait_for()


def loaded(page: Page, stage: Stage) -> set[str]:
    """What was asked of the other site, once all there is has come."""
    for _ in range(100):
        if set(stage.asked) >= EMBEDS:
            break
        page.wait_for_timeout(50)
    return set(stage.asked)


def decided(page: Page, answer: str) -> None:
    bar(page).get_by_role("button", name=answer).click()
    bar(page).wait_for(state="hidden")


# --- before, and after, a choice


@pytest.mark.parametrize("path", ["/", "/plain", *OURS])
def test_before_a_choice_nobody_else_is_asked_and_no_cookie_is_set(stage: Stage, page: Page, path: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    opened(page, stage.url + path)
    assert [url for url in asked if not url.startswith(stage.url)] == []
    assert stage.asked == []
    assert cookies(page) == {}


def test_a_yes_loads_what_waited_and_is_kept_until_it_is_taken_back(stage: Stage, page: Page) -> None:
    opened(page, stage.url)
    assert page.get_by_text("It loads only if you allow statistics.").count() == 2
    decided(page, "Accept")
    assert loaded(page, stage) == EMBEDS
    page.frame_locator("iframe").get_by_text("The film.").wait_for()
    dataset = page.evaluate("({...document.documentElement.dataset})")
    assert dataset == {"inline": "ran", "counted": "yes"}, "the category that nobody declared waits on"
    assert page.get_by_text("It loads only").count() == 0
    assert page.get_by_role("status").inner_text() == "Saved. You can change it under Your choices."
    assert {name: each["httpOnly"] for name, each in cookies(page).items()} == {"privacy": True, "privacy-view": False}

    stage.asked.clear()
    opened(page, stage.url + "/second")
    assert bar(page).count() == 0
    assert loaded(page, stage) == EMBEDS

    chosen(page, stage, "No")
    stage.asked.clear()
    opened(page, stage.url)
    assert stage.asked == []
    assert bar(page).count() == 0, "a no is an answer"


def test_a_no_is_kept_and_clearing_it_asks_again(stage: Stage, page: Page) -> None:
    opened(page, stage.url)
    decided(page, "Refuse")
    opened(page, stage.url)
    assert bar(page).count() == 0
    assert stage.asked == []
    opened(page, stage.url + "/privacy/choices")
    page.get_by_role("button", name="Clear all").click()
    page.get_by_text("Your choices are cleared.").wait_for()
    assert cookies(page) == {}
    assert bar(opened(page, stage.url)).count() == 1


def test_a_refused_cookie_goes_though_no_script_can_see_it(stage: Stage, page: Page) -> None:
    opened(page, stage.url + "/count")
    assert "counter" not in cookies(page), "before a choice"
    decided(opened(page, stage.url), "Accept")
    opened(page, stage.url + "/count")
    assert cookies(page)["counter"]["httpOnly"]
    chosen(page, stage, "No")
    opened(page, stage.url + "/plain")
    assert "counter" not in cookies(page)


def test_a_view_that_needs_a_choice_leads_to_it(stage: Stage, page: Page) -> None:
    answer = page.goto(stage.url + "/needs")
    assert answer is not None
    assert answer.status == 403
    page.get_by_role("link", name="See your choices").click()
    page.get_by_role("group", name="Statistics").get_by_label("Yes").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Your choices are saved.").wait_for()
    opened(page, stage.url + "/needs")
    assert page.inner_text("body") == "here you are"


def test_what_the_script_cookie_says_is_not_believed(stage: Stage, page: Page) -> None:
    page.context.add_cookies([{"name": "privacy-view", "value": "statistics=1", "url": stage.url}])
    answer = page.goto(stage.url + "/needs")
    assert answer is not None
    assert answer.status == 403


def test_a_choice_that_cannot_be_saved_says_so(stage: Stage, page: Page) -> None:
    opened(page, stage.url)
    page.route("**/privacy/choices", lambda route: route.abort())
    bar(page).get_by_role("button", name="Accept").click()
    page.get_by_text("This was not saved.").wait_for()
    assert bar(page).is_visible()
    assert stage.asked == []


def test_text_of_a_visitor_does_not_come_to_life(stage: Stage, page: Page) -> None:
    """A filter that lets data attributes through is no way in."""
    decided(opened(page, stage.url), "Accept")
    page.evaluate("""() => document.body.insertAdjacentHTML("beforeend",
        '<img data-privacy-category=statistics data-privacy-onerror="document.title=1" data-privacy-src=/none>' +
        '<a data-privacy-category=statistics data-privacy-href="javascript:1">x</a>')""")
    page.wait_for_load_state("networkidle")
    assert page.title() == "Portal"
    assert page.get_attribute("a[data-privacy-category]", "href") is None
    assert page.get_attribute("img[src='/none']", "onerror") is None


def test_parts_that_a_program_adds_are_released_too(stage: Stage, page: Page) -> None:
    decided(opened(page, stage.url + "/plain"), "Accept")
    url = f"{stage.other}/count.js"
    page.evaluate(
        """url => { const held = document.createElement("script"); held.type = "text/plain";
        held.dataset.privacySrc = url; held.dataset.privacyCategory = "statistics"; document.body.append(held) }""",
        url,
    )
    page.wait_for_function("document.documentElement.dataset.counted")


def test_categories_can_be_chosen_one_by_one(page: Page, tmp_path: Path) -> None:
    with staged("flask", tmp_path, PRIVACYMW_CHOICES_CATEGORIES="statistics, weather") as stage:
        opened(page, stage.url)
        bar(page).get_by_text("Choose one by one").click()
        bar(page).get_by_label("Weather").check()
        decided(page, "Save")
        page.wait_for_function("document.documentElement.dataset.weather")
        assert stage.asked == ["/weather.js"]
        assert cookies(page)["privacy-view"]["value"].startswith("statistics=0&weather=")
        assert bar(opened(page, stage.url)).count() == 0


@pytest.mark.parametrize("gpc", [False, True])
def test_opt_out_lets_parts_load_unless_the_browser_says_no(page: Page, tmp_path: Path, gpc: bool) -> None:
    page.add_init_script(f"Object.defineProperty(navigator, 'globalPrivacyControl', {{ value: {str(gpc).lower()} }})")
    with staged("flask", tmp_path, PRIVACYMW_CHOICES_MODEL="opt-out") as stage:
        opened(page, stage.url)
        assert bar(page).is_visible()
        assert (loaded(page, stage) if not gpc else set(stage.asked)) == (set() if gpc else EMBEDS)
        stage.asked.clear()
        bar(page).get_by_role("button", name="Refuse").click()
        bar(page).wait_for(state="hidden")
        page.get_by_text("It loads only if you allow statistics.").first.wait_for()
        assert stage.asked == [], "what had loaded is gone: the page came anew"


def test_a_material_change_asks_again_and_a_cosmetic_one_does_not(page: Page, tmp_path: Path) -> None:
    """Cookies of localhost go to each port: to a browser it is one site, started anew with other words."""
    with staged("flask", tmp_path) as stage:
        decided(opened(page, stage.url), "Accept")
    texts = {
        "cosmetic": DECLARED.replace('"counts visits"', '"Counts  visits."'),
        "material": DECLARED.replace('"counts visits"', '"counts visits and shows offers"'),
    }
    for kind, text in texts.items():
        with staged("flask", tmp_path, declared=text) as stage:
            opened(page, stage.url)
            assert (bar(page).count() == 1) == (kind == "material")
            assert (loaded(page, stage) if kind == "cosmetic" else set(stage.asked)) == (
                EMBEDS if kind == "cosmetic" else set()
            )


def test_an_app_places_the_bar_and_asks_for_itself(page: Page, tmp_path: Path) -> None:
    with staged("flask", tmp_path, PRIVACYMW_CHOICES_BAR="off") as stage:
        assert bar(opened(page, stage.url)).count() == 0
        opened(page, stage.url + "/placed")
        assert page.evaluate("document.body.firstElementChild.id") == "privacy-bar"
        assert page.get_by_text("not counted").count() == 1
        decided(page, "Accept")
        opened(page, stage.url + "/placed")
        assert page.get_by_text("not counted").count() == 0


# --- by keyboard, without a script, for every reader


@pytest.mark.parametrize("answer", ["Refuse", "Accept"])
def test_the_bar_by_keyboard(stage: Stage, page: Page, answer: str) -> None:
    opened(page, stage.url + "/second")
    page.locator("#first").focus()
    page.keyboard.press("Escape")
    assert bar(page).is_visible(), "going away is no answer"
    for expected in ["Your choices", "Privacy notice", "Refuse", "Accept"][: 3 + (answer == "Accept")]:
        page.keyboard.press("Tab")
        while not page.evaluate("document.activeElement.closest('#privacy-bar')?.id"):
            page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == expected
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    bar(page).wait_for(state="hidden")
    at = page.evaluate("[document.activeElement.localName, document.activeElement.textContent.slice(0, 12)]")
    if answer == "Refuse":
        assert at == ["a", "Your choices"], "back where the focus was: in the placeholder before the bar"
    else:
        assert at[0] == "body", "the placeholder is gone; the next Tab begins at the top"


def test_both_answers_weigh_the_same(stage: Stage, page: Page) -> None:
    opened(page, stage.url)
    buttons = [bar(page).get_by_role("button", name=name) for name in ("Refuse", "Accept")]
    first, second = (each.bounding_box() for each in buttons)
    assert first is not None
    assert second is not None
    assert (first["width"], first["height"], first["y"]) == (second["width"], second["height"], second["y"])
    styles = [
        each.evaluate("each => [...getComputedStyle(each)].map(n => getComputedStyle(each)[n])") for each in buttons
    ]
    assert styles[0] == styles[1]


def test_without_a_script_everything_is_reached(stage: Stage, browser: Browser) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = opened(context.new_page(), stage.url)
        region = page.get_by_role("region", name="Your choices")
        assert region.get_by_role("button").count() == 0
        page.get_by_role("link", name="Open it at 127.0.0.1").click()
        page.get_by_role("heading", name="You are leaving this site").wait_for()
        opened(page, stage.url)
        region.get_by_role("link", name="Your choices").click()
        page.get_by_role("group", name="Statistics").get_by_label("Yes").check()
        page.get_by_role("button", name="Save").click()
        page.get_by_text("Your choices are saved.").wait_for()
        assert stage.asked == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/plain", *OURS, "leaving", "leaving in Spanish", "/needs"])
def test_no_barriers(stage: Stage, page: Page, axe: Any, scheme: Any, path: str) -> None:
    page.emulate_media(color_scheme=scheme)
    if "leaving" in path:
        opened(page, stage.url)
        page.get_by_role("link", name="Open it at 127.0.0.1").click()
        page.get_by_role("heading", name="You are leaving this site").wait_for()
        if "Spanish" in path:
            page.get_by_role("link", name="Español").click()
            page.get_by_role("heading", name="Va a salir de este sitio").wait_for()
    else:
        opened(page, stage.url + path)
    assert axe() == []


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("kind", ["blocked", "mail"])
def test_no_barriers_on_pages_of_links(page: Page, axe: Any, tmp_path: Path, kind: str, language: str) -> None:
    seal = portal("wsgi").started.services.links
    assert seal is not None
    path, target, heading = {
        "blocked": ("leaving", "https://foe.example/x?y=1", "This site does not link there"),
        "mail": ("mail", "mailto:desk@b.example", "Before you write a mail"),
    }[kind]
    with staged("flask", tmp_path, PRIVACYMW_OUTBOUND_BLOCKED="foe.example") as stage:
        base = stage.url + ("/privacy/es/" if language == "es" else "/privacy/")
        opened(page, f"{base}{path}/{seal.seal(target)}")
        page.get_by_role("heading", name=Words(language).text(heading)).wait_for()
        assert page.locator("html").get_attribute("lang") == language
        assert page.locator('a[href^="http"]').count() == 0
        assert axe() == []


@pytest.fixture(scope="module")
def logging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A site with a log whose keys die soon, so that its page of evidence is full."""
    folder = tmp_path_factory.mktemp("logging")
    short = {"PRIVACYMW_ADDRESSES_RETENTION": "2s", "PRIVACYMW_ADDRESSES_EPOCH": "1s"}
    with staged("starlette", folder, PRIVACYMW_DATA=str(folder / "data"), **short) as stage:
        httpx.get(stage.url, trust_env=False)
        time.sleep(4)
        yield stage


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/privacy/evidence", "/privacy/es/evidence"])
def test_the_evidence_has_no_barriers_and_fits(logging: Stage, page: Page, axe: Any, scheme: Any, path: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 320, "height": 480})
    opened(page, logging.url + path)
    assert page.locator(".scroll tbody tr").count() >= 2, "destroyed keys"
    assert axe() == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert [url for url in asked if not url.startswith(logging.url)] == []
    assert cookies(page) == {}


@pytest.mark.parametrize("path", ["/", "/plain", *OURS, "/needs"])
def test_a_narrow_screen_shows_all(stage: Stage, page: Page, path: str) -> None:
    page.set_viewport_size({"width": 320, "height": 480})
    opened(page, stage.url + path)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


# --- in Spanish


def pressed(page: Page, selector: str) -> None:
    """Goes on to an element by the tabulator key alone."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            return
    pytest.fail(f"the key does not reach {selector}")


def test_a_choice_in_spanish_by_keyboard(stage: Stage, page: Page) -> None:
    opened(page, stage.url + "/privacy/notice")
    pressed(page, "a[hreflang=es]")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Aviso de privacidad").wait_for()
    pressed(page, "#choices a")
    assert page.evaluate("document.activeElement.textContent") == "Ver y cambiar sus opciones"
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Sus opciones").wait_for()
    pressed(page, "[name='c.statistics']")
    page.keyboard.press("ArrowDown")
    assert page.get_by_role("group", name="Estadísticas").get_by_label("Sí").is_checked()
    pressed(page, "button[value=save]")
    page.keyboard.press("Enter")
    page.get_by_text("Sus opciones se han guardado.").wait_for()
    assert page.url.startswith(stage.url + "/privacy/es/choices")
    page.get_by_role("link", name="English").click()
    assert page.get_by_role("group", name="Statistics").get_by_label("Yes").is_checked()


@pytest.fixture(scope="module")
def spanish(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged("flask", tmp_path_factory.mktemp("spanish"), PRIVACYMW_LANGUAGE="es") as stage:
        yield stage


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/plain", "/needs"])
def test_no_barriers_in_spanish(spanish: Stage, page: Page, axe: Any, scheme: Any, path: str) -> None:
    page.emulate_media(color_scheme=scheme)
    opened(page, spanish.url + path)
    assert axe() == []


def test_the_bar_in_spanish(spanish: Stage, page: Page) -> None:
    opened(page, spanish.url)
    region = page.get_by_role("region", name="Sus opciones")
    assert page.get_by_text("Solo se carga si usted permite «estadísticas».").count() == 2
    region.get_by_role("button", name="Aceptar").click()
    region.wait_for(state="hidden")
    assert loaded(page, spanish) == EMBEDS
    assert page.get_by_role("status").inner_text() == "Guardado. Puede cambiarlo en «Sus opciones»."


# --- strict policies, and a cache that does not know better


@pytest.mark.parametrize("kind", SERVERS)
def test_a_strict_policy_has_nothing_to_object_to(kind: str, page: Page, tmp_path: Path) -> None:
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    with staged(kind, tmp_path, CSP="default-src 'self'; require-trusted-types-for 'script'") as stage:
        decided(opened(page, stage.url + "/plain"), "Refuse")
        assert bar(opened(page, stage.url + "/plain")).count() == 0
    assert [each for each in faults if "favicon" not in each and "404" not in each] == []


def test_a_cache_that_ignores_vary_serves_nobody_anothers_choice(stage: Stage, browser: Browser) -> None:
    with page_cache(stage.url) as (url, hits), browser.new_context() as yes, browser.new_context() as no:
        first, second, third = yes.new_page(), no.new_page(), no.new_page()
        decided(opened(first, url), "Accept")
        assert loaded(first, stage) == EMBEDS
        stage.asked.clear()
        decided(opened(second, url), "Refuse")
        assert "/" in hits, "the page came from the cache"
        assert first.goto(url + "/needs").status == 200  # type: ignore[union-attr]
        assert second.goto(url + "/needs").status == 403  # type: ignore[union-attr]
        assert opened(third, url + "/privacy/choices").get_by_label("No").is_checked()
        assert opened(first, url + "/privacy/choices").get_by_label("Yes").is_checked()
        assert stage.asked == []


def test_the_page_is_the_same_for_everybody(stage: Stage) -> None:
    with httpx.Client(base_url=stage.url, trust_env=False) as client:
        before = client.get("/")
        site = {"sec-fetch-site": "same-origin"}
        saved = client.post("/privacy/choices", data={"do": "save", "c.statistics": "1"}, headers=site)
        assert saved.status_code == 303
        after = client.get("/")
    assert before.content == after.content
    assert "private" not in after.headers.get("cache-control", "")
