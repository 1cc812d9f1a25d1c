"""How a fault in the settings is told."""

from typing import Final

_SHOWN: Final = 200
"""Signs of a value that are shown, those about the bad place."""


def fault(variable: str, value: str, why: str, allowed: str, paste: str, at: int = 0) -> str:
    """A settings fault: variable, value with a caret under sign `at`, why, what is allowed, a line to paste."""
    variable = one_line(variable)
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
