"""An approved text beside the promises: which of its sentences are kept, by what, and what is kept but not told.

A proposal for a person to confirm: words are compared, meanings are not.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from privacymw.promise import Section, Sentence

_CLAUSES: Final = {
    "signals": r"do not track|global privacy control|browser signals?",
    "mail": r"e-?mails?\b|electronic mail|electronic communications?",
    "outbound": r"outside links?|links? to|other sites?|third[- ]party site|non-\S+ websites?",
    "transport": r"encrypt|\bssl\b|\btls\b|\bhttps\b|secure socket|security measures|intrusion|countermeasures",
    "addresses": r"\bip\b|internet protocol|diagnose problems",
    "cookies": r"\bcookies?\b",
    "choices": r"your choices?|preferences?|opt[- ]?out",
    "confidential": r"patient|health information|\bphi\b|hipaa|covered entit",
    "statistics": r"non-personal|aggregate|traffic patterns|usage",
    "personal": r"personal information|register|sell, rent",
    "notice": r"effective|subject to change|review it",
    "sites": r"applies to|owned and operated|contact us|postal",
}
"""By which words a sentence is taken for one of a clause; the first that is found counts."""
_HINTS: Final = {
    "addresses.why": r"diagnos|administration|find out what is wrong",
    "addresses.retention": r"\b(deleted?|erased?|removed?|kept|retain\w*|gone)\b.*\b(after|within|days?|months?)\b",
    "addresses.sealed": r"encrypt|pseudonym",
    "confidential.marked": r"confidential",
    "cookies.guard": r"only the website that created|other cookies",
    "choices.page": r"change.*(choice|mind|tracking|setting)",
    "choices.cookie": r"store.*preferences",
    "outbound.mode": r"before you (leave|go)|told before|links? to other",
    "outbound.others": r"not responsible|endorse|privacy practices of any",
    "transport.redirect": r"\bssl\b|\btls\b|secure socket|https",
    "signals.dnt": r"do not (respond|track)",
    "signals.gpc": r"global privacy control",
    "notice.change": r"subject to change|may change|review it",
    "notice.effective": r"\beffective\b",
}
"""By which words a sentence is taken for one of the page's, where that is on it."""
_COMMON: Final = re.compile(
    r"\b(a|an|and|any|are|as|at|be|been|by|can|do|does|for|from|has|have|if|in|into|is|it|its|may|not|of|on|or|our|out"
    r"|so|such|that|the|their|them|then|this|to|us|use|used|was|we|what|when|where|which|will|with|you|your"
    r"|address(es)?|cookies?|information|internet|ip|links?|other|privacy|sites?|websites?)\b"
)
"""Words that say nothing, or only what a sentence is about."""
_LEAST: Final = 0.4
"""Of the words that matter; below, two sentences are not taken for one."""


class Binding(NamedTuple):
    """A sentence of the approved text, its clause, and the sentence of the page that says as much, if one does."""

    text: str
    clause: str
    sentence: Sentence | None


class Adoption(NamedTuple):
    """What became of a text."""

    bindings: tuple[Binding, ...]
    untold: tuple[Sentence, ...]
    """Kept sentences of the page that the text does not tell."""


def adopt(text: str, sections: Sequence[Section]) -> Adoption:
    """Each sentence of a text (plain or Markdown) bound to the sentence of the page that is most like it."""
    ours = [(section.name, each) for section in sections for each in section.sentences if not each.is_dated]
    bindings = [_bound(sentence, heading, ours) for heading, sentence in _sentences(text)]
    told = {each.sentence.name for each in bindings if each.sentence}
    return Adoption(tuple(bindings), tuple(each for _, each in ours if each.kept and each.name not in told))


def _bound(text: str, heading: str, ours: Sequence[tuple[str, Sentence]]) -> Binding:
    hinted = (each for _, each in ours if each.name in _HINTS and re.search(_HINTS[each.name], text, re.IGNORECASE))
    clause = _clause(text) or _clause(heading) or "notice"
    near = [(_likeness(text, each.text), each) for section, each in ours if section == clause]
    likeness, best = max(near, key=lambda pair: pair[0], default=(0.0, None))
    return Binding(text, clause, next(hinted, best if likeness >= _LEAST else None))


def _clause(text: str) -> str:
    return next((name for name, words in _CLAUSES.items() if re.search(words, text, re.IGNORECASE)), "")


def _likeness(one: str, other: str) -> float:
    first, second = _words(one), _words(other)
    return len(first & second) / min(len(first), len(second)) if first and second else 0.0


def _words(text: str) -> set[str]:
    return {each.rstrip("s") for each in re.findall(r"[a-z]{2,}", _COMMON.sub(" ", text.lower()))}


def _sentences(text: str) -> Iterator[tuple[str, str]]:
    """Pairs of heading and sentence."""
    heading, said = "", ""
    for line in [*text.splitlines(), ""]:
        said, title = said.strip(), line.strip()
        if title and not _is_heading(title, after=said):
            said += f" {title}"
            continue
        for each in re.split(r"(?<=[.!?])\s+(?=[A-Z“\"])", said) if said else ():
            yield heading, each
        heading, said = title.lstrip("# ") or heading, ""


def _is_heading(line: str, *, after: str) -> bool:
    """Marked as one, or a short line without a full stop where a sentence has just ended."""
    return line.startswith("#") or (line[-1] not in ".,:;!?" and len(line) < 60 and after[-1:] in ("", ".", "!", "?"))
