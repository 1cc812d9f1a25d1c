"""The guard in `enforce` beside the libraries that live on cookies: sessions, form tokens, sign-on from elsewhere."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import httpx
import pytest
from authlib.integrations.starlette_client import OAuth
from flask.sessions import SecureCookieSessionInterface
from starlette.applications import Starlette
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import demo
from neighbours import Quiet, listening, page_cache
from privacymw.asgi import PrivacyMiddleware
from privacymw.flask import Privacy
from servers import Server, gunicorn, uvicorn

EXAMPLES = Path(__file__).parent.parent / "examples"
ENFORCED = {"PRIVACYMW_COOKIES_GUARD": "enforce", "PRIVACYMW_COOKIES_READY": "session, csrf-script"}


@pytest.fixture(params=["flask", "starlette"])
def portal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    settings = demo.read_settings(EXAMPLES / "portal.env")
    env = settings | ENFORCED | {"PORTAL_SECRET": "a secret of both workers", "PRIVACYMW_DATA": str(tmp_path / "data")}
    start = {"flask": (gunicorn, "flask_app"), "starlette": (uvicorn, "starlette_app")}
    serve, folder = start[request.param]
    with serve("portal:app", folder=EXAMPLES / folder, env=env) as server:
        yield server


@pytest.mark.servers
def test_both_portals_keep_working(portal: Server) -> None:
    """Flask-WTF's token and both frameworks' sessions, through registration and back."""
    visitor = demo.Visitor(portal.url)
    assert [fault for visit in demo.VISITS if (fault := visitor.pay(visit))] == []


@pytest.fixture
def enforced(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**ENFORCED, "PRIVACYMW_DATA": "none", "PRIVACYMW_SECRET_KEY": "a secret of the tests"}.items():
        monkeypatch.setenv(name, value)


class CrossSite(SecureCookieSessionInterface):
    """A session that a sign-on elsewhere may post to: SameSite=None, and apart in each site that frames it."""

    def get_cookie_samesite(self, app: flask.Flask) -> str:
        return "None"

    def get_cookie_secure(self, app: flask.Flask) -> bool:
        return True

    def get_cookie_partitioned(self, app: flask.Flask) -> bool:
        return True


@pytest.mark.usefixtures("enforced")
def test_a_form_posted_by_a_sign_on_elsewhere_finds_its_session() -> None:
    app = flask.Flask(__name__)
    app.secret_key = "of the tests"
    app.session_interface = CrossSite()
    Privacy(app)

    @app.get("/login")
    def login() -> Any:
        flask.session["relay"] = "r1"
        return flask.redirect("https://idp.example/sso", 303)

    @app.post("/acs")
    def acs() -> dict[str, bool]:
        return {"known": flask.request.form["RelayState"] == flask.session.get("relay")}

    client = app.test_client()
    sent = client.get("/login", base_url="https://sp.example", buffered=True).headers["set-cookie"]
    assert "SameSite=None" in sent
    assert "Partitioned" in sent
    headers = {"Origin": "https://idp.example", "Sec-Fetch-Site": "cross-site"}
    posted = client.post(
        "/acs", base_url="https://sp.example", data={"RelayState": "r1"}, headers=headers, buffered=True
    )
    assert posted.json == {"known": True}


class TokenEndpoint(Quiet):
    """The other half of a sign-on by OAuth: gives a token for whatever code it is shown."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"access_token": "t1", "token_type": "Bearer"}'
        self.answer(200, [("content-type", "application/json"), ("content-length", str(len(body)))], body)


@pytest.mark.usefixtures("enforced")
def test_a_callback_finds_the_state_of_its_session_and_a_script_its_token() -> None:
    with listening(TokenEndpoint) as port:
        sign_on = OAuth().register(
            "idp",
            client_id="portal",
            client_secret="of the tests",
            authorize_url="https://idp.example/authorize",
            access_token_url=f"http://127.0.0.1:{port}/token",
        )

        async def login(request: Request) -> Response:
            answer: Response = await sign_on.authorize_redirect(request, "https://app.example/callback")
            answer.set_cookie("XSRF-TOKEN", "t1", samesite="lax")
            answer.set_cookie("tracker", "1")
            return answer

        async def callback(request: Request) -> JSONResponse:
            return JSONResponse(await sign_on.authorize_access_token(request))

        inner = Starlette(routes=[Route("/login", login), Route("/callback", callback)])
        inner.add_middleware(SessionMiddleware, secret_key="of the tests")
        asyncio.run(signs_on(PrivacyMiddleware(inner)))


async def signs_on(app: Any) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://app.example") as client:
        answer = await client.get("/login")
        assert answer.headers["location"].startswith("https://idp.example/"), "the app's own redirect is left alone"
        token = next(line for line in answer.headers.get_list("set-cookie") if line.startswith("XSRF-TOKEN="))
        assert "httponly" not in token.lower(), "a script has to read it"
        assert set(client.cookies) == {"session", "XSRF-TOKEN"}, "nobody declared the other"
        state = httpx.URL(answer.headers["location"]).params["state"]
        back = await client.get("/callback", params={"code": "c1", "state": state})
        assert back.json()["access_token"] == "t1", "the callback found the state that the login left"


@pytest.mark.servers
def test_a_cache_that_ignores_vary_gives_nobody_anothers_language(portal: Server) -> None:
    with page_cache(portal.url) as (url, _):
        for path in ("/", "/language", "/privacy/choices"):
            httpx.get(url + path, trust_env=False)
        spanish, other = demo.Visitor(url), demo.Visitor(url)
        spanish.ask("/language")
        assert "bienvenida" in spanish.ask("/language", {"language": "es", "csrf_token": spanish.token})[1]
        assert "bienvenida" in spanish.ask("/")[1]
        assert "bienvenida" not in other.ask("/")[1]
        assert "Welcome" in other.ask("/")[1]
