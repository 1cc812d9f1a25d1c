"""The notice as it is shown: the words of a day, whoever gave them, in the forms in which it can be read."""

import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from privacymw import plain
from privacymw.glance import Glance, glance
from privacymw.policy import Organisation
from privacymw.promise import Section
from privacymw.versions import Version
from privacymw.words import N_, Words


class Edition(NamedTuple):
    """A page in one language; `version` is the published one that it is, None where the settings gave it."""

    organisation: Organisation
    sections: Sequence[Section]
    effective: datetime.date | None
    draft: bool = False
    version: Version | None = None

    def introduction(self, words: Words) -> str:
        """The first sentence."""
        if not self.organisation.name:
            return words.text(N_("This page tells you here what this web site does with data about you."))
        said = N_("{name} tells you here what this web site does with data about you.")
        return words.said(said, name=self.organisation.name)

    def glance(self, words: Words, *, archived: bool = False) -> Glance:
        """The page in short; `archived` where there are versions to compare."""
        return glance(self.sections, self.organisation, words, archived=archived)

    def context(self, words: Words, *, archived: bool = False) -> dict[str, Any]:
        """What the template of the page shows."""
        short = self.glance(words, archived=archived)
        return {
            "organisation": self.organisation,
            "draft": self.draft,
            "introduction": self.introduction(words),
            "short": short,
            "kept": short.table(words),
            "sections": self.sections,
            "upcoming": None,
            "edition": "",
            "archived": archived,
            "forms": (),
        }

    def plain(self, form: Callable[..., str], words: Words) -> str:
        """The page by `plain.markdown` or `plain.text`."""
        lead = [*([plain.draft(words)] if self.draft else []), self.introduction(words)]
        title = " - ".join(filter(None, (words.text("Privacy notice"), self.organisation.name)))
        return form(title, lead, [self.glance(words).section(words), *self.sections], words)

    def json(self, words: Words) -> str:
        """The page for programs: what is kept and what is stated, with the facts that each sentence promises."""
        document = {
            "language": words.language,
            "organisation": msgspec.to_builtins(self.organisation),
            "draft": self.draft,
            "effective": self.effective.isoformat() if self.effective else None,
            "version": self.version and _version_document(self.version),
            "short": [each._asdict() for each in self.glance(words).kept],
            "sections": [_section_document(each) for each in self.sections],
        }
        return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _version_document(version: Version) -> Mapping[str, Any]:
    return {
        "number": version.number,
        "published": version.published.isoformat(),
        "material": version.material,
        "settings": version.settings,
    }


def _section_document(section: Section) -> Mapping[str, Any]:
    return {
        "name": section.name,
        "title": section.title,
        "sentences": [
            {
                "name": each.name,
                "text": each.text,
                "kind": "kept" if each.kept else "stated",
                "values": msgspec.to_builtins(each.facts),
                **({} if each.kept else {"by": each.by, "on": each.on.isoformat() if each.on else None}),
            }
            for each in section.sentences
        ],
        "tables": [msgspec.to_builtins(each) for each in section.tables],
    }
