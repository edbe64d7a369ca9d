"""The tables on the servers as external assets: where the lineage begins."""

from collections.abc import Sequence

import dagster as dg

from etl_assets.config import ExportConfig
from etl_assets.defs.asset_keys import source_key
from etl_assets.tables.topology import LogicalTable


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
