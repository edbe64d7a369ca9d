"""A file's records, read strictly and counted: by the compiled kernel where it is there.

A record's values do not belong here: `csv_format.RecordReader` and Arrow's reader know them.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, Protocol

from etl_assets.csv_format import SHOWN_BYTES, CsvFormat, RecordReader, malformed, not_utf_8
from etl_assets.kernels import are_wanted

SCANNER: Any = None
"""The kernel; None where no compiler was there at the installation."""
with suppress(ImportError):
    from etl_assets.store.record_kernel import RecordScanner

    SCANNER = RecordScanner

_NOT_UTF_8 = 2
"""A scanner's fault of a record that is whole."""


class Records(Protocol):
    """One file's records, counted as its blocks pass.

    Attributes:
        first: as many bytes of the first one as were asked for.
    """

    first: bytes

    @property
    def count(self) -> int:
        """How many there were."""

    def blocks(self, blocks: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
        """Blocks with the same bytes, and where in each its last whole record ends, or 0.

        Raises:
            CsvError: as `RecordReader`.
        """


def records_of(csv_format: CsvFormat, width: int, first_bytes: int) -> Records:
    """What counts the records of a file, and keeps nothing but the first one's first bytes."""
    if SCANNER is None or not are_wanted():
        return _Matched(csv_format, width, first_bytes)
    return _Scanned(csv_format, width, first_bytes)


class _Scanned:
    """By the kernel: block by block, in memory that no record makes larger."""

    def __init__(self, csv_format: CsvFormat, width: int, first_bytes: int) -> None:
        self._width = width
        self._first_bytes = first_bytes
        self._scanner = SCANNER(
            ord(csv_format.delimiter), csv_format.null.encode(), csv_format.quoting == "all", width
        )
        self.first = b""

    @property
    def count(self) -> int:
        """How many there were."""
        return int(self._scanner.records)

    def blocks(self, blocks: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
        """See `Records`."""
        scanner = self._scanner
        position = 0
        for block in blocks:
            is_first = not scanner.first_end
            end = scanner.feed(block)
            if is_first:
                of_it = (scanner.first_end or position + len(block)) - position
                self.first += block[: min(of_it, self._first_bytes - len(self.first))]
            position += len(block)
            yield block, end
            # What is shown of a fault may be in the blocks to come.
            if scanner.fault and self._is_shown():
                break
        if scanner.fault == _NOT_UTF_8:
            raise not_utf_8(scanner.offset, scanner.head)
        if scanner.head:
            raise malformed(scanner.offset, scanner.head, self._width)

    def _is_shown(self) -> bool:
        head = self._scanner.head
        return self._scanner.fault == _NOT_UTF_8 or len(head) == SHOWN_BYTES or b"\n" in head


class _Matched:
    """By regular expressions: record by record."""

    def __init__(self, csv_format: CsvFormat, width: int, first_bytes: int) -> None:
        self._reader = RecordReader(csv_format, width)
        self._first_bytes = first_bytes
        self._count = 0
        self.first = b""

    @property
    def count(self) -> int:
        """How many there were."""
        return self._count

    def blocks(self, blocks: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
        """See `Records`."""
        for raw in self._reader.raw_records(blocks):
            if not self._count:
                self.first = raw[: self._first_bytes]
            self._count += 1
            yield raw, len(raw)
