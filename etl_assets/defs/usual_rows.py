"""The check `rows_as_usual` of a logical table: a window's rows against those of earlier windows.

What there was earlier is read from `_manifest.json` of a few windows: it needs no history of
Dagster's, and a window that was exported anew counts once.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from etl_assets.config import UsualRowsConfig
from etl_assets.defs.causes import CAUSE
from etl_assets.defs.checks import window_check
from etl_assets.defs.partitions import completed_between, window_of
from etl_assets.defs.readable import counted
from etl_assets.errors import StoreError
from etl_assets.store.manifest import TABLE_MANIFEST, TableManifest
from etl_assets.store.open_folder import open_folder
from etl_assets.tables.partition_keys import hour_key, start_of
from etl_assets.tables.topology import LogicalTable, safe_name
from etl_assets.tables.windows import Window

USUAL_CHECK = "rows_as_usual"

_LEAST = 2
_DAYS = {"hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 31.0}


def usual_spec(asset: dg.AssetSpec, usual: UsualRowsConfig) -> dg.AssetCheckSpec:
    """The check of every window."""
    return window_check(
        USUAL_CHECK,
        asset,
        f"The window has as many rows as the {usual.weeks} before it that are like it, within "
        f"{usual.tolerance:.0%} of their median.",
    )


def usual_rows(
    table: LogicalTable, key: dg.AssetKey, directory: str, manifest: TableManifest
) -> dg.AssetCheckResult:
    """What the check says of a window that is complete; it passes where there is no history."""
    usual = table.settings.rows_as_usual
    assert usual is not None
    window = window_of(table, manifest.partition)
    before = _rows_before(table, _like(table, window, usual.weeks), directory, manifest)
    said = counted(manifest.rows, "row")
    if len(before) < _LEAST:
        return _result(key, f"{said}; no history yet: {counted(len(before), 'earlier window')}.")
    middle = median(before.values())
    low, high = min(before.values()), max(before.values())
    span = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    said = f"{said}; {len(before)} {_kind(table, window)} before: {span}"
    away = abs(manifest.rows - middle)
    passed = away <= usual.tolerance * middle
    metadata: dict[str, Any] = {
        "rows": manifest.rows,
        "median": middle,
        "earlier": dg.MetadataValue.json(dict(before)),
    }
    if not passed:
        metadata[CAUSE] = f"{table.name} {manifest.partition}: {said}"
    return _result(key, f"{said}.", passed=passed, metadata=metadata)


def _result(
    key: dg.AssetKey,
    said: str,
    *,
    passed: bool = True,
    metadata: Mapping[str, Any] | None = None,
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=passed,
        check_name=USUAL_CHECK,
        asset_key=key,
        severity=dg.AssetCheckSeverity.WARN,
        description=said,
        metadata=dict(metadata or {}),
    )


def _like(table: LogicalTable, window: Window, count: int) -> list[str]:
    """The keys of the windows that a window is compared with, the newest last.

    They are those of the same weekday, and hour, of the weeks before; of snapshots, weeks and
    months the last ones.
    """
    partition = table.settings.partition
    if _is_of_weekdays(table):
        zone = ZoneInfo(partition.timezone)
        start = window.start.astimezone(zone).replace(tzinfo=None)
        keys = []
        for week in range(count, 0, -1):
            # By what the clock on the wall says.
            begins = (start - timedelta(weeks=week)).replace(tzinfo=zone)
            hour = partition.every == "hour"
            keys.append(hour_key(partition, begins.astimezone(UTC)) if hour else f"{begins:%F}")
        return [key for key in keys if start_of(partition, key) is not None]
    since = window.start - timedelta(days=(count + 1) * _DAYS[partition.every])
    return completed_between(table, since, window.start)[-count:]


def _is_of_weekdays(table: LogicalTable) -> bool:
    return not table.settings.is_snapshot and table.settings.partition.every in ("hour", "day")


def _kind(table: LogicalTable, window: Window) -> str:
    """What the windows are that it is compared with, such as Mondays."""
    every = table.settings.partition.every
    if not _is_of_weekdays(table):
        return f"{every}s"
    start = window.start.astimezone(ZoneInfo(table.settings.partition.timezone))
    return f"{start:%A}s" if every == "day" else f"{start:%A}s at {start:%H:%M}"


def _rows_before(
    table: LogicalTable, keys: list[str], directory: str, manifest: TableManifest
) -> Mapping[str, int]:
    """The rows of those windows that are complete, by their keys.

    Another query, such as another `where`, gives other numbers of rows: they are no history.
    """
    folder = open_folder(directory, table.name)

    def read(key: str) -> TableManifest | None:
        with suppress(StoreError):
            return TableManifest.found(folder, f"{safe_name(key)}/{TABLE_MANIFEST}")
        return None

    query = manifest.shards[0].query
    found = zip(keys, folder.ask_all(read, keys), strict=True)
    return {
        key: earlier.rows
        for key, earlier in found
        if earlier is not None and earlier.shards and earlier.shards[0].query == query
    }
