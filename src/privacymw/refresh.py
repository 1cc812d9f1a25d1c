"""Where a `meta` refresh leads (HTML 4.2.5.3)."""

import re

# HTML 4.2.5.3, "shared declarative refresh steps": time, then the URL with or without "url=" and quotes.
_REFRESH = re.compile(
    r"[\t\n\f\r ]*+(?:[0-9][0-9.]*+|\.[0-9.]*+)(?:[;,]|[\t\n\f\r ]++[;,]?)[\t\n\f\r ]*+"
    r"(?:url[\t\n\f\r ]*+=[\t\n\f\r ]*+)?"
    r"""(?:"([^"]*+)|'([^']*+)|(.*+))""",
    re.IGNORECASE | re.DOTALL | re.ASCII,
)


def refresh(values: dict[str, str]) -> tuple[str, str | None]:
    """What stands before the URL of a refresh, and the URL; None where the tag is no refresh with a URL."""
    found = _REFRESH.match(values["content"]) if values.get("http-equiv", "").lower() == "refresh" else None
    if found is None:
        return "", None
    url = next(text for text in found.groups() if text is not None)
    return values["content"][: found.start(found.lastindex or 0)].rstrip("\"'"), url or None


def refreshed(content: str) -> tuple[str, str | None]:
    """The same of a `Refresh` header's value."""
    return refresh({"http-equiv": "refresh", "content": content})
