"""MySQL and MariaDB as a backend: each answer is one of the modules beside this one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from etl_assets.config import ColumnSelection
from etl_assets.source.backend import Backend, HostAccess, Snapshot, TableName, TableSize, provoke
from etl_assets.source.mysql import failures, schema
from etl_assets.source.mysql.abandon import dropped_on_error
from etl_assets.source.mysql.engine import make_engine
from etl_assets.source.mysql.grants import refuse_hidden_columns
from etl_assets.source.mysql.lost_values import refuse_lost_values
from etl_assets.source.mysql.session import begin_snapshot, pin_session
from etl_assets.tables.columns import Column, Columns
from etl_assets.tables.topology import Shard


class MySql(Backend):
    """Servers of MySQL and MariaDB."""

    driver = "pymysql"
    dialect = "mysql.pymysql"
    extractor = "wire"
    has_statistics = True
    has_zero_dates = True

    def engine(self, host: HostAccess, database: str) -> Engine:
        del database
        return make_engine(host)

    def pin(self, connection: Connection) -> None:
        pin_session(connection)

    @contextmanager
    def snapshot(
        self, connection: Connection, shard: Shard, moment: AbstractContextManager[object]
    ) -> Iterator[Snapshot]:
        with dropped_on_error(connection, shard):
            pin_session(connection)
            info, table = begin_snapshot(connection, shard, moment)
            if not table.columns:
                provoke(connection, self.table(shard))
            yield Snapshot(
                connection, info, table.columns, self, table.indexed, table.is_seen_whole
            )
        # All that was wanted has come: a server that leaves only now takes nothing back.
        with suppress(DBAPIError):
            connection.rollback()

    def databases(self, host: HostAccess) -> list[str]:
        with host.connect("") as connection:
            return schema.databases_of(connection)

    def tables(self, host: HostAccess, databases: Iterable[str]) -> dict[TableName, Columns]:
        wanted = list(databases)
        if not wanted:
            return {}
        with host.connect("") as connection:
            return schema.tables_of(connection, wanted)

    def columns(self, connection: Connection, shard: Shard) -> Columns:
        return schema.columns_of(connection, shard)

    def table_sizes(
        self, host: HostAccess, databases: Iterable[str]
    ) -> Mapping[TableName, TableSize]:
        with host.connect("") as connection:
            return schema.sizes_of(connection, databases)

    def indexed_columns(
        self, host: HostAccess, databases: Iterable[str]
    ) -> Mapping[TableName, frozenset[str]]:
        with host.connect("") as connection:
            return schema.indexed_columns_of(connection, databases)

    def has_index(self, connection: Connection, shard: Shard, column: str) -> bool:
        return schema.has_index(connection, shard, column)

    def refuse_hidden_columns(
        self,
        connection: Connection,
        shard: Shard,
        columns: Sequence[Column],
        selection: ColumnSelection | None,
    ) -> None:
        refuse_hidden_columns(connection, shard, columns, selection)

    def asked(self, column: Column) -> sa.ColumnElement[Any]:
        return column.facts.ask(column.clause)

    def is_zero_date(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        # From the manual: MONTH() and DAYOFMONTH() give 0 for dates that have a zero there.
        return sa.or_(sa.func.MONTH(column) == 0, sa.func.DAYOFMONTH(column) == 0)

    def refuse_lost_values(self, connection: Connection, shard: Shard) -> None:
        refuse_lost_values(connection, shard)

    def error_text(self, error: DBAPIError) -> str:
        number = failures.error_number(error)
        text = super().error_text(error)
        return f"error {number}: {text}" if number is not None else text

    def is_transient(self, error: DBAPIError) -> bool:
        return failures.error_number(error) in failures.TRANSIENT

    def is_unreachable(self, error: DBAPIError) -> bool:
        return failures.error_number(error) in failures.UNREACHABLE

    def is_denied(self, error: DBAPIError) -> bool:
        return failures.error_number(error) in failures.DENIED

    def is_of_condition(self, error: DBAPIError, shard: Shard) -> bool:
        return failures.is_of_condition(error, shard)

    def next_step(self, error: DBAPIError) -> str:
        return failures.next_step(error) or super().next_step(error)
