"""Blocks of records into a staged file: counted, hashed and compressed as they pass."""

import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from etl_assets.csv_format import CsvFormat
from etl_assets.extract.block import Block
from etl_assets.store.compression import compressor
from etl_assets.store.files import StagedFile


@dataclass(frozen=True)
class Written:
    """What went into a file.

    Attributes:
        first: the first block's records, for a preview.
        rows: records, the header not counted.
        bytes: the stored file's size.
        sha256: of the stored file, in hexadecimal digits.
    """

    first: bytes
    rows: int
    bytes: int
    sha256: str


def write_records(
    staged: StagedFile,
    csv_format: CsvFormat,
    names: Iterable[str],
    blocks: Iterable[Block],
    on_progress: Callable[[int, int], None],
) -> Written:
    """Write the header and all blocks; the file is complete but not committed.

    `on_progress` is called with each block: the rows that have come, the bytes that are stored.
    """
    sink = _Sink(staged, csv_format)
    rows = 0
    first = b""
    # Hash, compression and write let go of the interpreter: one block is stored while the next
    # one is made. Never more than one, so that memory does not grow with a slow disk.
    with ThreadPoolExecutor(1, "store") as store:
        stored = store.submit(sink.take, csv_format.head(tuple(names)))
        for block in blocks:
            first = first or block.data
            rows += block.rows
            stored.result()
            on_progress(rows, sink.size)
            stored = store.submit(sink.take, block.data)
        stored.result()
    sink.end()
    return Written(first, rows, sink.size, sink.sha256)


class _Sink:
    """Compresses, hashes and writes what it is given, in turn."""

    def __init__(self, staged: StagedFile, csv_format: CsvFormat) -> None:
        self._staged = staged
        self._pack = compressor(csv_format.compression)
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        """Of all that was stored so far, in hexadecimal digits."""
        return self._digest.hexdigest()

    def take(self, data: bytes) -> None:
        """The next bytes of the file."""
        self._store(self._pack.compress(data))

    def end(self) -> None:
        """No more bytes."""
        self._store(self._pack.flush())

    def _store(self, data: bytes) -> None:
        if data:
            self._staged.write(data)
            self._digest.update(data)
            self.size += len(data)
