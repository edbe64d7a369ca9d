"""Streamed compression of stored files."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any, Literal, Protocol

from etl_assets.errors import UsageError

Compression = Literal["none", "gzip", "zstd"]

SUFFIXES: dict[Compression, str] = {"none": "", "gzip": ".gz", "zstd": ".zst"}

_GZIP_LEVEL = 6
_ZSTD_LEVEL = 3
_MAGIC = {"gzip": b"\x1f\x8b\x08", "zstd": b"\x28\xb5\x2f\xfd"}
"""What a member or a frame begins with."""
_PIECE_BYTES = 1 << 10
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class Compressor(Protocol):
    """What zlib's and zstandard's compressor objects have in common."""

    def compress(self, data: bytes | bytearray, /) -> bytes | bytearray:
        """Take bytes; give what is ready."""

    def flush(self) -> bytes:
        """Give the rest and end the stream."""


class _Plain:
    def compress(self, data: bytes | bytearray, /) -> bytes | bytearray:
        return data

    def flush(self) -> bytes:
        return b""


def compressor(compression: Compression) -> Compressor:
    """A compressor for one file."""
    match compression:
        case "none":
            return _Plain()
        case "gzip":
            # zlib writes no time into the header: the same rows give the same file.
            return zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
        case "zstd":
            chosen: Compressor = _zstandard().ZstdCompressor(level=_ZSTD_LEVEL).compressobj()
            return chosen


def decompressed(blocks: Iterable[bytes], compression: Compression) -> Iterator[bytes]:
    """A stored file's blocks as plain CSV bytes; of several members or frames, those of all.

    Raises:
        EOFError: the stream ends early.
        ValueError: the bytes are not of this compression.
    """
    if compression == "none":
        yield from blocks
        return
    if compression == "gzip":
        begin: Callable[[], Any] = lambda: zlib.decompressobj(_GZIP_WINDOW)  # noqa: E731
        failure: type[Exception] = zlib.error
    else:
        begin = _zstandard().ZstdDecompressor().decompressobj
        failure = _zstandard().ZstdError
    stream = begin()
    rest = b""
    try:
        for piece in _pieces(blocks):
            data = rest + piece
            rest = b""
            while data:
                # One that has ended is not fed again: another one may begin after it.
                if stream.eof:
                    if not _begins(data, _MAGIC[compression]):
                        raise ValueError(f"more bytes after the end of the {compression} stream")
                    if len(data) < len(_MAGIC[compression]):
                        rest = data
                        break
                    stream = begin()
                yield stream.decompress(data)
                data = stream.unused_data
    except failure as error:
        raise ValueError(f"the {compression} stream is damaged: {error}") from None
    if rest or not stream.eof:
        raise EOFError(f"the {compression} stream ends early")


def _begins(data: bytes, magic: bytes) -> bool:
    """Whether what there is of some bytes is the beginning of a compressed stream."""
    return data[: len(magic)] == magic[: len(data)]


def _pieces(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Small pieces: a block of zeros may be a thousand times as large when it is unpacked."""
    for block in blocks:
        for start in range(0, len(block), _PIECE_BYTES):
            yield block[start : start + _PIECE_BYTES]


def _zstandard() -> ModuleType:
    try:
        import zstandard  # noqa: PLC0415
    except ImportError:
        raise UsageError(
            "output.csv.compression",
            expected="the zstandard package",
            got="it is not installed",
            next_step="install etl-assets[zstd]",
        ) from None
    return zstandard
