"""`etl-assets discover`: `match:` patterns to etl_assets.lock."""

from collections.abc import Iterable
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from etl_assets.config import load_config
from etl_assets.errors import ShardError
from etl_assets.lock import LOCK_NAME, PatternKey, natural_order, read_lock, write_lock
from etl_assets.source.catalog import TableName, matching_tables
from etl_assets.source.engines import Engines
from etl_assets.source.failures import server_text


def run_discover(config_path: Path | None) -> int:
    """Resolve every `match:`, write the lock and say what changed."""
    config = load_config(config_path)
    engines = Engines(config.hosts, config.home)
    before = read_lock(config.home).resolved
    found: dict[PatternKey, list[TableName]] = {}
    try:
        for table, settings in config.tables.items():
            for pattern in settings.shards:
                if pattern.match is not None:
                    key = (table, pattern.host, pattern.match)
                    found[key] = _tables(engines, key)
    finally:
        engines.dispose()
    if not found:
        print("no `match:` in the configuration: nothing to discover")
        return 0
    for (table, host, match), names in found.items():
        for line in _changes(before.get((table, host, match), []), names):
            print(f"{table} {host}: {line}")
        print(f"{table} {host}: {len(names)} tables match {match}")
    if found != before:
        write_lock(config.home, found)
        print(f"wrote {config.home / LOCK_NAME}; commit it")
    else:
        print(f"{config.home / LOCK_NAME} is up to date")
    return 0


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
