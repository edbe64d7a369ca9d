"""The seam between exporting and the kinds of databases: all that is asked of one.

A kind of database is a class of its own, in a room beside this module; `backends` names them all.
Nobody else asks which database it is. What is the same for all of them does not belong here.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.elements import quoted_name

from etl_assets.config import ColumnSelection, HostConfig
from etl_assets.source.moment import SnapshotInfo
from etl_assets.tables.columns import Column, Columns
from etl_assets.tables.topology import Shard

TableName = tuple[str, str]
"""Database and table."""


@dataclass(frozen=True)
class HostAccess:
    """A host of the configuration, and the way to it.

    Attributes:
        name: as the configuration names it.
        settings: what it says of the host.
        home: where relative paths start.
        connect: opens a connection to a database of the host.
    """

    name: str
    settings: HostConfig
    home: Path
    connect: Callable[[str], Connection]


@dataclass(frozen=True)
class TableSize:
    """How large a table is, by the server's statistics: an estimate, and maybe one of yesterday."""

    rows: int
    bytes: int


@dataclass(frozen=True)
class Snapshot:
    """A connection inside its transaction, and what the shard table looks like in it.

    Attributes:
        connection: inside its transaction.
        info: of which moment it is.
        columns: of the shard table.
        backend: the kind of database.
        indexed: the columns that an index begins with, in lower case.
        is_seen_whole: whether the account is known to see all columns of the table.
    """

    connection: Connection
    info: SnapshotInfo
    columns: Columns
    backend: "Backend"
    indexed: frozenset[str] = frozenset()
    is_seen_whole: bool = False


class Backend(ABC):
    """A kind of database.

    What has a body here is so for one that does nothing special. All that asks a server may raise
    sqlalchemy.exc.DBAPIError: as the server says it.
    """

    driver: ClassVar[str]
    """The package whose errors it raises."""
    dialect: ClassVar[str]
    """Its SQL, by SQLAlchemy's name."""
    engine_per_database: ClassVar[bool] = False
    """Whether each database of a host has an engine of its own."""
    extractor: ClassVar[Literal["rows", "wire"]] = "rows"
    """How rows are read: one by one, or off MySQL's wire."""
    has_statistics: ClassVar[bool] = False
    """Whether it knows how large its tables are without reading them."""
    has_zero_dates: ClassVar[bool] = False
    """Whether a date may have a zero month or day."""

    @abstractmethod
    def engine(self, host: HostAccess, database: str) -> Engine:
        """A new engine. Passwords are read at each connection.

        Raises:
            ConfigError: a file that the host's `connect` names is not there.
        """

    def pin(self, connection: Connection) -> None:
        """Make a session what every export's is, whatever the server's defaults are."""
        del connection

    @abstractmethod
    def snapshot(
        self, connection: Connection, shard: Shard, moment: AbstractContextManager[object]
    ) -> AbstractContextManager[Snapshot]:
        """A transaction that sees one moment; left with an error, its query does not run on.

        Where a server begins it, that is inside `moment`: between its entry and its exit.
        """

    @abstractmethod
    def databases(self, host: HostAccess) -> list[str]:
        """The databases of a host that the account can see, the server's own left out."""

    @abstractmethod
    def tables(self, host: HostAccess, databases: Iterable[str]) -> dict[TableName, Columns]:
        """The tables of some databases with their columns, views left out."""

    @abstractmethod
    def columns(self, connection: Connection, shard: Shard) -> Columns:
        """The columns of a table or view, in its order; none where it is not there."""

    def table_sizes(
        self, host: HostAccess, databases: Iterable[str]
    ) -> Mapping[TableName, TableSize]:
        """How large the tables of some databases are; none where nobody counts."""
        del host, databases
        return {}

    def indexed_columns(
        self, host: HostAccess, databases: Iterable[str]
    ) -> Mapping[TableName, frozenset[str]]:
        """The columns that an index begins with, in lower case, of tables that have any."""
        del host, databases
        return {}

    def has_index(self, connection: Connection, shard: Shard, column: str) -> bool:
        """Whether the rows of a range of the column are found without reading all."""
        del connection, shard, column
        return False

    def refuse_hidden_columns(
        self,
        connection: Connection,
        shard: Shard,
        columns: Sequence[Column],
        selection: ColumnSelection | None,
    ) -> None:
        """Refuse a table that may have more columns to export than the account sees.

        Raises:
            ShardError: with the columns that are seen.
        """
        del connection, shard, columns, selection

    def table(self, shard: Shard) -> sa.TableClause:
        """The shard table as it stands in a FROM."""
        database = quoted_name(shard.database, quote=True)
        return sa.table(quoted_name(shard.shard_table, quote=True), schema=database)

    def text(self, query: sa.Select[Any]) -> str:
        """A query as SQL to read, its values in place."""
        # By names of parameters, none of which is left: with others SQLAlchemy doubles each `%`.
        dialect = registry.load(self.dialect)(paramstyle="named")
        return str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))

    def asked(self, column: Column) -> sa.ColumnElement[Any]:
        """What a SELECT names for a column."""
        return column.clause

    def is_zero_date(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Whether a date has a zero month or day."""
        del column
        return sa.false()

    def refuse_lost_values(self, connection: Connection, shard: Shard) -> None:
        """Refuse the result that was read to its end last, if a value in it is not whole.

        Raises:
            ShardError: a value was left out.
        """
        del connection, shard

    def error_text(self, error: DBAPIError) -> str:
        """What was said, without the statement."""
        args = error.orig.args if error.orig is not None else ()
        return str(args[-1]) if args else type(error).__name__

    def is_transient(self, error: DBAPIError) -> bool:
        """Whether another attempt may succeed without anybody's help."""
        del error
        return False

    def is_unreachable(self, error: DBAPIError) -> bool:
        """Whether there was no server to ask: that says nothing of a shard."""
        del error
        return False

    def is_denied(self, error: DBAPIError) -> bool:
        """Whether the account is unknown, or its password is wrong."""
        del error
        return False

    def is_of_condition(self, error: DBAPIError, shard: Shard) -> bool:
        """Whether an expression is refused. All but `where` is made of names that are there."""
        del error, shard
        return False

    def next_step(self, error: DBAPIError) -> str:
        """What to do about an error."""
        del error
        return "see the server's own log and export with --resume"


def provoke(connection: Connection, table: sa.TableClause) -> None:
    """Let the server say itself why a table cannot be read."""
    connection.execute(sa.select(sa.literal_column("1")).select_from(table).limit(0))
