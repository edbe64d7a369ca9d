"""What earlier settings left in a window's folder: which files those are, and their removal.

Only what this product provably wrote is ever removed: a manifest that is there names the file, and
the file has the size that it says. It goes before that manifest does, so that whoever is killed on
the way leaves nothing that nobody knows. That is:

* the file of a shard's last export, of another compression, once the new one is there;
* the file of all shards, where none is asked for any more or of another compression;
* the files and the manifest of a shard that the window no longer has, once the window is complete
  and the user has said that such shards are gone. Until then a folder that holds any is refused:
  it may be another configuration's.
"""

from collections.abc import Collection, Iterable, Iterator

from etl_assets.errors import IncompleteError
from etl_assets.store.folder import Folder
from etl_assets.store.manifest import (
    EXPORT_RECORD,
    TABLE_MANIFEST,
    ExportRecord,
    FileRecord,
    ShardManifest,
    TableManifest,
    manifest_name,
    stem_of,
)
from etl_assets.tables.topology import Shard

_NAMED = 5


class CsvFiles:
    """The CSVs among a folder's files, by the shards that they may be of."""

    def __init__(self, names: Iterable[str]) -> None:
        self._of_stem: dict[str, list[str]] = {}
        for name in names:
            if (stem := stem_of(name)) is not None:
                self._of_stem.setdefault(stem, []).append(name)

    def of(self, shard: Shard) -> list[str]:
        """A shard's CSVs, of any compression."""
        return self._of_stem.get(shard.file_stem, [])

    def others(self, manifest: ShardManifest) -> list[str]:
        """A shard's CSVs but for that of its manifest."""
        return [name for name in self.of(manifest.shard) if name != manifest.file]


def replaced_files(folder: Folder, older: ShardManifest | None, newer: ShardManifest) -> list[str]:
    """The file of a shard's last export, where that of its new one has another name."""
    if older is None or (older.shard, older.partition) != (newer.shard, newer.partition):
        return []
    return [name for name in _proven_file(folder, older) if name != newer.file]


def replaced_merged(folder: Folder, complete: TableManifest) -> list[str]:
    """The file of all shards that was there before, where the window has no such file any more."""
    current = complete.merged.file if complete.merged is not None else None
    table = TableManifest.found(folder, TABLE_MANIFEST)
    record = ExportRecord.found(folder, EXPORT_RECORD)
    older = [proof.merged for proof in (table, record) if proof is not None and proof.merged]
    names = {file.file for file in older if file.file != current and _is_there(folder, file)}
    return sorted(names)


def gone_files(
    folder: Folder, names: Iterable[str], partition: str, shards: Collection[Shard]
) -> dict[str, Shard]:
    """The files of shards that a window does not have, each with its shard.

    A manifest has to say so itself: of this logical table, this window and the shard of its name.
    It comes after its CSVs: whoever removes them in this order, and is killed on the way, finds
    the rest the next time.
    """
    found: dict[str, Shard] = {}
    for name, manifest in _of_other_shards(folder, names, partition, shards):
        found |= dict.fromkeys([*_proven_file(folder, manifest), name], manifest.shard)
    return found


def remove_gone(folder: Folder, partition: str, shards: Collection[Shard]) -> list[str]:
    """Remove the files of shards that a window does not have; gives their names."""
    gone = list(gone_files(folder, folder.names(), partition, shards))
    for name in gone:
        folder.remove(name)
    return gone


def refuse_other_shards(
    folder: Folder, partition: str, shards: Collection[Shard], how: str
) -> None:
    """Refuse a folder that holds shards which the window does not have.

    Raises:
        IncompleteError: it names some of them, and says what to do; `how` is what the user has to
            give where they are gone.
    """
    known = set(shards)
    tables = {shard.table for shard in shards}
    manifests = _of_other_shards(folder, folder.names(), partition, known)
    others = {manifest.shard for _, manifest in manifests}
    table = TableManifest.found(folder, TABLE_MANIFEST)
    if table is not None and table.partition == partition and table.table in tables:
        others |= {manifest.shard for manifest in table.shards} - known
    if others:
        named = [str(shard) for shard in sorted(others)]
        more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
        raise IncompleteError(
            f"{folder.location('')}: it holds shards that the configuration does not have: "
            f"{', '.join(named[:_NAMED])}{more}",
            next_step=f"where these are gone for good, {how} removes their files; where "
            "another configuration exports them, give one of the two another "
            "`output.directory`. Nothing was touched",
        )


def _of_other_shards(
    folder: Folder, names: Iterable[str], partition: str, shards: Collection[Shard]
) -> Iterator[tuple[str, ShardManifest]]:
    known = {TABLE_MANIFEST, EXPORT_RECORD, *map(manifest_name, shards)}
    tables = {shard.table for shard in shards}
    for name in sorted(set(names) - known):
        if not name.endswith(".json"):
            continue
        manifest = ShardManifest.found(folder, name)
        if (
            manifest is not None
            and manifest.table in tables
            and manifest.partition == partition
            and manifest.sample is None
            and manifest.has_its_name
            and name == manifest_name(manifest.shard)
        ):
            yield name, manifest


def _proven_file(folder: Folder, manifest: ShardManifest) -> list[str]:
    """The file that a manifest names, if it is as that says."""
    return [manifest.file] if manifest.has_its_name and _is_there(folder, manifest) else []


def _is_there(folder: Folder, record: ShardManifest | FileRecord) -> bool:
    return folder.size(record.file) == record.bytes


def unknown_copies(
    names: Iterable[str], manifests: Iterable[ShardManifest]
) -> dict[str, ShardManifest]:
    """CSVs that are named as a shard's, beside those that its manifest names."""
    files = CsvFiles(names)
    return {name: proof for proof in manifests for name in files.others(proof)}
