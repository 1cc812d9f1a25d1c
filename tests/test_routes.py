"""Route templates, from real frameworks where they know them, else made of the path."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces import Ends, Request, ask_asgi, ask_wsgi, environ_of, pipeline, scope_of
from privacymw import asgi, wsgi
from privacymw.routes import decoded, generalised, scope_route, werkzeug_route


class Named:
    """Stands where a framework leaves what it matched."""

    def __init__(self, **names: object) -> None:
        self.__dict__.update(names)


@pytest.mark.parametrize(
    ("rule", "route"),
    [
        ("/", "/"),
        ("/members/<id>", "/members/{id}"),
        ("/members/<int:id>/a/<path:rest>", "/members/{id}/a/{rest}"),
        ("/<int(min=1):page>", "/{page}"),
        ("/<any('a:b', c):kind>/x", "/{kind}/x"),
    ],
)
def test_werkzeug_rules(rule: str, route: str) -> None:
    environ = {"SCRIPT_NAME": "/caf\xc3\xa9", "werkzeug.request": Named(url_rule=Named(rule=rule))}
    assert werkzeug_route(environ) == "/café" + route


@pytest.mark.parametrize("found", [None, Named(), Named(url_rule=None)])
def test_no_werkzeug_rule(found: object) -> None:
    assert werkzeug_route({"werkzeug.request": found}) is None
    assert werkzeug_route({}) is None


@pytest.mark.parametrize(
    ("path", "route"),
    [("/", "/"), ("/members/{id}", "/members/{id}"), ("/{id:int}/{rest:path}", "/{id}/{rest}")],
)
def test_scope_routes(path: str, route: str) -> None:
    assert scope_route({"root_path": "/app", "route": Named(path=path)}) == "/app" + route
    assert scope_route({"route": Named(path=path)}) == route
    assert scope_route({"root_path": "/app", "route": Named()}) is None


def flask_app() -> Any:
    flask = pytest.importorskip("flask")
    app, members = flask.Flask(__name__), flask.Blueprint("members", __name__)
    members.add_url_rule("/<int:number>", view_func=lambda number: "hi", endpoint="one")
    app.register_blueprint(members, url_prefix="/members")
    return app


@pytest.mark.parametrize(
    ("path", "route"), [("/members/42", "/app/members/{number}"), ("/unknown/42", None), ("/members/x", None)]
)
def test_flask_tells_its_routes(path: str, route: str | None) -> None:
    ends = Ends()
    face = wsgi.PrivacyMiddleware(flask_app(), pipeline(ends))
    ask_wsgi(face, environ_of(Request(path=path, root="/app")))
    assert ends.routes == [route]


# --- without a framework's help


@pytest.mark.parametrize(
    ("path", "stored"),
    [
        ("/", "/"),
        ("", ""),
        ("/about-us/our_team", "/about-us/our_team"),
        ("/members/42", "/members/{}"),
        ("/members/42/edit", "/members/{}/edit"),
        ("/jane.doe@example.org", "/{}"),
        ("/Jane Doe/", "/{}/"),
        ("/Jos\xe9", "/{}"),
        ("/" + "a" * 24, "/" + "a" * 24),
        ("/" + "a" * 25, "/{}"),
        ("/a//b1//", "/a//{}//"),
        ("42", "{}"),
        ("/a\n/b", "/{}/b"),
    ],
)
def test_generalised(path: str, stored: str) -> None:
    assert generalised(path) == stored


@given(st.text(st.sampled_from("/a1-_.%\n") | st.characters(), max_size=900))
def test_no_identifier_is_left(path: str) -> None:
    stored = generalised(path)
    assert re.fullmatch(r"(?:[a-zA-Z_-]{0,24}|\{\}|/)*", stored)
    assert stored.count("/") == path[:512].count("/")


@given(st.text())
def test_decoding_agrees_with_asgi_servers(path: str) -> None:
    as_wsgi = path.encode("utf-8", "surrogatepass").decode("latin-1")
    assert decoded(as_wsgi) == path.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


@pytest.mark.parametrize("path", ["/members/42", "/unknown"])
def test_starlette_tells_its_routes_as_far_as_it_does(path: str) -> None:
    pytest.importorskip("starlette")
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Mount, Route

    told: list[bool] = []

    def one(request: Any) -> PlainTextResponse:
        told.append("route" in request.scope)  # older versions do not
        return PlainTextResponse("hi")

    ends = Ends()
    app = Starlette(routes=[Mount("/members", routes=[Route("/{number:int}", one)])])
    ask_asgi(asgi.PrivacyMiddleware(app, pipeline(ends)), scope_of(Request(path=path, root="/app")))
    assert ends.routes == ["/app/members/{number}" if True in told else None]
