"""Sealing with AES-SIV (RFC 5297): deterministic, so that equal things can be grouped, and authenticated.

Keys are 64 random bytes (AES-256 twice). The library compares the synthetic IV in constant time. Python
cannot wipe memory: a dropped key stays in freed memory until that is used again.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING

from privacymw.errors import SettingsError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

KEY_BYTES = 64
TOKEN_BYTES = 32
"""A sealed address: the 16 bytes of the synthetic IV and the 16 of the address."""

_PATH = [b"path"]
_PATH_LONGEST = 256
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,16}\Z")
_TARGET_LONGEST = 8192  # characters of a token; beyond any address line a browser keeps


def _siv(key: bytes) -> "AESSIV":
    # Imported here: it costs 20 ms, and a site without address log and outbound links never needs it.
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

    return AESSIV(key)


class AddressSeal:
    """Seals packed addresses of one epoch in one lane ("address" or "network"), and paths.

    The lane is associated data: a token of one lane does not open in the other, even under the same key.
    """

    __slots__ = ("_lane", "_siv")

    def __init__(self, key: bytes, lane: str) -> None:
        self._siv = _siv(key)
        self._lane = [lane.encode()]

    def seal(self, packed: bytes) -> bytes:
        """The token of sixteen packed bytes: 32 bytes, the same each time."""
        return self._siv.encrypt(packed, self._lane)

    def open(self, token: bytes) -> bytes | None:
        """The packed address in a token, None if another key or lane sealed it, or nobody did."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._siv.decrypt(token, self._lane)
        except (InvalidTag, ValueError):
            return None

    def seal_path(self, path: str) -> bytes | None:
        """The token of a path, of which 256 bytes are kept; it opens as no address. None for the empty path."""
        raw = path.encode("utf-8", "replace")[:_PATH_LONGEST]
        return self._siv.encrypt(raw, _PATH) if raw else None

    def open_path(self, token: bytes) -> str | None:
        """The path in a token; None if another key sealed it, or nobody did."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._siv.decrypt(token, _PATH).decode("utf-8", "ignore")  # cut off within a sign
        except (InvalidTag, ValueError):
            return None


class LinkSeal:
    """Seals link targets into path segments: `<key id>.<base64url>`.

    Deterministic, so that a rewritten page stays cacheable. The first key seals, all keys open: put a new key
    first and keep the old one for as long as its links shall work.

    Args:
        keys: pairs of a key id (1 to 16 letters, digits, "_" or "-") and 64 bytes.

    Raises:
        SettingsError: no key, an id twice or ill-formed, or a key of another length (never its bytes).
    """

    __slots__ = ("_sivs", "first")

    _LABEL = [b"outbound"]

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        _refuse_keys(keys)
        self.first = keys[0][0]
        self._sivs = {key_id: _siv(key) for key_id, key in keys}

    def seal(self, target: str) -> str:
        """The token of a target URL; ValueError for the empty text."""
        sealed = self._sivs[self.first].encrypt(target.encode(), self._LABEL)
        return f"{self.first}.{urlsafe_b64encode(sealed).rstrip(b'=').decode()}"

    def open(self, token: str) -> str | None:
        """The target in a token; None for a forged or garbled one, or one under a key that is not here."""
        from cryptography.exceptions import InvalidTag

        try:
            key_id, _, text = token.partition(".")
            sealed = _decode(text)
            return self._sivs[key_id].decrypt(sealed, self._LABEL).decode() if sealed else None
        except (AttributeError, InvalidTag, KeyError, TypeError, ValueError):
            return None


def _decode(text: str) -> bytes | None:
    """Base64url without padding; only the one spelling that we write, so that a target has one address."""
    if len(text) > _TARGET_LONGEST:
        return None
    sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return sealed if urlsafe_b64encode(sealed).rstrip(b"=") == text.encode() else None


def _refuse_keys(keys: Sequence[tuple[str, bytes]]) -> None:
    ids = [key_id for key_id, _ in keys]
    faults = [f"key id {key_id!r}: 1 to 16 letters, digits, _ or -" for key_id in ids if not _KEY_ID.match(key_id)]
    faults += [f"key {i!r} has {len(key)} bytes, not {KEY_BYTES}" for i, key in keys if len(key) != KEY_BYTES]
    if not keys or len(set(ids)) < len(ids):
        faults.append(f"key ids {ids}: at least one is needed, and each only once")
    if faults:
        raise SettingsError("the keys for outbound links cannot be used: " + "; ".join(faults))
