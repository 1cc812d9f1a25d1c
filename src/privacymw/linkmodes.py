"""How links are treated where: by site, by path, and by what the app says with one answer."""

from collections.abc import Callable, Mapping
from typing import Final

from privacymw import headers as fields
from privacymw.core import Exchange
from privacymw.headers import Pairs
from privacymw.paths import PathTable

MODES: Final = ("interstitial", "annotate", "off")
HEADER: Final = "privacymw-outbound"
"""The app's own word on one answer. It goes no further, and nothing in a page can say it."""


def check_modes(paths: Mapping[str, str]) -> None:
    """Raises ValueError for a path without its slash, or a word that is no mode."""
    PathTable(paths)
    for path, mode in paths.items():
        if mode not in MODES:
            raise ValueError(f"{mode!r} for {path}: not one of {', '.join(MODES)}")


class LinkModes:
    """Tells the mode of an exchange.

    Args:
        mode: of the site.
        paths: modes of some paths.
        sealing: whether links can be sealed; without, `interstitial` steps down.
        count: told of words that are no mode.
    """

    def __init__(
        self, mode: str, paths: Mapping[str, str], *, sealing: bool, count: Callable[[str, str], None]
    ) -> None:
        self.of_site = self._kept(mode, sealing)
        self._table = PathTable(paths)
        self._sealing = sealing
        self._count = count

    @staticmethod
    def _kept(mode: str, sealing: bool) -> str:
        return "annotate" if mode == "interstitial" and not sealing else mode

    def asked(self, exchange: Exchange) -> str:
        """The mode by site and path. Where patients' pages are, links are sealed whatever is set."""
        if exchange.confidential and self._sealing:
            return "interstitial"
        return self._kept(self._table.find(exchange.root, exchange.path) or self.of_site, self._sealing)

    def answered(self, exchange: Exchange, headers: Pairs) -> str:
        """The mode that the app names with its answer; empty where it names none, or none that counts.

        A confidential page keeps its own: what shows patient information is not the place for an exception.
        """
        said = {value.strip().lower() for value in fields.values(headers, HEADER)}
        if not said:
            return ""
        if exchange.confidential and self._sealing:
            self._count("outbound", "confidential answers that named a mode, in vain")
            return ""
        word = said.pop()
        if said or word not in MODES:
            self._count("outbound", "answers with an unknown Privacymw-Outbound")
            return ""
        return self._kept(word, self._sealing)
