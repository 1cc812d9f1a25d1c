"""Other words for a kept sentence: they may change its tone, not what it promises."""

import difflib
import re
from collections.abc import Iterable, Mapping
from string import Formatter
from typing import Final

from privacymw.promise import Section, Sentence

# A value in plain words would stay when the setting changes: it belongs into a placeholder.
_LITERALS: Final = (
    ("a number", re.compile(r"[0-9]")),
    (
        "a length of time",
        re.compile(
            r"\b(seconds?|minutes?|hours?|days?|weeks?|months?|years?|segundos?|minutos?|horas?|días?|semanas?|mes(es)?"
            r"|años?)\b",
            re.IGNORECASE,
        ),
    ),
    ("a host", re.compile(r"\b[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}\b", re.IGNORECASE)),
    ("the name of a cookie", re.compile(r"\b_{1,2}[A-Za-z]\w*")),
)
_FORBIDDEN: Final = re.compile(r"\b(anonymous|all|never|provably|compliant|cannot be recovered)\b", re.IGNORECASE)
"""Words that promise more than software can keep."""


def faults(wording: Mapping[str, str], sections: Iterable[Section], cookies: Iterable[str] = ()) -> dict[str, str]:
    """Why each sentence's new words cannot be used; empty where they can."""
    sentences = {each.name: each for section in sections for each in section.sentences}
    found = {name: _fault(name, words, sentences, tuple(cookies)) for name, words in wording.items()}
    return {name: why for name, why in found.items() if why}


def reworded(sections: Iterable[Section], wording: Mapping[str, str]) -> tuple[Section, ...]:
    """The sections with other words for some sentences; names that are not there are passed over."""
    from msgspec.structs import replace

    def told(sentence: Sentence) -> Sentence:
        return replace(sentence, template=wording[sentence.name]) if sentence.name in wording else sentence

    return tuple(replace(each, sentences=tuple(map(told, each.sentences))) for each in sections)


def _fault(name: str, words: str, sentences: Mapping[str, Sentence], cookies: tuple[str, ...]) -> str:
    sentence = sentences.get(name)
    if sentence is None:
        near = difflib.get_close_matches(name, sentences, 1)
        return f"no sentence of that name is on the page{f'; the nearest is {near[0]}' if near else ''}"
    return _placeholders(words, sentence) or (_literal(words, cookies) if sentence.kept else "")


def _placeholders(words: str, sentence: Sentence) -> str:
    try:
        parts = [part[1:] for part in Formatter().parse(words) if part[1] is not None]
    except ValueError as error:
        return f"its braces do not match: {error}"
    if any(form or conversion for _, form, conversion in parts) or any(
        not str(name).isidentifier() for name, *_ in parts
    ):
        return "a placeholder is a name in braces and nothing else"
    used, wanted = {str(name) for name, *_ in parts}, set(sentence.values)
    if missing := sorted(wanted - used):
        return f"it lacks {', '.join(f'{{{each}}}' for each in missing)}"
    if strange := sorted(used - wanted):
        allowed = ", ".join(f"{{{each}}}" for each in sorted(wanted)) or "none"
        return f"it has no value for {', '.join(f'{{{each}}}' for each in strange)}; there are: {allowed}"
    return ""


def _literal(words: str, cookies: tuple[str, ...]) -> str:
    plain = re.sub(r"\{[^}]*\}", "", words)
    for what, pattern in _LITERALS:
        if literal := pattern.search(plain):
            return f"{literal[0]!r} is {what}, which only a placeholder may say: it would stay when the setting changes"
    named = next((each for each in cookies if re.search(rf"(?<!\w){re.escape(each)}(?!\w)", plain)), None)
    if named:
        return f"{named!r} is the name of a cookie, which only a placeholder may say"
    word = _FORBIDDEN.search(plain)
    return f"{word[0]!r} promises more than software can keep" if word else ""
