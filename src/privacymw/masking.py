"""Addresses in text: found in whatever spelling, shown as their network. Everything here is pure.

No pattern is compiled from an address and nothing is cached by one: a cache would keep it.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from privacymw.address import network_text, pack, unpack

_FOUR: Final = re.compile(r"(?<![0-9])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9])")
# Two colons at least; also a time of day and the like, which do not pack.
_COLONS: Final = re.compile(r"(?<![0-9A-Fa-f:])[0-9A-Fa-f]*+:[0-9A-Fa-f]*+:[0-9A-Fa-f:.]*+")
_MAPPED: Final = re.compile(r"(?i)ffff:")
_QUERY: Final = re.compile(r"\?[^\s\"]*")
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_DIGITS: Final = frozenset("0123456789")


def shown(packed: bytes | None) -> str:
    """What a field that holds an address and nothing else shows: the network, or `-` for what is no address."""
    return network_text(packed) if packed is not None else "-"


def packed_field(text: str) -> bytes | None:
    """The packed address of such a field; a port may follow even an IPv6 address without brackets."""
    return pack(text) or pack(text.rpartition(":")[0])


def without_query(text: str) -> str:
    """A path, a URL or a request line without what stands behind a question mark."""
    return _QUERY.sub("", text) if "?" in text else text


def masked(text: str) -> str:
    """The text with each address in it shown as its network."""
    if text.count(":") > 1:
        text = _COLONS.sub(_network, text)
    return _FOUR.sub(_network, text) if text.count(".") > 2 else text


def without(text: str, client: bytes) -> str:
    """The text with one address shown as its network, however it is spelled; the rest is unchanged.

    Args:
        client: the packed address; the unspecified one is in no text, since `::` is in many.
    """
    spelled = unpack(client)
    if text.count(":") > 1 and (":" in spelled or _MAPPED.search(text)):
        text = _COLONS.sub(lambda found: _network(found, client), text)
    return _replaced(text, spelled, network_text(client)) if spelled in text and any(client) else text


def _network(found: "re.Match[str]", client: bytes | None = None) -> str:
    """A candidate with its address replaced, where it is one, and the wanted one."""
    whole = found[0]
    if ":" in whole and "::" not in whole and whole.count(":") < 6:  # a time of day (RFC 4291 2.2)
        return whole
    if found.string.startswith("/", found.end()) and _is_network(found):
        return whole
    for start, end in _trials(whole):
        packed = pack(whole[start:end])
        if packed is not None and client in (None, packed):
            return whole[:start] + network_text(packed) + whole[end:]
    return whole


def _is_network(found: "re.Match[str]") -> bool:
    """Whether it is one of our own masks already."""
    packed = pack(found[0])
    return packed is not None and found.string.startswith(network_text(packed), found.start())


def _trials(run: str) -> Iterator[tuple[int, int]]:
    """Parts of a run of digits and colons that may be the address: a sentence goes on, a port follows."""
    start = 1 if run[0] == ":" and run[:2] != "::" else 0
    yield 0, len(run)
    end = len(run.rstrip("."))
    end -= run[:end].endswith(":") and not run[:end].endswith("::")
    yield start, end
    yield start, max(run.rfind(":", 0, end), start)


def _replaced(text: str, spelled: str, network: str) -> str:
    """Each occurrence that is not a part of a longer number, but in the network's own text."""
    joined = _HEX if ":" in spelled else _DIGITS
    parts: list[str] = []
    place = 0
    while (at := text.find(spelled, place)) >= 0:
        end = at + len(spelled)
        part = (at > 0 and text[at - 1] in joined) or text[end : end + 1] in joined
        keeps = part or text.startswith(network, at)
        parts += (text[place:at], spelled if keeps else network)
        place = end
    return "".join([*parts, text[place:]])


def without_in(value: Any, clients: frozenset[bytes]) -> Any:
    """A value of strings, lists and mappings, as JSON has them, without these addresses in its strings."""
    if isinstance(value, str):
        for client in clients:
            value = without(value, client)
        return value
    if isinstance(value, Mapping):
        return {without_in(key, clients): without_in(each, clients) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([without_in(each, clients) for each in value]) if type(value) in (list, tuple) else value
    return value
