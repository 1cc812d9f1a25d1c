"""Whether a visitor allows a category, and why: the own answer, the browser's signal, or what holds before both."""

from collections.abc import Callable, Iterable
from typing import Final, Literal, NamedTuple

from privacymw.cookie import UNVERIFIED, Choice, PreferenceCookie
from privacymw.core import Exchange
from privacymw.headers import opts_out
from privacymw.questions import Questions

SHARING: Final = frozenset(("sale", "sharing", "advertising"))
"""Categories to which Global Privacy Control says no, unless the visitor said yes here."""
FOLLOWING: Final = SHARING | {"analytics", "marketing", "measurement", "profiling", "statistics", "tracking"}
"""Categories to which Do Not Track says no in the same way, where the site honours it."""

Model = Literal["opt-in", "opt-out", "by-country"]
Reason = Literal["answer", "lost", "opt-in", "opt-out", "gpc", "dnt"]
GPC: Final = "Sec-GPC"
DNT: Final = "DNT"


class Verdict(NamedTuple):
    """Whether a category is allowed, and what decided it."""

    allowed: bool
    reason: Reason


class Decider:
    """Decides for one visitor at a time, from what came with the request.

    Args:
        questions: what visitors are asked about.
        model: what holds before a visitor chooses.
        cookie: reads the choice; None where none is kept: where nobody can say no, the answer is no.
        country: the country of a packed address, empty where it is not known.
        opt_out_in: countries where opt-out holds, if the model goes by country.
        dnt: whether Do Not Track is honoured.
    """

    def __init__(
        self,
        questions: Questions,
        *,
        model: Model = "opt-in",
        cookie: PreferenceCookie | None = None,
        country: Callable[[bytes | None], str] = lambda packed: "",
        opt_out_in: Iterable[str] = (),
        dnt: bool = False,
    ) -> None:
        self.questions = questions
        self._model = model
        self.opts_out = model == "opt-out"
        """Whether a yes holds for every visitor before a choice."""
        self._cookie = cookie
        self._country = country
        self._opt_out_in = frozenset(opt_out_in)
        self.honours_dnt = dnt
        names = frozenset(questions.categories)
        heard = [name for name, said in ((GPC, SHARING), (DNT, FOLLOWING if dnt else ())) if names.intersection(said)]
        self.varies: tuple[str, ...] = ("Cookie", *heard) if cookie is not None else ()
        """The request headers on which a decision may hang."""
        self.reads = ("cookie", "sec-gpc", *(["dnt"] if dnt else []))

    def choice(self, exchange: Exchange) -> Choice:
        """What the visitor chose."""
        return self._cookie.read(exchange) if self._cookie is not None else UNVERIFIED

    def allows(self, exchange: Exchange, category: str) -> bool:
        """Whether the visitor of an exchange allows a category."""
        return self.verdict(exchange, category).allowed

    def verdict(self, exchange: Exchange, category: str) -> Verdict:
        """The same with its reason. The country is looked up last, where everything else left it open."""
        choice = self.choice(exchange)
        answer = self.questions.answer(choice, category)
        if answer is not None:
            return Verdict(answer, "answer")
        if not choice.verified:
            return Verdict(False, "lost")
        if self._model == "opt-in":
            return Verdict(False, "opt-in")
        signal = self._signal(exchange, category)
        if signal is not None:
            return Verdict(False, signal)
        model = self.model(exchange)
        return Verdict(model == "opt-out", model)

    def _signal(self, exchange: Exchange, category: str) -> Literal["gpc", "dnt"] | None:
        """The signal that says no to a category."""
        heard = self.signals(exchange)
        if category in SHARING and GPC in heard:
            return "gpc"
        return "dnt" if category in FOLLOWING and DNT in heard else None

    def model(self, exchange: Exchange) -> Literal["opt-in", "opt-out"]:
        """What holds for this visitor before a choice."""
        if self._model != "by-country":
            return self._model
        return "opt-out" if self._country(exchange.origin.packed) in self._opt_out_in else "opt-in"

    def signals(self, exchange: Exchange) -> tuple[str, ...]:
        """The signals that came and that count here. Of DNT the first sign counts (TPE, "DNT Header Field")."""
        found = [GPC] if opts_out(exchange.headers.get("sec-gpc", "")) else []
        found += [DNT] if self.honours_dnt and exchange.headers.get("dnt", "").startswith("1") else []
        return tuple(found)

    def to_ask(self, exchange: Exchange) -> tuple[str, ...]:
        """The categories that this visitor still has to be asked about: opt-in holds, and nobody has answered.

        A signal that says no is an answer: who sends it is not asked to take it back.
        """
        if self._cookie is None:  # no answer could be kept
            return ()
        choice = self.choice(exchange)
        answer, signal = self.questions.answer, self._signal
        return tuple(
            name
            for name in self.questions.categories
            if answer(choice, name) is None
            and signal(exchange, name) is None
            and (not choice.verified or self.model(exchange) == "opt-in")
        )
