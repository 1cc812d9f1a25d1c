"""What a row says beside the address: looked up by the writer, off the request."""

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from privacymw.countries import Places
from privacymw.routes import site_of
from privacymw.store.agents import UNKNOWN, Agent, reader

_FORGET: Final = 600.0
"""Seconds after which texts of browsers and hosts are forgotten: what one visitor alone sends names them."""
_HOSTS: Final = 256


class Details:
    """Looks up, and remembers nothing by address.

    Args:
        browser: whether browsers are told; else nothing of them is loaded.
        places: where countries and operators are looked up.
        sites: the own hosts.
    """

    def __init__(self, *, browser: bool = False, places: Sequence[str] = (), sites: Sequence[str] = ()) -> None:
        self._browser, self._sites = browser, sites
        self._agents: Any = None
        self._places = Places(places)
        self._site: Any = lru_cache(maxsize=_HOSTS)(self._own)
        self._forget_at = time.monotonic() + _FORGET

    def warm(self) -> None:
        """Load what is needed, so that no turn of the writer is late by it."""
        if self._browser and self._agents is None:
            self._agents = reader()

    def look(self) -> bool:
        """Open files that are new or were replaced, and forget what was remembered; False if nothing was due.

        Raises:
            StoreError: a file cannot be read; rows go without what it told.
        """
        if time.monotonic() > self._forget_at:
            self._forget_at = time.monotonic() + _FORGET
            self._site.cache_clear()
            if self._agents is not None:
                self._agents.cache_clear()
        return self._places.look()

    def agent(self, text: str) -> Agent:
        """Browser, system and device of a `User-Agent`."""
        if not text or not self._browser:
            return UNKNOWN
        if self._agents is None:
            self.warm()
        told: Agent = self._agents(text)
        return told

    def place(self, packed: bytes | None) -> tuple[str | None, int | None]:
        """Country and operator (AS) of an address."""
        return self._places.of(packed)

    def site(self, host: str) -> str | None:
        """The own site of a `Host`."""
        own: str | None = self._site(host) if self._sites and host else None
        return own

    def _own(self, host: str) -> str | None:
        site = site_of(host, self._sites)
        return None if site == "-" else site
