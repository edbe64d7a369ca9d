"""What is proven: a file read against its manifest, and the manifests that it is read against.

A file is parsed, counted and hashed in one pass, for `verify` and for whoever loads it.
"""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from etl_assets.csv_format import CsvFormat
from etl_assets.errors import CsvError, IncompleteError, StoreError
from etl_assets.store.compression import decompressed
from etl_assets.store.folder import Folder
from etl_assets.store.manifest import (
    SHARD_COLUMNS,
    TABLE_MANIFEST,
    FileRecord,
    ShardManifest,
    TableManifest,
    manifest_name,
)
from etl_assets.store.records import records_of

_SHOWN = 200
_LARGE_BYTES = 1 << 20
"""What hashing takes a thread's making for ten times over."""


@dataclass(frozen=True)
class Claim:
    """What a manifest says of one file.

    Attributes:
        file: its name.
        csv: its conventions.
        names: its columns.
        rows: its records.
        bytes: its stored size.
        sha256: of the stored file.
        source_rows: what the server counted; None where it did not.
    """

    file: str
    csv: CsvFormat
    names: tuple[str, ...]
    rows: int
    bytes: int
    sha256: str
    source_rows: int | None

    @classmethod
    def of_shard(cls, manifest: ShardManifest) -> Self:
        """Of a shard's file."""
        return cls(
            file=manifest.file,
            csv=manifest.csv,
            names=tuple(column.name for column in manifest.columns),
            rows=manifest.rows,
            bytes=manifest.bytes,
            sha256=manifest.sha256,
            source_rows=manifest.source_rows,
        )

    @classmethod
    def of_merged(cls, table: TableManifest, merged: FileRecord) -> Self:
        """Of the file of all shards, which has as many rows as they have together."""
        return cls(
            file=merged.file,
            csv=table.shards[0].csv,
            names=(*SHARD_COLUMNS, *(column.name for column in table.columns)),
            rows=merged.rows,
            bytes=merged.bytes,
            sha256=merged.sha256,
            source_rows=table.rows,
        )


class FileProof:
    """One reading of a file: `read` it, or take all its `pieces`, then ask for the `causes`."""

    def __init__(self, folder: Folder, claim: Claim) -> None:
        self._claim = claim
        self._header = claim.csv.header_record(claim.names)
        self._stored = _Stored(folder.blocks(claim.file))
        # Enough to tell it from the one that is claimed.
        shown = max(_SHOWN, len(self._header) + 1)
        self._records = records_of(claim.csv, len(claim.names), shown)

    @property
    def size(self) -> int:
        """The stored bytes that were read."""
        return self._stored.size

    @property
    def sha256(self) -> str:
        """Of the stored bytes that were read, in hexadecimal digits."""
        return self._stored.sha256()

    @property
    def rows(self) -> int:
        """The records after the header that were read."""
        count = self._records.count
        return max(0, count - 1) if self._claim.csv.header else count

    def read(self) -> None:
        """Read it to its end.

        Raises:
            CsvError: the file breaks the conventions.
            EOFError: a compressed stream ends early.
            ValueError: the bytes are not of the compression.
            OSError: the file cannot be read.
        """
        for _ in self._blocks():
            pass

    def pieces(self, size: int) -> Iterator[memoryview]:
        """Its whole records after the header, at least so many bytes at a time but for the last.

        None where the header is another one.

        Raises:
            See `read`.
        """
        held: list[bytes] = []
        begin, whole, there = len(self._header), 0, 0
        for block, end in self._blocks():
            whole = there + end if end else whole
            held.append(block)
            there += len(block)
            if whole > max(begin, size):
                joined = b"".join(held)
                if self._has_header:
                    yield memoryview(joined)[begin:whole]
                held, there = [joined[whole:]], there - whole
                begin = whole = 0
        if whole > begin and self._has_header:
            yield memoryview(b"".join(held))[begin:whole]

    def skip(self) -> None:
        """Read on to the end, whatever the bytes are."""
        for _ in self._stored:
            pass

    @property
    def _has_header(self) -> bool:
        return not self._claim.csv.header or self._records.first == self._header

    def _blocks(self) -> Iterator[tuple[bytes, int]]:
        csv = self._claim.csv
        plain = decompressed(self._stored, csv.compression)
        return self._records.blocks(csv.without_mark(plain))

    def causes(self) -> list[str]:
        """In what the file differs from its manifest; nothing where it is proven."""
        claim = self._claim
        found = []
        if self.size != claim.bytes:
            found.append(f"expected {claim.bytes} bytes, got {self.size}")
        if not self._has_header:
            wanted, first = _shown(self._header), _shown(self._records.first)
            found.append(f"expected the header {wanted}, got {first}")
        if self.rows != claim.rows:
            found.append(f"expected {claim.rows} records, got {self.rows}")
        if not found and self.sha256 != claim.sha256:
            found.append(f"expected SHA-256 {claim.sha256}, got {self.sha256}")
        if claim.source_rows not in (None, claim.rows):
            found.append(f"the server counted {claim.source_rows} rows, not {claim.rows}")
        return found


def shard_manifest(folder: Folder, name: str) -> ShardManifest:
    """A shard's manifest, which has to be its own.

    Raises:
        CsvError: it is missing, or of another shard, so nothing proves the file.
        StoreError: it cannot be read.
    """
    where = folder.location(name)
    with readable(folder, name):
        manifest = ShardManifest.read(folder, name)
    if manifest is None:
        raise CsvError(
            f"{where}: the shard is unproven",
            expected="its manifest",
            got="none" if folder.size(name) is None else "what is no shard's manifest",
            next_step="run `etl-assets verify`, or export it again with --resume",
        )
    if name != manifest_name(manifest.shard) or not manifest.has_its_name:
        raise CsvError(
            where,
            expected="the manifest of the shard of its name",
            got=f"that of {manifest.shard} for {manifest.file!r}",
            next_step="run `etl-assets verify`",
        )
    return manifest


def window_manifest(folder: Folder) -> TableManifest:
    """The logical table's manifest of a window that is complete.

    Raises:
        IncompleteError: it is missing, or no longer fits its shards' manifests.
        StoreError: a manifest cannot be read.
    """
    where = folder.location(TABLE_MANIFEST)
    with readable(folder, TABLE_MANIFEST):
        table = TableManifest.read(folder, TABLE_MANIFEST)
    if table is None or not table.shards:
        raise IncompleteError(
            where,
            expected="the manifest of a complete window",
            got="none" if folder.size(TABLE_MANIFEST) is None else "what is none",
            next_step="export the window, with --resume where an export has failed",
        )
    for shard in table.shards:
        name = manifest_name(shard.shard)
        with readable(folder, name):
            proof = ShardManifest.read(folder, name)
        if proof != shard:
            raise IncompleteError(
                f"{where}: stale",
                expected=f"{name} as it holds it",
                got="none" if proof is None else "another",
                next_step="run `etl-assets verify`",
            )
    return table


@contextmanager
def readable(
    folder: Folder, name: str, again: str = "export it again with --resume"
) -> Iterator[None]:
    """Make what the system says of a file that cannot be read an error of this product."""
    try:
        yield
    except FileNotFoundError as error:
        raise CsvError(
            f"{folder.location(name)}: missing, though its manifest is there",
            next_step=again,
        ) from error
    except OSError as error:
        is_folder = isinstance(error, IsADirectoryError)
        raise StoreError(
            f"{folder.location(name)}: {reason(error)}",
            next_step="move it to another folder" if is_folder else "see to its permissions",
        ) from error


def reason(error: Exception) -> str:
    """What an error says, without the path that the message around it names."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _shown(header: bytes) -> str:
    return repr(header[:_SHOWN])


class _Stored:
    """A stored file's blocks, counted and hashed as they pass.

    A block of any size is hashed beside what becomes of it: the digest holds no lock that Python
    needs. No generator: that would be closed with the parser that fails on its blocks.
    """

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._digest = hashlib.sha256()
        self._thread: ThreadPoolExecutor | None = None
        self._hashing: Future[None] | None = None
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block = next(self._blocks)
        self.size += len(block)
        self._wait()
        # The only block of a small file is not worth a thread.
        if self._thread is None and self.size > _LARGE_BYTES:
            self._thread = ThreadPoolExecutor(1, "hash")
        if self._thread is None:
            self._digest.update(block)
        else:
            self._hashing = self._thread.submit(self._digest.update, block)
        return block

    def sha256(self) -> str:
        """Of the bytes that have passed."""
        self._wait()
        return self._digest.hexdigest()

    def _wait(self) -> None:
        if self._hashing is not None:
            self._hashing.result()
