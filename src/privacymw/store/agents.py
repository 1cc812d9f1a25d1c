"""What a `User-Agent` says of browser, system and device, as families; the text itself is kept nowhere.

`user_agents.parse` takes 940 µs for a new text, for it does not know of the compiled patterns; its verdicts over
the result of those take 28.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple

_KEPT: Final = 1024
# Some families are words of the text itself. What may be a number, an address or a name of somebody's is not taken.
_FAMILY: Final = re.compile(r"(?!.*[0-9]{4})[A-Za-z0-9][A-Za-z0-9 .!+/-]{0,31}")


class Agent(NamedTuple):
    """Families, and desktop, mobile, tablet or bot; None for what is not known."""

    browser: str | None = None
    system: str | None = None
    device: str | None = None


UNKNOWN: Final = Agent()


def reader() -> Callable[[str], Agent]:
    """What tells families; takes 0.2 s the first time in a process, and remembers the last thousand texts.

    Its `cache_clear` forgets them: a rare text may name a device.
    """
    from ua_parser import BestAvailableResolver, Parser, load_lazy_builtins
    from user_agents.parsers import UserAgent, parse_browser, parse_device, parse_operating_system

    parse = Parser(BestAvailableResolver(load_lazy_builtins())).parse

    class Verdict(UserAgent):  # type: ignore[misc] # the library has no types
        """user-agents' own properties over ua-parser's result."""

        def __init__(self, text: str) -> None:
            found = parse(text).with_defaults()
            system, browser = found.os, found.user_agent
            self.ua_string = text
            self.os = parse_operating_system(system.family, system.major, system.minor, system.patch)
            self.browser = parse_browser(browser.family, browser.major, browser.minor, browser.patch)
            self.device = parse_device(found.device.family, found.device.brand, found.device.model)

    def told(text: str) -> Agent:
        try:
            verdict = Verdict(text.encode("utf-8", "replace").decode())
        except Exception:  # what a stranger sends must not cost the rows of others
            return UNKNOWN
        return Agent(_family(verdict.browser.family), _family(verdict.os.family), _device(verdict))

    told("Mozilla/5.0")  # the patterns are compiled with their first use
    return lru_cache(maxsize=_KEPT)(told)


def _family(family: str) -> str | None:
    return family if family != "Other" and _FAMILY.fullmatch(family) else None


def _device(verdict: Any) -> str | None:
    kinds = {"bot": "is_bot", "tablet": "is_tablet", "mobile": "is_mobile", "desktop": "is_pc"}
    return next((kind for kind, name in kinds.items() if getattr(verdict, name)), None)
