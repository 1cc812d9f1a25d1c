"""The provider portal of Example Health, a company that does not exist, in Starlette.

    uvicorn portal:app

Everything it shows is invented and lives in memory. PORTAL_SECRET is the key of the session (needed when
several workers share the load), PORTAL_HTTPS=on says that the portal is reached by https.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from pathlib import Path
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates
from starlette.types import ASGIApp

import privacymw
from privacymw.asgi import PrivacyMiddleware
from privacymw.starlette import template_context

HERE = Path(__file__).parent


class Claim(NamedTuple):
    number: str
    service: str
    day: str
    status: str


class Field(NamedTuple):
    name: str
    label: str
    kind: str
    autocomplete: str
    pattern: str
    hint: str


CLAIMS = {
    "M1001": [
        Claim("C-20871", "MRI of the knee", "3 March 2025", "Approved"),
        Claim("C-20902", "Physical therapy, 6 visits", "17 March 2025", "In review"),
    ],
    "M1002": [Claim("C-21033", "Sleep study at home", "2 April 2025", "More information needed")],
}

TOPICS = {
    "Ask for an approval": "Send the order, the diagnosis and the notes. Most answers come within two days.",
    "Check a claim": "Open the member's page to see each claim and where it stands.",
    "Correct a tax number": "Write to us. We change it once your office has confirmed it.",
    "Appeal a decision": "You have 180 days. A second clinician reads the case.",
}

FIELDS = [
    Field("name", "Your name", "text", "name", r"\S.{0,99}", "As it should appear in our letters."),
    Field("site", "Provider site", "text", "organization", r"\S.{0,99}", "The practice or clinic."),
    Field("tax_id", "Tax number", "text", "off", r"\d{2}-?\d{7}", "Nine digits, such as 12-3456789."),
    Field("email", "E-mail address", "email", "email", r"[^@\s]+@[^@\s]+\.[^@\s]+", "For your confirmation."),
]

GREETINGS = {"en": ("English", "Welcome"), "es": ("Español", "Le damos la bienvenida")}

registrations: list[dict[str, str]] = []  # of this worker; a real portal has a database


def csrf_token(request: Request) -> dict[str, Any]:
    """For every template: the token of this visitor, made when a form first asks for it."""

    def token() -> str:
        made: str = request.session.setdefault("csrf_token", secrets.token_urlsafe(32))
        return made

    return {"csrf_token": token}


templates = Jinja2Templates(HERE / "templates", context_processors=[csrf_token, template_context])


def page(request: Request, name: str, *, status: int = 200, **context: Any) -> Response:
    return templates.TemplateResponse(request, name, context, status_code=status)


async def own_form(request: Request) -> FormData:
    """The form that was sent, if it came from our own page."""
    form = await request.form()
    sent, expected = str(form.get("csrf_token", "")), request.session.get("csrf_token", "")
    if not expected or not hmac.compare_digest(sent.encode(), expected.encode()):
        raise HTTPException(400)
    return form


async def home(request: Request) -> Response:
    language = privacymw.visit(request).preferences["language"]
    return page(request, "home.html", greeting=GREETINGS[language][1], language=language)


async def search(request: Request) -> Response:
    words = request.query_params.get("q", "").strip()
    found = {title: text for title, text in TOPICS.items() if words and words.lower() in f"{title} {text}".lower()}
    return page(request, "search.html", words=words, found=found)


async def register(request: Request) -> Response:
    if request.method != "POST":
        return page(request, "register.html", fields=FIELDS, values={}, faults=[])
    form = await own_form(request)
    values = {field.name: str(form.get(field.name, "")).strip() for field in FIELDS}
    faults = [field for field in FIELDS if not re.fullmatch(field.pattern, values[field.name])]
    if faults:
        return page(request, "register.html", status=422, fields=FIELDS, values=values, faults=faults)
    registrations.append(values)
    return RedirectResponse(request.url_for("registered").path, 303)


async def registered(request: Request) -> Response:
    return page(request, "registered.html")


async def claims(request: Request) -> Response:
    # A real portal asks who you are before it shows this page.
    member_id = request.path_params["member_id"]
    if member_id not in CLAIMS:
        raise HTTPException(404)
    return page(request, "claims.html", member_id=member_id, claims=CLAIMS[member_id])


async def language(request: Request) -> Response:
    preferences = privacymw.visit(request).preferences
    if request.method != "POST":
        current = preferences["language"]
        return page(request, "language.html", greetings=GREETINGS, current=current)
    choice = str((await own_form(request)).get("language", ""))
    if choice not in GREETINGS:
        raise HTTPException(422)
    preferences["language"] = choice
    return RedirectResponse(request.url_for("home").path, 303)


async def contact(request: Request) -> Response:
    return page(request, "contact.html")


async def health(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def form_is_stale(request: Request, error: Exception) -> Response:
    reason = "The form was open for too long, or did not come from our page. Please open it again."
    return page(request, "problem.html", status=400, title="Please try again", reason=reason)


async def not_found(request: Request, error: Exception) -> Response:
    reason = "There is no page at this address."
    return page(request, "problem.html", status=404, title="Page not found", reason=reason)


app: ASGIApp = Starlette(
    routes=[
        Route("/", home),
        Route("/search", search),
        Route("/register", register, methods=["GET", "POST"]),
        Route("/registered", registered),
        Route("/members/{member_id}/claims", claims),
        Route("/language", language, methods=["GET", "POST"]),
        Route("/contact", contact),
        Route("/health", health),
        Mount("/static", StaticFiles(directory=HERE / "static"), name="static"),
    ],
    middleware=[
        Middleware(
            SessionMiddleware,
            secret_key=os.environ.get("PORTAL_SECRET") or secrets.token_hex(32),
            https_only=os.environ.get("PORTAL_HTTPS") == "on",
            max_age=None,  # until the browser is closed
        ),
    ],
    exception_handlers={400: form_is_stale, 404: not_found},
)

# privacymw is added here.
app = PrivacyMiddleware(app, preferences={"language": ["en", "es"]})
