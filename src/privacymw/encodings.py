"""Content codings (RFC 9110 8.4.1) undone and done again around a transform, as the bytes stream by."""

import zlib
from collections.abc import Callable, Generator, Iterator
from typing import Final, Protocol

CODINGS: Final = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}
"""Those that can be undone, by every name of theirs. Brotli and Zstandard are not in the standard library."""

STEP: Final = 65_536
"""Bytes that are unpacked at a time: a few bytes can stand for gigabytes."""

_GZIP: Final = 16 + zlib.MAX_WBITS
_ZLIB: Final = zlib.MAX_WBITS
_RAW: Final = -zlib.MAX_WBITS  # servers send it as "deflate", though RFC 9110 8.4.1.2 asks for zlib
_BEGUN: Final = {"gzip": _GZIP, "deflate": _ZLIB}


class _Transform(Protocol):
    def feed(self, chunk: bytes, /) -> bytes: ...
    def close(self) -> bytes: ...


class Recoded:
    """A transform of plain bytes, for a body in a coding.

    Each chunk is flushed, so that a browser can show what is there. What cannot be unpacked passes as it
    came, if nothing was unpacked before; else the answer ends where the app's own would have ended for a
    browser, without the mark of a whole one. It raises nothing about the app's bytes.

    Args:
        coding: a value of `CODINGS`.
        inner: what the plain bytes go through.
        broken: called once where the body is damaged or cut short.
    """

    def __init__(self, coding: str, inner: _Transform, broken: Callable[[], None]) -> None:
        self._inner = inner
        self._broken = broken
        self._coding = coding
        self._decoder = zlib.decompressobj(_BEGUN[coding])
        self._encoder = zlib.compressobj(wbits=_BEGUN[coding])
        self._kept = b""  # what came as long as nothing was unpacked: it may have to pass as it is
        self._begun = False
        self._ended = False  # a member (RFC 1952 2.2) has ended, and no other one has begun
        self._passing = False
        self._closed = False

    def feed(self, chunk: bytes) -> bytes:
        """What can be sent now."""
        if self._passing:
            return chunk
        if self._closed:
            return b""
        if not self._begun:
            self._kept += chunk
        return self._encoded(chunk)

    def close(self) -> bytes:
        """The rest."""
        if self._passing or self._closed:
            return b""
        self._closed = True
        if not self._ended and (self._begun or self._kept):
            self._broken()
        if not self._begun:
            return self._kept
        return self._encoder.compress(self._inner.close()) + self._encoder.flush(
            zlib.Z_FINISH if self._ended else zlib.Z_SYNC_FLUSH
        )

    def _encoded(self, chunk: bytes) -> bytes:
        out = []
        damaged = False
        try:
            for piece in self._pieces(chunk):
                self._begun, self._kept = True, b""
                out.append(self._encoder.compress(self._inner.feed(piece)))
        except zlib.error:
            damaged = True
        if damaged:
            return b"".join([*out, self._fallen_back()])
        if out:
            out.append(self._encoder.flush(zlib.Z_SYNC_FLUSH))
        if len(self._kept) > STEP:  # a header as long as a page, or members without content
            self._begun, self._kept = True, b""
        return b"".join(out)

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        """The chunk unpacked, step by step."""
        while data:
            if self._ended:
                data = self._next_member(data)
                if not data:
                    return
            while piece := (yield from self._unpacked(data)):
                yield piece
                data = self._decoder.unconsumed_tail
                if self._decoder.eof:  # a decoder that has ended keeps a tail of before
                    break
            self._ended = self._decoder.eof
            data = self._decoder.unused_data

    def _unpacked(self, data: bytes) -> Generator[bytes, None, bytes]:
        """One step; before damage is told, what stands before it: zlib keeps that to itself."""
        before = self._decoder.copy()
        try:
            return self._decoder.decompress(data, STEP)
        except zlib.error:
            if piece := b"".join(_until_damage(before, data)):
                yield piece
            raise

    def _next_member(self, data: bytes) -> bytes:
        """What follows a member, if it is one more: padding and junk are not (gzip(1) and browsers agree)."""
        data = data.lstrip(b"\0")
        if self._coding != "gzip" or not data.startswith(b"\x1f"):
            return b""
        self._ended = False
        self._decoder = zlib.decompressobj(_GZIP)
        return data

    def _fallen_back(self) -> bytes:
        """What is done about damage."""
        if not self._begun and self._coding == "deflate":
            self._coding, kept, self._kept = "raw", self._kept, b""
            self._decoder = zlib.decompressobj(_RAW)
            return self.feed(kept)
        self._broken()
        if self._begun:
            self._closed = True
            return self._encoder.compress(self._inner.close()) + self._encoder.flush(zlib.Z_SYNC_FLUSH)
        self._passing = True
        return self._kept


def _until_damage(decoder: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    for place in range(len(data)):
        try:
            yield decoder.decompress(data[place : place + 1], STEP)
        except zlib.error:
            return
