"""A window's files against their manifests, without a database."""

import hashlib
from collections.abc import Callable, Iterator, Sequence

from etl_assets.csv_format import RecordReader
from etl_assets.errors import CsvError
from etl_assets.store.compression import SUFFIXES, decompressed
from etl_assets.store.files import Folder
from etl_assets.store.manifest import (
    TABLE_MANIFEST,
    ShardManifest,
    TableManifest,
    csv_name,
    manifest_name,
)
from etl_assets.topology import Shard


def verify_window(folder: Folder, partition: str, shards: Sequence[Shard]) -> Iterator[str]:
    """Every finding as one line that names the file and the cause; nothing where all is proven."""
    names = folder.names()
    table = TableManifest.read(folder, TABLE_MANIFEST)
    merged = table.merged if table is not None else None
    expected = {TABLE_MANIFEST, *([merged.file] if merged is not None else [])}
    manifests: list[ShardManifest] = []
    for shard in shards:
        name = manifest_name(shard)
        files = [f"{shard.file_stem}.csv{suffix}" for suffix in SUFFIXES.values()]
        there = [file for file in files if file in names]
        expected |= {name, *there}
        manifest = ShardManifest.read(folder, name)
        if manifest is None:
            yield _without_manifest(folder, name, name in names, there)
            continue
        manifests.append(manifest)
        yield from _identity(folder, manifest, shard, partition)
        yield from _extra_copies(folder, manifest, there)
        yield from verify_file(folder, manifest)
    for name in names:
        if name not in expected:
            yield f"{folder.location(name)}: belongs to no shard of the configuration; remove it"
    yield from _table(folder, manifests, names, complete=len(manifests) == len(shards))


def verify_file(folder: Folder, manifest: ShardManifest) -> Iterator[str]:
    """Read a shard's file to its end with the strict parser and compare what it holds."""
    where = folder.location(manifest.file)
    size = folder.size(manifest.file)
    if size is None:
        yield f"{where}: missing, though its manifest is there; export it again with --resume"
        return
    digest = hashlib.sha256()
    try:
        header, rows = _read(folder, manifest, digest.update)
    except (CsvError, ValueError, EOFError, OSError) as error:
        yield f"{where}: {error}"
        return
    if header != manifest.csv.header_record(column.name for column in manifest.columns):
        yield f"{where}: its header is not that of its manifest: {header[:200]!r}"
    if size != manifest.bytes:
        yield f"{where}: wanted {manifest.bytes} bytes, found {size}"
    if rows != manifest.rows:
        yield f"{where}: wanted {manifest.rows} records, found {rows}"
    if digest.hexdigest() != manifest.sha256:
        yield f"{where}: wanted SHA-256 {manifest.sha256}, found {digest.hexdigest()}"
    if manifest.source_rows not in (None, manifest.rows):
        yield f"{where}: the server counted {manifest.source_rows} rows, found {manifest.rows}"


def _read(
    folder: Folder, manifest: ShardManifest, on_stored: Callable[[bytes], None]
) -> tuple[bytes, int]:
    """The header, nothing where there is none, and the count of the records after it."""

    def stored() -> Iterator[bytes]:
        for block in folder.blocks(manifest.file):
            on_stored(block)
            yield block

    reader = RecordReader(manifest.csv, len(manifest.columns))
    plain = decompressed(stored(), manifest.csv.compression)
    records = reader.raw_records(manifest.csv.without_mark(plain))
    header = next(records, b"") if manifest.csv.header else b""
    return header, sum(1 for _ in records)


def _without_manifest(folder: Folder, name: str, stale: bool, there: list[str]) -> str:
    if stale:
        return f"{folder.location(name)}: is not a shard's manifest; export it again with --resume"
    if there:
        return (
            f"{folder.location(there[0])}: whole but unproven, it has no manifest; "
            "export it again with --resume"
        )
    return f"{folder.location(name)}: missing, and so is its CSV; export it with --resume"


def _identity(
    folder: Folder, manifest: ShardManifest, shard: Shard, partition: str
) -> Iterator[str]:
    """A manifest that was copied from another shard or window."""
    if (manifest.shard, manifest.partition) != (shard, partition):
        yield (
            f"{folder.location(manifest_name(shard))}: wanted the manifest of {shard} for "
            f"{partition}, found that of {manifest.shard} for {manifest.partition}"
        )
    elif manifest.file != csv_name(shard, manifest.csv):
        yield (
            f"{folder.location(manifest_name(shard))}: wanted it to name "
            f"{csv_name(shard, manifest.csv)}, found {manifest.file!r}"
        )


def _extra_copies(folder: Folder, manifest: ShardManifest, there: list[str]) -> Iterator[str]:
    for name in there:
        if name != manifest.file:
            yield f"{folder.location(name)}: an older copy beside {manifest.file}; remove it"


def _table(
    folder: Folder, manifests: list[ShardManifest], names: list[str], *, complete: bool
) -> Iterator[str]:
    where = folder.location(TABLE_MANIFEST)
    if TABLE_MANIFEST not in names:
        yield f"{where}: missing, the window is not complete; export it with --resume"
        return
    table = TableManifest.read(folder, TABLE_MANIFEST)
    if table is None:
        yield f"{where}: is not a logical table's manifest; export with --resume"
    elif not complete or table.model_copy(update={"merged": None}) != TableManifest.of(manifests):
        yield f"{where}: stale, it does not fit its shards' manifests; export with --resume"
