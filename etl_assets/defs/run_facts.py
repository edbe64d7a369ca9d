"""What a step knows of its run: which shards it is to export, since when, and whom it repeats."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

import dagster as dg

from etl_assets.config import ExportConfig
from etl_assets.defs.asset_keys import table_key
from etl_assets.defs.asset_specs import shard_of, table_of
from etl_assets.defs.partitions import window_of
from etl_assets.private.dagster import RESUME_RETRY_TAG
from etl_assets.steps.lanes import lanes_of
from etl_assets.steps.step_names import ascii_name
from etl_assets.store.ongoing import ExportRun
from etl_assets.store.recipe import WindowRequest
from etl_assets.tables.topology import LogicalTable


def export_run_of(
    context: dg.OpExecutionContext, config: ExportConfig, table: LogicalTable
) -> ExportRun:
    """What of the window this step's run is to export."""
    step, run = context.get_step_execution_context(), context.run
    layer = step.job_def.asset_layer
    keys = set(layer.selected_asset_keys)
    # Dagster calls no selection None or an empty one.
    if run.asset_selection:
        keys &= run.asset_selection
    steps = run.step_keys_to_execute
    selected = [layer.get(key).metadata for key in keys]
    shards = set(table.shards) & {shard_of(metadata) for metadata in selected}
    if steps is not None:
        lanes = [lane for lane in lanes_of(config, table) if lane.name in steps]
        shards &= {shard for lane in lanes for shard in lane.shards}
    # Of the runs that made the last files, and they are few.
    asked_at = cache(partial(_asked_at, context.instance))
    since = asked_at(context.run_id) or datetime.now(UTC)

    def follows(run_id: str) -> bool | None:
        other = asked_at(run_id) if run_id != context.run_id else None
        return other < since if other is not None else None

    completes_itself = table.name in map(table_of, selected) and (
        steps is None or ascii_name(table.name, "complete") in steps
    )
    window = window_of(table, context.partition_key)
    return ExportRun(
        run_id=context.run_id,
        since=since,
        shards=None
        if len(shards) == len(table.shards)
        else tuple(sorted(shard.file_stem for shard in shards)),
        continues=run.tags.get(RESUME_RETRY_TAG) == "true",
        completes=None if completes_itself else WindowRequest.of(table, window),
        follows=follows,
    )


def key_of_table(context: dg.OpExecutionContext, table: LogicalTable) -> dg.AssetKey:
    """The asset key of a logical table, which need not be in the run."""
    return key_in(context.job_def.asset_layer.asset_graph, table)


def key_in(graph: Any, table: LogicalTable) -> dg.AssetKey:
    """The asset key of a logical table in the asset graph of a job or of a code location."""
    # That of a job knows the one of all assets.
    for node in getattr(graph, "source_asset_graph", graph).asset_nodes:
        if table_of(node.metadata) == table.name:
            key: dg.AssetKey = node.key
            return key
    return table_key(table)


def is_trial(run_config: Mapping[str, Any]) -> bool:
    """Whether a run was to export some rows only: its IO manager has a limit."""
    return any(
        (resource or {}).get("config", {}).get("limit") is not None
        for name, resource in run_config.get("resources", {}).items()
        # As `ResourceKeys` calls it.
        if re.fullmatch("csv|etl_assets_csv_[0-9a-f]{8}", name)
    )


def _asked_at(instance: dg.DagsterInstance, run_id: str) -> datetime | None:
    """When a run was asked for, by the instance's one clock; None where it knows no such run."""
    record = instance.get_run_record_by_id(run_id)
    return record.create_timestamp if record is not None else None


def ancestors(context: dg.OpExecutionContext) -> set[str]:
    """The run that this one repeats, the one which that repeats, and so on."""
    found: set[str] = set()
    run: dg.DagsterRun | None = context.run
    while run is not None and run.parent_run_id is not None and run.parent_run_id not in found:
        found.add(run.parent_run_id)
        run = context.instance.get_run_by_id(run.parent_run_id)
    return found
