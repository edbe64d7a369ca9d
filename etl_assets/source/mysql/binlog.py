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

_PLACE_OF_MARIADB = (
    "SELECT @@global.gtid_binlog_pos, VARIABLE_NAME, VARIABLE_VALUE "
    "FROM information_schema.SESSION_STATUS "
    "WHERE VARIABLE_NAME IN ('BINLOG_SNAPSHOT_FILE', 'BINLOG_SNAPSHOT_POSITION')"
)

_MAY_NOT_ASK = "etl_assets_may_not_ask_for_the_log"


def position_around(
    connection: Connection, take_snapshot: Callable[[], object], *, keeps_log: bool
) -> Position | None:
    """Take a snapshot, and give its position; None where there is no binary log to know of."""
    dialect: Any = connection.dialect
    if not keeps_log:
        take_snapshot()
        return None
    if dialect.is_mariadb:
        return _position_of_mariadb(connection, take_snapshot)
    before = _place_of_mysql(connection)
    take_snapshot()
    after = _place_of_mysql(connection)
    return Position(*after, exact=before == after) if any(after) else None


def _position_of_mariadb(
    connection: Connection, take_snapshot: Callable[[], object]
) -> Position | None:
    before = _gtid(connection.exec_driver_sql("SELECT @@global.gtid_binlog_pos").scalar())
    take_snapshot()
    found = connection.exec_driver_sql(_PLACE_OF_MARIADB).all()
    facts = {text_of(name).lower(): text_of(value) for _, name, value in found}
    file = facts.get("binlog_snapshot_file")
    if not file:
        return None
    after = _gtid(found[0][0])
    offset = int(facts["binlog_snapshot_position"])
    return Position(file, offset, after if before == after else None, exact=True)


def _place_of_mysql(connection: Connection) -> tuple[str | None, int | None, str | None]:
    """Where the log stands: its file and offset where the account may know them, and the GTIDs."""
    if not connection.info.get(_MAY_NOT_ASK):
        version: Any = connection.dialect.server_version_info
        name = "BINARY LOG" if version >= _LOG_STATUS_SINCE else "MASTER"
        try:
            # Its columns: file, offset, two filters, and the same as @@global.gtid_executed.
            row = connection.exec_driver_sql(f"SHOW {name} STATUS").first()
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            # It needs REPLICATION CLIENT, which an account that only reads tables need not have,
            # and which a connection does not get later.
            connection.info[_MAY_NOT_ASK] = True
        else:
            if row is not None:
                return text_of(row[0]), int(row[1]), _gtid(row[4])
    return None, None, _gtid(connection.exec_driver_sql("SELECT @@global.gtid_executed").scalar())


def _gtid(value: object) -> str | None:
    return "".join(text_of(value).split()) if value else None
