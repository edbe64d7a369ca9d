"""What steps and their outputs are called: unique names in ASCII, whatever tables are called."""

import hashlib
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

from etl_assets.tables.topology import LogicalTable, Shard

_LONGEST_NAME = 100

Named = TypeVar("Named", bound=Hashable)


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


def _parts(shard: Shard) -> tuple[str, str, str, str]:
    return shard.table, shard.host, shard.database, shard.shard_table


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
