"""Root reads a site's log as the site's own user: what is written on the way then belongs to that user."""

import os
import pwd
from pathlib import Path

from privacymw.errors import StoreError


def name_of(uid: int) -> str:
    """The name of a user; `#1000` where it has none, as `sudo -u` takes it."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


def become_owner(folder: Path) -> None:
    """As root, become the owner of a folder, for good; nothing for everybody else.

    SQLite makes files beside a log while it is read, and a purge renames keys. As files of root they would
    lock the site out of its own log. Root also should not follow what a site's user may have laid out.

    Raises:
        StoreError: this root may not become somebody else.
    """
    owner = folder.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    _load()
    try:
        os.setgroups([owner.st_gid])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)
    except OSError as error:
        raise StoreError(
            f"{folder} belongs to {name_of(owner.st_uid)}, and root may not act as that user here: {error.strerror}"
        ) from None


def _load() -> None:
    """Import what will be needed while our own files can be read: the interpreter may lie in root's home."""
    import contextlib
    import sqlite3  # noqa: F401

    from cryptography.hazmat.primitives.ciphers.aead import AESSIV  # noqa: F401

    import privacymw.store.evidence
    import privacymw.store.sqlite  # noqa: F401

    with contextlib.suppress(ImportError):
        import rich.console
        import rich.table  # noqa: F401
