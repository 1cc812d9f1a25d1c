"""What the visitor may choose: what is offered, what holds before a choice, and what is kept of one."""

import re
from collections.abc import Callable, Iterable
from typing import Annotated, ClassVar, Final

import msgspec

from privacymw.choosing import READS, ChoicesPage
from privacymw.cookie import PreferenceCookie, check_names, check_preferences
from privacymw.core import Exchange, Keeper
from privacymw.decider import Decider, Model
from privacymw.headers import COOKIE_MAX_AGE, Pairs
from privacymw.kinds import days, setting
from privacymw.promise import Means, Promise, Section, Sentence, Services, Table, Telling
from privacymw.questions import Questions
from privacymw.recorder import Recorder
from privacymw.registry import CookieEntry
from privacymw.visitor import Preferences, VisitorChoices
from privacymw.words import N_, Words


def check_countries(codes: tuple[str, ...]) -> None:
    """Raises ValueError for a text that is no code of a country."""
    for code in codes:
        if not re.fullmatch("[A-Z]{2}", code):
            raise ValueError(f"{code!r}: a country has two capital letters (ISO 3166-1), such as US")


class Choices(Promise, frozen=True, kw_only=True):
    """The choices that something keeps, and the app's own preferences."""

    group: ClassVar[str] = "choices"
    title: ClassVar[str] = "Cookies and your choices"

    model: Annotated[
        Model,
        setting("What holds before a visitor chooses: opt-in is no, opt-out is yes, by-country looks it up.", "word"),
    ] = "opt-in"
    opt_out_countries: Annotated[
        tuple[str, ...],
        setting("Countries where opt-out holds, if the model is by-country.", "list", check=check_countries),
    ] = ("US",)
    categories: Annotated[
        tuple[str, ...],
        setting("What the app asks of with choices.allows(name), such as statistics.", "list", check=check_names),
    ] = ()
    preferences: Annotated[
        dict[str, tuple[str, ...]],
        setting("The app's own preferences and their values, the first the default.", "table", check=check_preferences),
    ] = msgspec.field(default_factory=dict)
    bar: Annotated[bool, setting("Whether each page asks for the choice until it is made.", "switch")] = False
    saved: Annotated[bool, setting("Whether choices are kept in the visitor's browser.", "switch")] = True
    recorded: Annotated[
        bool, setting("Whether a record of each decision is kept, without saying whose it is.", "switch")
    ] = True
    record_retention: Annotated[
        int, setting("How long the record of a decision is kept.", "duration", ge=days(1), le=days(3653))
    ] = days(400)

    def within(self, means: Means) -> "Choices":
        categories = tuple(dict.fromkeys((*self.categories, *means.categories)))
        saved = self.saved and means.secret and bool(means.leaving or categories or self.preferences)
        recorded = self.recorded and saved and means.store and bool(categories)
        return msgspec.structs.replace(self, categories=categories, saved=saved, recorded=recorded)

    def decider(
        self,
        cookie: PreferenceCookie | None,
        entries: Iterable[CookieEntry],
        country: Callable[[bytes | None], str],
        *,
        dnt: bool,
    ) -> Decider:
        """What decides for visitors by these settings; see Decider."""
        return Decider(
            Questions(self.categories, entries),
            model=self.model,
            cookie=cookie,
            country=country,
            opt_out_in=self.opt_out_countries,
            dnt=dnt,
        )

    def section(self, telling: Telling) -> Section:
        if not self.saved:
            text = N_("The privacy pages of this site set no cookie and keep no choice.")
            return Section("choices", self.title, (Sentence("choices.none", text),))
        page = {"page": f"{telling.prefix}/choices"}
        sentences = [
            Sentence(
                "choices.cookie",
                "We keep what you choose in one signed cookie in your browser. It is set when you choose, not before.",
            ),
            Sentence("choices.page", "You can see your choices, change them and clear them at {page}.", page),
            Sentence(
                "choices.holds",
                "There you also see what else this site keeps in your browser. You can save it as a file, or erase it.",
            ),
            Sentence(
                "choices.reach",
                "The cookie holds for one host and one browser. Nobody but this site can read it, and no script.",
            ),
        ]
        sentences += _other_hosts(telling.site.sites)
        if self.categories:
            sentences += [*self._before(), *(self._category(name, telling.words) for name in self.categories), _AGAIN]
            sentences += [*self._record(telling.words), *([_BAR] if self.bar else [])]
        table = _table(self, telling)
        action = ("choices", N_("See and change your choices"))
        return Section("choices", self.title, tuple(sentences), (table,), action)

    def _before(self) -> list[Sentence]:
        """How it is decided what holds before a choice, where that is not the same for each visitor."""
        if self.model != "by-country":
            return []
        text = N_(
            "What holds before you choose goes by the country of your IP address. We look it up on our own server, "
            "in a file, each time an answer hangs on it. We do not keep the result."
        )
        return [Sentence("choices.country", text)]

    def _category(self, name: str, words: Words) -> Sentence:
        text = {
            "opt-in": N_("Unless you say yes to {category}, the answer is no."),
            "opt-out": N_("Unless you say no to {category}, the answer is yes."),
            "by-country": N_(
                "Until you answer on {category}, it is yes in these countries, and no elsewhere: {countries}."
            ),
        }
        values = {"category": words.label(name)}
        if self.model == "by-country":
            values["countries"] = ", ".join(self.opt_out_countries) or words.text(N_("none"))
        facts = {"category": name, "model": self.model}
        return Sentence(f"choices.{name}", text[self.model], values, facts=facts)

    def _record(self, words: Words) -> list[Sentence]:
        if not self.recorded:
            text = N_("We keep no record of your answers outside of your browser.")
            return [Sentence("choices.record", text, facts={"kept": False})]
        what = N_(
            "When you answer, we keep a record: a random number, the time to the minute, your answers, the version of "
            "what we asked, and the signals of your browser that we honor."
        )
        until = N_(
            "We keep the record for at most {retention} while the site runs; if the site stands still by then, until "
            "its next start."
        )
        who = N_(
            "The record does not say who you are, and it holds no IP address. The number is on a signed receipt that "
            "you get once. It is not in your cookie."
        )
        return [
            Sentence("choices.record", what, facts={"kept": True}),
            _record_time(until, self.record_retention, words),
            Sentence("choices.receipt", who),
        ]

    def keeper(self, services: Services) -> Keeper:
        return _Keeper(self, services)


def _record_time(text: str, seconds: int, words: Words) -> Sentence:
    return Sentence("choices.record_time", text, {"retention": words.duration(seconds)}, facts={"seconds": seconds})


_AGAIN: Final = Sentence(
    "choices.again",
    "If you said yes, we ask again when that changes: what it is for, who gets the data, or how long it is kept. "
    "A no stands.",
)

_BAR: Final = Sentence("choices.bar", "Our pages ask you for this choice until you have made it.")


def _other_hosts(hosts: tuple[str, ...]) -> list[Sentence]:
    """Where a choice does not reach: `__Host-` cookies are of one host."""
    text = N_("What you choose at another host does not hold at {host}: please choose there too.")
    named = enumerate(hosts, 1) if len(hosts) > 1 else ()
    return [Sentence(f"choices.host{index}", text, {"host": host}, facts={"host": host}) for index, host in named]


def _table(promise: Choices, telling: Telling) -> Table:
    words, _ = telling.words, telling.words.text
    kept = [_("how to treat links to other sites")] if telling.leaving else []
    kept += [words.label(name) for name in (*promise.categories, *promise.preferences)]
    head = (_("Name"), _("What for"), _("How long"), _("Who reads it"))
    age = words.duration(COOKIE_MAX_AGE)
    what = words.said(N_("Your choices: {kept}"), kept=", ".join(kept))
    rows = [("__Host-privacy", what, age, _("this site only"))]
    if promise.categories:
        what = _("Your answers once more, so that a page can show or hide what they are about")
        rows.append(("__Host-privacy-view", what, age, _("this site and its scripts")))
    return Table(_("Cookies that we set") if promise.categories else _("Cookie that we set"), head, tuple(rows))


class _Keeper(Keeper):
    name = "choices"
    touches = ("set-cookie",)
    standing = frozenset(("choices",))

    def __init__(self, promise: Choices, services: Services) -> None:
        assert services.decider is not None
        self._cookie, self._decider = services.cookie, services.decider
        self._preferences = promise.preferences
        page = ChoicesPage(
            services,
            self._decider,
            preferences=promise.preferences,
            by_country=promise.model == "by-country",
            recorder=_recorder(promise, services),
        )
        self.reads = tuple(dict.fromkeys((*READS, *self._decider.reads)))
        self.pages = {"choices": page.answer}
        self.offers = {"choices": self._choices, "preferences": self._offer_preferences}

    def _choices(self, exchange: Exchange) -> VisitorChoices:
        exchange.varies += self._decider.varies
        return VisitorChoices(self._decider, exchange)

    def _offer_preferences(self, exchange: Exchange) -> Preferences:
        if self._cookie is not None:
            exchange.varies.append("Cookie")
        return Preferences(self._preferences, self._cookie, exchange)

    def on_response(self, exchange: Exchange, headers: Pairs) -> Pairs:
        preferences = exchange.asked.get("preferences")
        if preferences is None or not preferences.changed or self._cookie is None:
            return headers
        return [*headers, *self._cookie.lines(exchange, exchange.choice)]


def _recorder(promise: Choices, services: Services) -> Recorder | None:
    """What keeps records; in an observing mode there is no journal, and nothing is kept."""
    if not promise.recorded or services.journal is None or services.receipts is None:
        return None
    return Recorder(services.journal, services.receipts, promise.record_retention, services.clock)
