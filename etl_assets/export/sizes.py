"""How large shards are, as far as that is known before they are read: the big ones go first."""

from collections.abc import Iterable, Mapping

from etl_assets.errors import StoreError
from etl_assets.source.engines import Engines
from etl_assets.source.schema import table_bytes
from etl_assets.store.manifest import SAMPLE_SUFFIX, TABLE_MANIFEST
from etl_assets.store.open_folder import open_folder
from etl_assets.tables.topology import LogicalTable, Shard

Sizes = Mapping[Shard, int]
"""Bytes; of files or of tables on the server, which are comparable enough."""

_WINDOWS = 3
"""So many windows are looked at; newer ones may be incomplete."""


def last_sizes(directory: str, table: LogicalTable) -> dict[Shard, int]:
    """The bytes of the files of the newest complete window; nothing where there is none."""
    try:
        # Keys of one cadence sort by time.
        keys = [k for k in open_folder(directory, table.name).names() if SAMPLE_SUFFIX not in k]
        for key in sorted(keys, reverse=True)[:_WINDOWS]:
            manifest = open_folder(directory, table.name, key).read_json(TABLE_MANIFEST)
            if isinstance(manifest, dict) and isinstance(manifest.get("shards"), list):
                # Not validated: thousands of shards would take longer than their order is worth.
                found = [s for s in manifest["shards"] if isinstance(s, dict)]
                sizes = {(s.get("host"), s.get("database"), s.get("shard_table")): s for s in found}
                return {
                    shard: int(record.get("bytes") or 0)
                    for shard in table.shards
                    if (record := sizes.get((shard.host, shard.database, shard.shard_table)))
                }
    except (StoreError, OSError, ValueError, TypeError):
        # The export itself will say what is wrong there.
        return {}
    return {}


def server_sizes(engines: Engines, host: str, shards: Iterable[Shard]) -> dict[Shard, int]:
    """What a server's statistics say of its shards.

    Raises:
        sqlalchemy.exc.DBAPIError: as the server says it.
    """
    wanted = list(shards)
    found = table_bytes(engines, host, {shard.database for shard in wanted})
    return {shard: found.get((shard.database, shard.shard_table), 0) for shard in wanted}
