"""The asset keys of the product as they are without a translation, and the names of its jobs.

What runs asks the specs of its assets for their keys, as a project may have changed them.
"""

import dagster as dg

from etl_assets.tables.topology import LogicalTable, Shard, key_part


def shard_key(shard: Shard) -> dg.AssetKey:
    """The asset key of a shard."""
    return dg.AssetKey([shard.table, shard.host, _table_on_host(shard)])


def table_key(table: LogicalTable) -> dg.AssetKey:
    """The asset key of a logical table."""
    return dg.AssetKey([table.name])


def source_key(shard: Shard, backend: str) -> dg.AssetKey:
    """The asset key of the table on the server that a shard is read from."""
    return dg.AssetKey([backend, shard.host, _table_on_host(shard)])


def job_name(table: LogicalTable) -> str:
    """The name of the job that exports a logical table."""
    return f"export_{table.name}"


def _table_on_host(shard: Shard) -> str:
    """Database and table in one part: a node of the UI's graph shows the last part alone."""
    return f"{key_part(shard.database)}.{key_part(shard.shard_table)}"
