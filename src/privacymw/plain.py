"""The policy page for those who do not read HTML: as Markdown, and as text for any terminal or letter."""

import re
import textwrap
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from privacymw.promise import Section, Sentence, Table
from privacymw.words import N_, Words

_WIDTH: Final = 72  # columns, as mail has them
_SIGNS: Final = re.compile(r"([\\`*_{}\[\]<>#|~])")
_STARTS: Final = re.compile(r"^([0-9]*)([-+=.)])")  # would begin a list, or make a heading of the line above


def markdown(title: str, lead: Iterable[str], sections: Iterable[Section], words: Words) -> str:
    """The page in Markdown (CommonMark, with GitHub's tables); every sentence's text is escaped."""
    blocks = [f"# {_escaped(title)}", *map(_escaped, lead)]
    for section in sections:
        blocks.append(f"## {_escaped(section.title)}")
        blocks += map(_escaped, paragraphs(section.sentences, words))
        blocks += ["\n".join(_table_rows(table)) for table in section.tables]
    return "\n\n".join(blocks) + "\n"


def text(title: str, lead: Iterable[str], sections: Iterable[Section], words: Words) -> str:
    """The page in lines of at most 72 signs, where words are no longer."""
    blocks = [f"{title}\n{'=' * len(title)}", *map(_filled, lead)]
    for section in sections:
        blocks.append(f"{section.title}\n{'-' * len(section.title)}")
        blocks += map(_filled, paragraphs(section.sentences, words))
        blocks += ["\n".join(_listed(table)) for table in section.tables]
    return "\n\n".join(blocks) + "\n"


def paragraphs(sentences: Iterable[Sentence], words: Words) -> Iterator[str]:
    """As the page has them: sentences together, but each that a person states with a date alone, with both."""
    for dated, group in groupby(sentences, lambda each: each.is_dated):
        if dated:
            yield from (f"{each.text} ({each.by}, {words.date(each.on)})" for each in group if each.on)
        else:
            yield " ".join(each.text for each in group)


def draft(words: Words) -> str:
    """What stands over a page that binds nobody."""
    return words.text(N_("Draft, not in force."))


def _escaped(said: str) -> str:
    """One line that no sign turns into markup (CommonMark 2.4)."""
    return _STARTS.sub(r"\1\\\2", _cell(said))


def _cell(said: str) -> str:
    return _SIGNS.sub(r"\\\1", " ".join(said.split()))


def _table_rows(table: Table) -> Iterator[str]:
    yield f"**{_escaped(table.caption)}**\n"
    yield _row(table.head)
    yield _row("---" for _ in table.head)
    yield from map(_row, table.rows)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _filled(said: str) -> str:
    return textwrap.fill(said, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _listed(table: Table) -> Iterator[str]:
    """A row a block: columns side by side do not fit a letter."""
    yield f"{table.caption}:"
    for first, *others in table.rows:
        yield f"\n  {first}"
        for name, cell in zip(table.head[1:], others, strict=True):
            yield textwrap.fill(f"{name}: {cell}", _WIDTH, initial_indent="    ", subsequent_indent="      ",
                                break_long_words=False, break_on_hyphens=False)  # fmt: skip
