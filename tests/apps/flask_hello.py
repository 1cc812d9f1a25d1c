"""A small Flask app for end-to-end tests; BARE leaves privacymw out."""

import os

from flask import Flask

from privacymw.flask import Privacy

app = Flask(__name__)
if "BARE" not in os.environ:
    Privacy(app)


@app.get("/")
def home() -> str:
    return '<!doctype html><title>Hello</title><p>Hello, <a href="https://other.example/">world</a>'


@app.get("/items/<int:item>")
def one(item: int) -> str:
    return f"<p>Item {item}"


@app.get("/boom")
def boom() -> str:
    raise RuntimeError("as a test wants it")
