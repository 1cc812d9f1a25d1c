"""Writes tiny MaxMind DB files: https://maxmind.github.io/MaxMind-DB/ (format 2.0, records of 24 bits)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_MARKER = b"\xab\xcd\xefMaxMind.com"
_NOTHING = -1
_UINT16, _UINT32, _UINT64 = 5, 6, 9


def written(path: Path, countries: Mapping[str, Any], *, version: int = 6) -> str:
    """The path of a database that knows these networks; a code of a country, or a record as it is."""
    tree: list[list[int]] = [[_NOTHING, _NOTHING]]
    data, places = b"", []
    for network, told in countries.items():
        places.append(len(data))
        data += _encoded({"country": {"iso_code": told}} if isinstance(told, str) else told)
        _insert(tree, network, version, leaf=-2 - (len(places) - 1))
    size = len(tree)
    records = b"".join(_pointer(value, size, places).to_bytes(3, "big") for node in tree for value in node)
    facts = {
        "binary_format_major_version": (_UINT16, 2), "binary_format_minor_version": (_UINT16, 0),
        "build_epoch": (_UINT64, 1_700_000_000), "database_type": "Test", "description": {"en": "test"},
        "ip_version": (_UINT16, version), "languages": ["en"], "node_count": (_UINT32, size),
        "record_size": (_UINT16, 24),
    }  # fmt: skip
    path.write_bytes(records + bytes(16) + data + _MARKER + _encoded(facts))
    return str(path)


def _insert(tree: list[list[int]], network: str, version: int, *, leaf: int) -> None:
    """IPv4 lies under ::/96 in a tree of IPv6."""
    net = ipaddress.ip_network(network)
    pad = "0" * 96 if net.version == 4 and version == 6 else ""
    bits = pad + f"{int(net.network_address):0{net.max_prefixlen}b}"[: net.prefixlen]
    node = 0
    for bit in map(int, bits[:-1]):
        if tree[node][bit] == _NOTHING:
            tree.append([_NOTHING, _NOTHING])
            tree[node][bit] = len(tree) - 1
        node = tree[node][bit]
    tree[node][int(bits[-1])] = leaf


def _pointer(value: int, size: int, places: list[int]) -> int:
    if value == _NOTHING:
        return size
    return value if value >= 0 else size + 16 + places[-2 - value]


def _encoded(value: Any) -> bytes:
    if isinstance(value, dict):
        return _head(7, len(value)) + b"".join(_encoded(key) + _encoded(each) for key, each in value.items())
    if isinstance(value, list):
        return _head(11, len(value)) + b"".join(map(_encoded, value))
    if isinstance(value, str):
        return _head(2, len(value)) + value.encode()
    kind, number = value
    raw: bytes = number.to_bytes(8, "big").lstrip(b"\0")
    return _head(kind, len(raw)) + raw


def _head(kind: int, size: int) -> bytes:
    """Types over 7 stand in a byte of their own; nothing here is longer than 28."""
    assert size < 29
    return bytes([kind << 5 | size]) if kind <= 7 else bytes([size, kind - 7])
