"""Compressed files: whole, or refused."""

import gzip
import sys
from collections.abc import Iterable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from etl_assets.errors import UsageError
from etl_assets.store.compression import SUFFIXES, Compression, compressor, decompressed

every = pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
packed = pytest.mark.parametrize("compression", ["gzip", "zstd"])


def compressed(blocks: Iterable[bytes], compression: Compression) -> bytes:
    """The stored bytes of a file."""
    pack = compressor(compression)
    return b"".join([*map(pack.compress, blocks), pack.flush()])


def plain(stored: bytes, compression: Compression, size: int = 7) -> bytes:
    """A stored file's plain bytes, read in blocks of a size."""
    blocks = (stored[start : start + size] for start in range(0, len(stored), size))
    return b"".join(decompressed(blocks, compression))


@every
@given(blocks=st.lists(st.binary(max_size=2000)), size=st.integers(1, 3000))
def test_what_is_written_is_read_back_whatever_the_blocks(
    compression: Compression, blocks: list[bytes], size: int
) -> None:
    assert plain(compressed(blocks, compression), compression, size) == b"".join(blocks)


@every
def test_more_than_one_block_of_the_compressor_is_read_back(compression: Compression) -> None:
    rows = [
        b"".join(b"%d,%d\n" % (n, n * n % 977) for n in range(start, start + 20_000))
        for start in range(0, 200_000, 20_000)
    ]
    assert plain(compressed(rows, compression), compression, 1 << 16) == b"".join(rows)


@packed
@given(data=st.data())
def test_a_stream_that_is_cut_short_is_an_early_end(
    compression: Compression, data: st.DataObject
) -> None:
    stored = compressed([b"id,name\n" * 50], compression)
    kept = data.draw(st.integers(0, len(stored) - 1))
    with pytest.raises(EOFError, match=f"the {compression} stream ends early"):
        plain(stored[:kept], compression)


@packed
@pytest.mark.parametrize("garbage", [b"id,name\n1,a\n", b"\x00" * 40, b"\xff" * 40])
def test_bytes_of_no_compression_are_refused(compression: Compression, garbage: bytes) -> None:
    with pytest.raises(ValueError, match=f"the {compression} stream is damaged: "):
        plain(garbage, compression)


@packed
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_bytes_after_the_end_are_refused(compression: Compression, size: int) -> None:
    stored = compressed([b"id\n1\n"], compression)
    wanted = f"more bytes after the end of the {compression} stream"
    with pytest.raises(ValueError, match=wanted):
        plain(stored + b"more", compression, size)
    # A block of its own, after the stream has ended.
    with pytest.raises(ValueError, match=wanted):
        b"".join(decompressed([stored, b"\0"], compression))


@packed
@pytest.mark.parametrize("size", [1, 3, 1 << 20])
def test_several_streams_are_read_as_one(compression: Compression, size: int) -> None:
    first, second = (compressed([text], compression) for text in (b"id\n1\n", b"2\n"))
    assert plain(first + second + first, compression, size) == b"id\n1\n2\nid\n1\n"
    with pytest.raises(EOFError, match=f"the {compression} stream ends early"):
        plain(first + second[:-1], compression, size)
    with pytest.raises(EOFError, match=f"the {compression} stream ends early"):
        plain(first + second[:2], compression, size)


@packed
def test_what_packs_well_is_unpacked_bit_by_bit(compression: Compression) -> None:
    zeros = b"0" * (1 << 20)
    stored = compressed([zeros] * 100, compression)
    sizes = [len(block) for block in decompressed([stored], compression)]
    assert sum(sizes) == 100 * len(zeros)
    assert max(sizes) <= 32 * len(zeros)


@packed
def test_the_same_rows_give_the_same_file(compression: Compression) -> None:
    assert compressed([b"a\n"], compression) == compressed([b"a\n"], compression)


def test_gzip_files_hold_no_time_and_are_read_by_everyone() -> None:
    stored = compressed([b"a\n", b"b\n"], "gzip")
    assert stored[4:8] == b"\0\0\0\0"
    assert gzip.decompress(stored) == b"a\nb\n"


def test_zstd_files_are_read_by_everyone() -> None:
    stored = compressed([b"a\n", b"b\n"], "zstd")
    assert zstandard.ZstdDecompressor().decompressobj().decompress(stored) == b"a\nb\n"


def test_each_compression_has_its_own_ending() -> None:
    assert SUFFIXES == {"none": "", "gzip": ".gz", "zstd": ".zst"}


def test_without_its_package_zstd_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(UsageError, match=r"install etl-assets\[zstd\]"):
        compressor("zstd")
