"""A connection that sees one moment: the session pinned, the transaction read-only.

Facts from the MySQL manual: START TRANSACTION WITH CONSISTENT SNAPSHOT has no effect below
REPEATABLE READ, and tables of engines without transactions (MyISAM) have no snapshot at all.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from etl_assets.source.engines import Engines
from etl_assets.source.mysql.abandon import dropped_on_error
from etl_assets.source.mysql.binlog import Position, position_around
from etl_assets.source.query import source_table
from etl_assets.tables.columns import Column
from etl_assets.tables.topology import Shard

_PIN = (
    "SET SESSION time_zone = '+00:00'",
    # A server may have been told to cut every result short.
    "SET SESSION sql_select_limit = 18446744073709551615",
    # The time the server waits for a slow reader: a slow disk is not a lost client.
    "SET SESSION net_write_timeout = 3600",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    # By its quotes a column is known in the text of SHOW CREATE TABLE.
    "SET SESSION sql_quote_show_create = 1",
)
_PIN_MARIADB = (
    "SET SESSION max_statement_time = 0",
    # So many warnings are kept, 64 by default: one that tells of a lost value must be among them.
    # On MySQL they are 1024, and more would need a privilege.
    "SET SESSION max_error_count = 65535",
)
_PIN_MYSQL = ("SET SESSION max_execution_time = 0",)

_PINNED = "etl_assets_pinned"

_AT_ONCE: AbstractContextManager[object] = nullcontext()

_TRANSACTIONAL_ENGINES = frozenset({"InnoDB", "ROCKSDB", "TokuDB", "SQLite"})


@dataclass(frozen=True)
class SnapshotInfo:
    """What a manifest says of the moment that the rows are from.

    Attributes:
        server: the kind of server: mysql, mariadb or sqlite.
        version: in the server's own words.
        isolation: the transaction's isolation level.
        position: the binary log's position at that moment, where it is known.
        exact: whether all rows are from one moment; false for engines without transactions.
        taken_at: when the transaction began.
        parts: how many transactions read the rows, each a range of the key; None for a single one.
        locked: whether nobody could write while these began; None for a single one.
        address: which server it is, behind a name that may stand for several; empty for a file.
    """

    server: str
    version: str
    isolation: str
    position: Position | None
    exact: bool
    taken_at: datetime
    parts: int | None = None
    locked: bool | None = None
    address: str = ""

    def as_json(self) -> dict[str, Any]:
        """As it stands in a manifest."""
        return {
            "server": self.server,
            "version": self.version,
            "isolation": self.isolation,
            "position": asdict(self.position) if self.position else None,
            "exact": self.exact,
            "taken_at": self.taken_at,
            **({} if self.parts is None else {"parts": self.parts, "locked": self.locked}),
        }

    def of_parts(self, parts: int, *, locked: bool) -> "SnapshotInfo":
        """What is to be said of several transactions, of which this is the first."""
        position = self.position and replace(self.position, exact=self.position.exact and locked)
        return replace(
            self, parts=parts, locked=locked, exact=self.exact and locked, position=position
        )


@dataclass(frozen=True)
class Snapshot:
    """A connection inside its transaction, and what the shard table looks like in it."""

    connection: Connection
    info: SnapshotInfo
    columns: tuple[Column, ...]


@contextmanager
def open_snapshot(
    engines: Engines, shard: Shard, moment: AbstractContextManager[object] = _AT_ONCE
) -> Iterator[Snapshot]:
    """Open a connection for one shard table; it is closed at the end, whatever happens.

    Left with an error, it is dropped at once, and a query that still runs is ended. MySQL's
    transaction begins inside `moment`: between its entry and its exit, everything else being ready.

    Raises:
        sqlalchemy.exc.DBAPIError: as the server says it, when it cannot be reached or the table
            is not there.
    """
    engine = engines.get(shard.host, shard.database)
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            yield _sqlite_snapshot(connection, shard)
            return
        with dropped_on_error(connection, shard):
            pin_session(connection)
            yield _mysql_snapshot(connection, shard, moment)
        # All that was wanted has come: a server that leaves only now takes nothing back.
        with suppress(DBAPIError):
            connection.rollback()


def count_rows(engines: Engines, shard: Shard, condition: sa.ColumnElement[bool]) -> int:
    """How many rows of a shard table fulfil a condition."""
    with open_snapshot(engines, shard) as snapshot:
        table = source_table(shard, is_mysql=snapshot.info.server != "sqlite")
        query = sa.select(sa.func.count()).select_from(table).where(condition)
        return int(snapshot.connection.execute(query).scalar_one())


def pin_session(connection: Connection) -> None:
    """Make a session of MySQL's what every export's is, whatever the server's defaults are."""
    dialect: Any = connection.dialect
    # What the connection's earlier shards have been told holds still.
    if not connection.info.get(_PINNED):
        for statement in (*_PIN, *(_PIN_MARIADB if dialect.is_mariadb else _PIN_MYSQL)):
            connection.exec_driver_sql(statement)
        connection.info[_PINNED] = True


def address_of(connection: Connection) -> str:
    """Which of MySQL's servers a connection leads to, by what that one says of itself."""
    found = connection.exec_driver_sql("SELECT @@hostname, @@port, @@server_id").one()
    return ":".join(map(_text, found))


def _mysql_snapshot(
    connection: Connection, shard: Shard, moment: AbstractContextManager[object]
) -> Snapshot:
    dialect: Any = connection.dialect
    start = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
    with moment:
        position = position_around(connection, lambda: connection.exec_driver_sql(start))
        taken_at = datetime.now(UTC)
    version = str(connection.exec_driver_sql("SELECT VERSION()").scalar_one())
    columns = columns_of(connection, shard)
    if not columns:
        _provoke(connection, shard)
    engine = connection.execute(_TABLE_ENGINE, _names(shard)).scalar()
    info = SnapshotInfo(
        server="mariadb" if dialect.is_mariadb else "mysql",
        version=version,
        isolation="REPEATABLE READ",
        position=position,
        exact=engine in _TRANSACTIONAL_ENGINES,
        taken_at=taken_at,
        address=address_of(connection),
    )
    return Snapshot(connection, info, columns)


def _sqlite_snapshot(connection: Connection, shard: Shard) -> Snapshot:
    connection.exec_driver_sql("BEGIN")
    name = shard.shard_table.replace('"', '""')
    # table_xinfo, unlike table_info, has the generated columns too.
    rows = connection.exec_driver_sql(f'PRAGMA table_xinfo("{name}")').all()
    if not rows:
        _provoke(connection, shard)
    info = SnapshotInfo(
        server="sqlite",
        version=str(connection.exec_driver_sql("SELECT sqlite_version()").scalar_one()),
        isolation="SERIALIZABLE",
        position=None,
        exact=True,
        taken_at=datetime.now(UTC),
    )
    return Snapshot(connection, info, tuple(Column(row[1], row[2].lower()) for row in rows))


_TABLE_COLUMNS = sa.text(
    "SELECT COLUMN_NAME, COLUMN_TYPE FROM information_schema.COLUMNS "
    "WHERE TABLE_SCHEMA = :database AND TABLE_NAME = :name ORDER BY ORDINAL_POSITION"
)
_TABLE_ENGINE = sa.text(
    "SELECT ENGINE FROM information_schema.TABLES "
    "WHERE TABLE_SCHEMA = :database AND TABLE_NAME = :name"
)


_LEADS_INDEX = sa.text(
    "SELECT COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = :database "
    "AND TABLE_NAME = :name AND COLUMN_NAME = :column AND SEQ_IN_INDEX = 1"
)


def has_index(connection: Connection, shard: Shard, column: str) -> bool:
    """Whether MySQL finds the rows of a range of the column without reading all."""
    found = connection.execute(_LEADS_INDEX, {**_names(shard), "column": column})
    return int(found.scalar_one()) > 0


def columns_of(connection: Connection, shard: Shard) -> tuple[Column, ...]:
    """The columns of a table of MySQL's, in its order; none where it is not there."""
    rows = connection.execute(_TABLE_COLUMNS, _names(shard))
    return tuple(Column(_text(name), _text(kind)) for name, kind in rows)


def _names(shard: Shard) -> dict[str, str]:
    return {"database": shard.database, "name": shard.shard_table}


def _provoke(connection: Connection, shard: Shard) -> None:
    """Let the server say itself why a table cannot be read."""
    table = source_table(shard, is_mysql=connection.dialect.name != "sqlite")
    connection.execute(sa.select(sa.literal_column("1")).select_from(table).limit(0))


def _text(value: object) -> str:
    """Information schema columns arrive as bytes from some servers."""
    return value.decode() if isinstance(value, bytes) else str(value)
