"""The completeness gate: a window is complete when every shard is there, whole and of one shape."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from etl_assets.columns import Column
from etl_assets.config import TableConfig
from etl_assets.csv_format import CsvFormat
from etl_assets.errors import IncompleteError
from etl_assets.store.files import Folder, StagedFile
from etl_assets.store.manifest import (
    TABLE_MANIFEST,
    QueryRecord,
    ShardManifest,
    TableManifest,
    WindowRecord,
    manifest_name,
)
from etl_assets.topology import Shard

OnDrift: TypeAlias = Literal["fail", "union"]

_NAMED = 5


def complete_window(
    folder: Folder, partition: str, shards: Sequence[Shard], on_drift: OnDrift = "fail"
) -> TableManifest:
    """The logical table's manifest, when all its shards are proven; nothing is merged yet.

    Under `union`, columns of other sizes are of one shape: `varchar(10)` and `varchar(20)`.

    Raises:
        IncompleteError: names what is missing or different.
    """

    def proven_one(shard: Shard) -> ShardManifest | None:
        manifest = ShardManifest.read(folder, manifest_name(shard))
        fits = manifest is not None and _proves(folder, manifest, shard, partition)
        return manifest if fits else None

    proven = [manifest for manifest in folder.each(proven_one, shards) if manifest is not None]
    if len(proven) < len(shards):
        there = {manifest.shard for manifest in proven}
        raise IncompleteError(
            f"{shards[0].table}: {len(shards) - len(proven)} of {len(shards)} shards are missing",
            wanted="every shard's file and manifest",
            found="none of " + _some(str(shard) for shard in shards if shard not in there),
            next_step="export with --resume",
        )
    _refuse_mixture(proven)
    _refuse_drift(proven, on_drift)
    return TableManifest.of(proven)


@dataclass(frozen=True)
class StagedWindow:
    """A logical table's complete window, before its manifest is written.

    Attributes:
        manifest: what its shards' manifests sum up to, and the merged file's entry.
        merged: the file of all shards, waiting for its final name; None where none is asked for.
    """

    manifest: TableManifest
    merged: StagedFile | None


def stage_window(
    folder: Folder, partition: str, shards: Sequence[Shard], settings: TableConfig
) -> StagedWindow:
    """Complete a window, and merge its files where the settings ask for it.

    Raises:
        IncompleteError: as `complete_window`, or a file is not what its manifest says.
        StoreError: the merged file cannot be written.
    """
    manifest = complete_window(folder, partition, shards, settings.on_drift)
    if not settings.merge:
        return StagedWindow(manifest, None)
    # Imported where it is used: most tables are not merged, and it needs numpy.
    from etl_assets.store.merge import stage_merged  # noqa: PLC0415

    file, record = stage_merged(folder, manifest)
    return StagedWindow(manifest.model_copy(update={"merged": record}), file)


def is_complete(
    folder: Folder, partition: str, shards: Sequence[Shard], settings: TableConfig
) -> bool:
    """Whether the logical table's manifest is there and says what its shards' manifests say."""
    try:
        complete = complete_window(folder, partition, shards, settings.on_drift)
    except IncompleteError:
        return False
    found = TableManifest.read(folder, TABLE_MANIFEST)
    if found is None or (found.merged is not None) != settings.merge:
        return False
    if found.merged is not None and folder.size(found.merged.file) != found.merged.bytes:
        return False
    return found.model_copy(update={"merged": None}) == complete


def refuse_later_exports(folder: Folder, manifest: TableManifest) -> None:
    """Refuse a window whose shards are no longer those that it was completed with.

    Raises:
        IncompleteError: another run exports the same window.
    """
    for shard in manifest.shards:
        if ShardManifest.read(folder, manifest_name(shard.shard)) != shard:
            raise IncompleteError(
                f"{manifest.table} {manifest.partition}",
                wanted="its shards as this run has found them",
                found=f"{shard.shard} exported by another run meanwhile",
                next_step="wait for its end, or export with --resume",
            )


def reset_window(folder: Folder, shards: Iterable[Shard]) -> None:
    """Take back the proof of shards that are about to be exported; their CSVs stay."""
    with folder.exclusively():
        folder.remove(TABLE_MANIFEST)
        folder.each(folder.remove, map(manifest_name, shards))


def proven_manifest(
    folder: Folder,
    partition: str,
    shard: Shard,
    settings: tuple[CsvFormat, QueryRecord, WindowRecord | None],
) -> ShardManifest | None:
    """The manifest of a shard whose files can stay as they are; None where it has to be exported.

    It is proven, and of these conventions, this query and this window.
    """
    manifest = ShardManifest.read(folder, manifest_name(shard))
    if (
        manifest is not None
        and _settings(manifest) == settings
        and manifest.has_its_names
        and _proves(folder, manifest, shard, partition)
    ):
        return manifest
    return None


def _proves(folder: Folder, manifest: ShardManifest, shard: Shard, partition: str) -> bool:
    """Whether a manifest is this shard's, of this window, whole, and fits its files' sizes."""
    return (
        manifest.shard == shard
        and manifest.partition == partition
        and manifest.sample is None
        and all(folder.size(record.file) == record.bytes for record in manifest.files)
    )


def _refuse_mixture(manifests: Sequence[ShardManifest]) -> None:
    """Files that were made under different settings are no whole, though each is proven."""
    first = manifests[0]
    different = [m for m in manifests if _settings(m) != _settings(first)]
    if different:
        raise IncompleteError(
            f"{first.table}: its shards were exported under different settings",
            wanted=f"the conventions, query and window of {first.shard}",
            found="others in " + _some(str(manifest.shard) for manifest in different),
            next_step="export the window again, without --resume",
        )


def _settings(manifest: ShardManifest) -> tuple[CsvFormat, QueryRecord, WindowRecord | None]:
    return manifest.csv, manifest.query, manifest.window


def _refuse_drift(manifests: Sequence[ShardManifest], on_drift: OnDrift) -> None:
    first = manifests[0]
    shape = _shape if on_drift == "fail" else _loose_shape
    different = [manifest for manifest in manifests if shape(manifest) != shape(first)]
    if different:
        raise IncompleteError(
            f"{first.table}: the columns of its shards differ",
            wanted=f"the columns of {first.shard}: {_columns(first)}",
            found=_some(f"{manifest.shard}: {_columns(manifest)}" for manifest in different),
            next_step="alter the shard tables alike, or choose `columns`, and export again, "
            "without --resume",
        )


def _shape(manifest: ShardManifest) -> list[Column]:
    return [Column(column.name, column.type).without_width for column in manifest.columns]


def _loose_shape(manifest: ShardManifest) -> list[tuple[str, str]]:
    columns = [Column(column.name, column.type) for column in manifest.columns]
    return [(column.key, column.family) for column in columns]


def _columns(manifest: ShardManifest) -> str:
    return ", ".join(f"{column.name} {column.type}" for column in manifest.columns)


def _some(names: Iterable[str]) -> str:
    """The first few names, and how many more there are."""
    listed = list(names)
    more = len(listed) - _NAMED
    return "; ".join(listed[:_NAMED]) + (f"; and {more} more" if more > 0 else "")
