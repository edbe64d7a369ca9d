"""What earlier settings left in a window's folder: which files those are, and their removal.

Only what this product wrote is ever removed, and never the last whole version of a shard that the
window has:

* a shard's CSV of another compression, or its parts where it is one file now and the other way
  round, once the shard has its new files and the manifest of them;
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
    stems_of,
)
from etl_assets.topology import Shard


class CsvFiles:
    """The CSVs among a folder's files, by the shards that they are of."""

    def __init__(self, names: Iterable[str]) -> None:
        self._of_stem: dict[str, list[str]] = {}
        for name in names:
            for stem in stems_of(name):
                self._of_stem.setdefault(stem, []).append(name)

    def of(self, shard: Shard) -> list[str]:
        """A shard's CSVs: of any compression, whole or in parts."""
        return self._of_stem.get(shard.file_stem, [])

    def older(self, manifest: ShardManifest) -> list[str]:
        """A shard's CSVs but for those of its manifest."""
        current = {record.file for record in manifest.files}
        return [name for name in self.of(manifest.shard) if name not in current]


def remove_older_copies(folder: Folder, manifest: ShardManifest) -> None:
    """Remove a shard's CSVs of other compressions; its manifest must be there already.

    Older parts, whose number nobody knows, are removed when the window is complete.
    """
    current = {record.file for record in manifest.files}
    for suffix in SUFFIXES.values():
        name = f"{manifest.shard.file_stem}.csv{suffix}"
        if name not in current:
            folder.remove(name)


def remove_strays(folder: Folder, complete: TableManifest) -> list[str]:
    """Remove what a complete window does not need; gives the names."""
    names = folder.names()
    files = CsvFiles(names)
    removed = [name for manifest in complete.shards for name in files.older(manifest)]
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
    files = CsvFiles(sorted(listed))
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
            found |= dict.fromkeys([*files.of(manifest.shard), name], manifest.shard)
    return found


def _shard_manifest(folder: Folder, name: str) -> ShardManifest | None:
    if not name.endswith(".json"):
        return None
    try:
        return ShardManifest.read(folder, name)
    except OSError:
        # What cannot be read proves nothing: a folder of that name, for one.
        return None
