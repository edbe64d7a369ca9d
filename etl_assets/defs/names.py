"""What things are called in Dagster: asset keys for any name, ASCII names for ops and outputs."""

import hashlib
import re
from collections import Counter

import dagster as dg

from etl_assets.topology import LogicalTable, Shard, key_part

_LONGEST_NAME = 100
_SEPARATORS = 3


def shard_key(shard: Shard) -> dg.AssetKey:
    """The asset key of a shard."""
    return dg.AssetKey([shard.table, shard.host, *map(key_part, _where(shard))])


def possible_shards(key: dg.AssetKey) -> list[Shard]:
    """The shards that an asset key can stand for: a `%2F` in it may be a slash or itself."""
    if len(key.path) != len(Shard.__dataclass_fields__):
        return []
    exact, decoded = Shard(*key.path), Shard(*(part.replace("%2F", "/") for part in key.path))
    return list(dict.fromkeys([decoded, exact]))


def table_key(table: LogicalTable) -> dg.AssetKey:
    """The asset key of a logical table."""
    return dg.AssetKey([table.name])


def source_key(shard: Shard, backend: str) -> dg.AssetKey:
    """The asset key of the table on the server that a shard is read from."""
    return dg.AssetKey([backend, shard.host, *map(key_part, _where(shard))])


def ascii_name(*parts: str) -> str:
    """A name of ASCII letters, digits and underscores for an op or an output.

    Any other character becomes an underscore, so names may fall together: see `shard_names`.
    """
    return "__".join(re.sub(r"[^A-Za-z0-9_]", "_", part) for part in parts)


def shard_names(table: LogicalTable) -> dict[Shard, str]:
    """The unique names of the shards' ops and outputs, in the table's order.

    A plain name stays readable. Where it would not be unique (`a-b` beside `a_b`), could be read
    in two ways, or is long, a hash of the exact names follows.
    """
    plain = {shard: ascii_name(*_parts(shard)) for shard in table.shards}
    used = Counter(plain.values())
    return {
        shard: name
        if used[name] == 1 and len(name) <= _LONGEST_NAME and name.count("__") == _SEPARATORS
        else f"{name[:_LONGEST_NAME]}__{_digest(shard)}"
        for shard, name in plain.items()
    }


def job_name(table: LogicalTable) -> str:
    """The name of the job that exports a logical table."""
    return f"export_{table.name}"


def _where(shard: Shard) -> tuple[str, str]:
    return shard.database, shard.shard_table


def _parts(shard: Shard) -> tuple[str, str, str, str]:
    return shard.table, shard.host, *_where(shard)


def _digest(shard: Shard) -> str:
    return hashlib.sha256("\0".join(_parts(shard)).encode()).hexdigest()[:12]
