"""For an app's own tests: what its page says is kept, its logs name nobody, its cookies are declared.

    from privacymw.testing import assert_promises, declared_cookies_only, no_personal_data_in

    def test_promises():
        assert_promises(app)

Works under any test runner; nothing has to be registered.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from privacymw.errors import BrokenPromise, PrivacyError
from privacymw.evidence.claim import read
from privacymw.evidence.cookies import undeclared
from privacymw.evidence.crawl import Crawl
from privacymw.evidence.driver import Answer, Asked, Driver, Started, driver, kind_of
from privacymw.evidence.looking import Report, claim_of, look
from privacymw.evidence.probe import Probe, Scratch
from privacymw.masking import masked

__all__ = ["assert_promises", "declared_cookies_only", "no_personal_data_in"]


def assert_promises(
    app: Any,
    *,
    prefix: str = "/privacy",
    host: str = "",
    paths: Sequence[str] = (),
    data: Path | None = None,
    keys: Path | None = None,
    allowed: Iterable[str] = (),
    warnings: bool = False,
) -> Report:
    """What `privacymw check` does, with an app of this process that has privacymw in it.

    Args:
        app: a WSGI or ASGI app.
        prefix: where the privacy pages are.
        host: the host by which it is asked; empty for the first that the page names.
        paths: paths to look at beside those that links lead to.
        data: the app's data folder, to look into its log; None leaves those sentences unseen.
        keys: where its keys are; None for `keys` in the data folder.
        allowed: codes of findings that do not count.
        warnings: whether warnings count too.

    Returns:
        The report: what was seen of each sentence, and what was found.

    Raises:
        BrokenPromise: with a line for each finding.
        PrivacyError: the app has no privacy page.
    """
    kind = kind_of(app, "the app")
    driven = driver(app, kind)
    try:
        claim = claim_of(driven, prefix)
        if claim is None:
            raise PrivacyError(f"{prefix}/notice.json: the app has no privacy page; is privacymw in it, and on?")
        scratch = Scratch(data, keys or data / "keys", data / "log.sqlite") if data else None
        probe = Probe(driven, kind, claim, prefix=prefix, host=host, scratch=scratch)
        probe.app = app
        report = look(probe, "the app", starts=tuple(paths))
    finally:
        driven.close()
    levels = ("broken", "warning") if warnings else ("broken",)
    counted = [each for each in report.findings if each.level in levels and each.code not in allowed]
    if counted:
        lines = (f"  {each.code} at {each.where}: {each.text}" for each in counted)
        raise BrokenPromise("\n".join(["the app does not do what its page says:", *lines]))
    return report


_HERE: Final = re.compile(r"\b127\.0\.0\.1\b|(?<![\w:])::1\b")
"""This machine is nobody."""
_MAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


def no_personal_data_in(caplog: Any, *values: str) -> None:
    """Looks through log records for addresses, mail addresses, and values that the test made up.

    Args:
        caplog: pytest's fixture, or whatever has `records`.
        values: what may not be in them, such as the name that the test registered with.

    Raises:
        BrokenPromise: names the loggers and where they were called, never what stood there.
    """
    found: dict[str, None] = {}
    for record in caplog.records:
        text = record.getMessage()
        if what := _personal(text, values):
            found[f"  {what} by {record.name} at {record.filename}:{record.lineno}"] = None
    if found:
        raise BrokenPromise("\n".join(["log records hold personal data:", *found]))


def _personal(text: str, values: Sequence[str]) -> str:
    """What kind of personal data a text holds; empty for none."""
    if any(value and value in text for value in values):
        return "a value of the test"
    text = _HERE.sub("", text)
    if masked(text) != text:
        return "an IP address"
    return "a mail address" if _MAIL.search(text) else ""


def declared_cookies_only(client: Any, *paths: str, prefix: str = "/privacy") -> None:
    """Walks through an app and holds its cookies against the table of the page.

    Args:
        client: a WSGI or ASGI app, or a test client: Flask's or Werkzeug's, Starlette's, or one of httpx.
        paths: where to begin; `/` where none is given. Links are followed.
        prefix: where the privacy pages are.

    Raises:
        BrokenPromise: with a line for each cookie that the page does not name.
        PrivacyError: the app has no privacy page.
    """
    through: Driver = driver(client, kind_of(client, "the app")) if callable(client) else _Client(client)
    claim = read(through.ask(Asked(f"{prefix}/notice.json")))
    if claim is None:
        raise PrivacyError(f"{prefix}/notice.json: the app has no privacy page; is privacymw in it, and on?")
    probe = Probe(through, "wsgi", claim, prefix=prefix)
    walk = Crawl(probe.ask, base=probe.base, skip=prefix, told=lambda text: None)
    probe.visited = walk.walk(paths or ["/"])
    through.close()
    if found := undeclared(probe):
        lines = (f"  {each.text} (at {each.where})" for each in found)
        raise BrokenPromise("\n".join(["cookies that the page does not name:", *lines]))


class _Client:
    """A test client as a driver: it keeps its own cookies, and says itself who asks."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.on_start: Started = lambda asked, status: None

    def ask(self, asked: Asked) -> Answer:
        url = f"{asked.path}?{asked.query}" if asked.query else asked.path
        response = self._client.get(url, headers=dict(asked.headers), follow_redirects=False)
        headers = response.headers
        pairs: Iterable[tuple[str, str]] = headers.multi_items() if hasattr(headers, "multi_items") else headers
        body: bytes = response.content if hasattr(response, "content") else response.data
        return Answer(response.status_code, tuple((name.lower(), value) for name, value in pairs), body)

    def close(self) -> None:
        """The client is the test's."""
