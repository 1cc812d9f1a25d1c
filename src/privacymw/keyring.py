"""What signs and seals: from the settings, which several machines share, or from the data folder."""

import base64
import hashlib
import hmac
import secrets

from privacymw.errors import SettingsError
from privacymw.folder import DataFolder, new_secret
from privacymw.policy import Site
from privacymw.seal import KEY_BYTES


def secret_keys(site: Site, folder: DataFolder | None) -> tuple[list[str], list[tuple[str, bytes]]]:
    """What signs choices, and what seals links: apart, for links outlive a change of the first."""
    if site.secret_key:
        return list(site.secret_key), [_derived(each) for each in site.secret_key]
    if folder is None:
        return [], []
    lines = folder.lines("links", lambda: f"k{secrets.token_hex(3)} {_text(secrets.token_bytes(KEY_BYTES))}")
    pairs = (line.partition(" ") for line in lines)
    return folder.lines("secret", new_secret), [(name, _bytes(text)) for name, _, text in pairs]


def _derived(secret: str) -> tuple[str, bytes]:
    """A link key from a secret that several machines share (HKDF-Expand with one block, RFC 5869 2.3)."""
    key = hmac.digest(secret.encode(), b"privacymw links\x01", hashlib.sha512)
    return "s" + hashlib.sha256(key).hexdigest()[:6], key


def _text(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text)
    except ValueError:
        raise SettingsError("the file links in the data folder has a line that is no key: restore it") from None
