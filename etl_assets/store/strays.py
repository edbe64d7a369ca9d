"""What earlier settings left in a window's folder: which files those are, and their removal.

Only what this product wrote is ever removed, and never the last whole version of a shard that the
window has:

* a shard's CSV of another compression, once the shard has its new file and the manifest of it;
* the file of all shards, where none is asked for any more or of another compression, likewise;
* the CSV and the manifest of a shard that the window no longer has, once the window is complete.
  The manifest has to say so itself: of this logical table, this window and the shard of its name.
"""

from collections.abc import Collection, Iterable

from etl_assets.store.compression import SUFFIXES
from etl_assets.store.files import Folder
from etl_assets.store.manifest import (
    TABLE_MANIFEST,
    ShardManifest,
    TableManifest,
    manifest_name,
    merged_names,
)
from etl_assets.topology import Shard


def csv_names(shard: Shard) -> list[str]:
    """Every name that a shard's CSV can have: one for each compression."""
    return [f"{shard.file_stem}.csv{suffix}" for suffix in SUFFIXES.values()]


def remove_older_copies(folder: Folder, manifest: ShardManifest) -> None:
    """Remove a shard's CSVs of other compressions; its manifest must be there already."""
    for name in csv_names(manifest.shard):
        if name != manifest.file:
            folder.remove(name)


def remove_strays(folder: Folder, complete: TableManifest) -> list[str]:
    """Remove what a complete window does not need; gives the names."""
    names = folder.names()
    removed = [
        name
        for manifest in complete.shards
        for name in csv_names(manifest.shard)
        if name != manifest.file and name in names
    ]
    merged = complete.merged.file if complete.merged is not None else None
    removed += [name for name in merged_names(complete.table) if name in names and name != merged]
    shards = {manifest.shard for manifest in complete.shards}
    removed += strays(folder, names, complete.partition, shards)
    for name in removed:
        folder.remove(name)
    return removed


def strays(
    folder: Folder, names: Iterable[str], partition: str, shards: Collection[Shard]
) -> dict[str, Shard]:
    """The files of shards that a window no longer has, each with its shard.

    A manifest comes after its CSVs: whoever removes them in this order, and is killed on the way,
    finds the rest the next time.
    """
    listed = set(names)
    known = {TABLE_MANIFEST, *map(manifest_name, shards)}
    tables = {shard.table for shard in shards}
    found: dict[str, Shard] = {}
    for name in sorted(listed - known):
        manifest = _shard_manifest(folder, name)
        if (
            manifest is not None
            and manifest.table in tables
            and manifest.partition == partition
            and manifest.sample is None
            and name == manifest_name(manifest.shard)
        ):
            there = [copy for copy in csv_names(manifest.shard) if copy in listed]
            found |= dict.fromkeys([*there, name], manifest.shard)
    return found


def _shard_manifest(folder: Folder, name: str) -> ShardManifest | None:
    if not name.endswith(".json"):
        return None
    try:
        return ShardManifest.read(folder, name)
    except OSError:
        # What cannot be read proves nothing: a folder of that name, for one.
        return None
