"""Our own pages: templates that an operator can override, under headers that let nothing in.

Every page works without a script, takes nothing from another site and fits a text browser.
"""

import datetime
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from privacymw.core import Exchange, Reply
from privacymw.headers import Pair

if TYPE_CHECKING:
    import jinja2

TEMPLATES: Final = Path(__file__).with_name("templates")

# CSP 3: nothing but our own stylesheet and forms to ourselves. `same-origin`, never `no-referrer`:
# a browser would then post `Origin: null`, and the check against cross-site posts would fail.
_HEADERS: Final[tuple[Pair, ...]] = (
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
)


def long_date(day: datetime.date) -> str:
    """`April 19, 2014`."""
    return f"{day:%B} {day.day}, {day.year}"


NO_STORE: Final = ("cache-control", "no-store")
_FOR_EVER: Final = ("cache-control", "public, max-age=31536000, immutable")
NO_INDEX: Final = ("x-robots-tag", "noindex, nofollow")


class Pages:
    """Renders templates to replies.

    Args:
        prefix: path under which the pages stand.
        folder: templates that go before ours; empty for none.
        links: pages and their labels for the foot of each page.
    """

    def __init__(self, prefix: str, folder: str = "", links: Sequence[tuple[str, str]] = ()) -> None:
        self.prefix = prefix
        self.links = tuple(links)
        self._folders: list[str | Path] = [*([folder] if folder else []), TEMPLATES]

    @cached_property
    def _environment(self) -> "jinja2.Environment":
        import jinja2  # 45 ms that an app without a visitor to these pages need not wait for

        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(self._folders),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters["long_date"] = long_date
        return environment

    def source(self, name: str) -> bytes:
        """A file of the templates' folders as it stands there."""
        return self._sources(name)[0]

    def digest(self, name: str) -> str:
        """Another one for another content, to be put into its address."""
        return self._sources(name)[1]

    @cached_property
    def _sources(self) -> Callable[[str], tuple[bytes, str]]:
        @cache
        def read(name: str) -> tuple[bytes, str]:
            found = next(path for folder in self._folders if (path := Path(folder, name)).exists())
            content = found.read_bytes()
            return content, hashlib.sha256(content).hexdigest()[:12]

        return read

    def base(self, exchange: Exchange) -> str:
        """The path of our pages as a browser reaches it, mount prefix included."""
        return exchange.root + self.prefix

    def render(self, template: str, exchange: Exchange, context: Mapping[str, Any]) -> bytes:
        """A template's bytes, UTF-8."""
        base = self.base(exchange)
        style = f"{base}/style.css?{self.digest('style.css')}"
        found = self._environment.get_template(template)
        return found.render(base=base, home=exchange.root + "/", style=style, links=self.links, **context).encode()

    def reply(
        self, template: str, exchange: Exchange, context: Mapping[str, Any], *headers: Pair, status: int = 200
    ) -> Reply:
        """A page under strict headers, and those given."""
        kind = ("content-type", "text/html; charset=utf-8")
        return self.under_headers(Reply(status, (kind, *headers), self.render(template, exchange, context)))

    def under_headers(self, reply: Reply) -> Reply:
        """The reply with our pages' headers before its own."""
        return reply._replace(headers=(*_HEADERS, *reply.headers))

    def message(self, exchange: Exchange, status: int, title: str, text: str, *headers: Pair) -> Reply:
        """A page that says one thing, such as why a form was refused."""
        context = {"title": title, "text": text}
        return self.reply("message.html", exchange, context, NO_STORE, *headers, status=status)

    def file(self, name: str, kind: str) -> Callable[[Exchange, str], Reply | None]:
        """The page handler of a file; its address changes with its content."""

        def page(exchange: Exchange, rest: str) -> Reply | None:
            if rest or exchange.method not in ("GET", "HEAD"):
                return None
            headers = (("content-type", f"{kind}; charset=utf-8"), _FOR_EVER, ("x-content-type-options", "nosniff"))
            return Reply(200, headers, self.source(name))

        return page
