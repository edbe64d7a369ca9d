"""Shard assets: a lane of shard tables as one step; one shard table is a lane of one."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

import dagster as dg
from dagster import AssetCheckResult, AssetObservation, Failure, Output

from etl_assets.config import ExportConfig
from etl_assets.defs.asset_keys import shard_key, source_key, table_key
from etl_assets.defs.checks import CAUSE, checked_partition
from etl_assets.defs.completing import complete_after_shards
from etl_assets.defs.io_managers import CsvIOManager, tell_removed
from etl_assets.defs.partitions import (
    first_window,
    partitions_of,
    refuse_old_snapshot,
    window_of,
)
from etl_assets.defs.resources import DatabaseResource
from etl_assets.errors import EtlAssetsError, ShardError, StoreError
from etl_assets.export.services import Services
from etl_assets.export.shard import stage_shard
from etl_assets.export.sizes import last_sizes
from etl_assets.export.task import Progress, ShardTask
from etl_assets.private.dagster import RESUME_RETRY_TAG, EngineEventData
from etl_assets.source.drift import read_united_columns
from etl_assets.steps.host_watch import HostWatch
from etl_assets.steps.interrupts import hearing_interrupts, refuse_canceled
from etl_assets.steps.lanes import HOST_TAG, Lane, lanes_of
from etl_assets.steps.liveness import ending_with_the_run
from etl_assets.steps.names import ascii_name
from etl_assets.steps.notices import saying_who_is_waited_for
from etl_assets.steps.slots import Slots, connection_slots
from etl_assets.store.commit import CommittedShard, commit_shard, keep_shard
from etl_assets.store.complete import proven_manifest
from etl_assets.store.ongoing import Exporter, ongoing_export
from etl_assets.store.recipe import WindowRequest
from etl_assets.store.verify import verify_shard
from etl_assets.tables.topology import LogicalTable, Shard, twins_of
from etl_assets.tables.windows import Window

CHECK_NAME = "rows_match_source"
PROGRESS_EVENT = "etl_assets_progress"
PROGRESS_SECONDS = 10.0
ORDER_EVENT = "etl_assets_order"


def lane_assets(
    config: ExportConfig, table: LogicalTable, lane: Lane, plan_tag: Mapping[str, str]
) -> dg.AssetsDefinition:
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
            # Then re-execution from asset failure repeats the check together with the export.
            blocking=True,
        )
        for name, shard in outputs.items()
    }

    @dg.op(
        name=lane.name,
        out={
            # Not required: a failed shard of a lane has no output, its siblings have.
            **{
                name: dg.Out(CommittedShard, io_manager_key="csv", is_required=False)
                for name in outputs
            },
            **{name: dg.Out(dg.Nothing, is_required=False) for name in checks},
        },
        required_resource_keys={"database", "csv"},
        pool=lane.host,
        tags={HOST_TAG: lane.host, **plan_tag},
    )
    def export_lane(context: dg.OpExecutionContext) -> Iterator[Any]:
        selected = context.selected_output_names
        shards = {name: shard for name, shard in outputs.items() if name in selected}
        limit = config.hosts[lane.host].max_connections
        # A trial is not split.
        parts = 1 if context.resources.csv.limit is not None else table.settings.split
        # The pool counts steps, whatever they weigh; these slots count connections.
        with ending_with_the_run(), saying_who_is_waited_for(context):
            if shards:
                _refuse_other_shards(context, table)
                run = _exporter(context, config, table)
                with connection_slots(context, lane.host, limit, parts) as slots:
                    tasks = _tasks(context, config, table)
                    services = _services(context, table, slots)
                    yield from _export(context, tasks, services, run, table, shards)
            for name, shard in outputs.items():
                if name not in shards:
                    yield from _verified(context, shard)

    return dg.AssetsDefinition(
        node_def=export_lane,
        keys_by_output_name={name: shard_key(shard) for name, shard in outputs.items()},
        check_specs_by_output_name=checks,
        can_subset=True,
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


def _export(
    context: dg.OpExecutionContext,
    task_of: Callable[[Shard], ShardTask],
    services: Services,
    run: Exporter,
    table: LogicalTable,
    shards: dict[str, Shard],
) -> Iterator[Any]:
    """Export shard after shard; a failed one does not stop the others, but fails the step."""
    failures: list[str] = []
    host = HostWatch()
    twins = twins_of(table.shards)
    for name, shard in _largest_first(context, table, shards).items():
        began = time.monotonic()
        try:
            host.refuse(shard)
            if shard in twins:
                _refuse_one_file(context, shard, twins[shard])
            task = task_of(shard)
            done = _proven_before(context, table, task, run)
            done = done or _committed(context, task, services, run)
        except EtlAssetsError as error:
            # Without the traceback: the message says it all, and the step's failure follows.
            context.log.error(str(error))  # noqa: TRY400
            failures.append(str(error))
            if error.__cause__ is not None:
                host.note(began, error)
            yield from _checked(context, shard, passed=False, metadata={CAUSE: str(error)})
            continue
        except Exception as error:
            if len(shards) == 1:
                raise
            # Nobody foresaw it; the siblings go on all the same.
            cause = f"{shard}: {type(error).__name__}: {error}"
            context.log.exception(cause)
            failures.append(cause)
            yield from _checked(context, shard, passed=False, metadata={CAUSE: cause})
            continue
        host.note(began, None)
        if done.manifest.sample is not None:
            yield _sample(done, context.resources.csv)
            continue
        yield Output(done, output_name=name)
        rows = {"rows": done.manifest.rows, "source_rows": done.manifest.source_rows}
        yield from _checked(context, shard, passed=True, metadata=rows)
        if done.is_last:
            complete_after_shards(context, table, task.window)
    if failures:
        # What may heal by itself has been tried again already.
        raise Failure("\n".join(failures), allow_retries=False)


def _refuse_one_file(context: dg.OpExecutionContext, shard: Shard, twin: Shard) -> None:
    """Refuse a shard whose file would be another shard's too."""
    csv: CsvIOManager = context.resources.csv
    folder = csv.folder(shard.table, context.partition_key)
    if folder.is_one_file(shard.file_stem, twin.file_stem):
        raise ShardError(
            f"{shard}",
            expected="a file of its own",
            got=f"that of {twin} too: {folder.location('')} ignores letter case",
            next_step="export into a folder that tells them apart, or into two logical tables",
        )


def _largest_first(
    context: dg.OpExecutionContext, table: LogicalTable, shards: dict[str, Shard]
) -> dict[str, Shard]:
    """A lane's shards, by the size of their last files; its first event says so."""
    if len(shards) == 1:
        return shards
    csv: CsvIOManager = context.resources.csv
    sizes = last_sizes(csv.directory, table)
    ordered = sorted(shards.items(), key=lambda item: -sizes.get(item[1], 0))
    keys = [shard_key(shard).to_user_string() for _, shard in ordered]
    context.instance.report_engine_event(
        f"{len(keys)} shards, one by one, the largest of last time first",
        context.run,
        EngineEventData({ORDER_EVENT: dg.MetadataValue.json(keys)}),
        step_key=context.get_step_execution_context().step.key,
    )
    return dict(ordered)


def _refuse_other_shards(context: dg.OpExecutionContext, table: LogicalTable) -> None:
    """Refuse a folder of other shards before anything is read for it."""
    csv: CsvIOManager = context.resources.csv
    try:
        csv.refuse_other_shards(table, context.partition_key)
    except EtlAssetsError as error:
        raise Failure(str(error), allow_retries=False) from error


def _exporter(
    context: dg.OpExecutionContext, config: ExportConfig, table: LogicalTable
) -> Exporter:
    """What of the window this step's run is to export."""
    step, run = context.get_step_execution_context(), context.run
    keys = set(step.job_def.asset_layer.selected_asset_keys)
    # Dagster calls no selection None or an empty one.
    if run.asset_selection:
        keys &= run.asset_selection
    steps = run.step_keys_to_execute
    shards = {
        shard
        for lane in lanes_of(config, table)
        if steps is None or lane.name in steps
        for shard in lane.shards
        if shard_key(shard) in keys
    }
    asked_at = partial(_asked_at, context.instance)
    since = asked_at(context.run_id) or datetime.now(UTC)

    def follows(run_id: str) -> bool | None:
        other = asked_at(run_id) if run_id != context.run_id else None
        return other < since if other is not None else None

    completes_itself = table_key(table) in keys and (
        steps is None or ascii_name(table.name, "complete") in steps
    )
    window = window_of(table, context.partition_key)
    return Exporter(
        run_id=context.run_id,
        since=since,
        shards=None
        if len(shards) == len(table.shards)
        else tuple(sorted(shard.file_stem for shard in shards)),
        continues=run.tags.get(RESUME_RETRY_TAG) == "true",
        completes=None if completes_itself else WindowRequest.of(table, window),
        follows=follows,
    )


def _asked_at(instance: dg.DagsterInstance, run_id: str) -> datetime | None:
    """When a run was asked for, by the instance's one clock; None where it knows no such run."""
    record = instance.get_run_record_by_id(run_id)
    return record.create_timestamp if record is not None else None


def _proven_before(
    context: dg.OpExecutionContext, table: LogicalTable, task: ShardTask, run: Exporter
) -> CommittedShard | None:
    """A shard that needs no export: a run that this one resumes has proven it.

    Dagster's re-execution from failure repeats the whole step of a lane.
    """
    tags = context.run.tags
    if tags.get(RESUME_RETRY_TAG) != "true" or task.limit is not None:
        return None
    csv: CsvIOManager = context.resources.csv
    folder = csv.folder(task.shard.table, task.window.key)
    request = WindowRequest.of(table, task.window)
    manifest = proven_manifest(folder, request, task.shard, ongoing_export(folder))
    if manifest is None or manifest.run_id not in _ancestors(context):
        return None
    context.log.info("%s: kept, proven by the run that this one repeats", task.shard)
    return keep_shard(folder, manifest, run)


def _ancestors(context: dg.OpExecutionContext) -> set[str]:
    """The runs that this one repeats, the latest of them first."""
    found: set[str] = set()
    run: dg.DagsterRun | None = context.run
    while run is not None and run.parent_run_id is not None and run.parent_run_id not in found:
        found.add(run.parent_run_id)
        run = context.instance.get_run_by_id(run.parent_run_id)
    return found


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
    csv: CsvIOManager = context.resources.csv
    settings = table.settings
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
    )


def _services(context: dg.OpExecutionContext, table: LogicalTable, slots: Slots) -> Services:
    """What all exports of the step share."""
    database: DatabaseResource = context.resources.database
    # Read once for all shards of a lane, and not before the first is exported.
    united = cache(lambda: read_united_columns(database.engines, table))
    return Services(
        database.engines,
        united=united if table.settings.on_drift == "union" else None,
        spare=slots.spare,
        on_retry=context.log.warning,
        on_note=context.log.warning,
    )


def _committed(
    context: dg.OpExecutionContext, task: ShardTask, services: Services, run: Exporter
) -> CommittedShard:
    """Export a shard. Here and not in `handle_output`, where an error would end the whole lane."""
    csv: CsvIOManager = context.resources.csv
    folder = csv.folder(task.shard.table, task.window.key)
    log = _ProgressLog(context, task.shard)
    with hearing_interrupts() as check_interrupts:

        def on_progress(progress: Progress) -> None:
            check_interrupts()
            log(progress)

        staged = stage_shard(task, folder, replace(services, on_progress=on_progress))
    with staged:
        try:
            done = commit_shard(folder, staged, run)
        except StoreError as error:
            # It names a file; which shard that is has to be said too.
            raise ShardError(f"{task.shard}: {error}") from error
    tell_removed(context.get_step_execution_context(), done)
    return done


def _verified(context: dg.OpExecutionContext, shard: Shard) -> Iterator[AssetCheckResult]:
    """A check that is executed alone, without an export: the files are read against their proof."""
    if dg.AssetCheckKey(shard_key(shard), CHECK_NAME) not in context.selected_asset_check_keys:
        return
    csv: CsvIOManager = context.resources.csv
    partition = checked_partition(context, shard_key(shard))
    causes = list(verify_shard(csv.folder(shard.table, partition), partition, shard))
    metadata = {"partition": partition, **({CAUSE: "; ".join(causes)} if causes else {})}
    yield from _checked(context, shard, passed=not causes, metadata=metadata)


def _checked(
    context: dg.OpExecutionContext, shard: Shard, *, passed: bool, metadata: dict[str, Any]
) -> Iterator[AssetCheckResult]:
    """The result of a shard's check, where the run asked for it."""
    key = shard_key(shard)
    if dg.AssetCheckKey(key, CHECK_NAME) in context.selected_asset_check_keys:
        yield AssetCheckResult(
            passed=passed, check_name=CHECK_NAME, asset_key=key, metadata=metadata
        )


def _sample(done: CommittedShard, csv: CsvIOManager) -> AssetObservation:
    """A trial is observed, not materialized: the partition must not count as complete."""
    manifest = done.manifest
    return AssetObservation(
        shard_key(manifest.shard),
        partition=manifest.partition,
        description=f"A trial of at most {manifest.sample} rows.",
        metadata={**csv.shard_metadata(done), "sample": manifest.sample},
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
