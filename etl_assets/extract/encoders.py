"""The rest of a result to blocks of records: by the compiled kernel, or by numpy.

The bytes are the same. Either is imported where it is used, as an export needs one of them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Literal, Protocol

from etl_assets import kernels
from etl_assets.csv_format import CsvFormat
from etl_assets.extract.block import Block
from etl_assets.extract.broken_stream import lost

ReadInto = Callable[[memoryview], int]
"""Fills a buffer from its front with the bytes that there are, at least one; gives how many, 0 at
the stream's end."""


@dataclass(frozen=True)
class Encoding:
    """What the rows are made of and how they are written.

    Attributes:
        binary: for each column, whether its values are raw bytes, to be written as hex or base64.
        free_text: for each column, whether a value may be taken for a formula.
        csv_format: the conventions.
        sequence: the number that the first packet must have.
        block_bytes: about how many of the server's bytes make a block.
    """

    binary: Sequence[bool]
    free_text: Sequence[bool]
    csv_format: CsvFormat
    sequence: int
    block_bytes: int


class Encoder(Protocol):
    """One result's."""

    @property
    def last(self) -> bytes:
        """The payload after the rows, EOF or ERR; empty until it was read."""

    def blocks(self, read_into: ReadInto) -> Iterator[Block]:
        """All rows as records.

        Raises:
            NotUtf8Error: a text value is not UTF-8.
            pymysql.err.OperationalError: the connection is lost.
            pymysql.err.InternalError: a packet is out of order, or not a row of these columns.
        """


def encoder_name() -> Literal["kernel", "numpy"]:
    """Which encoder is used."""
    return "numpy" if _kernel() is None else "kernel"


def new_encoder(encoding: Encoding) -> Encoder:
    """The encoder that is used, for one result."""
    kernel = _kernel()
    return _Arrays(encoding) if kernel is None else _Kernel(kernel, encoding)


def _kernel() -> ModuleType | None:
    if not kernels.are_wanted():
        return None
    try:
        from etl_assets.extract import kernel  # noqa: PLC0415
    except ImportError:
        return None
    return kernel


class _Kernel:
    """Each read is encoded while it is in the processor's cache."""

    def __init__(self, kernel: ModuleType, encoding: Encoding) -> None:
        self._encoder = kernel.PacketEncoder(
            encoding.binary,
            encoding.csv_format,
            free_text=encoding.free_text,
            sequence=encoding.sequence,
            block_bytes=encoding.block_bytes,
        )

    @property
    def last(self) -> bytes:
        last: bytes = self._encoder.last
        return last

    def blocks(self, read_into: ReadInto) -> Iterator[Block]:
        encoder = self._encoder
        while not encoder.last:
            is_ready = encoder.take(_some(read_into, encoder.room()))
            while is_ready:
                yield Block(*encoder.block())
                is_ready = encoder.take(0)


class _Arrays:
    """A block is read, and then encoded at once."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self.last = b""

    def blocks(self, read_into: ReadInto) -> Iterator[Block]:
        from etl_assets.extract.cells import RowEncoder  # noqa: PLC0415
        from etl_assets.extract.packets import PacketReader  # noqa: PLC0415

        _keep_freed_memory(self._encoding.block_bytes)
        encoder = RowEncoder(
            self._encoding.binary, self._encoding.csv_format, free_text=self._encoding.free_text
        )
        packets = PacketReader(
            lambda target: _some(read_into, target),
            self._encoding.sequence,
            self._encoding.block_bytes,
        )
        for rows in packets:
            yield Block(encoder.encode(rows), len(rows.starts) - 1)
        self.last = packets.last


def _some(read_into: ReadInto, target: memoryview) -> int:
    """How many bytes of the stream are in the target now."""
    try:
        size = read_into(target)
    except OSError as error:
        raise lost(f" ({error})") from error
    if not size:
        raise lost()
    return size


def _keep_freed_memory(block_bytes: int) -> None:
    """Let the C library reuse the memory of one block for the next one.

    It would hand freed blocks back to the system and have them mapped anew, a fifth of all time.
    From mallopt(3) of glibc: when a mapped chunk is freed, its size becomes the threshold for
    mapping and twice its size the one for trimming. Elsewhere this changes nothing.
    """
    bytearray(8 * block_bytes)
