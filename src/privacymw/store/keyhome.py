"""Keys as files of a folder: one 0600 file an epoch and lane, with 64 random bytes of its own.

Destroying overwrites the bytes, syncs, and renames the file to a tombstone. That works on a full disk,
where neither a deletion in a database nor a new file does. Overwriting means little on SSDs, copy-on-write
file systems and
snapshots: put PRIVACYMW_KEYS on a tmpfs where that matters.
"""

import contextlib
import os
import re
import secrets
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from privacymw.errors import StoreError
from privacymw.seal import KEY_BYTES
from privacymw.store.base import LANES, Finding, KeyInfo, Tombstone
from privacymw.store.chain import CHAIN, FileChain
from privacymw.store.files import create, private_folder, sync_folder
from privacymw.store.location import SQLITE

TOMBSTONES = 400
"""A lane's tombstones kept as evidence; with epochs of a day, more than a year."""

_NAME = re.compile(rf"({'|'.join(LANES)})-(-?[0-9]{{1,15}})\.(key|gone)")
_HEAD = struct.Struct(">4sqq")  # magic, deadline, length of the epoch; then the secret
_TOMB = struct.Struct(">4sqq")  # magic, deadline, time of death
_KEY, _GONE = b"pmk1", b"pmg1"
_SIZE = _HEAD.size + KEY_BYTES
_STALE = 60.0  # seconds after which a temporary file has no maker any more


class DirectoryHome:
    """The keys in a folder.

    Args:
        folder: where they are.
        create: make the folder if it is not there. The command line does not: it must never leave files of
            another owner behind.

    Raises:
        StoreError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path, *, create: bool = True) -> None:
        self.folder, self.shown = folder, str(folder)
        if create:
            private_folder(folder, cache=True)
            self._drop_stale()

    def make(self, info: KeyInfo) -> bytes | None:
        """The secret all racing workers get: the first `link` wins, the others read it."""
        with self._failing("make a key"):
            if self._path(info.lane, info.start, "gone").exists():
                return None
            if not self._path(info.lane, info.start, "key").exists():
                self._link(info)
            found = self.load(info.lane, info.start)
        return found[1] if found else None

    def _link(self, info: KeyInfo) -> None:
        final = self._path(info.lane, info.start, "key")
        temporary = self.folder / f".{secrets.token_hex(8)}.tmp"
        try:
            create(temporary, _HEAD.pack(_KEY, info.deadline, info.length) + secrets.token_bytes(KEY_BYTES))
            with contextlib.suppress(FileExistsError):
                os.link(temporary, final)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(self.folder)
        if self._path(info.lane, info.start, "gone").exists():  # destroyed between our look and our link
            self.destroy(info.lane, info.start, info.start)

    def load(self, lane: str, start: int) -> tuple[KeyInfo, bytes] | None:
        """A live key with its secret, or None."""
        with self._failing("read a key"), contextlib.suppress(FileNotFoundError):
            content = self._path(lane, start, "key").read_bytes()
            magic, deadline, length = _HEAD.unpack(content[: _HEAD.size].ljust(_HEAD.size, b"\0"))
            if magic == _KEY and len(content) == _SIZE:
                return KeyInfo(lane, start, deadline, length), content[_HEAD.size :]
        return None

    def destroy(self, lane: str, start: int, now: int) -> bool:
        """Overwrite, sync, rename to a tombstone, sync; several processes may do it at once."""
        path = self._path(lane, start, "key")
        with self._failing("destroy a key"), contextlib.suppress(FileNotFoundError):
            handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                _overwrite(handle, now)
            finally:
                os.close(handle)
            path.rename(self._path(lane, start, "gone"))
            sync_folder(self.folder)
            return True
        return False

    def live(self) -> list[KeyInfo]:
        """Keys that exist, oldest first; one that a killed process left half destroyed has deadline 0."""
        found = []
        for lane, start, _ in self._names("key"):
            whole = self.load(lane, start)
            found.append(whole[0] if whole else KeyInfo(lane, start, 0, 0))
        return sorted(found, key=lambda info: info.start)

    def gone(self) -> list[Tombstone]:
        """Tombstones, oldest first; those beyond TOMBSTONES a lane are dropped."""
        graves = sorted(self._names("gone"), key=lambda name: name[1])
        kept = [grave for lane in LANES for grave in self._pruned([g for g in graves if g[0] == lane])]
        return sorted(kept, key=lambda grave: grave.start)

    def lost(self) -> list[KeyInfo]:
        """None: a file that is gone leaves no name; the evidence knows by the rows."""
        return []

    def changed(self) -> bool:
        """Never: files do not go with a process."""
        return False

    def chain(self, data: Path | None) -> FileChain | None:
        """A file of the data folder: keys may lie where nothing outlives a reboot."""
        return FileChain(data / CHAIN) if data is not None else None

    def doctor(self, data: Path, store: str) -> Iterator[Finding]:
        """Whether a backup of the rows takes the keys along."""
        rows = Path(store.removeprefix(SQLITE)).parent if store.startswith(SQLITE) else None
        folders = [folder.resolve() for folder in (data, rows) if folder and folder.exists()]
        keys = self.folder.resolve()
        if any(keys.is_relative_to(folder) for folder in folders):
            text = "the keys lie in the folder of the data: a backup of both keeps addresses readable (PRIVACYMW_KEYS)"
            yield Finding("keys-beside-rows", text, True)
        elif keys.exists() and any(keys.stat().st_dev == folder.stat().st_dev for folder in folders):
            text = "the keys are on the file system of the data: its snapshots and images hold both"
            yield Finding("keys-same-disk", text, True)

    def _pruned(self, graves: list[tuple[str, int, Path]]) -> Iterator[Tombstone]:
        for _, _, path in graves[:-TOMBSTONES]:
            path.unlink(missing_ok=True)
        for lane, start, path in graves[-TOMBSTONES:]:
            with contextlib.suppress(FileNotFoundError):
                head = path.read_bytes()[: _TOMB.size].ljust(_TOMB.size, b"\0")
                yield Tombstone(lane, start, *_TOMB.unpack(head)[1:])

    def _names(self, kind: str) -> Iterator[tuple[str, int, Path]]:
        with self._failing("list the keys"), contextlib.suppress(FileNotFoundError):
            for path in list(self.folder.iterdir()):
                if (name := _NAME.fullmatch(path.name)) and name[3] == kind:
                    yield name[1], int(name[2]), path

    def _path(self, lane: str, start: int, kind: str) -> Path:
        return self.folder / f"{lane}-{start}.{kind}"

    def _drop_stale(self) -> None:
        """Temporary files of killed makers: an unused key, or a second name of a key in use."""
        for path in self.folder.glob(".*.tmp"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _STALE:
                    path.unlink()

    @contextlib.contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"cannot {what} in {self.folder}: {error.strerror}") from error


def _overwrite(handle: int, now: int) -> None:
    head = os.pread(handle, _HEAD.size, 0).ljust(_HEAD.size, b"\0")
    magic, deadline, _ = _HEAD.unpack(head)
    os.pwrite(handle, bytes(_SIZE), 0)
    os.fsync(handle)
    os.pwrite(handle, _TOMB.pack(_GONE, deadline if magic in (_KEY, _GONE) else 0, now), 0)
    os.ftruncate(handle, _TOMB.size)
    os.fsync(handle)
