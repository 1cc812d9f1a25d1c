"""The page before a link that leaves: it names the destination and lets the visitor decide."""

from typing import Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from privacymw import forms
from privacymw.cookie import SITES
from privacymw.core import Exchange, Job, Reply, not_allowed
from privacymw.destination import no_way_on, shown, way_back
from privacymw.headers import Pair, quoted_path, quoted_query
from privacymw.links import opened
from privacymw.notes import Notes
from privacymw.page import NO_INDEX, NO_STORE
from privacymw.promise import Services
from privacymw.seal import LinkSeal
from privacymw.url import Hosts, Target, parse, with_query
from privacymw.words import N_, Refusal

_BLOCKED: Final = N_("The operators of this site do not link to the address below. There is no way on from here.")

_FIELDS: Final = 100
"""Fields of a form that are listed; the address above them has all."""


class LeavingPage:
    """Answers `/privacy/leaving/<token>`."""

    reads: Final = ("cookie", "host", "origin", "referer", "sec-fetch-site", "content-type")

    def __init__(self, services: Services, seal: LinkSeal, blocked: Hosts, notes: Notes) -> None:
        self._pages = services.pages
        self._by = services.organisation.name
        self._folders = tuple(f"{each}/leaving/" for each in (services.site.prefix, *services.pages.others))
        self._cookie = services.cookie
        self._count = services.count
        self._seal = seal
        self._blocked = blocked
        self._notes = notes

    def answer(self, exchange: Exchange, token: str) -> Reply | Job:
        """The page; a redirect if and only if token and preference are both ours and valid."""
        target = self._target(exchange, token)
        if target is None:
            self._count("leaving", "forged or unknown tokens")
            text = N_("This link is not one that this site made, or it was damaged on its way here.")
            return self._pages.message(exchange, 404, N_("No such link"), text, NO_INDEX)
        if target.host in self._blocked:  # also where the link was made before, or the visitor is not to be asked
            self._count("leaving", "links to blocked hosts")
            return no_way_on(self._pages, exchange, target, N_("This site does not link there"), _BLOCKED)
        if exchange.method == "POST":
            return Job(lambda body: self._post(exchange, target, body), forms.FORM_BYTES)
        if exchange.method not in ("GET", "HEAD"):
            return not_allowed("GET, HEAD, POST")
        if self._cookie is not None and self._cookie.read(exchange).goes_direct(target.host):
            self._count("leaving", "visitors sent on, as they chose")
            return Reply(303, (("location", target.href), ("referrer-policy", "no-referrer"), NO_STORE, NO_INDEX), b"")
        self._count("leaving", "pages shown")
        return self._shown(exchange, target, remember=self._cookie is not None)

    def _target(self, exchange: Exchange, token: str) -> Target | None:
        found = opened(self._seal, token)
        if found is None:
            return None
        href, form = found
        return parse(with_query(href, quoted_query(exchange.query)) if form and exchange.query else href)

    def _fields(self, exchange: Exchange, target: Target) -> list[tuple[str, str]]:
        """What a form hands over, as the visitor wrote it; the address has it in signs that few can read."""
        found = opened(self._seal, exchange.path.rpartition("/")[2])
        if found is None or not found[1]:
            return []
        return parse_qsl(urlsplit(target.href).query, keep_blank_values=True, errors="replace")[:_FIELDS]

    def _post(self, exchange: Exchange, target: Target, body: bytes) -> Reply:
        """Keeps "not ask again" and shows the page once more: browsers hold redirects of a form to `form-action`."""
        if self._cookie is None or not forms.is_same_origin(exchange):
            return self._shown(exchange, target, remember=self._cookie is not None)
        try:
            again = forms.single(forms.fields(exchange, body), "again", ("site", "all"))
            choice = self._cookie.read(exchange)
            if again == "all":
                choice = msgspec.structs.replace(choice, outside="direct")
            elif again == "site":
                sites = tuple(dict.fromkeys((*choice.sites, target.host)))[-SITES:]
                choice = msgspec.structs.replace(choice, sites=sites)
            return self._shown(exchange, target, *self._cookie.lines(exchange, choice), remember=False)
        except Refusal as error:
            why = self._pages.words(exchange).refused(error)
            return self._pages.message(exchange, 400, N_("Nothing was changed"), why, NO_INDEX)

    def _shown(self, exchange: Exchange, target: Target, *headers: Pair, remember: bool) -> Reply:
        words = self._pages.words(exchange)
        kinds, text = self._notes.of(target.host)
        context = {
            **shown(target),
            "fields": self._fields(exchange, target),
            "notes": [words.text(each) for each in kinds],
            "note": text,
            "by": self._by or words.text(N_("the operator of this site")),
            "page": "leaving/" + exchange.path.rpartition("/")[2],
            "query": _query(exchange),
            "back": way_back(exchange, self._folders),
            "here": quoted_path(exchange.root + exchange.path) + _query(exchange),
            "remember": remember,
            "saved": bool(headers),
        }
        return self._pages.reply("leaving.html", exchange, context, NO_STORE, NO_INDEX, *headers)


def _query(exchange: Exchange) -> str:
    return "?" + quoted_query(exchange.query) if exchange.query else ""
