"""The completeness gate: a window is complete when every shard is there, whole and of one shape."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from etl_assets.errors import IncompleteError
from etl_assets.store.folder import Folder, StagedFile
from etl_assets.store.manifest import (
    TABLE_MANIFEST,
    ExportRecord,
    ShardManifest,
    TableManifest,
    manifest_name,
)
from etl_assets.store.ongoing import ongoing_export
from etl_assets.store.proof import readable
from etl_assets.store.recipe import OnDrift, WindowRequest
from etl_assets.tables.columns import Column
from etl_assets.tables.topology import Shard
from etl_assets.tables.windows import utc_text

_NAMED = 5


def complete_window(folder: Folder, request: WindowRequest) -> TableManifest:
    """The logical table's manifest, when all its shards are proven; nothing is merged yet.

    Under `union`, columns of other sizes are of one shape: `varchar(10)` and `varchar(20)`.

    Raises:
        IncompleteError: names what is missing, older, made otherwise or different.
    """
    record = ongoing_export(folder)
    found = folder.ask_all(lambda shard: _whole(folder, shard, request.partition), request.shards)
    whole = [manifest for manifest in found if manifest is not None]
    if len(whole) < len(request.shards):
        there = {manifest.shard for manifest in whole}
        raise IncompleteError(
            f"{request.table}: {len(found) - len(whole)} of {len(found)} shards are missing",
            expected="every shard's file and manifest",
            got="none of " + _some(str(shard) for shard in request.shards if shard not in there),
            next_step="export with --resume",
        )
    _refuse_older(whole, record)
    _refuse_otherwise(whole, request)
    refuse_drift(whole, request.on_drift)
    return TableManifest.of(whole)


@dataclass(frozen=True)
class StagedWindow:
    """A logical table's complete window, before its manifest is written.

    Attributes:
        manifest: what its shards' manifests sum up to, and the merged file's entry.
        merged: the file of all shards, waiting for its final name; None where none is asked for.
    """

    manifest: TableManifest
    merged: StagedFile | None


def stage_window(folder: Folder, request: WindowRequest) -> StagedWindow:
    """Complete a window, and merge its files where that is asked for.

    Raises:
        IncompleteError: as `complete_window`, or a file is not what its manifest says.
        StoreError: the merged file cannot be written.
    """
    manifest = complete_window(folder, request)
    if not request.merge:
        return StagedWindow(manifest, None)
    # Imported where it is used: most tables are not merged, and it needs numpy.
    from etl_assets.store.merge import stage_merged  # noqa: PLC0415

    file, record = stage_merged(folder, manifest)
    return StagedWindow(manifest.model_copy(update={"merged": record}), file)


def is_complete(folder: Folder, request: WindowRequest) -> bool:
    """Whether the logical table's manifest is there and says what its shards' manifests say."""
    try:
        complete = complete_window(folder, request)
    except IncompleteError:
        return False
    with readable(folder, TABLE_MANIFEST):
        found = TableManifest.read(folder, TABLE_MANIFEST)
    if found is None or (found.merged is not None) != request.merge:
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
        name = manifest_name(shard.shard)
        with readable(folder, name):
            found = ShardManifest.read(folder, name)
        if found != shard:
            raise IncompleteError(
                f"{manifest.table} {manifest.partition}",
                expected="its shards as this run has found them",
                got=f"{shard.shard} exported by another run meanwhile",
                next_step="wait for its end, or export with --resume",
            )


def kept_manifest(
    folder: Folder, request: WindowRequest, shard: Shard, record: ExportRecord | None
) -> ShardManifest | None:
    """The manifest of a shard whose files can stay as they are; None where it has to be exported.

    It is whole, made as is asked for, and not older than the `ongoing_export`.
    """
    manifest = _whole(folder, shard, request.partition)
    if manifest is None or request.recipe.differences(manifest):
        return None
    return None if record is not None and record.is_older(manifest) else manifest


def unproven_shards(folder: Folder, request: WindowRequest) -> list[Shard]:
    """The shards that have to be exported before the window can be complete."""
    record = ongoing_export(folder)
    found = folder.ask_all(lambda one: kept_manifest(folder, request, one, record), request.shards)
    return [shard for shard, proof in zip(request.shards, found, strict=True) if proof is None]


def _whole(folder: Folder, shard: Shard, partition: str) -> ShardManifest | None:
    """A shard's manifest, where it is its own, of this window, and fits its files' sizes."""
    name = manifest_name(shard)
    with readable(folder, name):
        manifest = ShardManifest.read(folder, name)
    if (
        manifest is not None
        and manifest.shard == shard
        and manifest.partition == partition
        and manifest.sample is None
        and manifest.has_its_name
        and folder.size(manifest.file) == manifest.bytes
    ):
        return manifest
    return None


def _refuse_older(manifests: Sequence[ShardManifest], record: ExportRecord | None) -> None:
    older = [m for m in manifests if record is not None and record.is_older(m)]
    if record is not None and older:
        raise IncompleteError(
            f"{older[0].table}: {len(older)} of {len(manifests)} shards were exported before the "
            f"export that began at {utc_text(record.since)}",
            expected="all shards of that export",
            got="older " + _some(str(manifest.shard) for manifest in older),
            next_step="export with --resume",
        )


def _refuse_otherwise(manifests: Sequence[ShardManifest], request: WindowRequest) -> None:
    """What was made under other settings is not what is asked for, though each file is proven."""
    made = {m.shard: found for m in manifests if (found := request.recipe.differences(m))}
    if made:
        raise IncompleteError(
            f"{request.table}: {len(made)} of {len(manifests)} shards were made otherwise than the "
            "configuration asks for",
            expected="all of them made under its present settings",
            got=_some(f"{shard} with {', '.join(how)}" for shard, how in made.items()),
            next_step="export with --resume, which exports these again",
        )


def refuse_drift(manifests: Sequence[ShardManifest], on_drift: OnDrift) -> None:
    """Refuse shards whose columns differ by more than `on_drift` allows.

    Raises:
        IncompleteError: it names some of them.
    """
    first = manifests[0]
    shape = _shape if on_drift == "fail" else _loose_shape
    different = [manifest for manifest in manifests if shape(manifest) != shape(first)]
    if different:
        raise IncompleteError(
            f"{first.table}: the columns of its shards differ",
            expected=f"the columns of {first.shard}: {_columns(first)}",
            got=_some(f"{manifest.shard}: {_columns(manifest)}" for manifest in different),
            next_step="alter the shard tables alike, or choose `columns`, and export again, "
            "without --resume",
        )


def _shape(manifest: ShardManifest) -> list[Column]:
    return [record.column.without_width for record in manifest.columns]


def _loose_shape(manifest: ShardManifest) -> list[tuple[str, str]]:
    return [(record.column.key, record.column.family) for record in manifest.columns]


def _columns(manifest: ShardManifest) -> str:
    return ", ".join(f"{column.name} {column.type}" for column in manifest.columns)


def _some(names: Iterable[str]) -> str:
    """The first few names, and how many more there are."""
    listed = list(names)
    more = len(listed) - _NAMED
    return "; ".join(listed[:_NAMED]) + (f"; and {more} more" if more > 0 else "")
