"""Rows of any SQLAlchemy dialect to CSV blocks, in constant memory."""

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy.engine import Connection

from etl_assets.csv_format import CsvFormat
from etl_assets.extract.block import Block
from etl_assets.source.query import ShardQuery
from etl_assets.tables.columns import Column

BLOCK_ROWS = 2_000


def extract_rows(
    connection: Connection,
    query: ShardQuery,
    csv_format: CsvFormat,
    *,
    block_rows: int = BLOCK_ROWS,
) -> Iterator[Block]:
    """Stream the query's rows as blocks of at most `block_rows` records, without the header.

    Closing the iterator early leaves the result unread; the connection must then be abandoned,
    not reused.

    Raises:
        ShardError: the server left a value out.
    """
    fields = [_field(column, csv_format) for column in query.columns]
    delimiter = csv_format.delimiter
    result = query.ask(connection, "rows", stream_results=True, max_row_buffer=block_rows)
    for rows in result.partitions(block_rows):
        lines = [
            delimiter.join([field(value) for field, value in zip(fields, row, strict=True)])
            for row in rows
        ]
        yield Block(("\n".join(lines) + "\n").encode(), len(rows))
    query.backend.refuse_lost_values(connection, query.shard)


def _field(column: Column, csv_format: CsvFormat) -> Callable[[Any], str]:
    """How this column's values become fields."""

    is_binary, is_free_text = column.is_binary, column.is_free_text

    def field(value: Any) -> str:
        if isinstance(value, bytes):
            # Text in a binary collation may arrive as bytes; it is text all the same.
            value = csv_format.encoded_bytes(value) if is_binary else value.decode()
        if isinstance(value, str) and is_free_text:
            value = csv_format.neutral(value)
        return csv_format.field(value)

    return field
