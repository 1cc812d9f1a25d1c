"""What the visitor may choose: the signed cookie's page, and what the app reads of it."""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec

from privacymw import forms
from privacymw.cookie import NO_CHOICE, UNVERIFIED, Choice, PreferenceCookie, check_names, check_preferences
from privacymw.core import Exchange, Job, Keeper, Reply, not_allowed
from privacymw.errors import PrivacyError
from privacymw.headers import Pairs, opts_out, quoted_path
from privacymw.kinds import setting
from privacymw.page import NO_STORE
from privacymw.promise import Means, Promise, Section, Sentence, Services, Table, Telling

SHARING: Final = frozenset(("sale", "sharing", "advertising"))
"""Categories to which Global Privacy Control says no, unless the visitor said yes here."""


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
    saved: Annotated[bool, setting("Whether choices are kept in the visitor's browser.", "switch")] = True

    def within(self, means: Means) -> "Choices":
        categories = tuple(dict.fromkeys((*self.categories, *means.categories)))
        saved = self.saved and means.secret and bool(means.leaving or categories or self.preferences)
        return msgspec.structs.replace(self, categories=categories, saved=saved)

    def decider(self, cookie: PreferenceCookie | None) -> Callable[[Exchange, str], bool]:
        """Tells whether the visitor of an exchange allows a category; where nobody can say no, the answer is no."""

        def allows(exchange: Exchange, category: str) -> bool:
            choice = cookie.read(exchange) if cookie is not None else UNVERIFIED
            return self.allowed(choice, category, gpc=_signalled(exchange))

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
        tables = (_table(self, leaving=telling.leaving),)
        return Section("choices", self.title, tuple(sentences), tables, ("choices", "See and change your choices"))

    def _category(self, name: str) -> Sentence:
        text = {
            "opt-in": "Unless you say yes to {category}, the answer is no.",
            "opt-out": "Unless you say no to {category}, the answer is yes.",
        }
        return Sentence(f"choices.{name}", text[self.model], {"category": name})

    def keeper(self, services: Services) -> Keeper:
        return _Keeper(self, services)


def _signalled(exchange: Exchange) -> bool:
    return opts_out(exchange.headers.get("sec-gpc", ""))


def _table(promise: Choices, *, leaving: bool) -> Table:
    kept = ["how to treat links to other sites"] if leaving else []
    kept += promise.categories
    kept += [name.replace("_", " ") for name in promise.preferences]
    row = ("__Host-privacy", f"Your choices: {', '.join(kept)}", "400 days", "this site only")
    return Table("Cookie that we set", ("Name", "What for", "How long", "Who reads it"), (row,))


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
    """The app's own preferences of this visitor; what is set rides in the signed cookie.

    Without a cookie to keep them each has its default, and none can be set.
    """

    def __init__(self, promise: Choices, cookie: PreferenceCookie | None, exchange: Exchange) -> None:
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

    def _choice(self) -> Choice:
        return NO_CHOICE if self._cookie is None else self._cookie.read(self._exchange)

    def __contains__(self, name: object) -> bool:
        return name in self._declared

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self._declared else default

    def __getitem__(self, name: str) -> str:
        values = self._values(name)
        chosen = self._choice().preferences.get(name)
        return chosen if chosen in values else values[0]

    def __setitem__(self, name: str, value: str) -> None:
        values = self._values(name)
        if value not in values:
            raise PrivacyError(f"preferences[{name!r}] = {value!r}: allowed are {', '.join(values)}")
        if self._exchange.state != "open":
            raise PrivacyError(f"preferences[{name!r}]: the answer has begun, no cookie can be set any more")
        self._store({**self._choice().preferences, name: value})

    def __delitem__(self, name: str) -> None:
        self._values(name)
        self._store({key: value for key, value in self._choice().preferences.items() if key != name})

    def _store(self, preferences: Mapping[str, str]) -> None:
        if self._cookie is None:
            raise PrivacyError(
                "preferences: no choice is kept here; that needs a secret that all workers share "
                "(PRIVACYMW_SECRET_KEY or PRIVACYMW_DATA) and PRIVACYMW_CHOICES_SAVED=on"
            )
        self._exchange.choice = msgspec.structs.replace(self._choice(), preferences=preferences)
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

    def __init__(self, promise: Choices, services: Services) -> None:
        self._promise = promise
        self._services = services
        self._cookie = services.cookie
        self.pages = {"choices": self._page}
        self.offers = {"choices": self._choices, "preferences": self._preferences}

    def _choices(self, exchange: Exchange) -> VisitorChoices:
        if self._cookie is None:  # where nobody can say no, the answer is no
            return VisitorChoices(self._promise, UNVERIFIED, gpc=False)
        exchange.varies += ("Cookie", "Sec-GPC") if SHARING.intersection(self._promise.categories) else ("Cookie",)
        return VisitorChoices(self._promise, self._cookie.read(exchange), gpc=_signalled(exchange))

    def _preferences(self, exchange: Exchange) -> Preferences:
        if self._cookie is not None:
            exchange.varies.append("Cookie")
        return Preferences(self._promise, self._cookie, exchange)

    def on_response(self, exchange: Exchange, headers: Pairs) -> Pairs:
        preferences = exchange.asked.get("preferences")
        if preferences is None or not preferences.changed or self._cookie is None:
            return headers
        return [*headers, self._cookie.line(exchange, exchange.choice)]

    def _page(self, exchange: Exchange, rest: str) -> Reply | Job | None:
        if rest:
            return None
        cookie = self._cookie
        if exchange.method == "POST" and cookie is not None:
            return Job(lambda body: self._post(exchange, cookie, body), forms.FORM_BYTES)
        if exchange.method not in ("GET", "HEAD"):
            return not_allowed("GET, HEAD, POST" if cookie is not None else "GET, HEAD")
        return self._shown(exchange, 200, _DONE.get(exchange.query, ""))

    def _shown(self, exchange: Exchange, status: int, message: str) -> Reply:
        choice = self._cookie.read(exchange) if self._cookie is not None else UNVERIFIED
        visitor = VisitorChoices(self._promise, choice, gpc=_signalled(exchange))
        context = {
            "message": message,
            "fault": status >= 400,
            "saved": self._cookie is not None,
            "choice": choice,
            "outside": self._services.leaving,
            "categories": self._promise.categories,
            "allowed": {name: visitor.allows(name) for name in self._promise.categories},
            "preferences": self._promise.preferences,
            "chosen": dict(Preferences(self._promise, self._cookie, exchange)),
        }
        return self._services.pages.reply("choices.html", exchange, context, NO_STORE, status=status)

    def _post(self, exchange: Exchange, cookie: PreferenceCookie, body: bytes) -> Reply:
        if not forms.is_same_origin(exchange):
            return self._shown(exchange, 403, "Nothing was changed: the form did not come from this page.")
        try:
            form = forms.fields(exchange, body)
            clears = forms.single(form, "do", ("save", "clear")) == "clear"
            before = cookie.read(exchange)
            line = cookie.expiry(exchange) if clears else cookie.line(exchange, self._chosen(before, form))
        except ValueError as error:
            return self._shown(exchange, 400, f"Nothing was changed. {error}")
        location = quoted_path(self._services.pages.base(exchange)) + (
            "/choices?cleared" if clears else "/choices?saved"
        )
        return Reply(303, (("location", location), line, NO_STORE), b"")

    def _chosen(self, before: Choice, form: dict[str, list[str]]) -> Choice:
        """The choice in a form, over the one before for what the form leaves out.

        Raises:
            Unfit: the form says what the page never offered.
        """
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
