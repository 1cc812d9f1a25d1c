"""What is taken out of a text before it leaves the house: addresses, and parts of paths that may name somebody."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from privacymw.address import pack
from privacymw.masking import without_query
from privacymw.routes import generalised

_RUN: Final = re.compile(r"[0-9A-Fa-f]*(?:[.:][0-9A-Fa-f]*){2,}")
_MAIL: Final = re.compile(r"[^\s@<>()\"',;:]+@[^\s@<>()\"',;:]+\.[A-Za-z]{2,}")
_PATH: Final = re.compile(r"(?<![\w./:~-])/[^\s\"'<>(),;]+")
_DOCUMENTED: Final = ("192.0.2.", "198.51.100.", "203.0.113.")


def without_addresses(text: str) -> str:
    """The text with `[address]` for each IP address in it, however it is written."""
    return _RUN.sub(_address, text)


def _address(found: "re.Match[str]") -> str:
    run = found[0]
    core = run.strip(".") if "::" in run else run.strip(".:")
    for part in (core, core.rpartition(":")[0]):
        if part and part != "::" and pack(part) is not None:
            return run.replace(part, "[address]", 1)
    return "[address]" if run.startswith(_DOCUMENTED) else run


class Cleaner:
    """Cleans findings and settings; paths below `prefix` are our own pages, and stay."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._home = str(Path.home())

    def setting(self, text: str) -> str:
        """The value of a setting: whoever sets it means it to be read, but a network is not told."""
        return without_addresses(text.replace(self._home, "~") if len(self._home) > 1 else text)

    def text(self, text: str) -> str:
        """A text of ours in which something of the site may stand."""
        if len(self._home) > 1:
            text = text.replace(self._home, "~")
        text = _PATH.sub(lambda found: self._path(found[0]), without_query(text))
        return _MAIL.sub("[mail address]", without_addresses(text))

    def _path(self, path: str) -> str:
        kept = path == self._prefix or path.startswith(self._prefix + "/")
        return path if kept else generalised(path)

    def all(self, value: Any) -> Any:
        """Each text in what JSON can say."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.all(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.all(each) for each in value]
        return value
