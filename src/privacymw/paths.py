"""Paths as operators write them: `/members` stands for itself and all below it, `*` for one part."""

import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import Final

_BELOW: Final = r"(?:[/;.].*)?"


def _parts(path: str) -> str:
    """The pattern of one path, doubled slashes included.

    Raises:
        ValueError: it does not begin with a slash.
    """
    if not path.startswith("/"):
        raise ValueError(f"{path!r} is no path: it begins with a slash, as /members or /members/*/claims")
    parts = [part for part in path.split("/") if part]
    return "".join("/+" + ("[^/]+" if part == "*" else re.escape(part)) for part in parts)


def path_pattern(paths: Iterable[str]) -> re.Pattern[str]:
    """A pattern that finds the given paths and all below them; `*` stands for one part.

    Doubled slashes and another case are found too: to mark one page too many costs a cache entry,
    to miss one breaks the promise.

    Raises:
        ValueError: a path does not begin with a slash.
    """
    return re.compile(rf"(?:{'|'.join(map(_parts, paths))}){_BELOW}", re.IGNORECASE | re.DOTALL)


class PathTable:
    """A word for each of some paths, and all below them; of several that fit, the longest counts.

    Unlike `path_pattern` it tells upper from lower case, and `/a.css` is not below `/a`: what is looser on
    one path must not be so on another.

    Raises:
        ValueError: a path does not begin with a slash.
    """

    def __init__(self, words: Mapping[str, str]) -> None:
        longest = sorted(words, key=_length, reverse=True)
        self._rows = [(re.compile(rf"{_parts(path)}/*(?:/.*)?", re.DOTALL).fullmatch, path) for path in longest]
        self._words = dict(words)

    def find(self, root: str, path: str) -> str:
        """The word of a path, taken without its mount and with it; empty for one of no row."""
        if not self._rows:
            return ""
        if "/." in path:  # as an app may resolve it
            path = posixpath.normpath(path)
        found = [each for matches, each in self._rows if matches(path) or (root and matches(root + path))]
        return self._words[found[0]] if found else ""


def _length(path: str) -> tuple[int, int]:
    """Parts, and how many of them are named: of two paths as long, the one with fewer `*` is more exact."""
    parts = [part for part in path.split("/") if part]
    return len(parts), sum(part != "*" for part in parts)
