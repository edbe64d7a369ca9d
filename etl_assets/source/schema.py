"""Which tables the servers have, and what their columns are: whoever wants to know asks here."""

import re
from collections.abc import Iterable, Mapping

from sqlalchemy.engine import Connection

from etl_assets.source.backend import TableName
from etl_assets.source.backends import backend_of
from etl_assets.source.engines import Engines
from etl_assets.tables.columns import Columns
from etl_assets.tables.topology import Shard


def databases_of(engines: Engines, host: str) -> list[str]:
    """The databases of a host that the account can see, the server's own left out."""
    return engines.backend(host).databases(engines.access(host))


def tables_of(engines: Engines, host: str, databases: Iterable[str]) -> Mapping[TableName, Columns]:
    """The tables of some databases with their columns, views left out."""
    return engines.backend(host).tables(engines.access(host), databases)


def matching_tables(engines: Engines, host: str, pattern: str) -> list[TableName]:
    """The tables whose `database.table` a regular expression is found in."""
    search = re.compile(pattern).search
    names = tables_of(engines, host, databases_of(engines, host))
    return [name for name in names if search(".".join(name))]


def columns_of(connection: Connection, shard: Shard) -> Columns:
    """The columns of a table or view, in its order; none where it is not there."""
    return backend_of(connection).columns(connection, shard)


def has_index(connection: Connection, shard: Shard, column: str) -> bool:
    """Whether the server finds the rows of a range of the column without reading all."""
    return backend_of(connection).has_index(connection, shard, column)


def table_bytes(engines: Engines, host: str, databases: Iterable[str]) -> Mapping[TableName, int]:
    """How large the tables of some databases are, by the server's statistics; SQLite has none."""
    sizes = engines.backend(host).table_sizes(engines.access(host), databases)
    return {name: size.bytes for name, size in sizes.items()}
