"""The chain: which versions were published, which keys were made and destroyed, as lines that name each other.

A line is JSON and holds the SHA-256 of the line before it, end of line included. Who noted the digest of the
last line (the head) can tell later whether anything before it was changed or left out. There is no address in
it and no secret: a key is named by its lane and the start of its epoch.
"""

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol

import msgspec

from privacymw.errors import StoreError
from privacymw.store.base import KeyInfo, Tombstone

CHAIN: Final = "chain.jsonl"
"""Its file in the data folder."""
_TAIL: Final = 4096  # bytes in which a line fits


class Link(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A line. Times are in ms since 1970, UTC; what a kind does not have is left out.

    Attributes:
        entry: its number, from 1 on.
        at: when it was entered, which may be later than what it tells.
        previous: SHA-256 of the line before; empty for the first.
        lane, start, deadline, destroyed, key: of a key, as `KeyInfo` and `Tombstone` have it.
        number, effective, sha256: of a version of the notice: its day, and the digest of its file.
    """

    entry: int = 0
    kind: Literal["version", "key-made", "key-destroyed"]
    at: int = 0
    lane: str | None = None
    start: int | None = None
    deadline: int | None = None
    destroyed: int | None = None
    key: str | None = None
    number: int | None = None
    effective: str | None = None
    sha256: str | None = None
    previous: str = ""

    @property
    def name(self) -> tuple[object, ...]:
        """What it tells of: entered once."""
        return self.kind, self.lane, self.start, self.key, self.number, self.sha256

    @property
    def epoch(self) -> tuple[str, int]:
        """Of a key: its lane and the start of its epoch."""
        return self.lane or "", self.start or 0


class Head(NamedTuple):
    """The newest line: its number, its digest, when it was entered (Unix seconds)."""

    entries: int
    digest: str
    at: float


class Chain(Protocol):
    """Where the lines are. Each call may raise StoreError."""

    def append(self, links: Sequence[Link], now: int) -> int:
        """Enter those that are not there yet, all of them or none; how many. `now` is in ms."""

    def lines(self) -> list[bytes]:
        """All lines, the oldest first, each with its end of line."""

    def head(self) -> Head | None:
        """The newest line; None where there is none."""


def made(info: KeyInfo) -> Link:
    """A key's birth."""
    return Link(kind="key-made", lane=info.lane, start=info.start, deadline=info.deadline, key=info.id or None)


def destroyed(grave: Tombstone) -> Link:
    """A key's death."""
    lane, start, deadline, when = grave
    return Link(kind="key-destroyed", lane=lane, start=start, deadline=deadline, destroyed=when)


def digest(line: bytes) -> str:
    """SHA-256 of a line in hex: `tail -n 1 chain.jsonl | sha256sum`."""
    return hashlib.sha256(line).hexdigest()


def head_of(line: bytes) -> Head:
    """The head that a last line is.

    Raises:
        StoreError: it is no line of a chain.
    """
    try:
        link = msgspec.json.decode(line, type=Link)
    except msgspec.MsgspecError:
        raise StoreError("the last line of the chain cannot be read") from None
    return Head(link.entry, digest(line), link.at / 1000)


def longer(lines: Sequence[bytes], links: Iterable[Link], now: int) -> list[bytes]:
    """The lines to add for those links that are not told yet."""
    known = {link.name for link in told(lines)}
    previous, added = digest(lines[-1]) if lines else "", list[bytes]()
    for link in links:
        if link.name in known:
            continue
        known.add(link.name)
        entry = len(lines) + len(added) + 1
        whole = msgspec.structs.replace(link, entry=entry, at=now, previous=previous)
        added.append(msgspec.json.encode(whole) + b"\n")
        previous = digest(added[-1])
    return added


def told(lines: Iterable[bytes]) -> Iterator[Link]:
    """What can be read of them."""
    decoder = msgspec.json.Decoder(Link)
    for line in lines:
        with contextlib.suppress(msgspec.MsgspecError):
            yield decoder.decode(line)


def faults(lines: Sequence[bytes]) -> list[str]:
    """What is wrong with a chain; nothing where it is whole."""
    decoder, previous, found = msgspec.json.Decoder(Link), "", list[str]()
    for number, line in enumerate(lines, 1):
        try:
            link = decoder.decode(line)
        except msgspec.MsgspecError:
            found.append(f"line {number} is no entry")
        else:
            if link.previous != previous:
                found.append(f"line {number} does not follow the line before it: one was changed or is missing")
            if link.entry != number:
                found.append(f"line {number} has the number {link.entry}")
        previous = digest(line)
    return found


class FileChain:
    """The chain as a file that is only ever appended to, by one process at a time where the system has locks."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, links: Sequence[Link], now: int) -> int:
        """See Chain. On a full disk nothing is added, and the file is as it was."""
        with self._failing("write"), self._alone() as handle:
            content = self._path.read_bytes()
            whole = content.rfind(b"\n") + 1
            if whole < len(content):  # somebody was killed in the middle of a line, which nobody has read as one
                os.ftruncate(handle, whole)
            added = longer(content[:whole].splitlines(keepends=True), links, now)
            if added:
                _write(handle, b"".join(added), whole)
            return len(added)

    def lines(self) -> list[bytes]:
        """See Chain; a line that is being written is none yet."""
        with self._failing("read"), contextlib.suppress(FileNotFoundError):
            content = self._path.read_bytes()
            return content[: content.rfind(b"\n") + 1].splitlines(keepends=True)
        return []

    def head(self) -> Head | None:
        """See Chain; reads the end of the file only."""
        with self._failing("read"), contextlib.suppress(FileNotFoundError), self._path.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - _TAIL, 0))
            tail = file.read()
            lines = tail[: tail.rfind(b"\n") + 1].splitlines(keepends=True)
            return head_of(lines[-1]) if lines else None
        return None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[int]:
        handle = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)

    @contextlib.contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"cannot {what} the chain {self._path}: {error.strerror}") from error


def _write(handle: int, content: bytes, size: int) -> None:
    """All of it behind the first `size` bytes, and on the disk; or nothing."""
    try:
        done = 0
        while done < len(content):
            done += os.write(handle, content[done:])
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, size)
        raise
