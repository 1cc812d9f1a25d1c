"""The page on which a visitor chooses, sees what is held, and erases it."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from privacymw import forms
from privacymw.ballot import Ballot
from privacymw.cookie import Choice, PreferenceCookie
from privacymw.core import Exchange, Job, Reply, not_allowed
from privacymw.decider import DNT, GPC, Decider
from privacymw.headers import COOKIE_MAX_AGE, Pair, quoted_path
from privacymw.holding import Holding, moment, other_hosts
from privacymw.page import NO_STORE
from privacymw.promise import Services
from privacymw.receipt import Receipts, Unsigned, host_of
from privacymw.recorder import Recorder
from privacymw.registry import Registry
from privacymw.visitor import Preferences
from privacymw.words import N_, Refusal, Words

READS: Final = ("cookie", "host", "origin", "sec-fetch-site", "content-type", "sec-gpc")
_DONE: Final = {
    "saved": N_("Your choices are saved."),
    "cleared": N_("Your choices are cleared."),
    "erased": N_("What this site held about this browser is erased."),
}
_ELSEWHERE: Final = N_("Nothing was changed: the form did not come from this page.")
_OWN_ONLY: Final = ("cross-origin-resource-policy", "same-origin")


class ChoicesPage:
    """Answers `/privacy/choices` and what stands below it.

    Args:
        preferences: the app's own, with their values.
        by_country: whether the page says that a country decides.
        recorder: keeps records of decisions; None where none are kept.
    """

    def __init__(
        self,
        services: Services,
        decider: Decider,
        *,
        preferences: Mapping[str, tuple[str, ...]],
        by_country: bool = False,
        recorder: Recorder | None = None,
    ) -> None:
        self._services = services
        self._cookie = services.cookie
        self._decider = decider
        self._preferences = preferences
        self._by_country = by_country
        self._recorder = recorder
        self._holding = Holding(Registry(services.entries), decider)
        self._ballot = Ballot(decider.questions, preferences, outside=services.leaving)

    def answer(self, exchange: Exchange, rest: str) -> Reply | Job | None:
        """The page handler."""
        handler = {"": self._page, "data.json": self._data, "receipt.txt": self._receipt}.get(rest)
        return handler(exchange) if handler else None

    def _page(self, exchange: Exchange) -> Reply | Job:
        cookie = self._cookie
        if exchange.method == "POST" and cookie is not None:
            return Job(lambda body: self._post(exchange, cookie, body), forms.FORM_BYTES)
        if exchange.method not in ("GET", "HEAD"):
            return not_allowed("GET, HEAD, POST" if cookie is not None else "GET, HEAD")
        return self._shown(exchange, 200, _DONE.get(exchange.query, ""))

    def _data(self, exchange: Exchange) -> Reply:
        if exchange.method not in ("GET", "HEAD"):
            return not_allowed("GET, HEAD")
        if not forms.may_download(exchange):
            return self._shown(exchange, 403, N_("This file is for a link on this page alone."))
        return self._file(
            "application/json; charset=utf-8", "data.json", self._holding.document(exchange, self._words(exchange))
        )

    def _receipt(self, exchange: Exchange) -> Reply | Job | None:
        receipts = self._services.receipts
        if receipts is None:
            return None
        if exchange.method != "POST":
            return not_allowed("POST")
        return Job(lambda body: self._handed(exchange, receipts, body), forms.FORM_BYTES)

    def _handed(self, exchange: Exchange, receipts: Receipts, body: bytes) -> Reply:
        """The receipt in a form as a file: it is handed back, since nothing here keeps it."""
        if not forms.is_same_origin(exchange):
            return self._shown(exchange, 403, _ELSEWHERE)
        try:
            text = forms.fields(exchange, body).get("receipt", [""])[0].replace("\r\n", "\n")
            receipts.read(text)
        except Unsigned as error:
            return self._refused(exchange, error, N_("There is no receipt to save: {why}."))
        except Refusal as error:
            return self._refused(exchange, error)
        return self._file("text/plain; charset=utf-8", "receipt.txt", text.encode())

    def _file(self, kind: str, name: str, content: bytes) -> Reply:
        named = ("content-disposition", f'attachment; filename="privacy-{name}"')
        headers = (("content-type", kind), named, NO_STORE, _OWN_ONLY)
        return self._services.pages.under_headers(Reply(200, headers, content))

    def _post(self, exchange: Exchange, cookie: PreferenceCookie, body: bytes) -> Reply:
        if not forms.is_same_origin(exchange):
            return self._shown(exchange, 403, _ELSEWHERE)
        try:
            form = forms.fields(exchange, body)
            wish = forms.single(form, "do", ("save", "accept", "refuse", "clear", "erase"))
            if wish == "clear":
                return self._done(exchange, "cleared", *cookie.expiries(exchange))
            if wish == "erase":
                return self._done(exchange, "erased", *self._holding.expiries(exchange, cookie))
            choice, given = self._ballot.counted(cookie.read(exchange), form, wish)
            return self._saved(exchange, choice, cookie.lines(exchange, choice), given)
        except Refusal as error:
            return self._refused(exchange, error, N_("Nothing was changed. {why}"))

    def _words(self, exchange: Exchange) -> Words:
        return self._services.pages.words(exchange)

    def _refused(self, exchange: Exchange, why: Refusal, told: str = "{why}") -> Reply:
        words = self._words(exchange)
        return self._shown(exchange, 400, words.said(told, why=words.refused(why)))

    def _saved(self, exchange: Exchange, choice: Choice, lines: tuple[Pair, ...], given: list[str]) -> Reply:
        """A receipt goes into this answer's page: in an address it would end up in logs, in a cookie it would name
        the browser."""
        if not given or self._recorder is None:
            return self._done(exchange, "saved", *lines)
        signals = self._decider.signals(exchange)
        answers = {name: choice.answers[name] for name in self._decider.questions.categories if name in choice.answers}
        host = host_of(exchange.headers.get("host", ""))
        receipt = self._recorder.record(host, choice.version, answers, signals)
        exchange.choice = msgspec.structs.replace(choice, at=int(self._services.clock()))
        return self._shown(exchange, 200, _DONE["saved"], *lines, *self._updated(), receipt=receipt)

    def _done(self, exchange: Exchange, what: str, *lines: Pair) -> Reply:
        base = quoted_path(self._services.pages.base(exchange))
        return Reply(303, (("location", f"{base}/choices?{what}"), *lines, *self._updated(), NO_STORE), b"")

    def _updated(self) -> tuple[Pair, ...]:
        """Tracking Preference Expression 6.2.8: `U` where a request may have changed the tracking status."""
        return (("tk", "U"),) if self._decider.honours_dnt else ()

    def _shown(self, exchange: Exchange, status: int, message: str, *headers: Pair, receipt: str = "") -> Reply:
        context = {
            "page": "choices",
            "age": self._words(exchange).duration(COOKIE_MAX_AGE),
            "message": self._words(exchange).text(message),
            "fault": status >= 400,
            "receipt": receipt,
            "saved": self._cookie is not None,
            "outside": self._services.leaving,
            "by_country": self._by_country,
            "hosts": other_hosts(self._services.site.sites, exchange),
            **self._state(exchange),
        }
        return self._services.pages.reply("choices.html", exchange, context, NO_STORE, *headers, status=status)

    def _state(self, exchange: Exchange) -> dict[str, Any]:
        """What this browser sent and what follows from it."""
        choice = self._decider.choice(exchange)
        questions, entries = self._decider.questions, self._services.entries
        held, others = self._holding.cookies(exchange, self._words(exchange))
        signals = self._decider.signals(exchange)
        return {
            "choice": choice,
            "made": moment(choice.at),
            "categories": questions.categories,
            "verdicts": {name: self._decider.verdict(exchange, name) for name in questions.categories},
            "changed": [n for n in questions.categories if choice.answers.get(n) and not questions.answer(choice, n)],
            "purposes": {
                name: dict.fromkeys((each.purpose, each.provider) for each in entries if each.category == name)
                for name in questions.categories
            },
            "preferences": self._preferences,
            "chosen": dict(Preferences(self._preferences, self._cookie, exchange)),
            "held": held,
            "others": others,
            "gpc": GPC in signals and self._services.gpc,
            "dnt": DNT in signals,
        }
