"""Which tables the servers have, and what their columns are."""

import re
from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from etl_assets.source.engines import Engines
from etl_assets.tables.columns import Column

TableName = tuple[str, str]
"""Database and table."""

_SYSTEM = ("information_schema", "mysql", "performance_schema", "sys")

_COLUMNS = sa.text(
    "SELECT c.TABLE_SCHEMA, c.TABLE_NAME, c.COLUMN_NAME, c.COLUMN_TYPE, c.IS_NULLABLE, "
    "c.CHARACTER_SET_NAME "
    "FROM information_schema.COLUMNS c JOIN information_schema.TABLES t "
    "ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME "
    "WHERE t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND t.TABLE_SCHEMA IN :databases "
    "ORDER BY c.TABLE_SCHEMA, c.TABLE_NAME, c.ORDINAL_POSITION"
).bindparams(sa.bindparam("databases", expanding=True))

_DATA_BYTES = sa.text(
    "SELECT TABLE_SCHEMA, TABLE_NAME, DATA_LENGTH FROM information_schema.TABLES "
    "WHERE TABLE_SCHEMA IN :databases"
).bindparams(sa.bindparam("databases", expanding=True))


def databases_of(engines: Engines, host: str) -> list[str]:
    """The databases of a host that the account can see, the server's own left out."""
    if engines.host(host).backend == "sqlite":
        return engines.files(host)
    with engines.get(host, "").connect() as connection:
        names = connection.exec_driver_sql("SHOW DATABASES").scalars()
        return sorted(str(name) for name in names if str(name).lower() not in _SYSTEM)


def tables_of(
    engines: Engines, host: str, databases: Iterable[str]
) -> Mapping[TableName, tuple[Column, ...]]:
    """The tables of some databases with their columns, views left out."""
    if engines.host(host).backend == "sqlite":
        return {
            (database, table): columns
            for database in databases
            for table, columns in _sqlite_tables(engines, host, database).items()
        }
    found: dict[TableName, tuple[Column, ...]] = {}
    wanted = list(databases)
    if wanted:
        with engines.get(host, "").connect() as connection:
            for row in connection.execute(_COLUMNS, {"databases": wanted}):
                database, table, name, kind, nullable = map(text_of, row[:5])
                charset = None if row[5] is None else text_of(row[5])
                column = Column(name, kind, nullable == "YES", charset)
                found[database, table] = (*found.get((database, table), ()), column)
    return found


def data_bytes(engines: Engines, host: str, databases: Iterable[str]) -> dict[TableName, int]:
    """How large the tables of some databases are, by the server's statistics; SQLite has none."""
    if engines.host(host).backend == "sqlite":
        return {}
    with engines.get(host, "").connect() as connection:
        rows = connection.execute(_DATA_BYTES, {"databases": list(databases)})
        return {
            (text_of(database), text_of(table)): int(size or 0) for database, table, size in rows
        }


def matching_tables(engines: Engines, host: str, pattern: str) -> list[TableName]:
    """The tables whose `database.table` a regular expression is found in."""
    search = re.compile(pattern).search
    names = tables_of(engines, host, databases_of(engines, host))
    return [name for name in names if search(".".join(name))]


def text_of(value: object) -> str:
    """Names and types arrive as bytes from some servers."""
    return value.decode() if isinstance(value, bytes) else str(value)


def _sqlite_tables(engines: Engines, host: str, database: str) -> dict[str, tuple[Column, ...]]:
    if not engines.has_file(host, database):
        return {}
    with engines.get(host, database).connect() as connection:
        names = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
        return {
            name: tuple(
                Column(row[1], row[2].lower(), nullable=not row[3])
                for row in connection.exec_driver_sql(f"PRAGMA table_xinfo({_quoted(name)})")
            )
            for name in list(names.scalars())
        }


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
