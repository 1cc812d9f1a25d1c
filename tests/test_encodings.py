"""Content codings undone and done again: every cut, every damage, bounded memory."""

import gzip
import random
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces import Upper
from privacymw.encodings import STEP, Recoded

TEXT = bytes(random.Random(1).choices(b"abcdefgh <>\n", k=60_000))
END = b"<!-- end -->"
WBITS = {"gzip": 31, "deflate": 15}


def packed(coding: str, text: bytes = TEXT) -> bytes:
    coder = zlib.compressobj(wbits={"gzip": 31, "deflate": 15, "raw": -15}[coding])
    return coder.compress(text) + coder.flush()


class Run:
    """A body through a coding, in chunks of one size."""

    def __init__(self, coding: str, body: bytes, size: int) -> None:
        self.broken = 0
        recoded = Recoded(coding, Upper(), self.count)
        chunks = [body[at : at + size] for at in range(0, len(body), size)]
        self.out = b"".join([*map(recoded.feed, chunks), recoded.close()])
        self.coding = coding

    def count(self) -> None:
        self.broken += 1

    @property
    def unpacked(self) -> tuple[bytes, bool]:
        """What a browser makes of it, and whether it sees the end."""
        decoder = zlib.decompressobj(WBITS[self.coding])
        return decoder.decompress(self.out), decoder.eof


SIZES = pytest.mark.parametrize("size", [1, 7, 4_096, 10**9])


@SIZES
@pytest.mark.parametrize(
    ("coding", "body", "text"),
    [
        ("gzip", packed("gzip"), TEXT),
        ("gzip", packed("gzip") + packed("gzip", b"more") + packed("gzip", b""), TEXT + b"more"),
        ("gzip", packed("gzip", b"") + packed("gzip", b"more"), b"more"),
        ("gzip", packed("gzip") + bytes(99), TEXT),
        ("gzip", packed("gzip") + b"junk after it", TEXT),
        ("deflate", packed("deflate"), TEXT),
        ("deflate", packed("raw"), TEXT),
        ("deflate", packed("deflate") + b"junk", TEXT),
    ],
    ids=["gzip", "members", "empty member", "padding", "junk", "zlib", "raw", "zlib and junk"],
)
def test_a_whole_body_goes_through_the_transform(coding: str, body: bytes, text: bytes, size: int) -> None:
    run = Run(coding, body, size)
    assert run.unpacked == (text.upper() + END, True)
    assert not run.broken


@SIZES
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("lost", [1, 5, 1_000, 20_000])
def test_a_body_that_was_cut_short_looks_cut_short(coding: str, lost: int, size: int) -> None:
    body = packed(coding)[:-lost]
    run = Run(coding, body, size)
    come = zlib.decompressobj(WBITS[coding]).decompress(body)
    assert run.unpacked == (come.upper() + END, False)
    assert run.broken == 1


@SIZES
def test_damage_costs_what_follows_it_and_nothing_before(size: int) -> None:
    whole = packed("gzip")
    middle = len(whole) // 2
    body = whole[:middle] + bytes(each ^ 0xFF for each in whole[middle : middle + 50]) + whole[middle + 50 :]
    run = Run("gzip", body, size)
    before = zlib.decompressobj(31).decompress(whole[: middle - 1_000])
    text, ended = run.unpacked
    assert text.startswith(before.upper())
    assert not ended
    assert run.broken == 1


@SIZES
def test_a_false_checksum_is_not_made_true(size: int) -> None:
    body = packed("gzip")
    run = Run("gzip", body[:-5] + bytes([body[-5] ^ 1]) + body[-4:], size)
    assert run.unpacked == (TEXT.upper() + END, False)
    assert run.broken == 1


@SIZES
@pytest.mark.parametrize(
    "body", [b"<a href=//o.example>", b"\x1f\x8b<a href=//o.example>", b"\x1f", packed("gzip")[:9]]
)
def test_what_is_in_no_such_coding_passes_as_it_is(body: bytes, size: int) -> None:
    run = Run("gzip", body, size)
    assert (run.out, run.broken) == (body, 1)


@pytest.mark.parametrize("body", [b"", packed("gzip", b"")])
def test_an_empty_body_stays_one(body: bytes) -> None:
    run = Run("gzip", body, 3)
    assert (run.out, run.broken) == (body, 0)


def test_what_is_there_can_be_seen_at_once() -> None:
    coder, recoded = zlib.compressobj(wbits=31), Recoded("gzip", Upper(), lambda: None)
    browser = zlib.decompressobj(31)
    for part in (b"first", b"second"):
        shown = browser.decompress(recoded.feed(coder.compress(part) + coder.flush(zlib.Z_SYNC_FLUSH)))
        assert shown.endswith(part[:-1].upper())  # the last byte is the transform's to keep


@pytest.mark.parametrize("members", [1, 100])
def test_a_bomb_takes_time_and_no_memory(members: int) -> None:
    coder, zeros = zlib.compressobj(9, wbits=31), bytes(1_000_000)
    bomb = (b"".join(coder.compress(zeros) for _ in range(100 // members)) + coder.flush()) * members
    largest = 0

    class Watch:
        def feed(self, chunk: bytes) -> bytes:
            nonlocal largest
            largest = max(largest, len(chunk))
            return chunk

        def close(self) -> bytes:
            return b""

    recoded = Recoded("gzip", Watch(), lambda: None)
    tracemalloc.start()
    out = len(recoded.feed(bomb))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (largest, out < 1_000_000, most < 3_000_000) == (STEP, True, True), (out, most)


def test_members_without_content_are_not_kept_for_ever() -> None:
    recoded = Recoded("gzip", Upper(), lambda: None)
    for _ in range(20_000):
        recoded.feed(packed("gzip", b""))
    assert len(recoded._kept) <= STEP


@given(body=st.binary(max_size=300), cut=st.integers(0, 300), coding=st.sampled_from(["gzip", "deflate"]))
def test_no_bytes_raise(body: bytes, cut: int, coding: str) -> None:
    for data in (body, packed(coding, body)[:cut], packed(coding, b"x")[:10] + body):
        Run(coding, data, 9)


def test_gzip_of_the_standard_library_reads_it() -> None:
    assert gzip.decompress(Run("gzip", gzip.compress(TEXT), 1_000).out) == TEXT.upper() + END
