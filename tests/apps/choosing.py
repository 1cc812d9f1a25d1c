"""A small Flask app that sets cookies of each kind, and says what it may do and has to ask."""

from flask import Flask, Response, request

import privacymw
from privacymw.flask import Privacy

app = Flask(__name__)
Privacy(app)


@app.get("/")
def home() -> Response:
    choices = privacymw.visit(request).choices
    allowed = [name for name in ("statistics", "sale") if choices.allows(name)]
    answer = Response(f"<!doctype html><title>Home</title><p>allowed: {allowed}; to ask: {[*choices.to_ask]}")
    answer.set_cookie("sid", "0123456789abcdef", httponly=True)
    answer.set_cookie("_st1", "x", httponly=True)
    return answer
