"""Shard assets: a lane of shard tables as one step; one shard table is a lane of one."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Any

import dagster as dg
from dagster import AssetCheckResult, AssetObservation, Failure, Output

from etl_assets.config import ExportConfig
from etl_assets.defs.asset_keys import shard_key, source_key
from etl_assets.defs.checks import CAUSE, checked_partition
from etl_assets.defs.completing import complete_after_shards
from etl_assets.defs.io_managers import CsvIOManager, notice_removed
from etl_assets.defs.partitions import (
    first_window,
    partitions_of,
    refuse_old_snapshot,
    window_of,
)
from etl_assets.defs.progress_events import ProgressLog, say_order
from etl_assets.defs.resources import DatabaseResource
from etl_assets.defs.run_facts import ancestors, export_run_of
from etl_assets.errors import EtlAssetsError, ShardError, StoreError
from etl_assets.export.services import Services
from etl_assets.export.shard import stage_shard
from etl_assets.export.sizes import last_sizes
from etl_assets.export.task import Progress, ShardTask
from etl_assets.private.dagster import RESUME_RETRY_TAG
from etl_assets.source.drift import read_united_columns
from etl_assets.steps.host_watch import HostWatch
from etl_assets.steps.interrupts import hearing_interrupts, refuse_canceled
from etl_assets.steps.lanes import HOST_TAG, Lane
from etl_assets.steps.liveness import ending_with_the_run
from etl_assets.steps.notices import saying_who_is_waited_for
from etl_assets.steps.slots import Slots, connection_slots
from etl_assets.store.commit import CommittedShard, commit_shard, keep_shard
from etl_assets.store.complete import kept_manifest
from etl_assets.store.ongoing import ExportRun, ongoing_export
from etl_assets.store.recipe import WindowRequest
from etl_assets.store.verify import verify_shard
from etl_assets.tables.topology import LogicalTable, Shard, twins_of
from etl_assets.tables.windows import Window

CHECK_NAME = "rows_match_source"


def lane_assets(
    config: ExportConfig, table: LogicalTable, lane: Lane, plan_tag: Mapping[str, str]
) -> dg.AssetsDefinition:
    """The assets of a lane, with their source tables upstream and a count check each.

    Built by hand rather than with @multi_asset, which refuses keys that table names may need.
    """
    outputs = lane.outputs
    checks = {f"{name}__check": _check_spec(shard) for name, shard in outputs.items()}

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
                run = export_run_of(context, config, table)
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
        specs=_specs(config, table, lane),
    )


def _check_spec(shard: Shard) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        CHECK_NAME,
        asset=shard_key(shard),
        description="The file holds as many rows as the server counted in the same snapshot.",
        # Then re-execution from asset failure repeats the check together with the export.
        blocking=True,
    )


def _specs(config: ExportConfig, table: LogicalTable, lane: Lane) -> list[dg.AssetSpec]:
    partitions = partitions_of(table)
    backend = config.hosts[lane.host].backend
    return [
        dg.AssetSpec(
            shard_key(shard),
            deps=[source_key(shard, backend)],
            group_name=table.name,
            description=f"`{shard.database}`.`{shard.shard_table}` on {shard.host} as CSV.",
            partitions_def=partitions,
            kinds={backend, "csv"},
        )
        for shard in lane.shards
    ]


def _export(
    context: dg.OpExecutionContext,
    task_of: Callable[[Shard], ShardTask],
    services: Services,
    run: ExportRun,
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
    """A lane's shards, by the size of their last files."""
    if len(shards) == 1:
        return shards
    csv: CsvIOManager = context.resources.csv
    sizes = last_sizes(csv.directory, table)
    ordered = dict(sorted(shards.items(), key=lambda item: -sizes.get(item[1], 0)))
    say_order(context, list(ordered.values()))
    return ordered


def _refuse_other_shards(context: dg.OpExecutionContext, table: LogicalTable) -> None:
    """Refuse a folder of other shards before anything is read for it."""
    csv: CsvIOManager = context.resources.csv
    try:
        csv.refuse_other_shards(table, context.partition_key)
    except EtlAssetsError as error:
        raise Failure(str(error), allow_retries=False) from error


def _proven_before(
    context: dg.OpExecutionContext, table: LogicalTable, task: ShardTask, run: ExportRun
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
    manifest = kept_manifest(folder, request, task.shard, ongoing_export(folder))
    if manifest is None or manifest.run_id not in ancestors(context):
        return None
    context.log.info("%s: kept, proven by the run that this one repeats", task.shard)
    return keep_shard(folder, manifest, run)


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
    context: dg.OpExecutionContext, task: ShardTask, services: Services, run: ExportRun
) -> CommittedShard:
    """Export a shard. Here and not in `handle_output`, where an error would end the whole lane."""
    csv: CsvIOManager = context.resources.csv
    folder = csv.folder(task.shard.table, task.window.key)
    log = ProgressLog(context, task.shard)
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
    notice_removed(context.get_step_execution_context(), done)
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
