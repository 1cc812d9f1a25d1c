"""A small Starlette app for end-to-end tests; BARE leaves privacymw out."""

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from privacymw.asgi import PrivacyMiddleware


async def home(request: Request) -> HTMLResponse:
    return HTMLResponse('<!doctype html><title>Hello</title><p>Hello, <a href="https://other.example/">world</a>')


async def one(request: Request) -> HTMLResponse:
    return HTMLResponse(f"<p>Item {request.path_params['item']}")


async def boom(request: Request) -> HTMLResponse:
    raise RuntimeError("as a test wants it")


app: ASGIApp = Starlette(routes=[Route("/", home), Route("/items/{item:int}", one), Route("/boom", boom)])
if "BARE" not in os.environ:
    app = PrivacyMiddleware(app)
