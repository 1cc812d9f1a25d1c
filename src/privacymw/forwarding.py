"""Which of the addresses that a request names is the client's: proxies, and who believes them.

Everything here is pure; `ipaddress` only reads the operator's networks, once at start-up.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from privacymw.address import pack, unpack
from privacymw.errors import SettingsError

FORWARDED_NAMES = ("forwarded", "x-forwarded-for", "x-forwarded-proto")
"""Request headers that tell the client behind proxies (RFC 7239); always read, believed by setting."""
HOPS_MAX = 32
"""Proxies in a row that are walked through; longer lists are a visitor's own invention."""

_WHOLE = (1 << 128) - 1
_LONGEST = 128
_ELEMENT_LONGEST = 512
_SCHEMES = {"https": "https", "wss": "https", "http": "http", "ws": "http"}
_DIRECT = {"https": "https", "wss": "https"}  # plain http is no proof: a TLS terminator may stand in front


class Origin(NamedTuple):
    """Where a request came from, as far as trusted parties say.

    `packed` is the client's address, None if unknown. `scheme` is "https" or "http" where sure, else None.
    `untold` means that a peer nobody told us to trust sent forwarded headers: they were not believed.
    """

    packed: bytes | None
    scheme: str | None
    untold: bool

    def __repr__(self) -> str:
        return f"Origin(packed=<hidden>, scheme={self.scheme!r}, untold={self.untold})"


class Forwarding:
    """Which proxies are believed, and what they say about the client.

    Args:
        trusted: networks ("10.0.0.0/8", "::1"), or one number of proxies ("1"); `unix` for a peer on a Unix
            socket; `forwarded` or `x-forwarded-for` to name the one header the proxies write. Empty: nobody
            is believed.

    Raises:
        SettingsError: naming every entry that cannot be obeyed.
    """

    __slots__ = ("_families", "_hops", "_hosts", "_networks", "_unix")

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        words = [word.strip().lower() for word in trusted if word.strip()]
        named = tuple(word for word in words if word in _READERS)
        counts = [word for word in words if word.isdecimal()]
        rest = [word for word in words if word not in (*named, *counts, "unix")]
        _refuse_faults(counts, rest, named)
        self._unix = "unix" in words
        self._families = named or tuple(_READERS)
        self._hops = int(counts[0]) if counts else 0
        self._networks = tuple(_network_bits(word) for word in rest)
        # A proxy given by its address is known by its text, without reading it each time.
        self._hosts = frozenset(unpack(bits.to_bytes(16)) for bits, mask in self._networks if mask == _WHOLE)

    def resolve(self, peer: str | None, scheme: str, headers: Mapping[str, str]) -> Origin:
        """The client behind `peer`; `headers` has lower-case names, fields of one name joined by ", "."""
        direct = _DIRECT.get(scheme)
        if "x-forwarded-for" not in headers and "x-forwarded-proto" not in headers and "forwarded" not in headers:
            return Origin(pack(peer), direct, False)
        if peer not in self._hosts and not (self._trusts(pack(peer), 0) if peer else self._unix):
            return Origin(pack(peer), direct, True)
        for_, proto = headers.get("x-forwarded-for", ""), headers.get("x-forwarded-proto", "")
        if "forwarded" not in headers and "," not in for_ and "," not in proto and "x-forwarded-for" in self._families:
            # The usual case, one proxy: the same as below, without lists of one.
            told = _SCHEMES.get(proto) or _one(_x_schemes(proto)) if proto else direct
            return Origin(pack(for_.strip(" \t")) or pack(peer), told, False)
        client, schemes = self._told(pack(peer), headers)
        return Origin(client, _one(schemes) if schemes else direct, False)

    def already(self, peer: str | None, scheme: str) -> Origin:
        """The client that the server itself found behind a proxy it trusts.

        Its `http` is as sure as a trusted proxy's only where the operator told us of a proxy too.
        """
        trusts = self._hops or self._networks or self._unix
        return Origin(pack(peer), _SCHEMES.get(scheme) if trusts else _DIRECT.get(scheme), False)

    def _told(self, packed: bytes | None, headers: Mapping[str, str]) -> "_Told":
        """The client and the schemes that the trusted hops name, read from one family of headers.

        A proxy that writes one family passes the visitor's own header of the other family on. So where both
        are there and the operator has not named one, they have to agree; else the peer, which is sure,
        stands.
        """
        clients: set[bytes | None] = set()
        schemes: set[str | None] = set()
        for family in self._families:
            if headers.get(family):
                client, said = self._walk(packed, _READERS[family](headers[family]))
                clients.add(client)
                schemes |= said
        if "x-forwarded-for" in self._families and headers.get("x-forwarded-proto"):
            schemes |= _x_schemes(headers["x-forwarded-proto"])
        return clients.pop() if len(clients) == 1 else packed, schemes

    def _walk(self, packed: bytes | None, entries: Iterator["_Entry"]) -> "_Told":
        """From the right, as far as hops are trusted; a bad entry ends the walk at the last sure hop."""
        said: set[str | None] = set()
        for hop, entry in zip(range(HOPS_MAX), entries, strict=False):
            if hop and not self._trusts(packed, hop):
                break
            said = entry.schemes
            client = pack(entry.node)
            if client is None:
                break
            packed = client
        return packed, said

    def _trusts(self, packed: bytes | None, hop: int) -> bool:
        if packed is None:
            return False
        bits = int.from_bytes(packed)
        return hop < self._hops or any(bits & mask == value for value, mask in self._networks)


class _Entry(NamedTuple):
    """What one hop says: the node it was asked by, and the scheme it was asked with (empty: not said)."""

    node: str | None
    schemes: set[str | None]


_Told = tuple[bytes | None, set[str | None]]

# RFC 7239 section 4. An element is found in the *reversed* text, so that a visitor's unclosed quote on the
# left swallows nothing that a proxy wrote on the right; a quoted string with an escape is no node and ends
# the walk.
_TNEMELE = re.compile(r'((?:"[^"\\]*+"|[^",])*+)(?:,|\Z)')
_PAIR = re.compile(r"""[ \t]*+([!#$%&'*+.^_`|~0-9A-Za-z-]++)=(?:"([^"\\]*+)"|([^"\\;, \t]++))[ \t]*+(?:;[ \t]*+|\Z)""")


def _forwarded(text: str) -> Iterator[_Entry]:
    backwards, place = text[::-1], 0
    while place <= len(backwards):
        found = _TNEMELE.match(backwards, place)
        yield _element(found[1][::-1].strip(" \t")) if found else _Entry(None, set())
        place = found.end() + (found.end() == len(backwards)) if found else len(backwards) + 1


def _element(text: str) -> _Entry:
    pairs: dict[str, str] = {}
    place = 0 if len(text) <= _ELEMENT_LONGEST else len(text)
    while place < len(text):
        found = _PAIR.match(text, place)
        if not found or found[1].lower() in pairs:  # each parameter at most once (section 4)
            return _Entry(None, set())
        pairs[found[1].lower()] = found[2] if found[2] is not None else found[3]
        place = found.end()
    return _Entry(pairs.get("for"), {_SCHEMES.get(pairs["proto"].lower())} if "proto" in pairs else set())


def _x_forwarded(text: str) -> Iterator[_Entry]:
    for node in reversed(text.rsplit(",", HOPS_MAX)):
        yield _Entry(node.strip(" \t"), set())


def _x_schemes(text: str) -> set[str | None]:
    return {_SCHEMES.get(word.strip(" \t").lower()) for word in text[:_LONGEST].split(",")}


def _one(schemes: set[str | None]) -> str | None:
    """Hops that contradict each other leave the scheme unknown."""
    return next(iter(schemes)) if len(schemes) == 1 else None


_READERS: dict[str, Callable[[str], Iterator[_Entry]]] = {
    "forwarded": _forwarded,
    "x-forwarded-for": _x_forwarded,
}


def _network_bits(word: str) -> tuple[int, int]:
    """(value, mask) over 128 bits; an IPv4 network is read as the mapped IPv6 one."""
    import ipaddress

    net = ipaddress.ip_network(word)
    mapped = net.version == 4
    mask = int(net.netmask) | (((1 << 96) - 1) << 32 if mapped else 0)
    return int(net.network_address) | (0xFFFF << 32 if mapped else 0), mask


def _refuse_faults(counts: Sequence[str], networks: Sequence[str], families: Sequence[str]) -> None:
    faults = [fault for word in networks if (fault := _network_fault(word))]
    faults += [
        f"{word!r}: a number of proxies is 1 to {HOPS_MAX}" for word in counts if not 1 <= int(word[:9]) <= HOPS_MAX
    ]
    if counts and (len(counts) > 1 or networks):
        both = ", ".join((*counts, *networks))
        faults.append(f"{both!r}: give one number of proxies or their networks, not both")
    if len(families) > 1:
        faults.append(f"{', '.join(families)!r}: proxies write one of these headers; name that one")
    if faults:
        raise SettingsError(
            "PRIVACYMW_TRUSTED_PROXIES cannot be obeyed:\n"
            + "".join(f"  {fault}\n" for fault in faults)
            + "Allowed: networks such as 10.0.0.0/8 or ::1, or one number of proxies such as 1; also unix,"
            " forwarded, x-forwarded-for.\nTo paste: PRIVACYMW_TRUSTED_PROXIES=127.0.0.1,::1"
        )


def _network_fault(word: str) -> str | None:
    try:
        _, mask = _network_bits(word)
    except ValueError as error:
        return f"{word!r}: not a network ({error})"
    if mask in (0, ((1 << 96) - 1) << 32):
        return f"{word!r}: trusts everybody: each visitor could choose an address; name the proxies"
    return None
