"""What differs between the configuration and the servers, found without exporting anything."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from etl_assets.errors import IncompleteError, ShardError
from etl_assets.source.backend import TableName
from etl_assets.source.engines import Engines
from etl_assets.source.failures import server_text
from etl_assets.source.query import MOST_OUTSIDE, outside_condition
from etl_assets.source.schema import matching_tables, tables_of
from etl_assets.source.snapshot import count_where
from etl_assets.tables.columns import (
    Columns,
    differences,
    selected_columns,
    united_columns,
    usual_columns,
)
from etl_assets.tables.topology import LogicalTable, Shard
from etl_assets.tables.windows import Window

Catalog = Mapping[str, Mapping[TableName, Columns]]
"""Per host, the tables that are there and their columns; a host that cannot be read is left out."""

_ONE_COLUMN = (
    "one column and no null token: a NULL is an empty line, which some readers drop; set `csv.null`"
)


@dataclass(frozen=True)
class Finding:
    """Something that is not as the configuration says.

    Attributes:
        table: the logical table.
        where: the host or the shard table.
        problem: what is found there.
        is_problem: false for what the configuration allows.
    """

    table: str
    where: str
    problem: str
    is_problem: bool = True


def read_catalog(
    engines: Engines, tables: Iterable[LogicalTable]
) -> tuple[dict[str, Mapping[TableName, Columns]], list[Finding]]:
    """What the hosts of some logical tables have, and a finding for each that cannot be read."""
    catalog: dict[str, Mapping[TableName, Columns]] = {}
    findings: list[Finding] = []
    wanted: dict[str, set[str]] = {}
    first: dict[str, str] = {}
    for table in tables:
        for shard in table.shards:
            wanted.setdefault(shard.host, set()).add(shard.database)
            first.setdefault(shard.host, table.name)
    for host, databases in wanted.items():
        try:
            catalog[host] = tables_of(engines, host, sorted(databases))
        except DBAPIError as error:
            findings.append(Finding(first[host], host, server_text(error)))
    return catalog, findings


def compare(
    engines: Engines, tables: Sequence[LogicalTable], chosen: Sequence[LogicalTable]
) -> tuple[list[Finding], Catalog]:
    """Every missing, extra or differing shard table of the chosen logical tables.

    `tables` are all logical tables: a table that another one exports is no extra one.
    """
    catalog, findings = read_catalog(engines, chosen)
    exported = {(s.host, s.database, s.shard_table) for table in tables for s in table.shards}
    for table in chosen:
        findings += _missing(table, catalog)
        findings += _extra(engines, table, catalog, exported)
        findings += _differing(table, catalog)
        findings += _hidden(engines, table, catalog)
    return findings, catalog


def known_columns(shard: Shard, catalog: Catalog) -> Columns | None:
    """The columns of a shard table; None where it is not there."""
    return catalog.get(shard.host, {}).get((shard.database, shard.shard_table))


def read_united_columns(engines: Engines, table: LogicalTable) -> Columns:
    """The columns that the shard tables of a logical table have together, read from every host.

    Raises:
        sqlalchemy.exc.DBAPIError: a host cannot be read.
        IncompleteError: the columns have no union.
    """
    hosts = dict.fromkeys(shard.host for shard in table.shards)
    catalog = {
        host: tables_of(engines, host, sorted({s.database for s in table.shards if s.host == host}))
        for host in hosts
    }
    known = {shard: known_columns(shard, catalog) for shard in table.shards}
    return united_columns({shard: columns for shard, columns in known.items() if columns})


def _missing(table: LogicalTable, catalog: Catalog) -> Iterator[Finding]:
    for shard in table.shards:
        if shard.host in catalog and known_columns(shard, catalog) is None:
            yield Finding(table.name, str(shard), "missing on the server")


def _extra(
    engines: Engines,
    table: LogicalTable,
    catalog: Catalog,
    exported: set[tuple[str, str, str]],
) -> Iterator[Finding]:
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
    for name in sorted(extra - exported):
        yield Finding(table.name, ".".join(name), "on the server, but nobody exports it")


def _differing(table: LogicalTable, catalog: Catalog) -> Iterator[Finding]:
    settings = table.settings
    known = {shard: known_columns(shard, catalog) for shard in table.shards}
    there = {shard: columns for shard, columns in known.items() if columns}
    united: Columns | None = None
    if settings.on_drift == "union":
        try:
            united = united_columns(there)
        except IncompleteError as error:
            yield Finding(table.name, table.name, str(error).removeprefix(f"{table.name}: "))
    chosen: dict[Shard, Columns] = {}
    for shard, columns in there.items():
        try:
            wanted = selected_columns(shard, united or columns, settings.columns)
        except ShardError as error:
            yield Finding(table.name, str(shard), str(error).removeprefix(f"{shard}: "))
            continue
        keys = {column.key for column in wanted}
        chosen[shard] = tuple(column for column in columns if column.key in keys)
    usual = usual_columns(chosen.values())
    if len(usual) == 1 and not settings.csv.null:
        yield Finding(table.name, table.name, _ONE_COLUMN, is_problem=False)
    for shard, columns in chosen.items():
        for difference in differences(usual, columns):
            yield Finding(table.name, str(shard), difference, is_problem=united is None)


def _hidden(engines: Engines, table: LogicalTable, catalog: Catalog) -> Iterator[Finding]:
    """Shard tables of which the account may not see all columns."""
    for shard in table.shards:
        columns = known_columns(shard, catalog)
        if columns is None:
            continue
        backend = engines.backend(shard.host)
        try:
            with engines.get(shard.host, shard.database).connect() as connection:
                backend.pin(connection)
                backend.refuse_hidden_columns(connection, shard, columns, table.settings.columns)
        except DBAPIError as error:
            yield Finding(table.name, str(shard), server_text(error))
        except ShardError as error:
            yield Finding(table.name, str(shard), str(error).removeprefix(f"{shard}: "))


def rows_outside(
    engines: Engines, table: LogicalTable, first: Window, catalog: Catalog
) -> Iterator[Finding]:
    """Every shard table with rows that are in no window; `first` is the table's first window."""
    for shard in table.shards:
        columns = known_columns(shard, catalog)
        if columns is None:
            continue
        try:
            rows = count_where(
                engines, shard, outside_condition(shard, columns, first, table.settings)
            )
        except DBAPIError as error:
            yield Finding(table.name, str(shard), server_text(error))
        except ShardError as error:
            yield Finding(table.name, str(shard), str(error).removeprefix(f"{shard}: "))
        else:
            if rows:
                yield Finding(table.name, str(shard), in_no_window(rows, table, first))


def in_no_window(rows: int, table: LogicalTable, first: Window) -> str:
    """Rows that are in no window, in words."""
    least = "at least " if rows >= MOST_OUTSIDE else ""
    column = table.settings.partition.column
    return f"{least}{rows:,} rows in no window: {column} is NULL, zero or before {first.key}"


def _shape(database: str, table: str) -> str:
    """A name with its numbers left open: shards differ in nothing else."""
    return re.sub(r"\d+", "#", f"{database}.{table}")
