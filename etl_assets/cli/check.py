"""What differs between the configuration and the servers, as lines for people."""

import re
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy.exc import DBAPIError

from etl_assets.config import ExportConfig
from etl_assets.defs.partitions import first_window
from etl_assets.errors import EtlAssetsError
from etl_assets.query import Column, outside_condition, selected_columns
from etl_assets.source.catalog import TableName, databases_of, matching_tables, tables_of
from etl_assets.source.engines import Engines
from etl_assets.source.failures import server_text
from etl_assets.source.snapshot import count_rows
from etl_assets.topology import LogicalTable, Shard

Catalog = Mapping[str, Mapping[TableName, tuple[Column, ...]]]


def findings(
    config: ExportConfig, tables: Sequence[LogicalTable], chosen: Sequence[LogicalTable]
) -> Iterator[str]:
    """Connect, and give a line for every missing, extra or differing shard table and stray row.

    `tables` are all logical tables: a table that another one exports is no extra one.
    """
    engines = Engines(config.hosts, config.home)
    try:
        catalog: dict[str, Mapping[TableName, tuple[Column, ...]]] = {}
        for host in dict.fromkeys(shard.host for table in chosen for shard in table.shards):
            try:
                databases = {s.database for t in tables for s in t.shards if s.host == host}
                there = databases_of(engines, host)
                catalog[host] = tables_of(engines, host, sorted(databases & set(there)))
            except DBAPIError as error:
                yield f"{host}: {server_text(error)}"
        exported = {(s.host, s.database, s.shard_table) for t in tables for s in t.shards}
        for table in chosen:
            yield from _missing(table, catalog)
            yield from _extra(engines, table, catalog, exported)
            yield from _differing(config, table, catalog)
            yield from _outside(engines, table, catalog)
    finally:
        engines.dispose()


def _columns(shard: Shard, catalog: Catalog) -> tuple[Column, ...] | None:
    return catalog.get(shard.host, {}).get((shard.database, shard.shard_table))


def _missing(table: LogicalTable, catalog: Catalog) -> Iterator[str]:
    for shard in table.shards:
        if shard.host in catalog and _columns(shard, catalog) is None:
            yield f"{table.name}: {shard}: missing on the server"


def _extra(
    engines: Engines,
    table: LogicalTable,
    catalog: Catalog,
    exported: set[tuple[str, str, str]],
) -> Iterator[str]:
    """Tables that look like shards of this table, or that a `match:` would find now."""
    shapes = {(s.host, _shape(s.database, s.shard_table)) for s in table.shards}
    extra = {
        (host, *name)
        for host, names in catalog.items()
        for name in names
        if (host, _shape(*name)) in shapes
    }
    for pattern in table.settings.shards:
        if pattern.match is not None and pattern.host in catalog:
            names = matching_tables(engines, pattern.host, pattern.match)
            extra |= {(pattern.host, *name) for name in names}
    for host, database, name in sorted(extra - exported):
        yield f"{table.name}: {host}.{database}.{name}: on the server, but nobody exports it"


def _differing(config: ExportConfig, table: LogicalTable, catalog: Catalog) -> Iterator[str]:
    first: tuple[Shard, tuple[Column, ...]] | None = None
    for shard in table.shards:
        there = _columns(shard, catalog)
        if there is None:
            continue
        try:
            chosen = selected_columns(shard, there, table.settings.columns)
            columns = tuple(column.without_width for column in chosen)
        except EtlAssetsError as error:
            yield f"{table.name}: {error}"
            continue
        if first is None:
            first = shard, columns
            if len(columns) == 1 and not table.settings.csv.null:
                yield (
                    f"{table.name}: one column and no null token: a NULL is an empty line, which "
                    "some readers drop; set output.csv.null"
                )
        elif columns != first[1]:
            different = [c.name for c in (*first[1], *columns) if (c in first[1]) != (c in columns)]
            yield (
                f"{table.name}: {shard}: its columns differ from those of {first[0]}: "
                + (", ".join(dict.fromkeys(different)) or "their order")
            )


def _outside(engines: Engines, table: LogicalTable, catalog: Catalog) -> Iterator[str]:
    if table.settings.is_snapshot:
        return
    window = first_window(table)
    for shard in table.shards:
        columns = _columns(shard, catalog)
        if columns is None:
            continue
        try:
            rows = count_rows(
                engines, shard, outside_condition(shard, columns, window, table.settings)
            )
        except DBAPIError as error:
            yield f"{table.name}: {shard}: {server_text(error)}"
        except EtlAssetsError as error:
            yield f"{table.name}: {error}"
        else:
            if rows:
                yield (
                    f"{table.name}: {shard}: {rows:,} rows in no window: "
                    f"{table.settings.partition.column} is NULL, zero or before {window.key}"
                )


def _shape(database: str, table: str) -> str:
    """A name with its numbers left open: shards differ in nothing else."""
    return re.sub(r"\d+", "#", f"{database}.{table}")
