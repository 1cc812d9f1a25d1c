"""Route templates and own hosts: what a record may hold of a path, and of the host that was asked."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

_CONVERTER: Final = re.compile(r"<(?:[^<>]*:)?([^<>:]+)>")
_TYPED: Final = re.compile(r"\{([^{}:]+):[^{}]+\}")


def decoded(text: str) -> str:
    """A path of an environ, which PEP 3333 decodes as Latin-1, decoded as ASGI servers do."""
    return text if text.isascii() else text.encode("latin-1", "replace").decode("utf-8", "replace")


def werkzeug_route(environ: Mapping[str, Any]) -> str | None:
    """The rule that Werkzeug matched, as `/members/{id}`; None where none did."""
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    return None if rule is None else decoded(environ.get("SCRIPT_NAME", "")) + _braced(rule.rule)


def scope_route(scope: Mapping[str, Any]) -> str | None:
    """The path of the route that Starlette or FastAPI matched, with the mounts before it."""
    path = getattr(scope.get("route"), "path", None)
    return None if path is None else scope.get("root_path", "") + _untyped(path)


@lru_cache(maxsize=1024)  # one entry a route of the app: bounded by the app's code, not by visitors
def _braced(rule: str) -> str:
    return _CONVERTER.sub(r"{\1}", rule)


@lru_cache(maxsize=1024)
def _untyped(path: str) -> str:
    return _TYPED.sub(r"{\1}", path)


# A part of a path that names a thing of somebody's rather than a place of the site: any digit,
# any sign that is not a letter, a dash or an underscore, or more letters than a word has.
_IDENTIFIER: Final = re.compile(r"(?<![^/])(?=[^/]*(?:[^/a-zA-Z_-]|[^/]{25}))[^/]+")


def generalised(path: str) -> str:
    """A path without a template, every part that looks like an identifier replaced by `{}`."""
    return _IDENTIFIER.sub("{}", path[:512])


_HOST: Final = re.compile(r"[a-z0-9.-]{1,253}")


def site_of(host: str, sites: Sequence[str]) -> str:
    """The host that was asked for, if it is one of our own; `-` for what a visitor invented."""
    name = host.partition(":")[0].lower()
    own = (name == each or (each.startswith("*.") and name.endswith(each[1:])) for each in sites)
    return name if _HOST.fullmatch(name) and any(own) else "-"
