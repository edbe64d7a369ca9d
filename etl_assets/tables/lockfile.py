"""etl_assets.lock: the shard tables that each `match:` found, so that loading needs no database.

Written by `etl-assets discover`, committed by the user: sorted, one table a line, nothing in it
that changes without the tables changing.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from etl_assets.errors import ConfigError

LOCK_NAME = "etl_assets.lock"

PatternKey: TypeAlias = tuple[str, str, str]
"""Logical table, host and regular expression."""

Names: TypeAlias = list[tuple[str, str]]
"""Databases and shard tables."""


@dataclass(frozen=True)
class LockFile:
    """What was resolved."""

    resolved: Mapping[PatternKey, Names] = field(default_factory=dict)

    def tables(self, table: str, host: str, match: str) -> Names | None:
        """The names that a pattern found; None where it was never resolved."""
        return self.resolved.get((table, host, match))


def natural_order(name: tuple[str, str]) -> list[tuple[int, int, str]]:
    """A sort key that puts orders_2 before orders_10."""
    return [
        (0, int(part), part) if part.isdecimal() else (1, 0, part)
        for text in name
        for part in [*re.findall(r"\d+|\D+", text), ""]
    ]


def read_lock(folder: Path) -> LockFile:
    """The lock beside the configuration; an empty one where there is none.

    Raises:
        ConfigError: where the file is not one that `discover` wrote.
    """
    path = folder / LOCK_NAME
    if not path.exists():
        return LockFile()
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["patterns"]
        return LockFile({_key(entry): _names(entry) for entry in entries})
    except json.JSONDecodeError as error:
        raise _corrupt(error.lineno, error.msg) from None
    except OSError as error:
        raise _corrupt(1, error.strerror or str(error)) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _corrupt(1, f"{type(error).__name__} {error}") from None


def _corrupt(line: int, found: str) -> ConfigError:
    return ConfigError(
        f"{LOCK_NAME}:{line}",
        expected="the file that `etl-assets discover` writes",
        got=found,
        next_step="run `etl-assets discover` again",
    )


def write_lock(folder: Path, resolved: Mapping[PatternKey, Iterable[tuple[str, str]]]) -> None:
    """Replace the lock in one step."""
    patterns = [
        {"table": table, "host": host, "match": match, "found": _grouped(names)}
        for (table, host, match), names in sorted(resolved.items())
    ]
    text = json.dumps({"version": 1, "patterns": patterns}, indent=1, ensure_ascii=False)
    temporary = folder / f".{LOCK_NAME}.{os.getpid()}"
    try:
        temporary.write_text(text + "\n", encoding="utf-8")
        temporary.replace(folder / LOCK_NAME)
    finally:
        temporary.unlink(missing_ok=True)


def _grouped(names: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for database, shard_table in sorted(names, key=natural_order):
        grouped.setdefault(database, []).append(shard_table)
    return grouped


def _key(entry: dict[str, Any]) -> PatternKey:
    return _text(entry["table"]), _text(entry["host"]), _text(entry["match"])


def _names(entry: dict[str, Any]) -> Names:
    found: dict[str, list[Any]] = entry["found"]
    for database, shard_tables in found.items():
        if not isinstance(shard_tables, list):
            raise TypeError(f"in {database!r}: no list of tables")
    return [
        (database, _text(shard_table))
        for database, shard_tables in found.items()
        for shard_table in shard_tables
    ]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"in place of a text: {value!r}")
    return value
