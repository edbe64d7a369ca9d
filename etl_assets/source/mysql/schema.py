"""Which databases, tables, columns and indexes a server has, by its information schema."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from etl_assets.source.backend import TableName, TableSize
from etl_assets.source.mysql.text import text_of
from etl_assets.tables.columns import Column, Columns
from etl_assets.tables.topology import Shard

_SYSTEM = ("information_schema", "mysql", "performance_schema", "sys")

_COLUMNS = (
    "SELECT c.TABLE_SCHEMA, c.TABLE_NAME, c.COLUMN_NAME, c.COLUMN_TYPE, c.IS_NULLABLE, "
    "c.CHARACTER_SET_NAME, c.COLLATION_NAME, c.COLUMN_COMMENT FROM information_schema.COLUMNS c"
)
_COLUMNS_OF_TABLE = sa.text(
    f"{_COLUMNS} WHERE c.TABLE_SCHEMA = :database AND c.TABLE_NAME = :name "
    "ORDER BY c.ORDINAL_POSITION"
)
# Joined with the columns, MariaDB compares each of these with each column: minutes for thousands.
_TABLES_OF_DATABASES = sa.text(
    "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES "
    "WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND TABLE_SCHEMA IN :databases"
).bindparams(sa.bindparam("databases", expanding=True))
_COLUMNS_OF_DATABASES = sa.text(
    f"{_COLUMNS} WHERE c.TABLE_SCHEMA IN :databases "
    "ORDER BY c.TABLE_SCHEMA, c.TABLE_NAME, c.ORDINAL_POSITION"
).bindparams(sa.bindparam("databases", expanding=True))

_SIZES = sa.text(
    "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_ROWS, DATA_LENGTH FROM information_schema.TABLES "
    "WHERE TABLE_SCHEMA IN :databases"
).bindparams(sa.bindparam("databases", expanding=True))
# An index on an expression has no column.
_INDEXED_COLUMNS = sa.text(
    "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.STATISTICS "
    "WHERE TABLE_SCHEMA IN :databases AND SEQ_IN_INDEX = 1 AND COLUMN_NAME IS NOT NULL"
).bindparams(sa.bindparam("databases", expanding=True))

_ENGINE = sa.text(
    "SELECT ENGINE FROM information_schema.TABLES "
    "WHERE TABLE_SCHEMA = :database AND TABLE_NAME = :name"
)
_ENGINE_AND_INDEXED = sa.text(
    "SELECT 1, ENGINE FROM information_schema.TABLES "
    "WHERE TABLE_SCHEMA = :database AND TABLE_NAME = :name "
    "UNION ALL SELECT 0, COLUMN_NAME FROM information_schema.STATISTICS "
    "WHERE TABLE_SCHEMA = :database AND TABLE_NAME = :name AND SEQ_IN_INDEX = 1"
)
_LEADS_INDEX = sa.text(
    "SELECT COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = :database "
    "AND TABLE_NAME = :name AND COLUMN_NAME = :column AND SEQ_IN_INDEX = 1"
)


def databases_of(connection: Connection) -> list[str]:
    """The databases that the account can see, the server's own left out."""
    names = connection.exec_driver_sql("SHOW DATABASES").scalars()
    return sorted(str(name) for name in names if str(name).lower() not in _SYSTEM)


def tables_of(connection: Connection, databases: Iterable[str]) -> dict[TableName, Columns]:
    """The tables of some databases with their columns, views left out."""
    wanted = {"databases": list(databases)}
    rows = connection.execute(_TABLES_OF_DATABASES, wanted)
    tables = {(text_of(database), text_of(table)) for database, table in rows}
    found: dict[TableName, Columns] = {}
    for row in connection.execute(_COLUMNS_OF_DATABASES, wanted):
        name = text_of(row[0]), text_of(row[1])
        if name in tables:
            found[name] = (*found.get(name, ()), _column(row))
    return found


def columns_of(connection: Connection, shard: Shard) -> Columns:
    """The columns of a table or view, in its order; none where it is not there."""
    return tuple(map(_column, connection.execute(_COLUMNS_OF_TABLE, _names(shard))))


def sizes_of(connection: Connection, databases: Iterable[str]) -> dict[TableName, TableSize]:
    """How large the tables of some databases are, by the server's statistics."""
    found = connection.execute(_SIZES, {"databases": list(databases)})
    return {
        (text_of(database), text_of(table)): TableSize(int(rows or 0), int(size or 0))
        for database, table, rows, size in found
    }


def indexed_columns_of(
    connection: Connection, databases: Iterable[str]
) -> dict[TableName, frozenset[str]]:
    """The columns that an index begins with, in lower case, of tables that have any."""
    found: dict[TableName, frozenset[str]] = {}
    for row in connection.execute(_INDEXED_COLUMNS, {"databases": list(databases)}):
        database, table, column = map(text_of, row)
        found[database, table] = found.get((database, table), frozenset()) | {column.lower()}
    return found


def engine_of(connection: Connection, shard: Shard) -> str | None:
    """The engine that stores a table; None of a view, and where it is not there."""
    engine = connection.execute(_ENGINE, _names(shard)).scalar()
    return None if engine is None else text_of(engine)


def engine_and_indexed(connection: Connection, shard: Shard) -> tuple[str | None, frozenset[str]]:
    """`engine_of` a table, and the columns that an index begins with, in lower case."""
    engine, indexed = None, set()
    for is_engine, name in connection.execute(_ENGINE_AND_INDEXED, _names(shard)):
        if name is None:
            # A view has no engine, and an index on an expression no column.
            continue
        if int(is_engine):
            engine = text_of(name)
        else:
            indexed.add(text_of(name).lower())
    return engine, frozenset(indexed)


def has_index(connection: Connection, shard: Shard, column: str) -> bool:
    """Whether an index begins with the column."""
    found = connection.execute(_LEADS_INDEX, {**_names(shard), "column": column})
    return int(found.scalar_one()) > 0


def _column(row: Row[tuple[object, ...]]) -> Column:
    texts = [None if value is None else text_of(value) for value in row]
    _, _, name, kind, nullable, charset, collation, comment = texts
    return Column(str(name), str(kind), nullable == "YES", charset, collation, comment or "")


def _names(shard: Shard) -> dict[str, str]:
    return {"database": shard.database, "name": shard.shard_table}
