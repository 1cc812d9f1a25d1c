"""Our own pages: templates that an operator can override, under headers that let nothing in.

Every page works without a script, takes nothing from another site and fits a text browser.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from privacymw.core import Exchange, Reply
from privacymw.headers import Pair, quoted_path
from privacymw.words import LANGUAGES, SOURCE, Words, below

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


NO_STORE: Final = ("cache-control", "no-store")
_FOR_EVER: Final = ("cache-control", "public, max-age=31536000, immutable")
NO_INDEX: Final = ("x-robots-tag", "noindex, nofollow")


class Pages:
    """Renders templates to replies.

    Args:
        prefix: path under which the pages stand.
        folder: templates that go before ours; empty for none.
        links: pages and their labels for the foot of each page.
        language: what is spoken right under the prefix; each other language has a folder of its own there.
    """

    def __init__(
        self, prefix: str, folder: str = "", links: Sequence[tuple[str, str]] = (), *, language: str = SOURCE
    ) -> None:
        self.prefix = prefix
        self.links = tuple(links)
        self._folders: list[str | Path] = [*([folder] if folder else []), TEMPLATES]
        self._own = Words(language)
        self.others = {below(prefix, each, language): Words(each) for each in LANGUAGES if each != language}
        """The other languages, by the path under which their pages stand."""

    @cached_property
    def _environments(self) -> "Callable[[Words], jinja2.Environment]":
        return cache(self._environment)

    def _environment(self, words: Words) -> "jinja2.Environment":
        import jinja2  # 45 ms that an app without a visitor to these pages need not wait for

        environment = jinja2.Environment(
            loader=jinja2.ChoiceLoader(
                [
                    jinja2.FileSystemLoader(self._folders),
                    # An override of `leaving.html` that changes a part of it extends `privacymw/leaving.html`.
                    jinja2.PrefixLoader({"privacymw": jinja2.FileSystemLoader(TEMPLATES)}),
                ]
            ),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        environment.policies["ext.i18n.trimmed"] = True
        said: Any = environment  # what the extension adds
        said.install_gettext_callables(words.text, words.catalogue.ngettext, newstyle=True)
        environment.filters.update(long_date=words.date, label=words.label, labels=words.labels)
        environment.globals.update(language=words.language, own=self._own.language)
        return environment

    def source(self, name: str) -> bytes:
        """A file of the templates' folders as it stands there."""
        return self._sources(name)[0]

    def digest(self, name: str) -> str:
        """Another one for another content, to be put into its address."""
        return self._sources(name)[1]

    @cached_property
    def _sources(self) -> Callable[[str], tuple[bytes, str]]:
        language = (self._own.language + self._own.digest).encode()  # a template is told in it

        @cache
        def read(name: str) -> tuple[bytes, str]:
            found = next(path for folder in self._folders if (path := Path(folder, name)).exists())
            content = found.read_bytes()
            return content, hashlib.sha256(content + language).hexdigest()[:12]

        return read

    def words(self, exchange: Exchange) -> Words:
        """The language of an address."""
        path = exchange.path + "/"
        return next((words for base, words in self.others.items() if path.startswith(base + "/")), self._own)

    def base(self, exchange: Exchange) -> str:
        """The path of our pages in the language of an address, as a browser reaches it, mount prefix included."""
        return self._base(exchange, self.words(exchange).language)

    def _base(self, exchange: Exchange, language: str) -> str:
        return exchange.root + below(self.prefix, language, self._own.language)

    def _sisters(self, exchange: Exchange, page: str) -> list[tuple[str, str, str]]:
        """The same page in each other language: the language, its name, the address; none for no page."""
        spoken = self.words(exchange).language
        return [
            (each, name, quoted_path(f"{self._base(exchange, each)}/{page}"))
            for each, name in LANGUAGES.items()
            if page and each != spoken
        ]

    def render(self, template: str, exchange: Exchange, context: Mapping[str, Any]) -> bytes:
        """A template's bytes, UTF-8; where the context names its `page`, with links to that in other languages."""
        words = self.words(exchange)
        fixed = {
            "base": self.base(exchange),
            "home": exchange.root + "/",
            "style": f"{exchange.root}{self.prefix}/style.css?{self.digest('style.css')}",
            "links": [(page, words.text(label)) for page, label in self.links],
            "query": "",
            "sisters": self._sisters(exchange, context.get("page", "")),
            "files": exchange.root + self.prefix,
        }
        return self._environments(words).get_template(template).render({**fixed, **context}).encode()

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
        words = self.words(exchange)
        context = {"title": words.text(title), "text": words.text(text)}
        return self.reply("message.html", exchange, context, NO_STORE, *headers, status=status)

    def file(self, name: str, kind: str) -> Callable[[Exchange, str], Reply | None]:
        """The page handler of a file; its address changes with its content."""

        def page(exchange: Exchange, rest: str) -> Reply | None:
            if rest or exchange.method not in ("GET", "HEAD"):
                return None
            headers = (("content-type", f"{kind}; charset=utf-8"), _FOR_EVER, ("x-content-type-options", "nosniff"))
            return Reply(200, headers, self.source(name))

        return page
