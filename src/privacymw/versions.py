"""Published versions of the notice: frozen words, one file each, in the operator's own repository.

What was published stays, whatever upgrade or setting comes. Each file names the digest of the one before,
so that an old version cannot be changed without all later ones showing it.
"""

import datetime
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from privacymw.policy import Organisation
from privacymw.promise import Section, Sentence
from privacymw.store.chain import Link

_NAME: Final = re.compile(r"([0-9]{4})-([0-9]{4}-[0-9]{2}-[0-9]{2})\.json")
FORMAT: Final = 1


class Version(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A version as its file has it.

    Attributes:
        number: from 1 on, without gaps.
        effective: the day from which it holds, in UTC.
        material: whether it changes what is done with data, not only words.
        summary: what has changed, in the words of the operator.
        language: in which the summary and what people state are written.
        sections: the page in each language.
        settings: SHA-256 over the settings from which it was made.
        previous: SHA-256 of the file before; empty for the first.
    """

    format: int = FORMAT
    number: int
    effective: datetime.date
    published: datetime.date
    material: bool
    summary: str
    language: str
    organisation: Organisation
    sections: Mapping[str, tuple[Section, ...]]
    settings: str
    made_by: str
    previous: str

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.number:04}-{self.effective}.json"

    def content(self) -> bytes:
        """The bytes of its file."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"


class Archive(NamedTuple):
    """All versions that were published, the oldest first, and what is wrong with their files."""

    versions: tuple[Version, ...] = ()
    faults: tuple[str, ...] = ()
    head: str = ""
    """SHA-256 of the newest file: who knows it can tell whether an older one was changed."""
    digests: tuple[str, ...] = ()
    """SHA-256 of each version's file."""

    def in_force(self, today: datetime.date) -> Version | None:
        """The newest of those whose day has come."""
        return max((each for each in self.versions if each.effective <= today), key=_age, default=None)

    def upcoming(self, today: datetime.date) -> Version | None:
        """The next one to come."""
        return min((each for each in self.versions if each.effective > today), key=_age, default=None)

    def numbered(self, number: int) -> Version | None:
        """The version of a number."""
        return next((each for each in self.versions if each.number == number), None)

    @property
    def links(self) -> list[Link]:
        """What the chain tells of them."""
        pairs = zip(self.versions, self.digests, strict=True)
        return [
            Link(kind="version", number=each.number, effective=each.effective.isoformat(), sha256=sha256)
            for each, sha256 in pairs
        ]

    def before(self, version: Version) -> Version | None:
        """The one that it followed."""
        return self.numbered(version.number - 1)


def _age(version: Version) -> tuple[datetime.date, int]:
    return version.effective, version.number


def read_archive(folder: Path) -> Archive:
    """The versions of a folder; a file that cannot be read is named among the faults, and stops nobody."""
    try:
        paths = sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    except FileNotFoundError:
        return Archive()
    except OSError as error:
        return Archive(faults=(f"{folder}: {error.strerror}",))
    return archive_of((path, path.read_bytes) for path in paths)


def archive_of(files: Iterable[tuple[Path, Callable[[], bytes]]]) -> Archive:
    """The versions of some files, in the order of their names: where each is, and what reads it."""
    versions: list[Version] = []
    faults: list[str] = []
    digests: list[str] = []
    for path, read in files:
        try:
            content = read()
            version = msgspec.json.decode(content, type=Version)
        except (OSError, RecursionError, msgspec.MsgspecError) as error:
            faults.append(f"{path}: {error}")
            continue
        faults += _faults(path, version, digests[-1] if digests else "", versions)
        versions.append(version)
        digests.append(digest(content))
    return Archive(tuple(versions), tuple(faults), digests[-1] if digests else "", tuple(digests))


def _faults(path: Path, version: Version, before: str, earlier: Sequence[Version]) -> list[str]:
    wrong = {
        f"is of format {version.format}; this version of privacymw reads {FORMAT}": version.format != FORMAT,
        f"should be named {version.name}": version.name != path.name,
        "does not follow the file before it: one of them was changed or is missing": version.previous != before,
        f"has the number {version.number}, not {len(earlier) + 1}": version.number != len(earlier) + 1,
        "holds from an earlier day than the version before it": bool(earlier)
        and version.effective < earlier[-1].effective,
    }
    return [f"{path} {text}" for text, is_so in wrong.items() if is_so]


def digest(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


class Change(NamedTuple):
    """A sentence that is not the same: absent on one side, or told otherwise."""

    section: str
    name: str
    before: Sentence | None
    after: Sentence | None

    @property
    def behaves(self) -> bool:
        """Whether it is about what the site does, not only about the words."""
        both = (self.before, self.after)
        if None in both:
            return any(each is not None and each.kept for each in both)
        before, after = both
        assert before is not None
        assert after is not None
        return (before.kept or after.kept) and _meaning(before) != _meaning(after)


def changes(before: Sequence[Section], after: Sequence[Section]) -> list[Change]:
    """What differs between two pages in one language, in the order of the later one, what is gone at the end."""
    old, new = _by_name(before), _by_name(after)
    names = [*new, *(name for name in old if name not in new)]
    return [
        Change((new.get(name) or old[name])[0], name, _sentence(old, name), _sentence(new, name))
        for name in names
        if _shown(_sentence(old, name)) != _shown(_sentence(new, name))
    ]


def drift(version: Version, sections: Sequence[Section]) -> list[Change]:
    """Where the settings in force promise otherwise, in English, than a version; other words alone are none."""
    return [each for each in changes(version.sections["en"], sections) if each.behaves]


_Named = Mapping[str, tuple[str, Sentence]]


def _by_name(sections: Sequence[Section]) -> _Named:
    return {each.name: (section.title, each) for section in sections for each in section.sentences}


def _sentence(named: _Named, name: str) -> Sentence | None:
    return named[name][1] if name in named else None


def _shown(sentence: Sentence | None) -> Any:
    return sentence and (sentence.text, sentence.by, sentence.on, _meaning(sentence))


def _meaning(sentence: Sentence) -> Any:
    """What a sentence promises, whatever its words."""
    return msgspec.json.encode((sentence.kept, sentence.facts, sentence.values), order="sorted")
