"""The windows of the past that are not complete, as `plan` shows them.

One listing of the table's folder and a look for `_manifest.json` in those of the newest windows;
what a window holds is `verify`'s matter.
"""

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from etl_assets.cli.command_lines import program
from etl_assets.config import ExportConfig
from etl_assets.defs.next_steps import catch_up_command
from etl_assets.defs.partitions import completed_between, first_window, newest_complete
from etl_assets.errors import StoreError
from etl_assets.store.manifest import TABLE_MANIFEST
from etl_assets.store.open_folder import open_folder
from etl_assets.tables.topology import LogicalTable, safe_name

_MOST_WINDOWS = 1000
_PATIENCE_SECONDS = 10.0
"""How long the output folder may take to answer; a plan is worth no more."""
_LONGEST = {"hour": 1 / 24, "day": 1.1, "week": 7.1, "month": 31.1}
"""Days."""


def missing_windows(config: ExportConfig, table: LogicalTable, given: Path | None) -> Iterator[str]:
    """Lines that say which windows are not complete, and the command that exports them."""
    keys = _past(table)
    answers: list[list[str] | str] = []

    def look() -> None:
        try:
            answers.append(_missing(config, table, keys))
        except (StoreError, OSError) as error:
            answers.append(f"cannot be told: {error}")

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(_PATIENCE_SECONDS)
    found = answers[0] if answers else "cannot be told: the output folder does not answer"
    if isinstance(found, str):
        yield f"  not complete: {found}"
    elif found:
        newest = f" of the newest {len(keys)}" if len(keys) == _MOST_WINDOWS else ""
        yield f"  not complete: {len(found)}{newest} ({_some(found)})"
        yield f"    {catch_up_command(table.name, found, given, program())}"


def _past(table: LogicalTable) -> list[str]:
    """The windows that could be complete: of a snapshot table the newest one, as it has no past."""
    now = datetime.now(UTC)
    if table.settings.is_snapshot:
        newest = newest_complete(table, now)
        return [newest] if newest is not None else []
    days = timedelta(days=_MOST_WINDOWS * _LONGEST[table.settings.partition.every])
    begin = max(first_window(table).start, now - days, key=datetime.timestamp)
    return completed_between(table, begin, now)[-_MOST_WINDOWS:]


def _missing(config: ExportConfig, table: LogicalTable, keys: Sequence[str]) -> list[str]:
    folder = open_folder(config.directory, table.name)
    there = set(folder.names())
    begun = [key for key in keys if safe_name(key) in there]
    sizes = folder.ask_all(lambda key: folder.size(f"{safe_name(key)}/{TABLE_MANIFEST}"), begun)
    complete = {key for key, size in zip(begun, sizes, strict=True) if size is not None}
    return [key for key in keys if key not in complete]


def _some(keys: Sequence[str]) -> str:
    return ", ".join(keys if len(keys) <= 4 else [*keys[:2], "…", *keys[-2:]])
