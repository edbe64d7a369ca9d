"""A session that sees one moment: pinned, in a read-only transaction with a snapshot.

Facts from the MySQL manual: START TRANSACTION WITH CONSISTENT SNAPSHOT has no effect below
REPEATABLE READ, and tables of engines without transactions (MyISAM) have no snapshot at all.
"""

from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.engine import Connection

from etl_assets.source.moment import SnapshotInfo
from etl_assets.source.mysql.binlog import position_around
from etl_assets.source.mysql.schema import engine_of
from etl_assets.source.mysql.text import text_of
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

_TRANSACTIONAL_ENGINES = frozenset({"InnoDB", "ROCKSDB", "TokuDB"})


def pin_session(connection: Connection) -> None:
    """Make a session what every export's is, whatever the server's defaults are."""
    dialect: Any = connection.dialect
    # What the connection's earlier shards have set holds still.
    if not connection.info.get(_PINNED):
        for statement in (*_PIN, *(_PIN_MARIADB if dialect.is_mariadb else _PIN_MYSQL)):
            connection.exec_driver_sql(statement)
        connection.info[_PINNED] = True


def address_of(connection: Connection) -> str:
    """Which server a connection leads to, by what that one says of itself."""
    found = connection.exec_driver_sql("SELECT @@hostname, @@port, @@server_id").one()
    return ":".join(map(text_of, found))


def begin_snapshot(
    connection: Connection, shard: Shard, moment: AbstractContextManager[object]
) -> SnapshotInfo:
    """Begin a transaction inside `moment`, and say of which moment it is."""
    dialect: Any = connection.dialect
    start = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
    with moment:
        position = position_around(connection, lambda: connection.exec_driver_sql(start))
        taken_at = datetime.now(UTC)
    return SnapshotInfo(
        server="mariadb" if dialect.is_mariadb else "mysql",
        version=str(connection.exec_driver_sql("SELECT VERSION()").scalar_one()),
        isolation="REPEATABLE READ",
        position=position,
        exact=engine_of(connection, shard) in _TRANSACTIONAL_ENGINES,
        taken_at=taken_at,
        address=address_of(connection),
    )
