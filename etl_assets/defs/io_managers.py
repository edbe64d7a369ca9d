"""The IO manager `csv`: commits staged files under their final names, and reads them back."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from etl_assets.defs.asset_specs import shard_of, table_of
from etl_assets.defs.metadata import preview, shard_metadata, table_metadata
from etl_assets.errors import UsageError
from etl_assets.steps.notices import notice
from etl_assets.store.commit import CommittedShard, StagedShard, commit_shard, commit_window
from etl_assets.store.complete import StagedWindow
from etl_assets.store.folder import Folder
from etl_assets.store.leftovers import refuse_other_shards
from etl_assets.store.manifest import (
    TABLE_MANIFEST,
    ShardManifest,
    folder_parts,
    manifest_name,
)
from etl_assets.store.open_folder import open_folder
from etl_assets.store.proof import shard_manifest, window_manifest
from etl_assets.tables.topology import LogicalTable, Shard

if TYPE_CHECKING:
    import pandas as pd


def notice_removed(step: Any, done: CommittedShard) -> None:
    """Say what went with a shard's older file, where anything did."""
    if done.removed:
        notice(step, f"{done.manifest.shard}: removed its older {', '.join(done.removed)}")


class CsvIOManager(dg.ConfigurableIOManager):
    """Writes the files of shards and the manifests of logical tables.

    A step's body stages a shard's file and commits it (`store.commit`). `handle_output` shows what
    came of it, and commits what is staged yet. `load_input` gives a pandas DataFrame.
    """

    directory: str = Field(description="The output folder: an absolute path or an fsspec URL")
    limit: int | None = Field(
        default=None,
        description="A trial: at most so many rows a shard, into <partition>.sample, "
        "never counted as complete",
    )
    shards_gone: bool = Field(
        default=False,
        description="Shards that the folder holds and the configuration does not have are gone "
        "for good: their files are removed when the window is complete. Without it a folder that "
        "holds any is refused",
    )
    preview: int = Field(default=10, description="Records shown in the metadata; 0 shows none")

    def folder(self, table: str, partition: str) -> Folder:
        """The folder of a logical table's window (of its sample, where there is a limit)."""
        if self.limit is not None and self.limit < 1:
            raise UsageError(
                "resources.csv.config.limit", expected="at least 1 row", got=str(self.limit)
            )
        return open_folder(self.directory, *folder_parts(table, partition, self.limit))

    def commit_window(
        self, staged: StagedWindow, say: Callable[[str], object]
    ) -> Mapping[str, Any]:
        """Prove a window; gives what Dagster shows of it. `say` is called with what is removed."""
        folder = self.folder(staged.manifest.table, staged.manifest.partition)
        if removed := commit_window(folder, staged, shards_gone=self.shards_gone):
            say(f"removed {', '.join(removed)} of earlier settings from {folder.location('')}")
        return table_metadata(staged.manifest, folder)

    def shard_metadata(self, done: CommittedShard) -> Mapping[str, Any]:
        """What Dagster shows of a shard."""
        manifest = done.manifest
        folder = self.folder(manifest.table, manifest.partition)
        return {
            **shard_metadata(manifest, folder),
            **preview(manifest, done.first, self.preview),
        }

    def refuse_other_shards(self, table: LogicalTable, partition: str) -> None:
        """Refuse a window's folder that holds shards which the table does not have.

        Raises:
            IncompleteError: they have not been called gone.
        """
        if self.shards_gone or self.limit is not None:
            return
        how = (
            f"`etl-assets export {table.name} --partition {partition} --shards-gone` (in the UI "
            "`shards_gone: true` of the IO manager's config)"
        )
        refuse_other_shards(self.folder(table.name, partition), partition, table.shards, how)

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Commit a staged shard, or write a complete table's manifest."""
        match obj:
            case StagedShard():
                folder = self.folder(obj.manifest.table, obj.manifest.partition)
                with obj:
                    done = commit_shard(folder, obj)
                notice_removed(context.step_context, done)
                context.add_output_metadata(self.shard_metadata(done))
            case CommittedShard():
                context.add_output_metadata(self.shard_metadata(obj))
            case StagedWindow():
                with obj.merged or nullcontext():
                    say = partial(notice, context.step_context)
                    context.add_output_metadata(self.commit_window(obj, say))
            case _:
                raise UsageError(
                    f"the output of {context.asset_key.to_user_string()}",
                    expected="a staged shard or window for the IO manager `csv`",
                    got=type(obj).__name__,
                    next_step="give the asset an IO manager of its own",
                )

    def load_input(self, context: dg.InputContext) -> "pd.DataFrame":
        """A shard's or a logical table's rows, for one partition or several in order."""
        # Imported here: a step that only exports does without pandas.
        from etl_assets.store.reader import ShardFile, read_files  # noqa: PLC0415

        key, upstream = context.asset_key, context.upstream_output
        metadata = upstream.definition_metadata if upstream is not None else {}
        shard = shard_of(metadata)
        table = shard.table if shard is not None else table_of(metadata)
        if table is None:
            raise UsageError(
                f"the input {key.to_user_string()}",
                expected="an asset of etl_assets.yaml for the IO manager `csv`",
                got="another one",
                next_step="give the asset an IO manager of its own",
            )
        files = []
        for partition in context.asset_partition_keys:
            folder = self.folder(table, partition)
            found = _manifests(folder, shard or table, partition)
            files += [ShardFile(folder, manifest) for manifest in found]
        return read_files(files)


def _manifests(folder: Folder, wanted: Shard | str, partition: str) -> Sequence[ShardManifest]:
    """The manifests of an asset's files: a shard's own, or those of a logical table's shards.

    Raises:
        UsageError: there is none, or one of another window, so nothing proves the files.
        IncompleteError: the logical table's does not fit its shards' any more.
        CsvError: a shard's is not its own.
    """
    shard = wanted if isinstance(wanted, Shard) else None
    table = wanted.table if isinstance(wanted, Shard) else wanted
    name = TABLE_MANIFEST if shard is None else manifest_name(shard)
    if folder.size(name) is None:
        raise UsageError(
            f"{table}{'' if shard is None else f': {shard}'} for {partition}",
            expected=f"a manifest in {folder.location('')}",
            got="none",
            next_step=f"export {table} --partition {partition} first",
        )
    found = window_manifest(folder).shards if shard is None else [shard_manifest(folder, name)]
    for manifest in found:
        if (manifest.table, manifest.partition) != (table, partition):
            raise UsageError(
                folder.location(name),
                expected=f"the manifest of {table} for {partition}",
                got=f"that of {manifest.table} for {manifest.partition}",
                next_step=f"export {table} --partition {partition} again",
            )
    return found
