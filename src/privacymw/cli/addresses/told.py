"""Words for what a log can no longer answer."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from privacymw.cli import show

if TYPE_CHECKING:
    from privacymw.store.coverage import Span

_WHY: Final[Mapping[str, str]] = {
    "open": "its key lives until {by}",
    "destroyed": "its key was destroyed at {by}",
    "overdue": "its key had its deadline at {by} and opens nothing any more",
    "lost": "its key is lost, which is not the same as destroyed: nothing of then can be read here",
    "unknown": "the log has neither a key of then nor a trace of one, so whether anything was logged cannot be said",
}


def why(span: "Span") -> str:
    """In what state a stretch of time is, with when its key died or will die."""
    return _WHY[span.state].format(by=f"{show.utc((span.by or 0) / 1000)} UTC")


def stretch(span: "Span") -> str:
    """From when to when."""
    return f"{show.utc(span.since / 1000)} to {show.utc(span.until / 1000)} UTC"


def document_of(span: "Span") -> dict[str, Any]:
    """For JSON; times are Unix seconds."""
    by = None if span.by is None else span.by / 1000
    return {"since": span.since / 1000, "until": span.until / 1000, "state": span.state, "by": by}
