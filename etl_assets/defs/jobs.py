"""One job per logical table: all its shards and itself, for one window a run."""

from typing import Any

import dagster as dg

from etl_assets.defs.asset_keys import job_name, shard_key, table_key
from etl_assets.tables.topology import LogicalTable


def export_job(table: LogicalTable) -> Any:
    """The job of the schedule and of the command line; its type has no public name."""
    return dg.define_asset_job(
        job_name(table),
        selection=dg.AssetSelection.assets(
            *(shard_key(shard) for shard in table.shards), table_key(table)
        ),
        description=f"Exports a window of {table.name}: {len(table.shards)} shards in parallel.",
    )
