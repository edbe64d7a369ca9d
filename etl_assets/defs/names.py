"""What things are called in Dagster: asset keys for any name, ASCII names for ops and outputs."""

import hashlib
import re

import dagster as dg

from etl_assets.topology import LogicalTable, Shard, key_part

_LONGEST_NAME = 100


def shard_key(shard: Shard) -> dg.AssetKey:
    """The asset key of a shard."""
    return dg.AssetKey([shard.table, shard.host, *map(key_part, _where(shard))])


def table_key(table: LogicalTable) -> dg.AssetKey:
    """The asset key of a logical table."""
    return dg.AssetKey([table.name])


def source_key(shard: Shard, backend: str) -> dg.AssetKey:
    """The asset key of the table on the server that a shard is read from."""
    return dg.AssetKey([backend, shard.host, *map(key_part, _where(shard))])


def ascii_name(*parts: str) -> str:
    """A name of ASCII letters, digits and underscores that is unique to the parts.

    Plain names stay readable; where something had to be replaced (so that `a-b` and `a_b` would
    fall together) or cut, a hash of the parts follows.
    """
    plain = "__".join(re.sub(r"[^A-Za-z0-9_]", "_", part) for part in parts)
    exact = all(re.fullmatch(r"[A-Za-z0-9]+(_[A-Za-z0-9]+)*", part) for part in parts)
    if exact and len(plain) <= _LONGEST_NAME:
        return plain
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
    return f"{plain[:_LONGEST_NAME]}__{digest}"


def shard_name(shard: Shard) -> str:
    """The name of a shard's op and output."""
    return ascii_name(shard.table, shard.host, *_where(shard))


def job_name(table: LogicalTable) -> str:
    """The name of the job that exports a logical table."""
    return f"export_{table.name}"


def _where(shard: Shard) -> tuple[str, str]:
    return shard.database, shard.shard_table
