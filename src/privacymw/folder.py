"""The data folder: what every worker of a site shares, made on the first start."""

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from privacymw.errors import StoreError
from privacymw.store.files import complete, private_folder, replace


class DataFolder:
    """A folder of ours, readable by its owner alone.

    Raises:
        StoreError: it cannot be made or written; the text gives two ways out.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = private_folder(Path(path).absolute())

    def lines(self, name: str, make: Callable[[], str]) -> list[str]:
        """The lines of a file that is made once; of several workers that make it, one wins.

        Raises:
            StoreError: the file is empty or cannot be read.
        """
        path = self.path / name
        try:
            if not path.exists():
                with contextlib.suppress(FileExistsError):
                    complete(path, (make() + "\n").encode())
            found = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(
                f"{path} cannot be used: {error}. Restore it, or remove it to have a new one made"
            ) from None
        if not found:
            raise StoreError(f"{path} is empty. Restore it, or remove it to have a new one made")
        return found

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Of several processes one at a time, where the file system has locks."""
        handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with contextlib.suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def replace(self, name: str, document: Mapping[str, Any]) -> None:
        """Writes a JSON file so that a reader sees the old one or the new one."""
        replace(self.path / name, json.dumps(document, indent=1).encode() + b"\n")


def new_secret() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(32)
