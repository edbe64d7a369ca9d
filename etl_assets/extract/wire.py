"""MySQL through PyMySQL: the bytes of the result made CSV blocks, without a Python value a cell.

SQLAlchemy compiles and sends the query and PyMySQL reads the column definitions, as ever. Then
the stream is taken over from the driver: what follows are rows in the text protocol, in which
every value is the server's own text already.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymysql.cursors import SSCursor
from pymysql.err import Error as DriverError
from pymysql.err import InternalError
from pymysql.protocol import MysqlPacket
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from etl_assets.csv_format import CsvFormat
from etl_assets.errors import ShardError
from etl_assets.extract.block import Block
from etl_assets.extract.broken_stream import NotUtf8Error
from etl_assets.extract.encoders import Encoding, new_encoder
from etl_assets.private.pymysql import finish, hang_up, stream_of, take_over
from etl_assets.source.mysql.lost_values import refuse_lost_values
from etl_assets.source.query import ShardQuery

BLOCK_BYTES = 1 << 18
"""Large enough that a call for each does not count, small enough for a core's own cache."""


def extract_wire(
    connection: Connection,
    query: ShardQuery,
    csv_format: CsvFormat,
    *,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Block]:
    """Stream the query's rows as blocks of records, without the header.

    A block holds the rows of at most `block_bytes` of the server's bytes, or one longer row. Read
    to its end, the connection is ready for another query. Closed earlier, or after an error, it
    is dropped at once: the rest of the result is not read.

    Raises:
        sqlalchemy.exc.DBAPIError: what the server or the driver says, as `execute` would raise it.
        ShardError: a value is not UTF-8, or the server left a value out.
    """
    with _stream(connection, query) as driver:
        read_into, sequence = stream_of(driver)
        encoder = new_encoder(
            Encoding(
                binary=[column.is_binary for column in query.columns],
                free_text=[column.is_free_text for column in query.columns],
                csv_format=csv_format,
                sequence=sequence,
                block_bytes=block_bytes,
            )
        )
        try:
            yield from encoder.blocks(read_into)
        except NotUtf8Error as error:
            raise _not_utf8(query, error) from None
        warned = _end(driver, encoder.last)
    if warned:
        refuse_lost_values(connection, query.shard)


@contextmanager
def _stream(connection: Connection, query: ShardQuery) -> Iterator[Any]:
    """The driver's connection, just before the first row of the query's result."""
    driver: Any = connection.connection.dbapi_connection
    usual = driver.cursorclass
    # An unbuffered cursor sends the query and reads the column definitions, no row. SQLAlchemy's
    # own `stream_results`, which the connection may have from before, fetches the first row.
    driver.cursorclass = SSCursor
    try:
        result = query.ask(connection, "rows", stream_results=False)
    finally:
        driver.cursorclass = usual
    at_first_row = take_over(driver)
    try:
        if not at_first_row:
            raise InternalError("Rows were read before the stream was taken over")
        yield driver
        result.close()
    except BaseException as error:
        hang_up(driver)
        if not connection.closed:
            connection.invalidate()
        if isinstance(error, DriverError):
            raise DBAPIError.instance(
                None, None, error, DriverError, connection_invalidated=True,
                dialect=connection.dialect,
            ) from error  # fmt: skip
        raise


def _end(driver: Any, payload: bytes) -> bool:
    """Let the driver read the payload after the rows: an error, or whether there are warnings."""
    packet = MysqlPacket(payload, driver.encoding)
    packet.check_error()
    return finish(driver, packet)


def _not_utf8(query: ShardQuery, error: NotUtf8Error) -> ShardError:
    return ShardError(
        f"{query.shard}: column {query.columns[error.column].name!r}",
        expected="text that is UTF-8",
        got=repr(error.value[:40]),
        next_step="fix the value, or leave the column out with `columns: {exclude: […]}`",
    )
