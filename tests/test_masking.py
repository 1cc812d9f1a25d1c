"""Addresses in text: none of the wanted ones stays, and nothing else changes."""

import ipaddress
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from privacymw.address import network_text, pack
from privacymw.masking import masked, packed_field, shown, without, without_in, without_query

FOUR = st.ip_addresses(v=4).map(str)
SIX = st.ip_addresses(v=6)
SPELLINGS = (str, lambda six: six.exploded, lambda six: str(six).upper(), lambda six: str(six).replace("::", ":0::"))


def packed_of(text: str) -> bytes:
    packed = pack(text)
    assert packed is not None
    return packed


def tokens(text: str) -> set[bytes]:
    """An oracle of its own: what between other characters is an address, but for our masks."""
    text = re.sub(r"[0-9a-fA-F:.]+/(?:24|48|40)(?![0-9])", " ", text)
    found = set()
    for word in re.split(r"[^0-9a-fA-F:.]+", text):
        for part in (word, word.strip("."), word.rstrip(".:"), word.lstrip(".:"), word.rpartition(":")[0]):
            try:
                found.add(packed_of(str(ipaddress.ip_address(part))))
            except ValueError:
                continue
    return found


@given(st.text(), FOUR, st.text())
@example("from ", "203.0.113.9", ": refused")
@example("...", "203.0.113.9", ".")
@example("::ffff:", "203.0.113.9", "")
@example("ip=", "1.2.3.4", "/24")
def test_the_client_does_not_stay(before: str, client: str, after: str) -> None:
    digits = before[-1:].isdigit() or after[:1].isdigit()
    clean = without(before + client + after, packed_of(client))
    assert digits or packed_of(client) not in tokens(clean)


@given(
    st.text(alphabet="abc xyz.,:;[]()=\"'/-%\n"),
    SIX,
    st.sampled_from(SPELLINGS),
    st.sampled_from(["", " ", ".", "]:80", ": x"]),
)
@example("client=", ipaddress.IPv6Address("2001:db8::9"), str, ":5123")
@example("at ", ipaddress.IPv6Address("::1"), str, ":")
def test_nor_does_a_client_of_the_new_protocol_however_it_is_spelled(
    before: str, client: Any, spelling: Any, after: str
) -> None:
    packed = packed_of(str(client))
    try:
        spelled = spelling(client)
        ipaddress.ip_address(spelled)
    except ValueError:
        spelled = str(client)
    if not any(packed) or before[-1:] in tuple("abc:"):  # letters that would be its own digits
        return
    clean = without(f"{before}{spelled}{after}", packed)
    assert network_text(packed) in clean
    assert packed not in tokens(clean)


@given(st.text(), FOUR)
def test_other_text_is_unchanged(text: str, client: str) -> None:
    if client not in text and packed_of(client) not in tokens(text):
        assert without(text, packed_of(client)) == text


@given(st.text(), st.text(), FOUR)
def test_only_the_address_is_replaced(before: str, after: str, client: str) -> None:
    text = f"{before} {client} {after}"
    assert without(text, packed_of(client)).replace(network_text(packed_of(client)), "?") == text.replace(client, "?")


@given(st.text(alphabet="0123456789abcdef:./ -"))
def test_masking_again_changes_nothing(text: str) -> None:
    assert masked(masked(text)) == masked(text)


@given(st.text(), st.ip_addresses(), st.text())
def test_any_address_is_masked(before: str, address: Any, after: str) -> None:
    packed = packed_of(str(address))
    clean = masked(f"{before} {address} {after}")
    assert network_text(packed) in clean
    assert str(address) == network_text(packed).partition("/")[0] or f" {address} " not in clean


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("from 203.0.113.9:5000", "from 203.0.113.0/24:5000"),
        ("203.0.113.99 and 1203.0.113.9", "203.0.113.99 and 1203.0.113.9"),
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("::ffff:203.0.113.9", "203.0.113.0/24"),
        ("::FFFF:cb00:7109 at 12:30:11", "203.0.113.0/24 at 12:30:11"),
        ("no.203.0.113.9.", "no.203.0.113.0/24."),
        ("version 1.2.3.4", "version 1.2.3.4"),
    ],
)
def test_one_client(text: str, clean: str) -> None:
    assert without(text, packed_of("203.0.113.9")) == clean


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("[2001:db8::9]:443", "[2001:db8::/48]:443"),
        ("2001:db8::9:5123", "2001:db8::/48:5123"),
        ("2001:DB8:0:0:0:0:0:9, 2001:db8::99", "2001:db8::/48, 2001:db8::99"),
        ("fe80::9%eth0 std::vector 12:30:11.5", "fe80::9%eth0 std::vector 12:30:11.5"),
    ],
)
def test_one_client_of_the_new_protocol(text: str, clean: str) -> None:
    assert without(text, packed_of("2001:db8::9")) == clean


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("203.0.113.9", "203.0.113.0/24"),
        ("203.0.113.9:5000", "203.0.113.0/24"),
        ("2001:db8::9:51234", "2001:db8::/48"),
        ("2001:db8:1:2:3:4:5:6:80", "2001:db8:1::/48"),
        ("", "-"),
        ("unix:", "-"),
        ("client.example", "-"),
    ],
)
def test_a_field(field: str, text: str) -> None:
    assert shown(packed_field(field)) == text


def test_queries() -> None:
    assert without_query('"GET /a?b=c&d HTTP/1.1"') == '"GET /a HTTP/1.1"'
    assert without_query("/a") == "/a"


def test_values_of_values() -> None:
    value = {"a 1.2.3.4": ["1.2.3.4", ("x", 1.2, None)]}
    assert without_in(value, frozenset((packed_of("1.2.3.4"),))) == {"a 1.2.3.0/24": ["1.2.3.0/24", ("x", 1.2, None)]}
