"""What the organisation says of a destination on the page before it: by kinds, or in words of its own."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Final, Literal

import msgspec

from privacymw.url import domains, host_pattern
from privacymw.words import N_

Kind = Literal["contract", "health", "authority", "payment", "social"]

_TOLD: Final[Mapping[Kind, str]] = {
    "contract": N_("We have a contract with whoever runs that site; it says what they may do with your data."),
    "health": N_("That site is about health. Its address alone may tell others what you look for."),
    "authority": N_("That site belongs to a public authority."),
    "payment": N_("On that site you can pay. What you enter there does not come to us."),
    "social": N_("That site is a social network. It may link your visit to your account there."),
}


class Note(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said of one host, or of all below one.

    Attributes:
        host: `example.org`, or `*.example.org` for every host below it.
        kinds: what is said in our words, in each language.
        text: what is said in the organisation's own, in the site's language.
    """

    host: str
    kinds: tuple[Kind, ...] = ()
    text: Annotated[str, msgspec.Meta(max_length=1_000)] = ""


def check_notes(notes: Iterable[Note]) -> None:
    """Raises ValueError for a note of no host, one that says nothing, or two of one host."""
    seen = set()
    for each in notes:
        host = host_pattern(each.host)
        if not (each.kinds or each.text.strip()):
            raise ValueError(f"the note of {each.host} says nothing: give it kinds, or a text")
        if host in seen:
            raise ValueError(f"two notes of {each.host}: put what they say into one")
        seen.add(host)


class Notes:
    """Finds the note of a host."""

    def __init__(self, notes: Iterable[Note] = ()) -> None:
        self._notes = {host_pattern(each.host): each for each in notes}

    def of(self, host: str) -> tuple[tuple[str, ...], str]:
        """Texts to be put into the visitor's language, and one that stays as it is; of several notes the nearest."""
        patterns = (host, *(f"*.{each}" for each in domains(host)))
        note = next((self._notes[each] for each in patterns if each in self._notes), None)
        return (tuple(_TOLD[kind] for kind in note.kinds), note.text.strip()) if note is not None else ((), "")
