"""Root reads a site's log as the site's own user: what is written on the way then belongs to that user."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from privacymw.errors import StoreError


def name_of(uid: int) -> str:
    """The name of a user; `#1000` where it has none, as `sudo -u` takes it."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


@contextmanager
def as_owner(folder: Path) -> Iterator[None]:
    """As root, act as the owner of a folder for a while; nothing changes for everybody else.

    SQLite makes files beside a log while it is read, and a purge renames keys. As files of root they would
    lock the site out of its own log. Root also should not follow what a site's user may have laid out.

    Raises:
        StoreError: this root may not act as somebody else.
    """
    owner = folder.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        yield
        return
    _load()
    before = os.getgroups(), os.getegid()
    try:
        _become(owner.st_uid, owner.st_gid, [owner.st_gid])
    except OSError as error:
        raise StoreError(
            f"{folder} belongs to {name_of(owner.st_uid)}, and root may not act as that user here: {error.strerror}"
        ) from None
    try:
        yield
    finally:
        os.seteuid(0)
        _become(0, before[1], before[0])


def _become(user: int, group: int, groups: list[int]) -> None:
    os.setgroups(groups)
    os.setegid(group)
    os.seteuid(user)


def _load() -> None:
    """Import what will be needed while our own files can be read: the interpreter may lie in root's home."""
    import datetime  # noqa: F401
    import sqlite3  # noqa: F401
    import urllib.parse  # noqa: F401

    from cryptography.hazmat.primitives.ciphers.aead import AESSIV  # noqa: F401

    import privacymw.store.coverage
    import privacymw.store.evidence
    import privacymw.store.sqlite  # noqa: F401

    "\x1b".encode("unicode_escape")  # codecs are modules, too
    "".encode("ascii", "backslashreplace")
