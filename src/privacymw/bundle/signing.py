"""The key that signs bundles: Ed25519 (RFC 8032), in a file that only its owner can read."""

import contextlib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from privacymw.errors import SettingsError, StoreError
from privacymw.store.files import complete

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY: Final = "evidence.key"
"""Its file in the data folder."""


class Signer:
    """Signs with the key of a file, which is made if it is not there.

    Raises:
        SettingsError: what the file holds is no such key.
        StoreError: it cannot be made or read, or others can read it.
    """

    def __init__(self, path: Path) -> None:
        try:
            if not path.exists():
                with contextlib.suppress(FileExistsError):
                    complete(path, _new())
            if path.stat().st_mode & 0o077:
                raise StoreError(f"{path}: others can read this key. To paste: chmod 600 {path}")
            self._key = _private(path.read_bytes())
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}. --key FILE names another place for the key") from None
        except ValueError:
            raise SettingsError(f"{path}: this is no Ed25519 key in PEM. --key FILE names another") from None

    def sign(self, content: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._key.sign(content)

    @property
    def public(self) -> bytes:
        """The public key in PEM."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _new() -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _private(pem: bytes) -> "Ed25519PrivateKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, None)
    except (TypeError, UnsupportedAlgorithm):
        raise ValueError from None  # it has a password, or is of another kind
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError
    return key


def _public(pem: bytes) -> "Ed25519PublicKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem)
    except UnsupportedAlgorithm:
        raise ValueError from None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError
    return key


def fingerprint(pem: bytes) -> str:
    """SHA-256 of a public key, as `openssl pkey -pubin -in public.pem -outform DER | sha256sum` has it.

    Raises:
        ValueError: it is no Ed25519 key.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(_public(pem).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def signed_by(pem: bytes, signature: bytes, content: bytes) -> bool:
    """Whether the owner of a public key signed the content; False too where it is no key."""
    from cryptography.exceptions import InvalidSignature

    try:
        _public(pem).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True
