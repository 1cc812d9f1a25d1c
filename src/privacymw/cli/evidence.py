"""`privacymw evidence verify`: whether a bundle is whole, who signed it, and what that proves."""

import re
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from privacymw.cli import show
from privacymw.errors import SettingsError, StoreError

if TYPE_CHECKING:
    from privacymw.bundle.verifying import Verified, Wanted

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def verify(options: Namespace) -> int:
    """`evidence verify`."""
    from privacymw.bundle.verifying import verified
    from privacymw.bundle.words import PROVES, PROVES_NOT

    bundle = verified(_read(options.file), _wanted(options))
    if options.json:
        show.document({
            "held": bundle.held,
            "made": bundle.manifest.get("made"),
            "log": bundle.manifest.get("log"),
            "fingerprint": bundle.manifest.get("fingerprint"),
            "findings": [each._asdict() for each in bundle.findings],
            "proves": list(PROVES) if bundle.held else [],
            "does_not_prove": list(PROVES_NOT),
        })  # fmt: skip
    else:
        _shown(options.file, bundle)
    return 0 if bundle.held else 2


def _read(path: str) -> bytes:
    """A bundle's bytes, as far as one can be.

    Raises:
        StoreError: it cannot be read, or is no zip at all.
    """
    from privacymw.bundle.packing import MOST

    try:
        with Path(path).open("rb") as file:
            content = file.read(MOST + 1)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from None
    if len(content) > MOST:
        raise StoreError(f"{path}: more than {MOST >> 20} MiB, which is no bundle of privacymw")
    if not content.startswith(b"PK"):
        raise StoreError(f"{path}: this is no zip. privacymw check MODULE:APP --evidence FILE.zip makes a bundle")
    return content


def _wanted(options: Namespace) -> "Wanted":
    from privacymw.bundle.verifying import Wanted, verified

    head = options.head.lower() if options.head else None
    if head and not _DIGEST.fullmatch(head):
        raise SettingsError(f"--head {options.head}: 64 signs of 0-9 and a-f are a head, as /privacy/archive shows it")
    after = verified(_read(options.after)) if options.after else None
    return Wanted(_key(options.key) if options.key else None, head, after)


def _key(given: str) -> str:
    """The fingerprint that is given, or that of the public key in a file."""
    from privacymw.bundle.signing import fingerprint

    if _DIGEST.fullmatch(given.lower()):
        return given.lower()
    try:
        return fingerprint(Path(given).read_bytes())
    except OSError as error:
        raise StoreError(f"--key {given}: {error.strerror}. Name a file, or give the fingerprint") from None
    except ValueError:
        raise SettingsError(f"--key {given}: this is no public Ed25519 key in PEM") from None


def _shown(path: str, bundle: "Verified") -> None:
    from privacymw.bundle.words import PROVES, PROVES_NOT

    rows = [("held" if each.held else "BROKEN", each.code, each.text) for each in bundle.findings]
    show.table(("result", "finding", "what was seen"), rows)
    if not bundle.held:
        show.printed(f"\n{show.plain(path)} is not whole: what is in it proves nothing.")
        return
    made, log = (show.plain(bundle.manifest.get(name)) for name in ("made", "log"))
    show.printed(f"\n{show.plain(path)} is whole. By its own words it was made at {made}; its log is that of {log}.")
    for title, points in (("\nThis proves:", PROVES), ("\nThis does not prove:", PROVES_NOT)):
        show.printed(title)
        for point in points:
            show.paragraph(point, indent="  ")
