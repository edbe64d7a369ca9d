"""What a person does next, in words to follow and to paste."""

import shlex
from collections.abc import Sequence
from pathlib import Path

NAME = "etl-assets"


def catch_up_command(
    table: str, keys: Sequence[str], config: Path | None = None, program: str = NAME
) -> str:
    """What exports a table's windows from the first to the last key; complete ones stay."""
    windows = ["--partition", keys[0]] if len(keys) == 1 else ["--from", keys[0], "--to", keys[-1]]
    given = [] if config is None else ["--config", str(config)]
    return shlex.join([program, "export", table, *windows, *given, "--resume"])


def export_command(table: str, key: str) -> str:
    """What exports all shards of a window anew."""
    return shlex.join([NAME, "export", table, "--partition", key])


def verify_command(table: str, key: str) -> str:
    """What reads a window's files again and says what is wrong with them."""
    return shlex.join([NAME, "verify", table, "--partition", key])


def after_a_failure(table: str, key: str, run_id: str) -> str:
    """How the shards that a run has not exported are exported, when the causes are gone."""
    return (
        f"When the cause is gone, open run {run_id[:8]} and press Re-execute > From asset failure, "
        f"or run: {catch_up_command(table, [key])}"
    )
