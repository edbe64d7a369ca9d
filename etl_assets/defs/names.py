"""What things are called in Dagster: asset keys for any name, ASCII names for ops and outputs."""

import hashlib
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

import dagster as dg

from etl_assets.topology import LogicalTable, Shard, key_part, name_of_part

_LONGEST_NAME = 100

Named = TypeVar("Named", bound=Hashable)


def shard_key(shard: Shard) -> dg.AssetKey:
    """The asset key of a shard."""
    return dg.AssetKey([shard.table, shard.host, *map(key_part, _where(shard))])


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
    return dg.AssetKey([backend, shard.host, *map(key_part, _where(shard))])


def ascii_name(*parts: str) -> str:
    """A name of ASCII letters, digits and underscores for an op or an output.

    Any other character becomes an underscore, so names may fall together: see `_unique_names`.
    """
    return "__".join(re.sub(r"[^A-Za-z0-9_]", "_", part) for part in parts)


def shard_names(table: LogicalTable) -> dict[Shard, str]:
    """The unique names of the shards' ops and outputs, in the table's order."""
    return _unique_names({shard: _parts(shard) for shard in table.shards})


def lane_names(table: LogicalTable, lanes: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """The unique names of lanes, each of a host and with a number."""
    return _unique_names({(h, n): (table.name, h, f"lane_{n}") for h, n in lanes})


def _unique_names(parts_of: Mapping[Named, tuple[str, ...]]) -> dict[Named, str]:
    """A name for each of several things of one logical table.

    A plain name stays readable. Where it would not be unique (`a-b` beside `a_b`), could be read
    in two ways (`a_` and `b`, or `a` and `_b`), or is long, a hash of the exact names follows.
    """
    plain = {thing: ascii_name(*parts) for thing, parts in parts_of.items()}
    used = Counter(plain.values())
    return {
        thing: name
        if used[name] == 1 and len(name) <= _LONGEST_NAME and _is_plain(parts_of[thing])
        else f"{name[:_LONGEST_NAME]}__{_digest(parts_of[thing])}"
        for thing, name in plain.items()
    }


def _is_plain(parts: Iterable[str]) -> bool:
    """Whether joined parts can be told apart again."""
    names = [ascii_name(part) for part in parts]
    return not any("__" in name or name.strip("_") != name for name in names)


def job_name(table: LogicalTable) -> str:
    """The name of the job that exports a logical table."""
    return f"export_{table.name}"


def _where(shard: Shard) -> tuple[str, str]:
    return shard.database, shard.shard_table


def _parts(shard: Shard) -> tuple[str, str, str, str]:
    return shard.table, shard.host, *_where(shard)


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
