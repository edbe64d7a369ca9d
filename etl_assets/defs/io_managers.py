"""The IO manager `csv`: writes what assets give it as CSV files, whole and proven, and reads them.

It dispatches: what becomes of files is done in `store`, what is shown of them in `metadata`.
"""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field, TypeAdapter, ValidationError

from etl_assets.config import ExportConfig
from etl_assets.config.model import Csv
from etl_assets.config.problems import first_problem
from etl_assets.config.yaml_lines import dotted
from etl_assets.csv_format import CsvFormat
from etl_assets.defs.asset_specs import shard_of, table_of
from etl_assets.defs.frame_outputs import by_name, names_of, naming, wants_table
from etl_assets.defs.metadata import frame_metadata, preview, shard_metadata, table_metadata
from etl_assets.errors import UsageError
from etl_assets.steps.notices import notice
from etl_assets.store.commit import CommittedShard, StagedShard, commit_shard, commit_window
from etl_assets.store.complete import StagedWindow
from etl_assets.store.folder import Folder
from etl_assets.store.leftovers import refuse_other_shards
from etl_assets.store.manifest import folder_parts
from etl_assets.store.open_folder import open_folder
from etl_assets.tables.topology import LogicalTable

if TYPE_CHECKING:
    from etl_assets.store.frame_files import FrameName
    from etl_assets.store.reader import ShardFile


def notice_removed(step: Any, done: CommittedShard) -> None:
    """Say what went with a shard's older file, where anything did."""
    if done.removed:
        notice(step, f"{done.manifest.shard}: removed its older {', '.join(done.removed)}")


class CsvIOManager(dg.ConfigurableIOManager):
    """Writes an asset's rows as CSV files with manifests, and gives them as a pandas DataFrame.

    Of a shard and a logical table the step's body stages and commits the files (`store.commit`);
    `handle_output` shows what came of it, and commits what is staged yet. Any other asset gives a
    pandas DataFrame or a pyarrow Table, or a dict of them by partition key where one run
    materializes several partitions (`store.frame_files`).
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
    csv: dict[str, Any] = Field(
        default={},
        description="The CSV conventions of the rows that other assets give, as `output.csv` in "
        "etl_assets.yaml has them",
    )
    preview: int = Field(default=10, description="Records shown in the metadata; 0 shows none")

    @classmethod
    def of(cls, config: ExportConfig) -> Any:
        """The IO manager for a configuration; what it is given may be changed for each run."""
        return cls.configure_at_launch(
            directory=config.directory,
            csv=asdict(config.output.csv),
            preview=config.output.preview,
        )

    def folder(self, table: str, partition: str) -> Folder:
        """The folder of a logical table's window (of its sample, where there is a limit)."""
        if self.limit is not None and self.limit < 1:
            raise UsageError(
                "resources.csv.config.limit", expected="at least 1 row", got=str(self.limit)
            )
        return open_folder(self.directory, *folder_parts(table, partition, self.limit))

    @property
    def csv_format(self) -> CsvFormat:
        """The conventions of what is no shard's; a shard's are those of its table."""
        try:
            return TypeAdapter(Csv).validate_python(self.csv)
        except ValidationError as error:
            where, problem = first_problem(error)
            raise UsageError(
                f"the IO manager's config: {dotted(('csv', *where))}: {problem}"
            ) from None

    def commit_window(
        self, staged: StagedWindow, say: Callable[[str], object]
    ) -> Mapping[str, Any]:
        """Prove a window; gives what Dagster shows of it. `say` is called with what is removed."""
        folder = self.folder(staged.manifest.table, staged.manifest.partition)
        if removed := commit_window(folder, staged, shards_gone=self.shards_gone):
            say(f"removed {', '.join(removed)} of earlier settings from {folder.location('')}")
        return table_metadata(staged.manifest, folder)

    def shard_metadata(
        self, done: CommittedShard, source: dg.AssetKey | None = None
    ) -> Mapping[str, Any]:
        """What Dagster shows of a shard that is made of an asset, its source."""
        manifest = done.manifest
        shown = shard_metadata(done, self.folder(manifest.table, manifest.partition), source)
        first = b"" if done.is_one_of_many else done.first
        return {**shown, **preview(manifest, first, self.preview)}

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
        """Show what was committed, commit what is staged, or write the rows of anybody's asset."""
        match obj:
            case CommittedShard():
                _show(context, self.shard_metadata(obj, _source(context)))
            case StagedShard():
                folder = self.folder(obj.manifest.table, obj.manifest.partition)
                with obj:
                    done = commit_shard(folder, obj)
                notice_removed(context.step_context, done)
                _show(context, self.shard_metadata(done, _source(context)))
            case StagedWindow():
                with obj.merged or nullcontext():
                    say = partial(notice, context.step_context)
                    _show(context, self.commit_window(obj, say))
            case None:
                # The asset has written what it is itself, or has nothing to keep.
                pass
            case _:
                self._write_frames(context, obj)

    def load_input(self, context: dg.InputContext) -> object:
        """An asset's rows as a DataFrame, for one partition or several in order.

        As a pyarrow Table, where the input is annotated so.
        """
        from etl_assets.store.frame_files import read_frames  # noqa: PLC0415
        from etl_assets.store.reader import read_files, read_table  # noqa: PLC0415

        is_table = wants_table(context)
        files = self._exported(context)
        if files is not None:
            return read_table(files) if is_table else read_files(files)
        frame = read_frames({name: self._frame_folder(name) for name in names_of(context)})
        if not is_table:
            return frame
        import pyarrow as pa  # noqa: PLC0415

        return pa.Table.from_pandas(frame, preserve_index=False)

    def _write_frames(self, context: dg.OutputContext, obj: object) -> None:
        # Imported here: a step that only exports does without pandas.
        from etl_assets.store.frame_files import write_frame  # noqa: PLC0415
        from etl_assets.store.frame_rows import rows_of  # noqa: PLC0415

        names = names_of(context)
        if self.limit is not None:
            raise UsageError(
                f"the output of {names[0]}",
                expected="no `limit`: a trial is of shards, and this would count as materialized",
                got=f"limit {self.limit}",
                next_step="materialize it in a run without a limit",
            )
        csv_format, rows = self.csv_format, {}
        # All of them are looked at before the first is written.
        for name, value in by_name(names, obj).items():
            with naming(name):
                rows[name] = rows_of(value)
        for name in names:
            folder = self._frame_folder(name)
            with naming(name):
                done, first = write_frame(folder, name, rows[name], csv_format, context.run_id)
            # Dagster would show that of one partition for each.
            if len(names) == 1:
                context.add_output_metadata(
                    {**frame_metadata(done, folder), **preview(done, first, self.preview)}
                )

    def _frame_folder(self, name: "FrameName") -> Folder:
        return open_folder(self.directory, *name.folder_parts)

    def _exported(self, context: dg.InputContext) -> "list[ShardFile] | None":
        """The files of an input that this product exports; None where it is anybody's asset."""
        from etl_assets.store.reader import exported_files  # noqa: PLC0415

        upstream = context.upstream_output
        metadata = upstream.definition_metadata if upstream is not None else {}
        wanted = shard_of(metadata) or table_of(metadata)
        if wanted is None:
            return None
        table = wanted if isinstance(wanted, str) else wanted.table
        files = []
        for partition in context.asset_partition_keys:
            files += exported_files(self.folder(table, partition), wanted, partition)
        return files


def _show(context: dg.OutputContext, metadata: Mapping[str, Any]) -> None:
    """Metadata of what is materialized: that of an output Dagster writes into two events."""
    context.step_context.add_asset_metadata(metadata, context.asset_key)


def _source(context: dg.OutputContext) -> dg.AssetKey | None:
    """The asset that a shard's asset is made of, as it is in this run."""
    parents = context.step_context.job_def.asset_layer.get(context.asset_key).parent_keys
    return next(iter(parents)) if len(parents) == 1 else None
