"""What is proven: a file read against its manifest, and the manifests that may be trusted for it.

A file is parsed, counted and hashed in one pass, for `verify` and for whoever loads it.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from etl_assets.csv_format import RecordReader
from etl_assets.errors import CsvError, IncompleteError, StoreError
from etl_assets.store.compression import decompressed
from etl_assets.store.files import Folder
from etl_assets.store.manifest import (
    TABLE_MANIFEST,
    ShardManifest,
    TableManifest,
    csv_name,
    manifest_name,
)

_SHOWN = 200


class FileProof:
    """One reading of a shard's file: take all `records`, then ask for the `causes`."""

    def __init__(self, folder: Folder, manifest: ShardManifest) -> None:
        self._manifest = manifest
        self._stored = _Stored(folder.blocks(manifest.file))
        self._header = b""
        self.parser = RecordReader(manifest.csv, len(manifest.columns))
        self.rows = 0

    @property
    def size(self) -> int:
        """The stored bytes that were read."""
        return self._stored.size

    @property
    def sha256(self) -> str:
        """Of the stored bytes that were read, in hexadecimal digits."""
        return self._stored.digest.hexdigest()

    def records(self) -> Iterator[bytes]:
        """Each record after the header.

        Raises:
            CsvError: the file breaks the conventions.
            EOFError: a compressed stream ends early.
            ValueError: the bytes are not of the compression.
            OSError: the file cannot be read.
        """
        csv = self._manifest.csv
        records = self.parser.raw_records(decompressed(self._stored, csv.compression))
        if csv.header:
            self._header = next(records, b"")
        for raw in records:
            self.rows += 1
            yield raw

    def skip(self) -> None:
        """Read on to the end, whatever the bytes are."""
        for _ in self._stored:
            pass

    def causes(self) -> list[str]:
        """In what the file differs from its manifest; nothing where it is proven."""
        manifest = self._manifest
        found = []
        if self.size != manifest.bytes:
            found.append(f"wanted {manifest.bytes} bytes, found {self.size}")
        if self._header != (wanted := manifest.csv.head([c.name for c in manifest.columns])):
            found.append(f"wanted the header {_shown(wanted)}, found {_shown(self._header)}")
        if self.rows != manifest.rows:
            found.append(f"wanted {manifest.rows} records, found {self.rows}")
        if not found and self.sha256 != manifest.sha256:
            found.append(f"wanted SHA-256 {manifest.sha256}, found {self.sha256}")
        if manifest.source_rows not in (None, manifest.rows):
            found.append(f"the server counted {manifest.source_rows} rows, not {manifest.rows}")
        return found


def proven_shard(folder: Folder, name: str) -> ShardManifest:
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
            wanted="its manifest",
            found="none" if folder.size(name) is None else "what is no shard's manifest",
            next_step="run `etl-assets verify`, or export it again with --resume",
        )
    wanted = (manifest_name(manifest.shard), csv_name(manifest.shard, manifest.csv))
    if (name, manifest.file) != wanted:
        raise CsvError(
            where,
            wanted="the manifest of the shard of its name",
            found=f"that of {manifest.shard} for {manifest.file!r}",
            next_step="run `etl-assets verify`",
        )
    return manifest


def proven_window(folder: Folder) -> TableManifest:
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
            wanted="the manifest of a complete window",
            found="none" if folder.size(TABLE_MANIFEST) is None else "what is none",
            next_step="export the window, with --resume where an export has failed",
        )
    for shard in table.shards:
        name = manifest_name(shard.shard)
        with readable(folder, name):
            proof = ShardManifest.read(folder, name)
        if proof != shard:
            raise IncompleteError(
                f"{where}: stale",
                wanted=f"{name} as it holds it",
                found="none" if proof is None else "another",
                next_step="run `etl-assets verify`",
            )
    return table


@contextmanager
def readable(folder: Folder, name: str) -> Iterator[None]:
    """Make what the system says of a file that cannot be read an error of this product."""
    try:
        yield
    except FileNotFoundError as error:
        raise CsvError(
            f"{folder.location(name)}: missing, though its manifest is there",
            next_step="export it again with --resume",
        ) from error
    except OSError as error:
        raise StoreError(
            f"{folder.location(name)}: {reason(error)}", next_step="see to its permissions"
        ) from error


def reason(error: Exception) -> str:
    """What an error says, without the path that the message around it names."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _shown(header: bytes) -> str:
    return repr(header[:_SHOWN])


class _Stored:
    """A stored file's blocks, counted and hashed as they pass.

    No generator: that would be closed with the parser that fails on its blocks.
    """

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self.size = 0
        self.digest = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block = next(self._blocks)
        self.size += len(block)
        self.digest.update(block)
        return block
