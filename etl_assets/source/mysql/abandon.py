"""Leaving a connection in the middle: the result unread, the query ended on the server.

A driver that closes politely first reads all that the server still sends, and a server that has
nothing to send yet (a long COUNT, a sort) does not notice that its client is gone: it works on to
the end, and a retry would make two of them.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from etl_assets.private.pymysql import hang_up
from etl_assets.source.mysql.text import text_of
from etl_assets.tables.topology import Shard

_THREAD, _STATEMENT = 0, 7
"""Columns of SHOW FULL PROCESSLIST."""


def thread_of(connection: Connection) -> int:
    """The number by which the server knows a connection."""
    driver: Any = connection.connection.dbapi_connection
    return int(driver.thread_id())


def drop(connection: Connection) -> None:
    """Close the socket without a word: rows that nobody wants may still be on their way."""
    if connection.invalidated:
        # The driver has lost it already.
        return
    hang_up(connection.connection.dbapi_connection)
    connection.invalidate()


@contextmanager
def dropped_on_error(connection: Connection, shard: Shard) -> Iterator[None]:
    """Drop a connection of MySQL's after an error, and end what it was asked of a shard table."""
    engine, thread = connection.engine, thread_of(connection)
    try:
        yield
    except BaseException as error:
        drop(connection)
        if may_still_run(error):
            end_query(engine, thread, shard)
        raise


def may_still_run(error: BaseException) -> bool:
    """Whether the server may be at work yet on what an error has cut short.

    It is not after an answer of its own, such as an unknown column.
    """
    return not isinstance(error, DBAPIError) or error.connection_invalidated


def end_query(engine: Engine, thread: int, shard: Shard) -> None:
    """End what a dropped connection still does on the server, over a connection of its own.

    For one's own threads KILL QUERY needs no privilege. A server that cannot be reached is left
    alone.
    """
    with suppress(SQLAlchemyError), engine.connect() as connection:
        running = connection.exec_driver_sql("SHOW FULL PROCESSLIST").all()
        if any(_is_ours(row, thread, shard) for row in running):
            connection.exec_driver_sql(f"KILL QUERY {thread}")


def _is_ours(row: Sequence[Any], thread: int, shard: Shard) -> bool:
    # A server that was restarted counts its threads anew: the number may be another's by now.
    names = (shard.database, shard.shard_table)
    quoted = ".".join("`" + name.replace("`", "``") + "`" for name in names)
    return str(row[_THREAD]) == str(thread) and quoted in text_of(row[_STATEMENT] or "", "replace")
