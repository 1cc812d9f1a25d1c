"""How hard a text is to read: the grade of Kincaid and others (1975), by a small count of syllables."""

import re

_SENTENCE = re.compile(r"[^.!?]+[.!?]")
_WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")
_ADDRESS = re.compile(r"\S*[/@*]\S*|\S+\.\S+[a-z]\S*")  # a path, a mail address, a host: nobody reads them aloud


def syllables(word: str) -> int:
    """Groups of vowels, less a mute e at the end."""
    word = word.lower()
    groups = len(re.findall(r"[aeiouy]+", word))
    mute = re.search(r"[^aeiouyl]e$|[^aeiouytd]ed$|[^aeiouyszxcgh]es$", word) is not None
    return max(1, groups - mute)


def words(text: str) -> list[str]:
    return _WORD.findall(_ADDRESS.sub("that,", text))


_VOWELS = re.compile(r"[iuü]?[aeoáéó][iuy]?|[iu]h?[aeo]|[íú]|[iuü]+|y$")
_SPANISH_WORD = re.compile(r"[a-záéíóúüñ]+", re.IGNORECASE)


def spanish_ease(text: str) -> float:
    """The ease of a Spanish text by Szigriszt (1993); from 55 on it is fit for everybody (INFLESZ, Barrio 2008)."""
    plain = _ADDRESS.sub("eso,", text)
    found = _SPANISH_WORD.findall(plain)
    sentences = [each for each in re.split(r"[.!?:;]", plain) if _SPANISH_WORD.search(each)]
    spoken = sum(spanish_syllables(each) for each in found)
    return 206.835 - 62.3 * spoken / len(found) - len(found) / len(sentences)


def spanish_syllables(word: str) -> int:
    """Vowels that are spoken together count once; an accent on i or u parts them."""
    return max(1, len(_VOWELS.findall(re.sub("(?<=[gq])u(?=[eiéí])", "", word.lower()))))


def grade(text: str) -> float:
    """The school year in which a text is understood."""
    sentences = [words(each) for each in _SENTENCE.findall(_ADDRESS.sub("that,", text + "."))]
    sentences = [each for each in sentences if each]
    count = sum(map(len, sentences))
    spoken = sum(syllables(word) for each in sentences for word in each)
    return 0.39 * count / len(sentences) + 11.8 * spoken / count - 15.59
