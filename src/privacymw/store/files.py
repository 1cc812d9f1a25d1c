"""Folders and files that only their owner can read."""

import contextlib
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

from privacymw.errors import StoreError

# The first line is what backup programs look for (bford.info/cachedir).
CACHEDIR_TAG = b"Signature: 8a477f597d28d172789f06886806bc55\n# Keys of privacymw: keep them out of backups.\n"
_CHUNK = 1 << 20


def private_folder(path: Path, *, cache: bool = False) -> Path:
    """The folder, made if it is not there: 0700, out of version control, and with `cache` out of backups.

    Raises:
        StoreError: with two ways out, if it cannot be made or written.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _once(path / ".gitignore", b"*\n")
        if cache:
            _once(path / "CACHEDIR.TAG", CACHEDIR_TAG)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(13, "no permission to write", str(path))
    except OSError as error:
        raise unusable(path, error) from error
    return path


def unusable(path: Path, error: Exception) -> StoreError:
    """The error for a folder that cannot be used; says what to do about it."""
    return StoreError(
        f"{path}: {error}. privacymw keeps its log and keys there and has to write.\n"
        "Two ways out:\n"
        f"  PRIVACYMW_DATA=/var/lib/privacymw   a folder that this user (uid {os.geteuid()}) can write\n"
        "  PRIVACYMW_DATA=none                 no folder: no address is logged, and without PRIVACYMW_SECRET_KEY\n"
        "                                      there is no leaving page and no saved choice (the page says so)"
    )


def _once(path: Path, content: bytes) -> None:
    with contextlib.suppress(FileExistsError):
        create(path, content)


def create(path: Path, content: bytes) -> None:
    """A new 0600 file that is on the disk when this returns; FileExistsError if there is one."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, content)
        os.fsync(handle)
    finally:
        os.close(handle)


def replace(path: Path, content: bytes) -> None:
    """Atomically new content: a reader sees the old or the new, never half."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        create(temporary, content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def complete(path: Path, content: bytes) -> None:
    """A new file that appears with all its content or not at all; FileExistsError if there is one.

    `link` decides between racing makers; a plain exclusive create would show a loser an empty file.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        create(temporary, content)
        os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def sync_folder(path: Path) -> None:
    """Renames and removals in the folder are on the disk when this returns."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def search(folder: Path, needles: Sequence[bytes]) -> Iterator[tuple[Path, bytes]]:
    """Each (file, needle) where a file below the folder contains the needle's bytes."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with contextlib.suppress(FileNotFoundError):  # purged or replaced in the meantime
                yield from ((path, needle) for needle in _found(path, needles))


def _found(path: Path, needles: Sequence[bytes]) -> set[bytes]:
    overlap = max(map(len, needles), default=1) - 1
    found: set[bytes] = set()
    tail = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            text = tail + chunk
            found.update(needle for needle in needles if needle in text)
            tail = text[len(text) - overlap :] if overlap else b""
    return found
