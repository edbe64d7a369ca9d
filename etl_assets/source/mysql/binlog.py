"""Where a server's binary log stands when a snapshot is taken, as far as the account may know.

MariaDB tells each transaction the place that its snapshot belongs to (`Binlog_snapshot_file` and
`Binlog_snapshot_position`, from its manual, "Enhancements for START TRANSACTION WITH CONSISTENT
SNAPSHOT"). MySQL only tells where the log stands now: asked before and after the snapshot, the same
answer twice proves that the place is the snapshot's too.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from etl_assets.source.moment import Position
from etl_assets.source.mysql.text import text_of

_LOG_STATUS_SINCE = (8, 2)
"""From this version of MySQL on SHOW MASTER STATUS is called SHOW BINARY LOG STATUS."""

_PLACE = "SHOW STATUS WHERE Variable_name IN ('Binlog_snapshot_file', 'Binlog_snapshot_position')"


def position_around(connection: Connection, take_snapshot: Callable[[], object]) -> Position | None:
    """Take a snapshot, and give its position; None where there is no binary log to know of."""
    dialect: Any = connection.dialect
    if not int(connection.exec_driver_sql("SELECT @@log_bin").scalar_one()):
        take_snapshot()
        return None
    read = _gtid_of_mariadb if dialect.is_mariadb else _place_of_mysql
    before = read(connection)
    take_snapshot()
    after = read(connection)
    if not dialect.is_mariadb:
        return Position(*after, exact=before == after) if any(after) else None
    facts = {text_of(name).lower(): value for name, value in connection.exec_driver_sql(_PLACE)}
    file = facts.get("binlog_snapshot_file")
    if not file:
        return None
    offset = int(facts["binlog_snapshot_position"])
    return Position(text_of(file), offset, after[2] if before == after else None, exact=True)


def _gtid_of_mariadb(connection: Connection) -> tuple[None, None, str | None]:
    gtid = connection.exec_driver_sql("SELECT @@global.gtid_binlog_pos").scalar()
    return None, None, text_of(gtid) if gtid else None


def _place_of_mysql(connection: Connection) -> tuple[str | None, int | None, str | None]:
    gtid = connection.exec_driver_sql("SELECT @@global.gtid_executed").scalar()
    version: Any = connection.dialect.server_version_info
    name = "BINARY LOG" if version >= _LOG_STATUS_SINCE else "MASTER"
    try:
        row = connection.exec_driver_sql(f"SHOW {name} STATUS").first()
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        # It needs REPLICATION CLIENT, which an account that only reads tables need not have.
        row = None
    file, offset = (text_of(row[0]), int(row[1])) if row is not None else (None, None)
    return file, offset, "".join(text_of(gtid).split()) if gtid else None
