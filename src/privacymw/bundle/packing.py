"""The form of a bundle: a zip of plain files, a manifest with the digest of each, a signature of the manifest.

The same content gives the same bytes: files in the order of their names, not compressed, all of one date. So
a reader can demand that form, and nothing can be hidden between the files.
"""

import hashlib
import io
import json
import re
import struct
import zipfile
from collections.abc import Mapping
from typing import Any, Final

from privacymw.bundle.signing import Signer, fingerprint

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
PUBLIC: Final = "public.pem"
README: Final = "README.txt"
MOST: Final = 256 << 20
"""Bytes of a bundle that is read."""
_FILES_MOST: Final = 10_000
_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_DATE: Final = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can have


_MALFORMED: Final = (
    zipfile.BadZipFile,
    struct.error,
    ArithmeticError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    ValueError,
)
"""What the library raises for bytes that are no zip."""


class NotBundle(ValueError):
    """The bytes are no zip in the form of a bundle; the text says why."""


def packed(files: Mapping[str, bytes], facts: Mapping[str, Any], signer: Signer) -> bytes:
    """The bundle of some files; `facts` are put into the manifest."""
    whole = {**files, PUBLIC: signer.public}
    manifest = {
        "format": FORMAT,
        **facts,
        "fingerprint": fingerprint(signer.public),
        "files": {name: {"sha256": digest(whole[name]), "bytes": len(whole[name])} for name in sorted(whole)},
    }
    content = document(manifest)
    return zipped({**whole, MANIFEST: content, SIGNATURE: signer.sign(content)})


def document(content: Any) -> bytes:
    """JSON, the same for the same content."""
    return json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True).encode("utf-8", "replace") + b"\n"


def digest(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip, the same for the same files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, _DATE)
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, files[name])
    return out.getvalue()


def unzipped(content: bytes) -> dict[str, bytes]:
    """The files of a zip by their names; nothing is written anywhere.

    Raises:
        NotBundle: it is not in the form that `zipped` gives: compressed, with a strange name, or with bytes that
            belong to no file.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            _refuse(entries, len(content))
            files = {entry.filename: archive.read(entry) for entry in entries}
    except NotBundle:
        raise
    except _MALFORMED as error:
        raise NotBundle(f"it cannot be read as a zip: {error}") from None
    if zipped(files) != content:
        raise NotBundle("it is not the zip as privacymw writes it: bytes were changed or added between the files")
    return files


def _refuse(entries: list[zipfile.ZipInfo], size: int) -> None:
    """Nothing is compressed and nothing overlaps: what is read is never more than the file."""
    names = [entry.filename for entry in entries]
    if len(names) > _FILES_MOST or sum(entry.file_size for entry in entries) > size:
        raise NotBundle("it claims to hold more than it has bytes")
    if any(entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 for entry in entries):
        raise NotBundle("a file in it is compressed or encrypted, which privacymw does not do")
    if strange := [name for name in names if not _NAME.fullmatch(name)]:
        raise NotBundle(f"a file in it has a name that privacymw does not give: {ascii(strange[0])[:100]}")
    if len(set(names)) < len(names):
        raise NotBundle("a name stands in it twice")
