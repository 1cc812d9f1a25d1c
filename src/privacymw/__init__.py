"""Middleware that keeps, tells and proves what a privacy policy promises.

Nothing is imported before it is asked for: the doors are `privacymw.wsgi`, `privacymw.asgi` and
`privacymw.flask`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from privacymw.errors import BrokenPromise, PrivacyError, SettingsError, StoreError
    from privacymw.policies import Policy
    from privacymw.view import Visit, visit

__version__ = "0.1.0"

_HOMES = {
    "BrokenPromise": "privacymw.errors",
    "Policy": "privacymw.startup",
    "PrivacyError": "privacymw.errors",
    "SettingsError": "privacymw.errors",
    "StoreError": "privacymw.errors",
    "Visit": "privacymw.view",
    "visit": "privacymw.view",
}

__all__ = ["BrokenPromise", "Policy", "PrivacyError", "SettingsError", "StoreError", "Visit", "visit"]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'privacymw' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
