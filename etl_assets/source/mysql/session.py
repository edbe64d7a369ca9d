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
from etl_assets.source.mysql.definition import TableDefinition, definition_of
from etl_assets.source.mysql.text import text_of
from etl_assets.tables.topology import Shard

_PIN = {
    "time_zone": "'+00:00'",
    # A server may have been told to cut every result short.
    "sql_select_limit": "18446744073709551615",
    # The time the server waits for a slow reader: a slow disk is not a lost client.
    "net_write_timeout": "3600",
    # By its quotes a column is known in the text of SHOW CREATE TABLE.
    "sql_quote_show_create": "1",
}
_PIN_MARIADB = {
    "max_statement_time": "0",
    # So many warnings are kept, 64 by default: one that tells of a lost value must be among them.
    # On MySQL they are 1024, and more would need a privilege.
    "max_error_count": "65535",
}
_PIN_MYSQL = {"max_execution_time": "0"}
# Its variable has another name on each kind of server.
_ISOLATION = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"

_PINNED = "etl_assets_pinned"
_SERVER = "etl_assets_server"

_TRANSACTIONAL_ENGINES = frozenset({"InnoDB", "ROCKSDB", "TokuDB"})


def pin_session(connection: Connection) -> None:
    """Make a session what every export's is, whatever the server's defaults are."""
    dialect: Any = connection.dialect
    # What the connection's earlier shards have set holds still.
    if not connection.info.get(_PINNED):
        pins = _PIN | (_PIN_MARIADB if dialect.is_mariadb else _PIN_MYSQL)
        values = ", ".join(f"SESSION {name} = {value}" for name, value in pins.items())
        connection.exec_driver_sql(f"SET {values}")
        connection.exec_driver_sql(_ISOLATION)
        connection.info[_PINNED] = True


def address_of(connection: Connection) -> str:
    """Which server a connection leads to, by what that one says of itself."""
    found = connection.exec_driver_sql("SELECT @@hostname, @@port, @@server_id").one()
    return ":".join(map(text_of, found))


def begin_snapshot(
    connection: Connection, shard: Shard, moment: AbstractContextManager[object]
) -> tuple[SnapshotInfo, TableDefinition]:
    """Begin a transaction inside `moment`; gives which moment it is, and the table in it."""
    dialect: Any = connection.dialect
    version, keeps_log = _server(connection)
    start = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
    with moment:
        position = position_around(
            connection, lambda: connection.exec_driver_sql(start), keeps_log=keeps_log
        )
        taken_at = datetime.now(UTC)
    definition = definition_of(connection, shard)
    info = SnapshotInfo(
        server="mariadb" if dialect.is_mariadb else "mysql",
        version=version,
        isolation="REPEATABLE READ",
        position=position,
        exact=definition.engine in _TRANSACTIONAL_ENGINES,
        taken_at=taken_at,
    )
    return info, definition


def _server(connection: Connection) -> tuple[str, bool]:
    """The server's version, and whether it keeps a binary log: neither changes while it runs."""
    known: tuple[str, bool] | None = connection.info.get(_SERVER)
    if known is None:
        version, keeps_log = connection.exec_driver_sql("SELECT VERSION(), @@log_bin").one()
        known = connection.info[_SERVER] = (text_of(version), bool(int(keeps_log)))
    return known
