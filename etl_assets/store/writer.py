"""Blocks of records into a staged file: counted, hashed and compressed as they pass."""

import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from etl_assets.csv_format import CsvFormat
from etl_assets.extract.block import Block
from etl_assets.store.compression import compressor
from etl_assets.store.folder import StagedFile
from etl_assets.store.nameless import NamelessFile


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
    after: Iterable[bytes] = (),
) -> Written:
    """Write the header and all blocks; the file is complete but not committed.

    `on_progress` is called with each block: the rows that have come, the bytes that are stored.
    `after` is appended as it stands: what `write_part` has stored. Its rows are neither counted
    nor reported to `on_progress`.
    """
    digest = hashlib.sha256()

    def store(data: bytes | bytearray) -> None:
        staged.write(data)
        digest.update(data)

    sink = _Sink(store, csv_format)
    rows = 0
    first = b""
    # Hash, compression and write let go of the interpreter: one block is stored while the next
    # one is made. Never more than one, so that memory does not grow with a slow disk.
    with ThreadPoolExecutor(1, "store") as thread:
        stored = thread.submit(sink.take, csv_format.head(tuple(names)))
        for block in blocks:
            first = first or bytes(block.data)
            rows += block.rows
            stored.result()
            on_progress(rows, sink.size)
            stored = thread.submit(sink.take, block.data)
        stored.result()
        stored = thread.submit(sink.end)
        for data in after:
            stored.result()
            stored = thread.submit(sink.keep, data)
        stored.result()
    return Written(first, rows, sink.size, digest.hexdigest())


def write_part(
    file: NamelessFile,
    csv_format: CsvFormat,
    blocks: Iterable[Block],
    on_progress: Callable[[int, int], None],
) -> int:
    """Write blocks that will stand after others in one file; gives the number of rows.

    Compressed, they are a member or frame of their own: from the file formats of gzip (RFC 1952,
    2.2) and Zstandard (RFC 8878, 3), several of these one after the other are one file.
    """
    sink = _Sink(file.write, csv_format)
    rows = 0
    with ThreadPoolExecutor(1, "store") as thread:
        stored = None
        for block in blocks:
            rows += block.rows
            if stored is not None:
                stored.result()
            on_progress(rows, sink.size)
            stored = thread.submit(sink.take, block.data)
        if stored is not None:
            stored.result()
            sink.end()
    return rows


class _Sink:
    """Compresses and stores what it is given, in turn."""

    def __init__(self, store: Callable[[bytes | bytearray], object], csv_format: CsvFormat) -> None:
        self._store = store
        self._pack = compressor(csv_format.compression)
        self.size = 0

    def take(self, data: bytes | bytearray) -> None:
        """The next bytes of the file."""
        self.keep(self._pack.compress(data))

    def end(self) -> None:
        """No more bytes to compress."""
        self.keep(self._pack.flush())

    def keep(self, data: bytes | bytearray) -> None:
        """Bytes as they are stored."""
        if data:
            self._store(data)
            self.size += len(data)
