"""Enters in the chain what the key home knows: after each death, and again until it is there."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from privacymw.store.chain import Chain, Link, destroyed, made

if TYPE_CHECKING:
    from privacymw.store.keys import Keys


class Ledger:
    """What is to be entered; what could not be entered comes with the next call, from the tombstones.

    Args:
        keys: whose births and deaths.
        chain: where to; None: nothing is entered.
        versions: published versions of the notice.
    """

    def __init__(self, keys: "Keys", chain: Chain | None, versions: Sequence[Link] = ()) -> None:
        self._keys, self._chain, self._versions = keys, chain, versions
        self._known: set[tuple[object, ...]] = set()

    def record(self) -> None:
        """Enter what is new.

        Raises:
            StoreError: it cannot be entered now, as on a full disk; no key lives longer for it.
        """
        if self._chain is None:
            return
        home = self._keys.home
        born = [made(info) for info in home.live() if info.length]  # else it is being overwritten just now
        links = [*self._versions, *born, *(destroyed(grave) for grave in home.gone())]
        if self._chain.head() is None:  # somebody took it away
            self._known.clear()
        if new := [link for link in links if link.name not in self._known]:
            self._chain.append(new, self._keys.now())
        self._known = {link.name for link in links}
