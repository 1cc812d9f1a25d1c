"""The pages in the languages that are not the site's own: the same handlers, under a folder of each."""

from collections.abc import Callable, Iterable

from privacymw.core import Exchange, Job, Keeper, PageHandler, Reply
from privacymw.page import Pages


class LanguageKeeper(Keeper):
    """Answers `/privacy/es/...` by the page that stands without the language; that looks at the address itself.

    Args:
        keepers: whose pages they are.
        standing: whether only those answer that answer in every mode.
    """

    name = "language"

    def __init__(self, pages: Pages, keepers: Iterable[Keeper], *, standing: bool = False) -> None:
        self._pages = {
            name: page
            for each in keepers
            for name, page in each.pages.items()
            if name in (each.standing if standing else each.pages)
        }
        folders = [path.removeprefix(f"{pages.prefix}/") for path in pages.others]
        self.pages = dict.fromkeys(folders, self._answer)
        self.standing = frozenset(folders)
        notice = self._pages.get("notice")
        self.fallbacks = {path: _first(notice) for path in pages.others} if notice is not None else {}

    def _answer(self, exchange: Exchange, rest: str) -> Reply | Job | None:
        name, _, tail = rest.partition("/")
        page = self._pages.get(name)
        return page(exchange, tail) if page is not None else None


def _first(page: PageHandler) -> Callable[[Exchange], Reply | None]:
    """What answers for the folder itself."""

    def answer(exchange: Exchange) -> Reply | None:
        reply = page(exchange, "")
        return reply if isinstance(reply, Reply) else None

    return answer
