"""Addresses as sixteen packed bytes: read, written, cut to their network.

Everything here is pure. `socket.inet_pton` reads an address per request (0.2 µs, a tenth of `ipaddress`).
"""

import re
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from privacymw.errors import SettingsError

_MAPPED = bytes(10) + b"\xff\xff"
_SIX_TO_FOUR = b"\x20\x02"
_NAT64 = bytes.fromhex("0064ff9b") + bytes(8)
_LONGEST = 128  # room for an IPv6 address with brackets, zone id and port; 8 kB of junk is not worth a look
_PORT = re.compile(r":(?:[0-9]{1,5}|_[A-Za-z0-9._-]+)\Z")  # RFC 7239 section 6: also an obfuscated port


def pack(text: str | None) -> bytes | None:
    """The sixteen bytes of an address (IPv4 as ::ffff:a.b.c.d), with or without port, brackets and zone id.

    None for whatever is not an address: None, "", a socket's path, "unknown", an obfuscated name, any junk.
    """
    try:
        if not text or len(text) > _LONGEST:
            return None
        return _pack_colons(text) if ":" in text else _MAPPED + inet_pton(AF_INET, text)
    except (OSError, TypeError, ValueError):  # ValueError: NUL bytes, lone surrogates
        return None


def _pack_colons(text: str) -> bytes | None:
    if text[0] == "[":
        host, bracket, port = text[1:].partition("]")
        return _pack_six(host) if bracket and (not port or _PORT.match(port)) else None
    if text.count(":") > 1:
        return _pack_six(text)
    host, _, _ = text.partition(":")
    return _MAPPED + inet_pton(AF_INET, host) if _PORT.match(text, len(host)) else None


def _pack_six(host: str) -> bytes:
    return inet_pton(AF_INET6, host.partition("%")[0])


def wanted(text: str) -> bytes:
    """The packed address in what a person asks for: an address, or a network of which the first is taken.

    Raises:
        SettingsError: it is neither; the text is not repeated, for it may be a mistyped address.
    """
    packed = pack(text.partition("/")[0])
    if packed is None:
        raise SettingsError("not an address or network; allowed: 203.0.113.9, 2001:db8::1, 203.0.113.0/24")
    return packed


def unpack(packed: bytes) -> str:
    """The canonical text of sixteen packed bytes; a mapped address reads as IPv4."""
    if packed[:12] == _MAPPED:
        return inet_ntop(AF_INET, packed[12:])
    return inet_ntop(AF_INET6, packed)


def network(packed: bytes) -> bytes:
    """The network of a packed address, also packed: the first 24 bits of an IPv4 address, 48 of IPv6.

    Two kinds of IPv6 address carry an IPv4 address where a plain cut misses it: 6to4 (RFC 3056) has it
    whole in its first 48 bits, NAT64 (RFC 6052) in its last 32, so that a cut throws all clients together.
    Both are cut to the inner /24. A Teredo address (RFC 4380) keeps two octets of its server and loses the
    client, as it should.
    """
    kept = _kept_bytes(packed)
    return packed[:kept] + bytes(16 - kept)


def network_text(packed: bytes) -> str:
    """The network of a packed address as text: "203.0.113.0/24", "2001:db8:5::/48"."""
    bits = _kept_bytes(packed) * 8 - (96 if packed[:12] == _MAPPED else 0)
    return f"{unpack(network(packed))}/{bits}"


def _kept_bytes(packed: bytes) -> int:
    if packed[:12] in (_MAPPED, _NAT64):
        return 15
    return 5 if packed[:2] == _SIX_TO_FOUR else 6


def is_private(text: str) -> bool:
    """Whether an address is of this machine or of a private network, so that it names no visitor."""
    import ipaddress

    packed = pack(text)
    return packed is not None and ipaddress.ip_address(unpack(packed)).is_private
