"""From staged to proven: the order in which files and manifests get their final names.

Whoever is killed between two of these changes leaves a folder that says nothing false: a manifest
fits its file or is not there, and `_manifest.json` is there only over shards that are what it says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Self

from etl_assets.errors import ShardError, StoreError
from etl_assets.source.query import ShardQuery
from etl_assets.store.complete import StagedWindow, refuse_later_exports
from etl_assets.store.folder import Folder, StagedFile
from etl_assets.store.leftovers import remove_gone, replaced_files, replaced_merged
from etl_assets.store.manifest import EXPORT_RECORD, TABLE_MANIFEST, ShardManifest, manifest_name
from etl_assets.store.ongoing import ExportRun, begin_export, has_exported_all, ongoing_export
from etl_assets.store.recipe import Recipe
from etl_assets.tables.topology import Shard


@dataclass(frozen=True)
class StagedShard:
    """A shard's file, complete and counted, that waits for its final name.

    As a context manager it discards what was not committed.

    Attributes:
        file: the staged file.
        manifest: what it holds.
        first: the first records, for a preview.
        query: what it was asked for with; None where nobody asked.
    """

    file: StagedFile
    manifest: ShardManifest
    first: bytes
    query: ShardQuery | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.file.discard()


@dataclass(frozen=True)
class CommittedShard:
    """A shard's file under its final name, proven.

    Attributes:
        manifest: what proves it.
        first: the first records; nothing where the file was there already.
        removed: the file of its last export, where that had another name.
        is_last: whether nothing is left to export of the window that its run has to complete.
        query: what it was asked for with; None where the file was there already.
        is_one_of_many: whether so many shards have a manifest each that this one says the rest.
    """

    manifest: ShardManifest
    first: bytes = b""
    removed: Sequence[str] = ()
    is_last: bool = False
    query: ShardQuery | None = None
    is_one_of_many: bool = False


def commit_shard(
    folder: Folder, staged: StagedShard, run: ExportRun | None = None
) -> CommittedShard:
    """Put a shard's file under its final name and prove it.

    A file that a later run has proven already stays.

    Raises:
        ShardError: that run has made it otherwise.
        StoreError: the system does not do it.
    """
    manifest = staged.manifest
    run = run or ExportRun.of(manifest)
    staged.file.make_durable()
    # Another run of the same window must not put its file between this one and its manifest.
    with folder.exclusively():
        there = _proof(folder, manifest.shard)
        if there is not None and _is_later(folder, there, manifest, run):
            _refuse_otherwise(there, manifest)
            done = CommittedShard(there)
        else:
            if manifest.sample is None:
                begin_export(folder, manifest.partition, manifest.table, run)
            removed = _replace(folder, there, staged)
            done = CommittedShard(manifest, staged.first, removed, query=staged.query)
        return replace(done, is_last=_is_last(folder, manifest, run))


def keep_shard(folder: Folder, manifest: ShardManifest, run: ExportRun) -> CommittedShard:
    """A shard whose file and manifest stay as they are.

    The window may be complete by it all the same: what a run that was killed has not come to.
    """
    with folder.exclusively():
        return CommittedShard(manifest, is_last=_is_last(folder, manifest, run))


def commit_window(folder: Folder, staged: StagedWindow, *, shards_gone: bool) -> list[str]:
    """Put a table's merged file under its final name and prove the window.

    Gives the names of the files that were removed: those of earlier settings, and of shards that
    the window does not have, where these are gone.

    Raises:
        IncompleteError: another run has exported a shard meanwhile.
        StoreError: the system does not do it.
    """
    manifest = staged.manifest
    if staged.merged is not None:
        staged.merged.make_durable()
    with folder.exclusively() as is_alone:
        if is_alone:
            refuse_later_exports(folder, manifest)
        removed = replaced_merged(folder, manifest)
        changes = removed or staged.merged is not None or shards_gone
        if changes and folder.size(TABLE_MANIFEST) is not None:
            # The old proof goes before the files that it proved; the record names them on.
            nothing = ExportRun(manifest.shards[0].run_id, datetime.now(UTC), shards=())
            begin_export(folder, manifest.partition, manifest.table, nothing)
        for name in removed:
            folder.remove(name)
        if staged.merged is not None:
            staged.merged.commit()
        if shards_gone:
            shards = [shard.shard for shard in manifest.shards]
            # Before the manifest: beside one they do not stay, wherever this is killed.
            removed += remove_gone(folder, manifest.partition, shards)
        folder.write_json(TABLE_MANIFEST, manifest.as_json())
        # Last: beside the manifest it says nothing, without it only it knows what is older.
        folder.remove(EXPORT_RECORD)
    return removed


def _is_last(folder: Folder, manifest: ShardManifest, run: ExportRun) -> bool:
    """Whether a run has nothing left to export of the window that it has to complete."""
    completes = run.completes if manifest.sample is None else None
    return completes is not None and has_exported_all(folder, completes)


def _is_later(
    folder: Folder, there: ShardManifest, manifest: ShardManifest, run: ExportRun
) -> bool:
    """Whether another run that was asked for later has exported the same of a shard.

    Where nobody knows that, clocks tell; no file is from the future, but a clock may be wrong.
    """
    follows = run.follows(there.run_id)
    return (
        (there.shard, there.partition) == (manifest.shard, manifest.partition)
        and folder.size(there.file) == there.bytes
        # Older than the export that is under way, whatever its clock says.
        and not ((record := ongoing_export(folder)) is not None and record.is_older(there))
        and (
            manifest.started_at < there.started_at <= datetime.now(UTC)
            and not Recipe.of_shard(manifest).differences(there)
            if follows is None
            else not follows
        )
    )


def _refuse_otherwise(there: ShardManifest, manifest: ShardManifest) -> None:
    """Refuse a shard in the place of a later run's that was made under other settings."""
    if differences := Recipe.of_shard(manifest).differences(there):
        raise ShardError(
            f"{manifest.shard}",
            expected="no later export of it under other settings",
            got=f"that of run {there.run_id}, made with {', '.join(differences)}",
            next_step="the later one stays; export again if it is not what you want",
        )


def _replace(folder: Folder, there: ShardManifest | None, staged: StagedShard) -> list[str]:
    """Put a shard's file in place of the one that is there; gives its name where it was another.

    Wherever this is killed, a manifest fits its file or is not there, the manifest of another file
    goes with it, and a whole version of the shard is under its final name.
    """
    manifest = staged.manifest
    older = replaced_files(folder, there, manifest)
    if there is None or there.file == manifest.file:
        # The old proof goes before the file that it proved.
        folder.remove_proof(manifest_name(manifest.shard))
    staged.file.commit()
    for name in older:
        folder.remove(name)
    folder.write_json(manifest_name(manifest.shard), manifest.as_json())
    return older


def _proof(folder: Folder, shard: Shard) -> ShardManifest | None:
    """The manifest of a shard that is there; what cannot be read proves nothing."""
    try:
        return ShardManifest.read(folder, manifest_name(shard))
    except (OSError, StoreError):
        return None
