"""What signs and seals: from the settings, which several machines share, or from the data folder."""

import base64
import hashlib
import hmac
import secrets
from typing import Final

from privacymw.errors import SettingsError
from privacymw.folder import DataFolder, new_secret
from privacymw.policy import Site
from privacymw.seal import KEY_BYTES

_FILE: Final = "links"


def secret_keys(site: Site, folder: DataFolder | None) -> tuple[list[str], list[tuple[str, bytes]]]:
    """What signs choices, and what seals links: apart, for links outlive a change of the first."""
    signing, sealing = _current(site, folder)
    known = {name for name, _ in sealing}
    # Without a key that seals there is none that opens: links would then be made by nobody.
    former = [pair for pair in map(_derived, dict.fromkeys(site.link_keys)) if pair[0] not in known]
    return signing, [*sealing, *former] if sealing else []


def _current(site: Site, folder: DataFolder | None) -> tuple[list[str], list[tuple[str, bytes]]]:
    if site.secret_key:
        # Links from before the secrets were named in the settings still open.
        before = _of_folder(folder) if folder is not None and (folder.path / _FILE).exists() else []
        return list(site.secret_key), [*map(_derived, site.secret_key), *before]
    if folder is None:
        return [], []
    return folder.lines("secret", new_secret), _of_folder(folder)


def _of_folder(folder: DataFolder) -> list[tuple[str, bytes]]:
    lines = folder.lines(_FILE, lambda: f"k{secrets.token_hex(3)} {_text(secrets.token_bytes(KEY_BYTES))}")
    pairs = (line.partition(" ") for line in lines)
    return [(name, _bytes(text)) for name, _, text in pairs]


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
