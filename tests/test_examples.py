"""Both example portals under their real servers, as a visitor meets them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

import demo
from servers import Certificate, Server, gunicorn, nginx, uvicorn

if TYPE_CHECKING:
    from playwright.sync_api import Page

EXAMPLES = Path(__file__).parent.parent / "examples"
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
PERSON = {
    "name": "Ana Invented",
    "site": "Clinic of the Example",
    "tax_id": "12-3456789",
    "email": "ana@clinic.example",
}
PATHS = [
    "/",
    "/privacy",
    "/search?q=claim",
    "/register",
    "/registered",
    "/members/M1001/claims",
    "/language",
    "/contact",
]

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module", params=["flask", "starlette"])
def portal(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    env = demo.read_settings(EXAMPLES / "portal.env") | {
        "PORTAL_SECRET": "a secret that both workers know",
        "PORTAL_HTTPS": "off",
        "PRIVACYMW_DATA": str(tmp_path_factory.mktemp("data")),
    }
    if request.param == "flask":
        started = gunicorn("portal:app", folder=EXAMPLES / "flask_app", workers=2, env=env)
    else:
        started = uvicorn("portal:app", folder=EXAMPLES / "starlette_app", env=env)
    with started as server:
        yield server
        assert "Traceback" not in server.log, server.log
        assert "Warning" not in server.log, server.log


@pytest.fixture
def visitor(portal: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=portal.url, follow_redirects=True, trust_env=False) as client:
        yield client


def token_of(client: httpx.Client, path: str) -> str:
    found = TOKEN.search(client.get(path).text)
    assert found is not None
    return found[1]


def test_home_offers_every_kind_of_way_out(visitor: httpx.Client) -> None:
    home = visitor.get("/").raise_for_status().text
    assert len(re.findall(r'(?:href|action)="/privacy/leaving/', home)) == 4
    assert re.search(r'<a [^>]*href="/privacy/leaving/[^>]+target="_blank"', home)
    assert re.search(r'<a [^>]*href="/privacy/leaving/[^>]+><img [^>]*alt="[^"]+"', home)
    assert re.search(r'<form action="/privacy/leaving/[^>]+method="get"', home)
    assert 'href="https://www.health.example/"' in home, "a link to a site of the same company"


def test_a_way_out_says_where_it_goes(visitor: httpx.Client) -> None:
    link = re.search(r'href="(/privacy/leaving/[^"]+)"', visitor.get("/").text)
    assert link is not None
    answer = visitor.get(link[1])
    assert answer.status_code == 200
    assert "guidelines.example.org" in answer.text


@pytest.mark.parametrize("path", ["/privacy", "/privacy/notice"])
def test_the_policy_names_the_company(visitor: httpx.Client, path: str) -> None:
    assert "Example Health" in visitor.get(path).raise_for_status().text


def test_a_members_claims_are_not_stored(visitor: httpx.Client) -> None:
    assert "no-store" in visitor.get("/members/M1001/claims").headers["cache-control"]


@pytest.mark.parametrize("example", ["flask_app", "starlette_app"])
def test_the_readme_shows_the_lines_of_the_portal(example: str) -> None:
    readme = (EXAMPLES / example / "README.md").read_text()
    portal = (EXAMPLES / example / "portal.py").read_text()
    shown = [line for block in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) for line in block.split("\n")]
    assert len([line for line in shown if line]) == 4
    assert all(line in portal for line in shown)


def test_registration_with_the_token_of_the_form_succeeds(visitor: httpx.Client) -> None:
    answer = visitor.post("/register", data={**PERSON, "csrf_token": token_of(visitor, "/register")})
    assert answer.status_code == 200
    assert answer.url.path == "/registered"
    assert not any(value in answer.text for value in PERSON.values()), "nothing personal on the next page"


@pytest.mark.parametrize("token", [None, "", "none", "forged", "fälschung"])
@pytest.mark.parametrize("opened", [True, False])
def test_registration_without_the_token_is_refused(visitor: httpx.Client, token: str | None, opened: bool) -> None:
    if opened:
        visitor.get("/register")
    answer = visitor.post("/register", data=PERSON if token is None else {**PERSON, "csrf_token": token})
    assert answer.status_code == 400
    assert "Please try again" in answer.text


@pytest.mark.parametrize("field", sorted(PERSON))
def test_a_fault_is_named_and_the_rest_is_kept(visitor: httpx.Client, field: str) -> None:
    faulty = {**PERSON, field: " ", "csrf_token": token_of(visitor, "/register")}
    answer = visitor.post("/register", data=faulty)
    assert answer.status_code == 422
    assert re.findall(r'<li><a href="#(\w+)"', answer.text) == [field]
    assert answer.text.count("aria-invalid") == 1
    kept = {name for name, value in PERSON.items() if f'value="{value}"' in answer.text}
    assert kept == PERSON.keys() - {field}


def test_claims_are_shown_by_member(visitor: httpx.Client) -> None:
    assert "MRI of the knee" in visitor.get("/members/M1001/claims").raise_for_status().text
    assert "Sleep study" in visitor.get("/members/M1002/claims").raise_for_status().text
    assert visitor.get("/members/M9999/claims").status_code == 404


def test_search_finds_and_escapes(visitor: httpx.Client) -> None:
    assert "Appeal a decision" in visitor.get("/search", params={"q": "180 days"}).text
    answer = visitor.get("/search", params={"q": "<script>"}).text
    assert "0 found" in answer
    assert "<script>" not in answer


def test_the_language_is_remembered_for_this_visitor(portal: Server, visitor: httpx.Client) -> None:
    home = visitor.post("/language", data={"language": "es", "csrf_token": token_of(visitor, "/language")})
    assert '<span lang="es">Le damos la bienvenida</span>' in home.text
    assert "bienvenida" in visitor.get("/").text
    assert re.search(r'value="es" checked', visitor.get("/language").text)
    assert "Welcome" in httpx.get(portal.url, trust_env=False).text


def test_an_unknown_language_is_refused(visitor: httpx.Client) -> None:
    answer = visitor.post("/language", data={"language": "xx", "csrf_token": token_of(visitor, "/language")})
    assert answer.status_code == 422


def test_the_rest_answers(visitor: httpx.Client) -> None:
    assert re.search(r'title="E-mail is not [^"]*" href="mailto:', visitor.get("/contact").text)
    assert '<p id="privacy-mail"' in visitor.get("/register").text
    assert visitor.get("/health").json() == {"status": "ok"}
    assert visitor.get("/static/style.css").headers["content-type"].startswith("text/css")
    assert visitor.get("/nowhere").status_code == 404


@pytest.mark.browser
def test_every_page_loads_whole_and_fits_a_narrow_screen(portal: Server, page: Page) -> None:
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("requestfailed", lambda request: faults.append(request.url))
    page.set_viewport_size({"width": 320, "height": 640})
    for path in PATHS:
        page.goto(portal.url + path, wait_until="networkidle")  # else the icon's request is cut off
        assert page.locator("h1").count() == 1, path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is too wide"
        assert page.evaluate("document.styleSheets[0].cssRules.length > 0"), path
    assert faults == []


@pytest.mark.browser
def test_a_person_registers_behind_tls(portal: Server, page: Page, certificate: Certificate) -> None:
    with nginx(portal, certificate=certificate) as front:
        page.goto(front.url)
        page.get_by_role("link", name="Register", exact=True).click()
        for label, value in zip(["Your name", "Provider site", "Tax number"], PERSON.values(), strict=False):
            page.get_by_label(label).fill(value)
        page.get_by_label("E-mail address").fill(PERSON["email"])
        page.get_by_role("button", name="Register").click()
        page.get_by_role("heading", name="Thank you").wait_for()
        assert page.url == front.url + "/registered"
