"""AES-SIV: the published vectors, an independent computation, and tokens that are not ours."""

import base64
import os

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given
from hypothesis import strategies as st

from privacymw.address import pack
from privacymw.errors import SettingsError
from privacymw.seal import KEY_BYTES, TOKEN_BYTES, AddressSeal, LinkSeal

KEY, OTHER = bytes(range(64)), bytes(range(64, 128))
ADDRESS = pack("203.0.113.9")


def siv(key, plaintext, *associated):
    """RFC 5297 section 2.6, from CMAC and CTR."""

    def cmac(data):
        mac = CMAC(algorithms.AES(key[: len(key) // 2]))
        mac.update(data)
        return mac.finalize()

    def double(block):
        number = int.from_bytes(block) << 1
        return ((number & ((1 << 128) - 1)) ^ (0x87 if number >> 128 else 0)).to_bytes(16)

    def xor(one, two):
        return bytes(a ^ b for a, b in zip(one, two, strict=True))

    d = cmac(bytes(16))
    for data in associated:
        d = xor(double(d), cmac(data))
    last = plaintext[:-16] + xor(plaintext[-16:], d) if len(plaintext) >= 16 else None
    v = cmac(last or xor(double(d), (plaintext + b"\x80").ljust(16, b"\0")))
    q = int.from_bytes(v) & ~(1 << 63 | 1 << 31)
    encryptor = Cipher(algorithms.AES(key[len(key) // 2 :]), modes.CTR(q.to_bytes(16))).encryptor()
    return v + encryptor.update(plaintext)


RFC_5297 = [
    (  # A.1
        "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
        ["101112131415161718191a1b1c1d1e1f2021222324252627"],
        "112233445566778899aabbccddee",
        "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c",
    ),
    (  # A.2
        "7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f",
        [
            "00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100",
            "102030405060708090a0",
            "09f911029d74e35bd84156c5635688c0",
        ],
        "7468697320697320736f6d6520706c61696e7465787420746f20656e6372797074207573696e67205349562d414553",
        """7bdb6e3b432667eb06f4d14bff2fbd0fcb900f2fddbe404326601965c889bf17dba77ceb094fa663b7a3f748ba8af829
        ea64ad544a272e9c485b62a3fd5c0d""",
    ),
]


@pytest.mark.parametrize(("key", "associated", "plaintext", "output"), RFC_5297)
def test_the_vectors_of_rfc_5297(key, associated, plaintext, output):
    key, plaintext, output = (bytes.fromhex(text) for text in (key, plaintext, output))
    associated = [bytes.fromhex(text) for text in associated]
    assert siv(key, plaintext, *associated) == output
    assert AESSIV(key).encrypt(plaintext, associated) == output


def test_our_tokens_are_aes_siv_with_the_lane_as_associated_data():
    assert AddressSeal(KEY, "address").seal(ADDRESS) == siv(KEY, ADDRESS, b"address")
    assert AddressSeal(KEY, "network").seal(ADDRESS) == siv(KEY, ADDRESS, b"network")
    token = LinkSeal([("a", KEY)]).seal("https://example.org/")
    sealed = base64.urlsafe_b64decode(token.partition(".")[2] + "==")
    assert sealed == siv(KEY, b"https://example.org/", b"outbound")


def test_an_address_seals_to_the_same_32_bytes_and_opens_again():
    seal = AddressSeal(KEY, "address")
    token = seal.seal(ADDRESS)
    assert len(token) == TOKEN_BYTES
    assert seal.seal(ADDRESS) == token
    assert seal.open(token) == ADDRESS


def test_another_key_or_lane_opens_nothing():
    token = AddressSeal(KEY, "address").seal(ADDRESS)
    assert AddressSeal(OTHER, "address").open(token) is None
    assert AddressSeal(KEY, "network").open(token) is None


@given(st.binary(max_size=64))
def test_no_bytes_raise(token):
    assert AddressSeal(KEY, "address").open(token) is None


def test_a_link_opens_under_each_key_of_the_list():
    old, new = LinkSeal([("a", KEY)]), LinkSeal([("b", OTHER), ("a", KEY)])
    target = "https://example.org/?q=ä"
    assert old.seal(target) == old.seal(target)
    assert new.open(old.seal(target)) == target
    assert new.seal(target).startswith("b.")
    assert old.open(new.seal(target)) is None


def test_a_link_token_is_a_path_segment():
    token = LinkSeal([("a", KEY)]).seal("https://example.org/" + "x" * 500)
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


def test_a_token_has_one_spelling():
    seal = LinkSeal([("a", KEY)])
    token = seal.seal("https://example.org/")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".index(token[-1])
    others = [token + "=", token + "A", token.replace(".", ". "), token + "\n", f"A{token}"]
    others += [token[:-1] + letter for letter in "ABCD-_09" if letter != token[-1]]
    assert last >= 0
    assert [seal.open(other) for other in others] == [None] * len(others)


@pytest.mark.parametrize(
    "token", ["", ".", "a", "a.", "a.AAAA", "b.AAAA", "a.é", "\0", None, 5, b"a.AAAA", "a." + "A" * 99999]
)
def test_a_token_that_is_not_ours_is_none(token):
    assert LinkSeal([("a", KEY)]).open(token) is None


@given(st.text())
def test_no_token_raises(token):
    assert LinkSeal([("a", KEY)]).open("a." + token) is None


@pytest.mark.parametrize("keys", [[], [("a", KEY), ("a", OTHER)], [("a b", KEY)], [("", KEY)], [("a", b"short")]])
def test_keys_that_cannot_be_used_are_refused_without_showing_them(keys):
    with pytest.raises(SettingsError) as caught:
        LinkSeal(keys)
    assert "short" not in str(caught.value)


def test_no_repr_shows_a_key():
    key = os.urandom(KEY_BYTES)
    for thing in (AddressSeal(key, "address"), LinkSeal([("a", key)])):
        assert key.hex() not in repr(thing)
        assert repr(key) not in repr(thing)
