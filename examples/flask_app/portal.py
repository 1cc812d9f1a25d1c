"""The provider portal of Example Health, a company that does not exist, in Flask.

    flask --app portal run

Everything it shows is invented and lives in memory. PORTAL_SECRET is the key of the session (needed when
several workers share the load), PORTAL_HTTPS=on says that the portal is reached by https.
"""

from __future__ import annotations

import os
import re
import secrets
from typing import NamedTuple

from flask import Flask, abort, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.wrappers import Response

import privacymw
from privacymw.flask import Privacy

app = Flask(__name__)
app.config.update(
    SECRET_KEY=os.environ.get("PORTAL_SECRET") or secrets.token_hex(32),
    SESSION_COOKIE_SAMESITE="Lax",
    SESSION_COOKIE_SECURE=os.environ.get("PORTAL_HTTPS") == "on",
)
CSRFProtect(app)

# privacymw is added here.
Privacy(app, preferences={"language": ["en", "es"]})


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


@app.get("/")
def home() -> str:
    language = privacymw.visit(request).preferences["language"]
    return render_template("home.html", greeting=GREETINGS[language][1], language=language)


@app.get("/search")
def search() -> str:
    words = request.args.get("q", "").strip()
    found = {title: text for title, text in TOPICS.items() if words and words.lower() in f"{title} {text}".lower()}
    return render_template("search.html", words=words, found=found)


@app.route("/register", methods=["GET", "POST"])
def register() -> str | Response | tuple[str, int]:
    if request.method == "GET":
        return render_template("register.html", fields=FIELDS, values={}, faults=[])
    values = {field.name: request.form.get(field.name, "").strip() for field in FIELDS}
    faults = [field for field in FIELDS if not re.fullmatch(field.pattern, values[field.name])]
    if faults:
        return render_template("register.html", fields=FIELDS, values=values, faults=faults), 422
    registrations.append(values)
    return redirect(url_for("registered"), 303)


@app.get("/registered")
def registered() -> str:
    return render_template("registered.html")


@app.get("/members/<member_id>/claims")
def claims(member_id: str) -> str:
    # A real portal asks who you are before it shows this page.
    if member_id not in CLAIMS:
        abort(404)
    return render_template("claims.html", member_id=member_id, claims=CLAIMS[member_id])


@app.route("/language", methods=["GET", "POST"])
def language() -> str | Response:
    preferences = privacymw.visit(request).preferences
    if request.method == "GET":
        current = preferences["language"]
        return render_template("language.html", greetings=GREETINGS, current=current)
    choice = request.form.get("language", "")
    if choice not in GREETINGS:
        abort(422)
    preferences["language"] = choice
    return redirect(url_for("home"), 303)


@app.get("/contact")
def contact() -> str:
    return render_template("contact.html")


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.errorhandler(CSRFError)
def form_is_stale(error: CSRFError) -> tuple[str, int]:
    reason = "The form was open for too long, or did not come from our page. Please open it again."
    return render_template("problem.html", title="Please try again", reason=reason), 400


@app.errorhandler(404)
def not_found(error: Exception) -> tuple[str, int]:
    reason = "There is no page at this address."
    return render_template("problem.html", title="Page not found", reason=reason), 404
