"""The Starlette and FastAPI door: endpoints that need a choice, and `privacy` in templates."""

import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from privacymw.asgi import PrivacyMiddleware
from privacymw.view import visit

__all__ = ["PrivacyMiddleware", "requires_choice", "template_context"]

Endpoint = Callable[..., Any]


def template_context(request: Request) -> dict[str, Any]:
    """For `Jinja2Templates(..., context_processors=[template_context])`: templates get `privacy`."""
    return {"privacy": visit(request)}


def requires_choice(category: str) -> Callable[[Endpoint], Callable[..., Awaitable[Any]]]:
    """An endpoint that answers only who allows a category; others get a page (403) that leads to the choices.

    The endpoint takes the request by the name `request`, or first, as Starlette has it. One that is not
    `async` runs in a thread, as without the decorator. The answer is private and varies by cookie, whether
    it is the endpoint's or the page.
    """

    def decorated(endpoint: Endpoint) -> Callable[..., Awaitable[Any]]:
        waits = inspect.iscoroutinefunction(endpoint)

        @functools.wraps(endpoint)
        async def checked(*args: Any, **kwargs: Any) -> Any:
            current = visit(_request(args, kwargs))
            if not current.allows(category):
                reply = current.refusal(category)
                response = Response(reply.body, reply.status)
                response.raw_headers += [(name.encode(), value.encode()) for name, value in reply.headers]
                return response
            if waits:
                return await endpoint(*args, **kwargs)
            return await run_in_threadpool(endpoint, *args, **kwargs)

        return checked

    return decorated


def _request(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Request:
    """The request among an endpoint's arguments; a method has its object before it."""
    found = next((each for each in (kwargs.get("request"), *args) if isinstance(each, Request)), None)
    if found is None:
        raise TypeError("requires_choice: the endpoint has to take the request, as `request: Request`")
    return found
