"""`etl-assets demo`: seed the embedded shop and export it through the real executor."""

import shlex
from datetime import UTC, datetime
from pathlib import Path

from etl_assets.cli.command_lines import program
from etl_assets.cli.export import run_export
from etl_assets.cli.export_request import ExportOptions
from etl_assets.cli.supervisor import Interrupts
from etl_assets.config import CONFIG_NAME, load_config
from etl_assets.defs.partitions import newest_complete
from etl_assets.demo import DEMO_PARTITION, seed, write_config
from etl_assets.tables.topology import load_topology


def run_demo(directory: Path) -> int:
    """Seed and export; prints what was written and how to open the UI."""
    folder = directory.absolute()
    path = write_config(folder)
    seed(folder)
    users = next(t for t in load_topology(load_config(path)) if t.settings.is_snapshot)
    newest = newest_complete(users, datetime.now(UTC))
    # One for both: what comes between the two exports counts as well.
    interrupts = Interrupts()
    code = run_export(ExportOptions(("orders",), (DEMO_PARTITION,), path), interrupts)
    if code == 0 and newest is not None:
        code = run_export(ExportOptions(("users",), (newest,), path), interrupts)
    if code == 0:
        for file in sorted((folder / "exports").rglob("*.csv")):
            print(f"  {file.relative_to(folder)}  {file.stat().st_size:,} bytes")
        option = (
            "" if folder == Path.cwd() else f" --config {shlex.quote(str(folder / CONFIG_NAME))}"
        )
        print(f"Open the UI: {program()} ui{option}")
    return code
