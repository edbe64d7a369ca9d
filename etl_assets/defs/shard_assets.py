"""Shard assets: a lane of shard tables as one step; one shard table is a lane of one."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import dagster as dg
from dagster import AssetCheckResult, AssetObservation, Failure, Output
from dagster._core.events import EngineEventData

from etl_assets.config import ExportConfig
from etl_assets.defs.checks import CAUSE
from etl_assets.defs.interrupts import hearing_interrupts, refuse_canceled
from etl_assets.defs.io_managers import CsvIOManager
from etl_assets.defs.liveness import ending_with_the_run
from etl_assets.defs.names import lane_names, shard_key, shard_names, source_key
from etl_assets.defs.partitions import (
    first_window,
    partitions_of,
    refuse_old_snapshot,
    window_of,
)
from etl_assets.defs.resources import DatabaseResource
from etl_assets.defs.slots import connection_slots, spare_slot
from etl_assets.drift import read_united_columns
from etl_assets.errors import EtlAssetsError
from etl_assets.shard_export import Progress, ShardTask, StagedShard, stage_shard
from etl_assets.topology import LogicalTable, Shard
from etl_assets.windows import Window

CHECK_NAME = "rows_match_source"
HOST_TAG = "etl_assets/host"
PROGRESS_EVENT = "etl_assets_progress"
PROGRESS_SECONDS = 10.0


@dataclass(frozen=True)
class Lane:
    """Shard tables of one host and one logical table that one step exports one by one.

    Attributes:
        name: of its op, and so of its step.
        host: where its shards are.
        outputs: its shards in the configuration's order, by the names of their outputs.
    """

    name: str
    host: str
    outputs: Mapping[str, Shard]

    @property
    def shards(self) -> tuple[Shard, ...]:
        """Its shards."""
        return tuple(self.outputs.values())


def lanes_of(config: ExportConfig, table: LogicalTable) -> list[Lane]:
    """A logical table's lanes, as `execution.lanes` asks for them."""
    wanted = config.execution.lanes
    names = shard_names(table)
    if not isinstance(wanted, int):
        return [Lane(name, shard.host, {name: shard}) for shard, name in names.items()]
    hosts: dict[str, list[Shard]] = {}
    for shard in table.shards:
        hosts.setdefault(shard.host, []).append(shard)
    lanes = {
        (host, number): shards[number::wanted]
        for host, shards in hosts.items()
        for number in range(min(wanted, len(shards)))
    }
    lane_of = lane_names(table, lanes)
    return [
        Lane(lane_of[place], place[0], {names[shard]: shard for shard in shards})
        for place, shards in lanes.items()
    ]


def lane_assets(config: ExportConfig, table: LogicalTable, lane: Lane) -> dg.AssetsDefinition:
    """The assets of a lane, with their source tables upstream and a count check each.

    Built by hand rather than with @multi_asset, which refuses keys that table names may need.
    """
    partitions = partitions_of(table)
    backend = config.hosts[lane.host].backend
    outputs = lane.outputs
    checks = {
        f"{name}__check": dg.AssetCheckSpec(
            CHECK_NAME,
            asset=shard_key(shard),
            description="The file holds as many rows as the server counted in the same snapshot.",
        )
        for name, shard in outputs.items()
    }

    @dg.op(
        name=lane.name,
        out={
            # Not required: a failed shard of a lane has no output, its siblings have.
            **{
                name: dg.Out(StagedShard, io_manager_key="csv", is_required=False)
                for name in outputs
            },
            **{name: dg.Out(dg.Nothing, is_required=False) for name in checks},
        },
        required_resource_keys={"database", "csv"},
        pool=lane.host,
        tags={HOST_TAG: lane.host},
    )
    def export_lane(context: dg.OpExecutionContext) -> Iterator[Any]:
        selected = context.selected_output_names
        shards = {name: shard for name, shard in outputs.items() if name in selected}
        limit = config.hosts[lane.host].max_connections
        parts = table.settings.split
        # The pool counts steps, whatever they weigh; these slots count connections.
        with ending_with_the_run(), connection_slots(context, lane.host, limit, parts):
            yield from _export(context, config, table, shards)

    return dg.AssetsDefinition(
        node_def=export_lane,
        keys_by_output_name={name: shard_key(shard) for name, shard in outputs.items()},
        check_specs_by_output_name=checks,
        can_subset=len(outputs) > 1,
        specs=[
            dg.AssetSpec(
                shard_key(shard),
                deps=[source_key(shard, backend)],
                group_name=table.name,
                description=f"`{shard.database}`.`{shard.shard_table}` on {shard.host} as CSV.",
                partitions_def=partitions,
                kinds={backend, "csv"},
            )
            for shard in lane.shards
        ],
    )


def source_tables(config: ExportConfig, tables: Sequence[LogicalTable]) -> list[dg.AssetSpec]:
    """The tables on the servers as external assets: where the lineage begins."""
    specs: dict[dg.AssetKey, dg.AssetSpec] = {}
    for table in tables:
        for shard in table.shards:
            backend = config.hosts[shard.host].backend
            key = source_key(shard, backend)
            specs.setdefault(
                key,
                dg.AssetSpec(
                    key,
                    group_name=table.name,
                    description=f"`{shard.database}`.`{shard.shard_table}` on {shard.host}.",
                    kinds={backend, "table"},
                    metadata={"dagster/table_name": f"{shard.database}.{shard.shard_table}"},
                ),
            )
    return list(specs.values())


def _export(
    context: dg.OpExecutionContext,
    config: ExportConfig,
    table: LogicalTable,
    shards: dict[str, Shard],
) -> Iterator[Any]:
    """Export shard after shard; a failed one does not stop the others, but fails the step."""
    task_of = _tasks(context, config, table)
    failures: list[str] = []
    for name, shard in shards.items():
        try:
            staged = _stage(context, task_of(shard))
        except EtlAssetsError as error:
            # Without the traceback: the message says it all, and the step's failure follows.
            context.log.error(str(error))  # noqa: TRY400
            failures.append(str(error))
            yield from _checked(context, shard, passed=False, metadata={CAUSE: str(error)})
            continue
        if staged.manifest.sample is not None:
            yield _sample(context, staged)
            continue
        rows = {"rows": staged.manifest.rows, "source_rows": staged.manifest.source_rows}
        yield Output(staged, output_name=name)
        yield from _checked(context, shard, passed=True, metadata=rows)
    if failures:
        # What may heal by itself has been tried again already.
        raise Failure("\n".join(failures), allow_retries=False)


def _window(context: dg.OpExecutionContext, table: LogicalTable) -> Window:
    window = window_of(table, context.partition_key)
    record = context.instance.get_run_record_by_id(context.run_id)
    if record is not None:
        refuse_canceled(record.dagster_run)
        # By the time of the request: a run may wait until a newer window has ended.
        refuse_old_snapshot(table, window, record.create_timestamp)
    return window


def _tasks(
    context: dg.OpExecutionContext, config: ExportConfig, table: LogicalTable
) -> Callable[[Shard], ShardTask]:
    """What to export, for any shard of the step."""
    database: DatabaseResource = context.resources.database
    csv: CsvIOManager = context.resources.csv
    settings = table.settings
    # Read once for all shards of a lane.
    united = cache(lambda: read_united_columns(database.engines, table))
    return partial(
        ShardTask,
        table=settings,
        window=_window(context, table),
        csv=settings.csv,
        limit=csv.limit,
        count=config.execution.verify == "count",
        retries=config.execution.retries,
        run_id=context.run_id,
        first=None if settings.is_snapshot else first_window(table),
        united=united if settings.on_drift == "union" else None,
        spare=lambda host: spare_slot(
            context, host, config.hosts[host].max_connections, settings.split
        ),
    )


def _stage(context: dg.OpExecutionContext, task: ShardTask) -> StagedShard:
    database: DatabaseResource = context.resources.database
    csv: CsvIOManager = context.resources.csv
    log = _ProgressLog(context, task.shard)
    with hearing_interrupts() as check_interrupts:

        def on_progress(progress: Progress) -> None:
            check_interrupts()
            log(progress)

        return stage_shard(
            database.engines,
            csv.folder(task.shard.table, task.window.key),
            task,
            on_progress=on_progress,
            on_retry=context.log.warning,
            on_note=context.log.warning,
        )


def _checked(
    context: dg.OpExecutionContext, shard: Shard, *, passed: bool, metadata: dict[str, Any]
) -> Iterator[AssetCheckResult]:
    """The result of a shard's check, where the run asked for it."""
    key = shard_key(shard)
    if dg.AssetCheckKey(key, CHECK_NAME) in context.selected_asset_check_keys:
        yield AssetCheckResult(
            passed=passed, check_name=CHECK_NAME, asset_key=key, metadata=metadata
        )


def _sample(context: dg.OpExecutionContext, staged: StagedShard) -> AssetObservation:
    """A trial is observed, not materialized: the partition must not count as complete."""
    csv: CsvIOManager = context.resources.csv
    with staged.file:
        metadata = csv.commit_shard(staged)
    manifest = staged.manifest
    return AssetObservation(
        shard_key(manifest.shard),
        partition=manifest.partition,
        description=f"A trial of at most {manifest.sample} rows.",
        metadata={**metadata, "sample": manifest.sample},
    )


class _ProgressLog:
    """Tells the run how far a long shard is, every ten seconds or so."""

    def __init__(self, context: dg.OpExecutionContext, shard: Shard) -> None:
        self._context = context
        self._shard = shard
        self._began = self._told = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._told < PROGRESS_SECONDS:
            return
        self._told = now
        megabytes = progress.bytes / 1e6
        of_all = f" of {progress.expected:,}" if progress.expected is not None else ""
        self._context.instance.report_engine_event(
            f"{self._shard}: {progress.rows:,}{of_all} rows, {megabytes:,.1f} MB, "
            f"{megabytes / (now - self._began):,.1f} MB/s",
            self._context.run,
            EngineEventData(
                {
                    PROGRESS_EVENT: shard_key(self._shard).to_user_string(),
                    "rows": progress.rows,
                    "bytes": progress.bytes,
                    "expected": progress.expected,
                }
            ),
            step_key=self._context.get_step_execution_context().step.key,
        )
