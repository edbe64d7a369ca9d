"""`etl-assets plan`: what would be exported, and with --check how it compares with the servers."""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.cells import cell_len, set_cell_size

from etl_assets.cli.missing import missing_windows
from etl_assets.cli.selection import chosen_tables, load_tables
from etl_assets.config import ExportConfig, TableConfig, load_config
from etl_assets.defs.partitions import first_window, keys_of, window_of
from etl_assets.defs.schedules import cron_of
from etl_assets.printable import printable
from etl_assets.source.drift import Finding, compare, rows_outside
from etl_assets.source.engines import Engines
from etl_assets.tables.topology import LogicalTable, Shard

_LISTED_SHARDS = 8


def show_plan(config_path: Path | None, names: Sequence[str], *, check: bool) -> int:
    """Print the plan; with `check` gives 1 where there are findings."""
    config = load_config(config_path)
    tables = load_tables(config)
    chosen = chosen_tables(tables, names)
    for table in chosen:
        for line in _plan(config, table, config_path, whole=bool(names)):
            print(printable(line))
    if not check:
        return 0
    findings = _findings(config, tables, chosen)
    for line in _as_table(findings):
        print(line, file=sys.stderr)
    problems = sum(finding.is_problem for finding in findings)
    if not problems:
        print("checked: configuration and servers agree")
        return 0
    print(f"{problems} finding{'s' * (problems > 1)}")
    return 1


def _findings(
    config: ExportConfig, tables: Sequence[LogicalTable], chosen: Sequence[LogicalTable]
) -> list[Finding]:
    engines = Engines(config.hosts, config.home)
    try:
        findings, catalog = compare(engines, tables, chosen)
        for table in chosen:
            if not table.settings.is_snapshot:
                findings += rows_outside(engines, table, first_window(table), catalog)
    finally:
        engines.dispose()
    return findings


def _as_table(findings: Sequence[Finding]) -> Iterator[str]:
    """The findings in columns as wide as their longest entries."""
    rows = [
        (f.table, printable(f.where), printable(f.problem) + ("" if f.is_problem else " (allowed)"))
        for f in findings
    ]
    widths = [max(cell_len(row[place]) for row in rows) for place in range(2)] if rows else []
    for *names, problem in rows:
        cells = [set_cell_size(name, width) for name, width in zip(names, widths, strict=True)]
        yield "  ".join([*cells, problem])


def _plan(
    config: ExportConfig, table: LogicalTable, given: Path | None, *, whole: bool
) -> Iterator[str]:
    settings, partition = table.settings, table.settings.partition
    hosts = list(dict.fromkeys(shard.host for shard in table.shards))
    rows = "a snapshot of all rows" if settings.is_snapshot else f"rows by {partition.column}"
    yield f"{table.name}: {len(table.shards)} shards on {', '.join(hosts)}"
    yield f"  every {partition.every} in {partition.timezone}: {rows}"
    yield f"  windows: {_windows(table)}"
    yield from missing_windows(config, table, given)
    cron = cron_of(config, table)
    yield f"  schedule: {cron} in {partition.timezone}"
    yield f"  files: {config.directory}/{table.name}"
    if _has_one_column(settings) and not settings.csv.null:
        yield (
            "  csv: with one column a NULL is an empty line, which some readers drop; "
            r"choose a token, such as csv: {null: '\N'}"
        )
    for host in hosts:
        shards = [shard for shard in table.shards if shard.host == host]
        connections = config.hosts[host].max_connections
        yield f"  {host}: {len(shards)} shards, at most {connections} connections"
        yield from _listed(shards, whole=whole)


def _windows(table: LogicalTable) -> str:
    """Those that may be exported; of a snapshot table there are two at most."""
    keys = keys_of(table)
    if table.settings.is_snapshot:
        return ", ".join(_snapshots(table, keys)) or "none has begun yet"
    return f"{keys[0]} to {keys[-1]} ({len(keys)})" if keys else "none has ended yet"


def _snapshots(table: LogicalTable, keys: Sequence[str]) -> Iterator[str]:
    now = datetime.now(UTC).timestamp()
    for key in keys[-2:]:
        window = window_of(table, key)
        if window.start.timestamp() <= now:
            yield f"{key} ({'complete' if window.end.timestamp() <= now else 'running'})"


def _has_one_column(settings: TableConfig) -> bool:
    """Whether the configuration alone says so; names compare without case, as servers do."""
    chosen = settings.columns.include if settings.columns is not None else None
    return chosen is not None and len({name.casefold() for name in chosen}) == 1


def _listed(shards: Sequence[Shard], *, whole: bool) -> Iterator[str]:
    names = [f"    {shard.database}.{shard.shard_table}" for shard in shards]
    if whole or len(names) <= _LISTED_SHARDS:
        yield from names
        return
    yield from names[: _LISTED_SHARDS - 2]
    yield f"    … {len(names) - _LISTED_SHARDS + 1} more; name the table to see all"
    yield names[-1]
