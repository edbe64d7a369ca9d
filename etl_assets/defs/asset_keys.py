"""The asset keys of the product, and the names of its jobs."""

import dagster as dg

from etl_assets.tables.topology import LogicalTable, Shard, key_part, name_of_part


def shard_key(shard: Shard) -> dg.AssetKey:
    """The asset key of a shard."""
    return dg.AssetKey([shard.table, shard.host, *_where(shard)])


def shard_of(key: dg.AssetKey) -> Shard | None:
    """The shard that an asset key stands for; None for a key of anything else."""
    if len(key.path) != len(Shard.__dataclass_fields__):
        return None
    table, host, *where = key.path
    return Shard(table, host, *map(name_of_part, where))


def table_key(table: LogicalTable) -> dg.AssetKey:
    """The asset key of a logical table."""
    return dg.AssetKey([table.name])


def source_key(shard: Shard, backend: str) -> dg.AssetKey:
    """The asset key of the table on the server that a shard is read from."""
    return dg.AssetKey([backend, shard.host, *_where(shard)])


def job_name(table: LogicalTable) -> str:
    """The name of the job that exports a logical table."""
    return f"export_{table.name}"


def _where(shard: Shard) -> list[str]:
    return [key_part(shard.database), key_part(shard.shard_table)]
