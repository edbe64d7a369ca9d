"""The windows of the past that are not complete, as `plan` shows them."""

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from etl_assets.cli.command_lines import program
from etl_assets.config import ExportConfig
from etl_assets.defs.next_steps import catch_up_command
from etl_assets.defs.past_windows import incomplete_windows, past_windows
from etl_assets.errors import StoreError
from etl_assets.tables.topology import LogicalTable

_MOST_WINDOWS = 1000
_PATIENCE_SECONDS = 10.0
"""How long the output folder may take to answer; a plan is worth no more."""


def missing_windows(config: ExportConfig, table: LogicalTable, given: Path | None) -> Iterator[str]:
    """Lines that say which windows are not complete, and the command that exports them."""
    keys = past_windows(table, datetime.now(UTC), _MOST_WINDOWS)
    answers: list[list[str] | str] = []

    def look() -> None:
        try:
            answers.append(incomplete_windows(config, table, keys))
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


def _some(keys: Sequence[str]) -> str:
    return ", ".join(keys if len(keys) <= 4 else [*keys[:2], "…", *keys[-2:]])
