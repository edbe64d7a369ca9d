"""A short lock on a shard table, under which several sessions open snapshots of one moment.

From MySQL's manual, "LOCK TABLES and UNLOCK TABLES": a READ lock is granted once no transaction
that has written to the table is open any more, and keeps others from writing until it is released.
Reading goes on for everybody. The holder's own START TRANSACTION would release the lock, so it is
held by a connection that takes no snapshot.
"""

from enum import Enum

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from etl_assets.source.mysql.failures import error_number
from etl_assets.tables.topology import Shard

LOCK_WAIT_SECONDS = 3
"""How long to wait for the transactions of others; new writers may have to queue up behind it."""

_TIMED_OUT = 1205  # ER_LOCK_WAIT_TIMEOUT


class LockAnswer(Enum):
    """What came of asking for a lock."""

    HELD = "nobody could write to the table while they opened"
    REFUSED = "the account may not LOCK TABLES"
    BUSY = "others kept writing to the table"


def lock_for_reading(
    connection: Connection, shard: Shard, seconds: int | None = None
) -> LockAnswer:
    """Lock a shard table against writes; `release` or the connection's end releases it.

    Waits so many seconds for others who write, by default LOCK_WAIT_SECONDS.
    """
    seconds = LOCK_WAIT_SECONDS if seconds is None else seconds
    quote = connection.dialect.identifier_preparer.quote_identifier
    # InnoDB has a lock of its own, and a time to wait for it.
    for variable in ("lock_wait_timeout", "innodb_lock_wait_timeout"):
        connection.exec_driver_sql(f"SET SESSION {variable} = {seconds}")
    try:
        connection.exec_driver_sql(
            f"LOCK TABLES {quote(shard.database)}.{quote(shard.shard_table)} READ"
        )
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return LockAnswer.BUSY if error_number(error) == _TIMED_OUT else LockAnswer.REFUSED
    return LockAnswer.HELD


def may_lock(connection: Connection, shard: Shard) -> bool:
    """Whether the account may lock a shard table; it is locked for a moment to find out."""
    # The server refuses for want of a privilege before it waits for anything.
    found = lock_for_reading(connection, shard, seconds=1)
    if found is LockAnswer.HELD:
        release(connection)
    return found is not LockAnswer.REFUSED


def release(connection: Connection) -> None:
    """Let the others write again."""
    connection.exec_driver_sql("UNLOCK TABLES")
