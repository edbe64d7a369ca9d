"""`etl-assets verify`: files against manifests, without Dagster and without a database."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from etl_assets.cli.selection import chosen_tables
from etl_assets.config import load_config
from etl_assets.errors import UsageError
from etl_assets.store.manifest import TABLE_MANIFEST, TableManifest, folder_parts
from etl_assets.store.open_folder import open_folder
from etl_assets.store.recipe import WindowRequest
from etl_assets.store.verify import verify_window
from etl_assets.tables.partition_keys import refuse_impossible_key
from etl_assets.tables.topology import LogicalTable, load_topology
from etl_assets.tables.windows import Window


def run_verify(config_path: Path | None, names: Sequence[str], keys: Sequence[str]) -> int:
    """Verify windows; gives 1 where there are findings, each on stderr.

    Raises:
        UsageError: a key that no table has, or that one of those that were named lacks.
    """
    config = load_config(config_path, connects=False)
    tables = chosen_tables(load_topology(config), names)
    having = {key: _having(tables, key, named=bool(names)) for key in keys}
    found = 0
    for key, chosen in having.items():
        for table in chosen:
            folder = open_folder(config.directory, *folder_parts(table.name, key))
            findings = list(verify_window(folder, WindowRequest.of(table, _window(table, key))))
            for finding in findings:
                print(finding, file=sys.stderr)
            found += len(findings)
            # Beside findings it may be anything, even what cannot be read.
            manifest = None if findings else TableManifest.read(folder, TABLE_MANIFEST)
            if manifest is not None:
                print(_proven(table, key, manifest))
    if found:
        print(f"{found} finding{'s' * (found > 1)}", file=sys.stderr)
    return 1 if found else 0


def _having(tables: Sequence[LogicalTable], key: str, *, named: bool) -> list[LogicalTable]:
    """The tables whose cadence can have a key."""
    having: list[LogicalTable] = []
    refusal: UsageError | None = None
    for table in tables:
        try:
            refuse_impossible_key(table, key)
        except UsageError as error:
            if named:
                raise
            refusal = refusal or error
        else:
            having.append(table)
    if refusal is not None and not having:
        raise refusal
    return having


def _window(table: LogicalTable, key: str) -> Window:
    """The window of a possible key, to the hour: where clocks shift at its edge, Dagster knows."""
    partition = table.settings.partition
    zone = ZoneInfo(partition.timezone)
    day = datetime.fromisoformat(key[:10])
    match partition.every:
        case "hour":
            # The second one of an hour that clocks show twice bears its offset.
            offset = len(key) > len("2026-11-02-13:00")
            time_of_day = time.fromisoformat(key[11:16])
            hour = datetime.combine(day, time_of_day, zone).replace(fold=int(offset))
            start = hour.astimezone(UTC)
            return Window(key, start, start + timedelta(hours=1), partition.timezone)
        case "day":
            following = day + timedelta(days=1)
        case "week":
            following = day + timedelta(days=7)
        case "month":
            following = (day + timedelta(days=31)).replace(day=1)
    return Window(key, day.replace(tzinfo=zone), following.replace(tzinfo=zone), partition.timezone)


def _proven(table: LogicalTable, key: str, manifest: TableManifest) -> str:
    return (
        f"{table.name} {key}: {len(table.shards)} shards, {manifest.rows:,} rows, "
        f"{manifest.bytes:,} bytes, all as their manifests say"
    )
