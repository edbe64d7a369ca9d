"""`etl-assets discover`: `match:` patterns to etl_assets.lock."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from etl_assets.config import ExportConfig, load_config
from etl_assets.config.yaml_lines import Location
from etl_assets.errors import ConfigError, ShardError
from etl_assets.printable import printable
from etl_assets.source.backend import TableName
from etl_assets.source.engines import Engines
from etl_assets.source.failures import server_text
from etl_assets.source.schema import matching_tables
from etl_assets.tables.lockfile import (
    LOCK_NAME,
    Names,
    PatternKey,
    natural_order,
    read_lock,
    write_lock,
)


def run_discover(config_path: Path | None) -> int:
    """Resolve every `match:`, write the lock and say what changed.

    Gives 1 where a pattern finds nothing: what the others found is written, and nothing can be
    exported until it is fixed.

    Raises:
        ShardError: a host cannot be asked; the lock stays as it is.
    """
    config = load_config(config_path)
    patterns = _patterns(config)
    before = _before(config.home)
    found = _found(config, patterns)
    for key, names in found.items():
        table, host, match = key
        for line in _changes((before or {}).get(key, []), names):
            print(printable(f"{table} {host}: {line}"))
        print(printable(f"{table} {host}: {len(names)} tables match {match}"))
    for table, host, match in sorted((before or {}).keys() - found.keys()):
        print(printable(f"{table} {host}: dropped {match}, which the configuration has no more"))
    _write(config.home / LOCK_NAME, before, found)
    empty = [key for key, names in found.items() if not names]
    for key in empty:
        problem = f"expected shard tables that match {key[2]!r}, got none; fix the pattern, or"
        print(config.error(patterns[key], f"{problem} let the account see them"), file=sys.stderr)
    return 1 if empty else 0


def _patterns(config: ExportConfig) -> dict[PatternKey, Location]:
    """Every `match:` and where it stands."""
    return {
        (table, pattern.host, pattern.match): ("tables", table, "shards", index, "match")
        for table, settings in config.tables.items()
        for index, pattern in enumerate(settings.shards)
        if pattern.match is not None
    }


def _before(folder: Path) -> Mapping[PatternKey, Names] | None:
    """What the lock says; None where it says nothing that can be read."""
    try:
        return read_lock(folder).resolved
    except ConfigError as error:
        print(
            printable(
                f"{error.problem}: expected {error.expected}, got {error.got}; "
                "every pattern is resolved anew"
            ),
            file=sys.stderr,
        )
        return None


def _found(config: ExportConfig, keys: Iterable[PatternKey]) -> dict[PatternKey, list[TableName]]:
    engines = Engines(config.hosts, config.home)
    try:
        return {key: _tables(engines, key) for key in keys}
    finally:
        engines.dispose()


def _tables(engines: Engines, key: PatternKey) -> list[TableName]:
    try:
        return sorted(matching_tables(engines, key[1], key[2]), key=natural_order)
    except DBAPIError as error:
        raise ShardError(
            f"{key[1]}: {server_text(error)}", next_step="see that the host can be reached"
        ) from error


def _changes(before: Iterable[TableName], now: Iterable[TableName]) -> list[str]:
    old, new = set(before), set(now)
    return [
        f"{'+' if name in new else '-'} {'.'.join(name)}"
        for name in sorted(old ^ new, key=natural_order)
    ]


def _write(
    path: Path, before: Mapping[PatternKey, Names] | None, found: Mapping[PatternKey, Names]
) -> None:
    if found and found != before:
        write_lock(path.parent, found)
        print(f"wrote {path}; commit it")
    elif found:
        print(f"{path} is up to date")
    elif path.exists():
        # A lock of nothing would only be one more file to keep.
        path.unlink()
        print(f"no `match:` in the configuration: removed {path}; commit that")
    else:
        print("no `match:` in the configuration: nothing to discover")
