"""Blocks of records into a staged file: counted, hashed and compressed as they pass."""

import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self, TypeAlias

from etl_assets.csv_format import CsvFormat
from etl_assets.extract.block import Block
from etl_assets.store.compression import compressor
from etl_assets.store.folder import StagedFile
from etl_assets.store.nameless import NamelessFile

_Bytes: TypeAlias = bytes | bytearray

_FIRST_BYTES = 1 << 16
"""More than a preview shows, and little to keep."""


@dataclass(frozen=True)
class Written:
    """What went into a file.

    Attributes:
        first: the first records, for a preview.
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

    def store(data: _Bytes) -> None:
        staged.write(data)
        digest.update(data)

    sink = _Sink(store, csv_format)
    rows = 0
    first = b""
    sink.take(csv_format.head(tuple(names)))
    with _Aside() as aside:
        for block in blocks:
            first = first or _first_records(block.data)
            rows += block.rows
            aside.wait()
            on_progress(rows, sink.size)
            aside.do(sink.take, block.data)
        aside.wait()
        sink.end()
        for data in after:
            aside.do(sink.keep, data)
        aside.wait()
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
    with _Aside() as aside:
        for block in blocks:
            rows += block.rows
            aside.wait()
            on_progress(rows, sink.size)
            aside.do(sink.take, block.data)
        aside.wait()
        if rows:
            sink.end()
    return rows


def _first_records(data: _Bytes) -> bytes:
    """As many whole records as are kept, or all of them where the first is larger than that."""
    if len(data) <= _FIRST_BYTES:
        return bytes(data)
    kept = bytes(data[:_FIRST_BYTES])
    quotes, end = kept.count(b'"'), len(kept)
    while (feed := kept.rfind(b"\n", 0, end)) >= 0:
        quotes -= kept.count(b'"', feed, end)
        if quotes % 2 == 0:
            return kept[: feed + 1]
        end = feed
    return bytes(data)


class _Aside:
    """Does one thing after the other, from the second on in a thread of its own.

    Hash, compression and write let go of the interpreter: one block is stored while the next one
    is made. Never more than one, so that memory does not grow with a slow disk. A file of one block
    is not worth a thread.
    """

    def __init__(self) -> None:
        self._is_first = True
        self._thread: ThreadPoolExecutor | None = None
        self._running: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._thread is not None:
            self._thread.shutdown()

    def do(self, work: Callable[[_Bytes], None], data: _Bytes) -> None:
        """Begin the next thing once the last one is done; an error of that one is raised here."""
        self.wait()
        if self._is_first:
            self._is_first = False
            work(data)
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "store")
        self._running = self._thread.submit(work, data)

    def wait(self) -> None:
        """Wait until the last thing is done; its error is raised here."""
        if self._running is not None:
            running, self._running = self._running, None
            running.result()


class _Sink:
    """Compresses and stores what it is given, in turn."""

    def __init__(self, store: Callable[[_Bytes], object], csv_format: CsvFormat) -> None:
        self._store = store
        self._pack = compressor(csv_format.compression)
        self.size = 0

    def take(self, data: _Bytes) -> None:
        """The next bytes of the file."""
        self.keep(self._pack.compress(data))

    def end(self) -> None:
        """No more bytes to compress."""
        self.keep(self._pack.flush())

    def keep(self, data: _Bytes) -> None:
        """Bytes as they are stored."""
        if data:
            self._store(data)
            self.size += len(data)
