"""A page with a bar and parts that wait for a choice, in Flask (`app`) and in Starlette (`asgi`).

OTHER names the other site's address, CSP a policy to send with each page.
"""

import os

import flask
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from privacymw import visit
from privacymw.asgi import PrivacyMiddleware
from privacymw.flask import Privacy
from privacymw.flask import requires_choice as flask_requires
from privacymw.starlette import requires_choice

OTHER = os.environ.get("OTHER", "https://other.example")
HEADERS = {"content-security-policy": os.environ["CSP"]} if "CSP" in os.environ else {}
PAGE = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Portal</title></head>
<body>
<main>
<h1>Portal</h1>
<p><a id="first" href="/second">The second page</a></p>
<iframe data-privacy-category="statistics" title="A film" width="300" height="120" src="{OTHER}/film"></iframe>
<p><img data-privacy-category="statistics" alt="A map" src="{OTHER}/map.svg" srcset="{OTHER}/map.svg 2x"></p>
<script data-privacy-category="statistics" src="{OTHER}/count.js" data-site="portal"></script>
<script data-privacy-category="statistics">document.documentElement.dataset.inline = "ran"</script>
<script data-privacy-category="weather" src="{OTHER}/weather.js"></script>
</main>
</body>
</html>
"""
SHOP = '<!doctype html><html lang="en"><title>Plain</title><main><h1>Plain</h1><p>Nothing waits here.</p></main></html>'

app = flask.Flask(__name__)
Privacy(app, categories=["statistics"])


@app.get("/")
@app.get("/second")
def home() -> tuple[str, dict[str, str]]:
    return PAGE, HEADERS


@app.get("/plain")
def plain() -> tuple[str, dict[str, str]]:
    return SHOP, HEADERS


@app.get("/placed")
def placed() -> str:
    return flask.render_template_string(
        "<!doctype html><html lang=en><title>t</title>{{ privacy.bar() }}<main><h1>Placed</h1>"
        "{% if privacy.allows('statistics') %}<p>counted{% else %}<p>not counted{% endif %}</main></html>"
    )


@app.get("/count")
def count() -> flask.Response:
    """Sets a cookie that a script cannot see, for the guard to look after."""
    answer = flask.Response("counted")
    answer.set_cookie("counter", "1", httponly=True, max_age=3600)
    return answer


@app.get("/needs")
@flask_requires("statistics")
def needs() -> str:
    return "here you are"


async def asgi_home(request: Request) -> Response:
    return HTMLResponse(PAGE, headers=HEADERS)


async def asgi_count(request: Request) -> Response:
    answer = PlainTextResponse("counted")
    answer.set_cookie("counter", "1", httponly=True, max_age=3600)
    return answer


@requires_choice("statistics")
async def asgi_needs(request: Request) -> Response:
    return PlainTextResponse("here you are" if visit(request).allows("statistics") else "no")


@requires_choice("statistics")
def asgi_needs_sync(request: Request) -> Response:
    return PlainTextResponse("here you are")


asgi: ASGIApp = Starlette(
    routes=[
        Route("/", asgi_home),
        Route("/second", asgi_home),
        Route("/plain", lambda request: HTMLResponse(SHOP)),
        Route("/count", asgi_count),
        Route("/needs", asgi_needs),
        Route("/needs-sync", asgi_needs_sync),
    ]
)
asgi = PrivacyMiddleware(asgi, categories=["statistics"])
