"""What a visitor's form says, over what the cookie said before."""

from collections.abc import Mapping
from typing import Literal

from privacymw import forms
from privacymw.cookie import Choice
from privacymw.questions import Questions
from privacymw.words import N_


class Ballot:
    """Counts a form.

    Args:
        questions: the categories on offer.
        preferences: the app's own, with their values.
        outside: whether the form asks about links that leave.
    """

    def __init__(
        self, questions: Questions, preferences: Mapping[str, tuple[str, ...]], *, outside: bool = True
    ) -> None:
        self._questions = questions
        self._preferences = preferences
        self._outside_offered = outside

    def counted(
        self, before: Choice, form: dict[str, list[str]], wish: str | None = "save"
    ) -> tuple[Choice, list[str]]:
        """The choice in a form, and the categories that it answers; what the form leaves out stays.

        Args:
            before: what the cookie said.
            form: the fields but for the button; emptied.
            wish: the button: `accept` and `refuse` answer every category alike.

        Raises:
            Unfit: the form says what the page never offered.
        """
        categories = self._questions.categories
        outside, sites = self._outside(before, form)
        told = {name: forms.single(form, f"c.{name}", ("0", "1")) for name in categories}
        chosen = {name: forms.single(form, f"p.{name}", values) for name, values in self._preferences.items()}
        if form:
            raise forms.Unfit(N_("The form has fields that this page does not offer."))
        if wish in ("accept", "refuse"):
            told = dict.fromkeys(categories, "1" if wish == "accept" else "0")
        answers = {name: each == "1" for name, each in told.items() if each}
        choice = Choice(
            answers={**before.answers, **answers},
            preferences={**before.preferences, **{name: each for name, each in chosen.items() if each}},
            outside=outside,
            sites=sites,
            verified=before.verified or all(told.values()),
            agreed=before.agreed,
        )
        return self._questions.stamped(choice, answers), list(answers)

    def _outside(self, before: Choice, form: dict[str, list[str]]) -> tuple[Literal["ask", "direct"], tuple[str, ...]]:
        """How to treat links that leave, and the hosts still ticked, of which a page left open may have too many."""
        if not self._outside_offered or "outside" not in form:
            return before.outside, before.sites
        direct = forms.single(form, "outside", ("ask", "direct")) == "direct"
        return "direct" if direct else "ask", tuple(host for host in form.pop("site", []) if host in before.sites)
