"""Redirects of the app's to other sites: counted, or held to a list of hosts."""

from typing import Final, NamedTuple

from privacymw import headers as fields
from privacymw.core import Exchange
from privacymw.destination import no_way_on
from privacymw.headers import Pairs
from privacymw.links import Links
from privacymw.page import Pages
from privacymw.refresh import refreshed
from privacymw.url import Hosts, Target
from privacymw.words import N_

TOUCHES: Final = ("location", "refresh", "set-cookie")
_TITLE: Final = N_("This site does not send you there")
_TEXT: Final = N_("A page of this site would have sent you on to the address below, which is not on its list.")


class Redirects(NamedTuple):
    """What is done about a redirect.

    Attributes:
        held: the hosts to which one may lead; None where each is the app's own act, to be counted alone.
        pages: tells of one that is held.
    """

    held: Hosts | None
    pages: Pages

    def look(self, exchange: Exchange, headers: Pairs, links: Links) -> Pairs:
        """Looks at `Location` and `Refresh`; may answer in place of the app.

        A redirect that is held answers by a page without a link: whoever can make the app redirect, by a
        `?next=` that nobody checks, must not get a way through us either. Cookies of the answer stay with it,
        or a sign-out would be undone.
        """
        if 300 <= exchange.status < 400 and exchange.status != 304:
            for location in fields.values(headers, "location"):
                target = links.foreign(location)
                if target is not None and not self._goes(target, "redirect", links):
                    cookies = [pair for pair in headers if pair[0] == "set-cookie"]
                    exchange.answer(no_way_on(self.pages, exchange, target, _TITLE, _TEXT, *cookies))
                    return headers
        refresh = fields.first(headers, "refresh")
        return self._refreshing(headers, refresh, links) if refresh else headers

    def _goes(self, target: Target, what: str, links: Links) -> bool:
        goes = self.held is None or target.host in self.held
        links.told(target.host, what if goes else "held")
        return goes

    def _refreshing(self, headers: Pairs, refresh: str, links: Links) -> Pairs:
        """`Refresh` is the header of `<meta http-equiv=refresh>` (HTML 4.2.5.3): what leads away by itself."""
        before, url = refreshed(refresh)
        target = links.foreign(url) if url else None
        if target is None:
            return headers
        if self.held is not None and target.host in self.held:
            links.told(target.host, "refresh")
            return headers
        page = links.leaving(target)
        if page is None and self._goes(target, "refresh", links):
            return headers
        rest = fields.without(headers, "refresh")
        if page is None:
            return rest
        links.told(target.host, "sealed")
        return [*rest, ("refresh", before + page)]
