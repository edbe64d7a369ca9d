"""Which windows of the past are not complete, by one listing of the table's folder.

There is a look for `_manifest.json` in those of the newest windows; what a window holds is
`verify`'s matter.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from etl_assets.config import ExportConfig
from etl_assets.defs.partitions import completed_between, first_window, newest_complete
from etl_assets.store.manifest import TABLE_MANIFEST
from etl_assets.store.open_folder import open_folder
from etl_assets.tables.topology import LogicalTable, safe_name

_LONGEST = {"hour": 1 / 24, "day": 1.1, "week": 7.1, "month": 31.1}
"""Days."""


def past_windows(table: LogicalTable, now: datetime, most: int) -> list[str]:
    """The windows that could be complete, the newest last.

    Of a snapshot table it is the newest one, as it has no past.
    """
    if table.settings.is_snapshot:
        newest = newest_complete(table, now)
        return [newest] if newest is not None else []
    days = timedelta(days=most * _LONGEST[table.settings.partition.every])
    begin = max(first_window(table).start, now - days, key=datetime.timestamp)
    return completed_between(table, begin, now)[-most:]


def incomplete_windows(config: ExportConfig, table: LogicalTable, keys: Sequence[str]) -> list[str]:
    """Those of some windows that have no `_manifest.json`.

    Raises:
        StoreError: the output folder cannot be read.
    """
    folder = open_folder(config.directory, table.name)
    there = set(folder.names())
    begun = [key for key in keys if safe_name(key) in there]
    sizes = folder.ask_all(lambda key: folder.size(f"{safe_name(key)}/{TABLE_MANIFEST}"), begun)
    complete = {key for key, size in zip(begun, sizes, strict=True) if size is not None}
    return [key for key in keys if key not in complete]
