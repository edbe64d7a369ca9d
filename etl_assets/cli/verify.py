"""`etl-assets verify`: files against manifests, without Dagster and without a database."""

import sys
from collections.abc import Sequence
from pathlib import Path

from etl_assets.cli.selection import chosen_tables
from etl_assets.config import load_config
from etl_assets.store.files import open_folder
from etl_assets.store.manifest import TABLE_MANIFEST, TableManifest, folder_parts
from etl_assets.store.verify import verify_window
from etl_assets.topology import LogicalTable, load_topology


def run_verify(config_path: Path | None, names: Sequence[str], keys: Sequence[str]) -> int:
    """Verify windows; gives 1 where there are findings, each on stderr."""
    config = load_config(config_path, connects=False)
    tables = chosen_tables(load_topology(config), names)
    found = 0
    for key in keys:
        windows = [
            (table, open_folder(config.directory, *folder_parts(table.name, key)))
            for table in tables
        ]
        there = [(table, folder) for table, folder in windows if names or folder.names()]
        if not there:
            found += 1
            print(f"{key}: nothing was exported into {config.directory}", file=sys.stderr)
        for table, folder in there:
            findings = list(verify_window(folder, key, table.shards))
            for finding in findings:
                print(finding, file=sys.stderr)
            found += len(findings)
            manifest = TableManifest.read(folder, TABLE_MANIFEST)
            if manifest is not None and not findings:
                print(_proven(table, key, manifest))
    if found:
        print(f"{found} findings", file=sys.stderr)
    return 1 if found else 0


def _proven(table: LogicalTable, key: str, manifest: TableManifest) -> str:
    return (
        f"{table.name} {key}: {len(table.shards)} shards, {manifest.rows:,} rows, "
        f"{manifest.bytes:,} bytes, all as their manifests say"
    )
