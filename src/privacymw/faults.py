"""How a fault in the settings is told, and what of a text may be shown."""

import re
from typing import Final

_SHOWN: Final = 200
"""Signs of a value that are shown, those about the bad place."""


_PASSWORD: Final = re.compile(r"(?<=://)([^\s:/?#@]*):\S*@|(?<=[?&]password=)[^&\s]+", re.IGNORECASE)


def masked(text: str) -> str:
    """The text with each password of a URL in it replaced by stars."""
    return _PASSWORD.sub(lambda found: f"{found[1]}:***@" if found[1] is not None else "***", text)


def fault(variable: str, value: str, why: str, allowed: str, paste: str, at: int = 0) -> str:
    """A settings fault: variable, value with a caret under sign `at`, why, what is allowed, a line to paste."""
    variable, value, paste = one_line(variable), masked(value), masked(paste)
    before = max(0, at - _SHOWN // 2)
    column = len(variable) + 1 + at - before if value else 0
    lines = (
        f"{variable}={one_line(value[before:])}",
        f"{' ' * column}^ {one_line(why)}",
        f"allowed: {allowed}",
        f"paste:   {one_line(paste)}",
    )
    return "\n".join(f"  {line}" for line in lines)


def one_line(text: str) -> str:
    """The first signs of a text that may hold anything."""
    return "".join(sign if sign.isprintable() else "?" for sign in text[:_SHOWN])
