"""The IO manager `csv`: commits staged files under their final names, and reads them back."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.events import EngineEventData
from pydantic import Field

from etl_assets.csv_format import RecordReader
from etl_assets.defs.asset_keys import shard_of
from etl_assets.errors import ShardError, StoreError, UsageError
from etl_assets.export.shard import StagedShard
from etl_assets.steps.notices import NOTICE_EVENT
from etl_assets.store.asked import Asked
from etl_assets.store.begun import Exporter, begin, begun, has_all
from etl_assets.store.complete import StagedWindow, refuse_later_exports
from etl_assets.store.folder import Folder
from etl_assets.store.manifest import (
    EXPORT_RECORD,
    TABLE_MANIFEST,
    ColumnRecord,
    ShardManifest,
    TableManifest,
    folder_parts,
    manifest_name,
)
from etl_assets.store.opening import open_folder
from etl_assets.store.proof import proven_shard, proven_window
from etl_assets.store.strays import (
    refuse_other_shards,
    remove_gone,
    replaced_files,
    replaced_merged,
)
from etl_assets.tables.topology import LogicalTable, Shard

if TYPE_CHECKING:
    import pandas as pd

_PREVIEW_CELL = 60


@dataclass(frozen=True)
class CommittedShard:
    """A shard's file under its final name, proven; and what Dagster shows of it.

    Attributes:
        manifest: what proves it.
        metadata: what Dagster shows.
        removed: the file of its last export, where that had another name.
        is_last: whether nothing is left to export of the window that its run has to complete.
    """

    manifest: ShardManifest
    metadata: Mapping[str, Any]
    removed: Sequence[str] = ()
    is_last: bool = False

    def tell(self, notice: Callable[[str], object]) -> None:
        """Say what was removed, where anything was."""
        if self.removed:
            notice(f"{self.manifest.shard}: removed its older {', '.join(self.removed)}")


def tell_notice(step: Any, text: str) -> None:
    """Say something in the run's log that the command line shows as well."""
    event = EngineEventData({NOTICE_EVENT: text})
    step.instance.report_engine_event(text, step.dagster_run, event, step_key=step.step.key)


class CsvIOManager(dg.ConfigurableIOManager):
    """Writes the files of shards and the manifests of logical tables.

    A step's body stages a shard's file (`stage_shard`) and commits it: `commit_shard`
    puts it under its final name and writes its manifest. `handle_output` shows what came of it, and
    commits what is staged yet. `load_input` gives a pandas DataFrame.
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

    def commit_shard(self, staged: StagedShard, run: Exporter | None = None) -> "CommittedShard":
        """Put a shard's file under its final name and prove it.

        A file that a later run has proven already stays.

        Raises:
            ShardError: that run has made it otherwise.
        """
        manifest = staged.manifest
        run = run or Exporter.of(manifest)
        folder = self.folder(manifest.table, manifest.partition)
        staged.settle()
        # Another run of the same window must not put its files between these and their manifest.
        with folder.exclusively():
            there = _proof(folder, manifest.shard)
            if there is not None and _is_later(folder, there, manifest, run):
                _refuse_otherwise(there, manifest)
                done = self.committed(there)
            else:
                if self.limit is None:
                    begin(folder, manifest.partition, manifest.table, run)
                removed = _replace(folder, there, staged)
                metadata = _shard_metadata(manifest, folder)
                if self.preview and manifest.rows:
                    metadata["preview"] = dg.MetadataValue.md(_preview(staged, self.preview))
                done = CommittedShard(manifest, metadata, removed)
            return replace(done, is_last=self._is_last(folder, run))

    def committed(self, manifest: ShardManifest, run: Exporter | None = None) -> "CommittedShard":
        """A shard whose file and manifest stay as they are.

        The window may be complete by it all the same: what a run that was killed has not come to.
        """
        folder = self.folder(manifest.table, manifest.partition)
        done = CommittedShard(manifest, _shard_metadata(manifest, folder))
        if run is None:
            return done
        with folder.exclusively():
            return replace(done, is_last=self._is_last(folder, run))

    def _is_last(self, folder: Folder, run: Exporter) -> bool:
        """Whether a run has nothing left to export of the window that it has to complete."""
        completes = run.completes if self.limit is None else None
        return completes is not None and has_all(folder, completes)

    def commit_window(
        self, staged: StagedWindow, notice: Callable[[str], object]
    ) -> Mapping[str, Any]:
        """Put a table's merged file under its final name and prove the window.

        `notice` is told what is removed.
        """
        manifest = staged.manifest
        folder = self.folder(manifest.table, manifest.partition)
        if staged.merged is not None:
            staged.merged.settle()
        with folder.exclusively() as is_alone:
            if is_alone:
                refuse_later_exports(folder, manifest)
            removed = replaced_merged(folder, manifest)
            changes = removed or staged.merged is not None or self.shards_gone
            if changes and folder.size(TABLE_MANIFEST) is not None:
                # The old proof goes before the files that it proved; the record names them on.
                nothing = Exporter(manifest.shards[0].run_id, datetime.now(UTC), shards=())
                begin(folder, manifest.partition, manifest.table, nothing)
            for name in removed:
                folder.remove(name)
            if staged.merged is not None:
                staged.merged.commit()
            if self.shards_gone:
                shards = [shard.shard for shard in manifest.shards]
                # Before the manifest: beside one they do not stay, wherever this is killed.
                removed += remove_gone(folder, manifest.partition, shards)
            folder.write_json(TABLE_MANIFEST, manifest.as_json())
            # Last: beside the manifest it says nothing, without it only it knows what is older.
            folder.remove(EXPORT_RECORD)
        if removed:
            notice(f"removed {', '.join(removed)} of earlier settings from {folder.location('')}")
        return _table_metadata(manifest, folder)

    def refuse_other_shards(self, table: LogicalTable, partition: str) -> None:
        """Refuse a window's folder that holds shards which the table does not have.

        Raises:
            IncompleteError: they have not been called gone.
        """
        if self.shards_gone or self.limit is not None:
            return
        how = (
            f"`etl-assets export {table.name} --partition {partition} --shards-gone` (in the UI "
            "`resources.csv.config.shards_gone: true`)"
        )
        refuse_other_shards(self.folder(table.name, partition), partition, table.shards, how)

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Commit a staged shard, or write a complete table's manifest."""
        match obj:
            case StagedShard():
                with obj:
                    done = self.commit_shard(obj)
                done.tell(partial(tell_notice, context.step_context))
                context.add_output_metadata(done.metadata)
            case CommittedShard():
                context.add_output_metadata(obj.metadata)
            case StagedWindow():
                with obj.merged or nullcontext():
                    notice = partial(tell_notice, context.step_context)
                    context.add_output_metadata(self.commit_window(obj, notice))
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

        files = []
        for partition in context.asset_partition_keys:
            folder = self.folder(context.asset_key.path[0], partition)
            found = _manifests(folder, context.asset_key, partition)
            files += [ShardFile(folder, manifest) for manifest in found]
        return read_files(files)


def _is_later(folder: Folder, there: ShardManifest, manifest: ShardManifest, run: Exporter) -> bool:
    """Whether another run that was asked for later has exported the same of a shard.

    Where nobody knows that, clocks tell; no file is from the future, but a clock may be wrong.
    """
    follows = run.follows(there.run_id)
    return (
        (there.shard, there.partition) == (manifest.shard, manifest.partition)
        and folder.size(there.file) == there.bytes
        # Older than the export that is under way, whatever its clock says.
        and not ((record := begun(folder)) is not None and record.is_older(there))
        and (
            manifest.started_at < there.started_at <= datetime.now(UTC)
            and not Asked.of(manifest).differences(there)
            if follows is None
            else not follows
        )
    )


def _refuse_otherwise(there: ShardManifest, manifest: ShardManifest) -> None:
    """Refuse a shard in the place of a later run's that was made under other settings."""
    if differences := Asked.of(manifest).differences(there):
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
        folder.remove(manifest_name(manifest.shard))
    staged.commit()
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


def _manifests(folder: Folder, key: dg.AssetKey, partition: str) -> Sequence[ShardManifest]:
    """The manifests behind an asset: all of its table's, or its own.

    Raises:
        UsageError: there is none, or one of another window, so nothing proves the files.
        IncompleteError: the logical table's does not fit its shards' any more.
        CsvError: a shard's is not its own.
    """
    is_table = len(key.path) == 1
    shard = shard_of(key)
    name = TABLE_MANIFEST if shard is None else manifest_name(shard)
    if folder.size(name) is None:
        raise UsageError(
            f"{key.to_user_string()} for {partition}",
            expected=f"a manifest in {folder.location('')}",
            got="none",
            next_step=f"export {key.path[0]} --partition {partition} first",
        )
    found = proven_window(folder).shards if is_table else [proven_shard(folder, name)]
    for manifest in found:
        if (manifest.table, manifest.partition) != (key.path[0], partition):
            raise UsageError(
                folder.location(name),
                expected=f"the manifest of {key.path[0]} for {partition}",
                got=f"that of {manifest.table} for {manifest.partition}",
                next_step=f"export {key.path[0]} --partition {partition} again",
            )
    return found


def _shard_metadata(manifest: ShardManifest, folder: Folder) -> dict[str, Any]:
    return {
        "dagster/partition_row_count": manifest.rows,
        "dagster/uri": folder.uri(manifest.file),
        "dagster/column_schema": _schema(manifest.columns),
        "path": dg.MetadataValue.path(folder.location(manifest.file)),
        "bytes": manifest.bytes,
        "sha256": manifest.sha256,
        "seconds": manifest.seconds,
        "rows_per_second": round(manifest.rows / manifest.seconds) if manifest.seconds else None,
        "source_rows": manifest.source_rows,
        "snapshot": dg.MetadataValue.json(manifest.as_json()["snapshot"]),
    }


def _table_metadata(manifest: TableManifest, folder: Folder) -> Mapping[str, Any]:
    merged = manifest.merged
    return {
        "dagster/partition_row_count": manifest.rows,
        "dagster/uri": folder.uri(TABLE_MANIFEST),
        "dagster/column_schema": _schema(manifest.columns),
        "path": dg.MetadataValue.path(folder.location("")),
        "shards": len(manifest.shards),
        "bytes": manifest.bytes,
        "skew_seconds": manifest.skew_seconds,
        **({"merged": dg.MetadataValue.path(folder.location(merged.file))} if merged else {}),
    }


def _schema(columns: Sequence[ColumnRecord]) -> dg.TableSchema:
    return dg.TableSchema(columns=[dg.TableColumn(column.name, column.type) for column in columns])


def _preview(staged: StagedShard, count: int) -> str:
    """The first records as a Markdown table; long values are cut, NULL is shown as such."""
    manifest = staged.manifest
    reader = RecordReader(manifest.csv, len(manifest.columns))
    lines = [
        "| " + " | ".join(_cell(column.name) for column in manifest.columns) + " |",
        "|" + " --- |" * len(manifest.columns),
    ]
    for _, record in zip(range(count), reader.records([staged.first]), strict=False):
        lines.append("| " + " | ".join(map(_cell, record)) + " |")
    return "\n".join(lines)


def _cell(value: str | None) -> str:
    if value is None:
        return "*NULL*"
    shown = value if len(value) <= _PREVIEW_CELL else value[: _PREVIEW_CELL - 1] + "…"
    escaped = "".join(f"&#{ord(char)};" if char in "|*_`<>[]\\&#~" else char for char in shown)
    return " ".join(escaped.split())
