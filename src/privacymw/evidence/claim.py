"""What a site claims: the JSON form of its privacy notice."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from privacymw.evidence.driver import Answer


class Sentence(NamedTuple):
    """A sentence of the page, and what it promises in machine form."""

    name: str
    text: str
    kept: bool
    values: Mapping[str, Any]

    @property
    def matter(self) -> str:
        """The name with what an operator may call as he likes left out: `choices.statistics` is `choices.{category}`.

        That of a host is `choices.host`, since each has a number.
        """
        section, _, rest = self.name.partition(".")
        if "category" in self.values:
            return section + ".{category}"
        return section + ".host" if "host" in self.values else f"{section}.{rest}"


class Claim(NamedTuple):
    """The page: its sentences, whether it binds, and who speaks."""

    sentences: tuple[Sentence, ...] = ()
    draft: bool = True
    effective: str = ""
    organisation: Mapping[str, Any] = {}

    def find(self, name: str) -> Sentence | None:
        """The sentence of a name."""
        return next((each for each in self.sentences if each.name == name), None)

    def values(self, name: str) -> Mapping[str, Any]:
        """What the sentence of a name promises in machine form; nothing where there is none."""
        found = self.find(name)
        return found.values if found else {}

    def __contains__(self, name: object) -> bool:
        return self.find(str(name)) is not None

    @property
    def hosts(self) -> tuple[str, ...]:
        """The site's own hosts, as far as the page names them."""
        return tuple(self.values("sites.hosts").get("hosts", ()))


def read(answer: Answer) -> Claim | None:
    """The claim in an answer; None where it is not one of ours."""
    if answer.status != 200 or "json" not in answer.header("content-type"):
        return None
    try:
        document = json.loads(answer.body)
        return Claim(
            tuple(_sentences(document)),
            bool(document["draft"]),
            document["effective"] or "",
            document["organisation"],
        )
    except (ValueError, KeyError, TypeError):
        return None


def _sentences(document: Mapping[str, Any]) -> Iterator[Sentence]:
    for section in document["sections"]:
        for each in section["sentences"]:
            kept, values = each["kind"] == "kept", each.get("values", {})
            yield Sentence._make((each["name"], each["text"], kept, values))
