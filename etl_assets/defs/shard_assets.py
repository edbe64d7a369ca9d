"""Shard assets: a lane of shard tables as one step; one shard table is a lane of one."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from etl_assets.config import ExportConfig
from etl_assets.defs.asset_specs import AssetSpecs
from etl_assets.defs.checks import window_check
from etl_assets.defs.resources import ResourceKeys
from etl_assets.defs.shard_step import CHECK_NAME, ShardStep, check_output
from etl_assets.steps.lanes import HOST_TAG, Lane
from etl_assets.store.commit import CommittedShard
from etl_assets.tables.topology import LogicalTable


def lane_assets(
    config: ExportConfig,
    table: LogicalTable,
    lane: Lane,
    specs: AssetSpecs,
    keys: ResourceKeys,
    plan_tag: Mapping[str, str],
) -> dg.AssetsDefinition:
    """The assets of a lane, with their source tables upstream and a count check each.

    Built by hand rather than with @multi_asset, which refuses keys that table names may need.
    """
    outputs = {name: specs.shards[shard] for name, shard in lane.outputs.items()}
    checks = {check_output(name): _check_spec(spec) for name, spec in outputs.items()}

    @dg.op(
        name=lane.name,
        out={
            # Not required: a failed shard of a lane has no output, its siblings have.
            **{
                name: dg.Out(CommittedShard, io_manager_key=keys.csv, is_required=False)
                for name in outputs
            },
            **{name: dg.Out(dg.Nothing, is_required=False) for name in checks},
        },
        required_resource_keys={keys.database, keys.csv},
        pool=lane.host,
        tags={HOST_TAG: lane.host, **plan_tag},
    )
    def export_lane(context: dg.OpExecutionContext) -> Iterator[Any]:
        yield from ShardStep.of(context, config, table, lane, keys).execute()

    return dg.AssetsDefinition(
        node_def=export_lane,
        keys_by_output_name={name: spec.key for name, spec in outputs.items()},
        check_specs_by_output_name=checks,
        can_subset=True,
        specs=list(outputs.values()),
    )


def _check_spec(shard: dg.AssetSpec) -> dg.AssetCheckSpec:
    return window_check(
        CHECK_NAME,
        shard,
        "The file holds as many rows as the server counted in the same snapshot.",
        # Then re-execution from asset failure repeats the check together with the export.
        blocking=True,
    )
