"""What the visitor may choose: the signed cookie's page, and what the app reads of it."""

import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from privacymw import forms
from privacymw.cookie import NO_CHOICE, Choice, PreferenceCookie
from privacymw.core import Exchange, Job, Keeper, Reply, not_allowed
from privacymw.errors import PrivacyError
from privacymw.headers import Pairs, opts_out, quoted_path
from privacymw.kinds import setting
from privacymw.page import NO_STORE
from privacymw.promise import Means, Promise, Section, Sentence, Services, Table, Telling

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
SHARING: Final = frozenset(("sale", "sharing", "advertising"))
"""Categories to which Global Privacy Control says no, unless the visitor said yes here."""


def check_names(names: tuple[str, ...]) -> None:
    """Raises ValueError for a name that cannot stand in the cookie."""
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r}: a name has small letters, digits and _, 32 at most")


def check_preferences(table: Mapping[str, tuple[str, ...]]) -> None:
    """Raises ValueError for a preference that cannot be offered."""
    check_names(tuple(table))
    for name, values in table.items():
        if not values or any(not value or len(value) > 40 for value in values):
            raise ValueError(f"{name!r}: every value has 1 to 40 characters")


class Choices(Promise, frozen=True, kw_only=True):
    """The choices that something keeps, and the app's own preferences."""

    group: ClassVar[str] = "choices"
    title: ClassVar[str] = "Cookies and your choices"

    model: Annotated[
        Literal["opt-in", "opt-out"],
        setting("What holds before a visitor chooses: opt-in is no, opt-out is yes.", "word"),
    ] = "opt-in"
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

    def within(self, means: Means) -> "Choices":
        categories = tuple(dict.fromkeys((*self.categories, *means.categories)))
        saved = self.saved and means.secret and bool(means.leaving or categories or self.preferences)
        return msgspec.structs.replace(self, categories=categories, saved=saved)

    def decider(self, cookie: PreferenceCookie | None) -> Callable[[Exchange, str], bool]:
        """Tells whether the visitor of an exchange allows a category."""

        def allows(exchange: Exchange, category: str) -> bool:
            choice = cookie.read(exchange) if cookie is not None and self.saved else NO_CHOICE
            return self.allowed(choice, category, gpc=opts_out(exchange.headers.get("sec-gpc", "")))

        return allows

    def allowed(self, choice: Choice, category: str, *, gpc: bool) -> bool:
        """A visitor's own answer; without one what the model and the browser's signal say."""
        answer = choice.answers.get(category)
        if answer is not None:
            return answer
        return choice.verified and self.model == "opt-out" and not (gpc and category in SHARING)

    def section(self, telling: Telling) -> Section:
        if not self.saved:
            text = "The privacy pages of this site set no cookie and keep no choice."
            return Section("choices", self.title, (Sentence("choices.none", text),))
        page = {"page": f"{telling.site.prefix}/choices"}
        sentences = [
            Sentence(
                "choices.cookie",
                "We keep what you choose in one signed cookie in your browser. It is set when you choose, not before.",
            ),
            Sentence("choices.page", "You can see your choices, change them and clear them at {page}.", page),
            Sentence(
                "choices.reach",
                "The cookie holds for one host and one browser. Nobody but this site can read it, and no script.",
            ),
        ]
        sentences += [self._category(name) for name in self.categories]
        table = _table(self, leaving=telling.leaving)
        action = ("choices", "See and change your choices")
        return Section("choices", self.title, tuple(sentences), (table,), action)

    def _category(self, name: str) -> Sentence:
        text = {
            "opt-in": "Unless you say yes to {category}, the answer is no.",
            "opt-out": "Unless you say no to {category}, the answer is yes.",
        }
        return Sentence(f"choices.{name}", text[self.model], {"category": name})

    def keeper(self, services: Services) -> Keeper | None:
        return _Keeper(self, services, services.cookie) if services.cookie else None


def _table(promise: Choices, *, leaving: bool) -> Table:
    kept = ["how to treat links to other sites"] if leaving else []
    kept += promise.categories
    kept += [name.replace("_", " ") for name in promise.preferences]
    head = ("Name", "What for", "How long", "Who reads it")
    rows = [("__Host-privacy", f"Your choices: {', '.join(kept)}", "400 days", "this site only")]
    if promise.categories:
        what = "Your answers once more, so that a page can show or hide what they are about"
        rows.append(("__Host-privacy-view", what, "400 days", "this site and its scripts"))
    return Table("Cookies that we set" if promise.categories else "Cookie that we set", head, tuple(rows))


class VisitorChoices:
    """What this visitor allows; reading it makes the answer private."""

    def __init__(self, promise: Choices, choice: Choice, *, gpc: bool) -> None:
        self._promise = promise
        self._choice = choice
        self._gpc = gpc

    def allows(self, category: str) -> bool:
        """Whether the visitor allows a category of `PRIVACYMW_CHOICES_CATEGORIES`.

        Raises:
            PrivacyError: nobody declared the category, so that the page could not offer it.
        """
        if category not in self._promise.categories:
            declared = ", ".join(self._promise.categories) or "none"
            raise PrivacyError(
                f"choices.allows({category!r}): no such category; declared are: {declared}. "
                f"Set PRIVACYMW_CHOICES_CATEGORIES={','.join([*self._promise.categories, category])}"
            )
        return self._promise.allowed(self._choice, category, gpc=self._gpc)


class Preferences(MutableMapping[str, str]):
    """The app's own preferences of this visitor; what is set rides in the signed cookie."""

    def __init__(self, promise: Choices, cookie: PreferenceCookie, exchange: Exchange) -> None:
        self._declared = promise.preferences
        self._cookie = cookie
        self._exchange = exchange
        self.changed = False

    def _values(self, name: str) -> tuple[str, ...]:
        try:
            return self._declared[name]
        except KeyError:
            raise PrivacyError(
                f"preferences[{name!r}]: no such preference; declared are: {', '.join(self._declared) or 'none'}. "
                f"Set PRIVACYMW_CHOICES_PREFERENCES={name}=first|second"
            ) from None

    def __getitem__(self, name: str) -> str:
        values = self._values(name)
        chosen = self._cookie.read(self._exchange).preferences.get(name)
        return chosen if chosen in values else values[0]

    def __setitem__(self, name: str, value: str) -> None:
        values = self._values(name)
        if value not in values:
            raise PrivacyError(f"preferences[{name!r}] = {value!r}: allowed are {', '.join(values)}")
        if self._exchange.state != "open":
            raise PrivacyError(f"preferences[{name!r}]: the answer has begun, no cookie can be set any more")
        choice = self._cookie.read(self._exchange)
        self._store(choice, {**choice.preferences, name: value})

    def __delitem__(self, name: str) -> None:
        self._values(name)
        choice = self._cookie.read(self._exchange)
        self._store(choice, {key: value for key, value in choice.preferences.items() if key != name})

    def _store(self, choice: Choice, preferences: Mapping[str, str]) -> None:
        self._exchange.choice = msgspec.structs.replace(choice, preferences=preferences)
        self.changed = True

    def __iter__(self) -> Iterator[str]:
        return iter(self._declared)

    def __len__(self) -> int:
        return len(self._declared)


class _Keeper(Keeper):
    name = "choices"
    reads = ("cookie", "host", "origin", "sec-fetch-site", "content-type", "sec-gpc")
    touches = ("set-cookie",)
    standing = frozenset(("choices",))

    def __init__(self, promise: Choices, services: Services, cookie: PreferenceCookie) -> None:
        self._promise = promise
        self._services = services
        self._cookie = cookie
        self.pages = {"choices": self._page}
        self.offers = {"choices": self._choices, "preferences": self._preferences}

    def _choices(self, exchange: Exchange) -> VisitorChoices:
        exchange.varies += ("Cookie", "Sec-GPC") if SHARING.intersection(self._promise.categories) else ("Cookie",)
        gpc = opts_out(exchange.headers.get("sec-gpc", ""))
        return VisitorChoices(self._promise, self._cookie.read(exchange), gpc=gpc)

    def _preferences(self, exchange: Exchange) -> Preferences:
        exchange.varies.append("Cookie")
        return Preferences(self._promise, self._cookie, exchange)

    def on_response(self, exchange: Exchange, headers: Pairs) -> Pairs:
        preferences = exchange.asked.get("preferences")
        if preferences is None or not preferences.changed:
            return headers
        return [*headers, *self._cookie.lines(exchange, exchange.choice)]

    def _page(self, exchange: Exchange, rest: str) -> Reply | Job | None:
        if rest:
            return None
        if exchange.method == "POST":
            return Job(lambda body: self._post(exchange, body), forms.FORM_BYTES)
        if exchange.method not in ("GET", "HEAD"):
            return not_allowed("GET, HEAD, POST")
        done = exchange.query if exchange.query in _DONE else ""
        return self._shown(exchange, 200, _DONE.get(done, ""))

    def _shown(self, exchange: Exchange, status: int, message: str) -> Reply:
        choice = self._cookie.read(exchange)
        gpc = opts_out(exchange.headers.get("sec-gpc", ""))
        visitor = VisitorChoices(self._promise, choice, gpc=gpc)
        preferences = Preferences(self._promise, self._cookie, exchange)
        context = {
            "message": message,
            "fault": status >= 400,
            "choice": choice,
            "outside": self._services.leaving,
            "categories": self._promise.categories,
            "allowed": {name: visitor.allows(name) for name in self._promise.categories},
            "preferences": self._promise.preferences,
            "chosen": dict(preferences),
        }
        return self._services.pages.reply("choices.html", exchange, context, NO_STORE, status=status)

    def _post(self, exchange: Exchange, body: bytes) -> Reply:
        if not forms.is_same_origin(exchange):
            return self._shown(exchange, 403, "Nothing was changed: the form did not come from this page.")
        try:
            form = forms.fields(exchange, body)
            clears = forms.single(form, "do", ("save", "clear")) == "clear"
            cookie = self._cookie
            lines = cookie.expiries(exchange) if clears else cookie.lines(exchange, self._chosen(exchange, form))
        except ValueError as error:
            return self._shown(exchange, 400, f"Nothing was changed. {error}")
        base = quoted_path(self._services.pages.base(exchange))
        location = f"{base}/choices?{'cleared' if clears else 'saved'}"
        return Reply(303, (("location", location), *lines, NO_STORE), b"")

    def _chosen(self, exchange: Exchange, form: dict[str, list[str]]) -> Choice:
        """The choice in a form, over the one in the cookie for what the form leaves out.

        Raises:
            Unfit: the form says what the page never offered.
        """
        before = self._cookie.read(exchange)
        outside, sites = self._outside(before, form)
        answers = {name: forms.single(form, f"c.{name}", ("0", "1")) for name in self._promise.categories}
        chosen = {name: forms.single(form, f"p.{name}", values) for name, values in self._promise.preferences.items()}
        if form:
            raise forms.Unfit("The form has fields that this page does not offer.")
        return Choice(
            answers={**before.answers, **{name: each == "1" for name, each in answers.items() if each}},
            preferences={**before.preferences, **{name: each for name, each in chosen.items() if each}},
            outside=outside,
            sites=sites,
            verified=before.verified or all(answers.values()),
        )

    def _outside(self, before: Choice, form: dict[str, list[str]]) -> tuple[Literal["ask", "direct"], tuple[str, ...]]:
        """How to treat links that leave, and the hosts still ticked, of which a page left open may have too many."""
        if not self._services.leaving or "outside" not in form:
            return before.outside, before.sites
        direct = forms.single(form, "outside", ("ask", "direct")) == "direct"
        return "direct" if direct else "ask", tuple(host for host in form.pop("site", []) if host in before.sites)


_DONE: Final = {"saved": "Your choices are saved.", "cleared": "Your choices are cleared."}
