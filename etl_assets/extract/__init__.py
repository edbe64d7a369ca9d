"""A SELECT to blocks of CSV bytes."""

from collections.abc import Iterator
from importlib.metadata import version

from sqlalchemy.engine import Connection

from etl_assets.csv_format import CsvFormat
from etl_assets.extract.block import Block
from etl_assets.source.query import ShardQuery


def extract(connection: Connection, query: ShardQuery, csv_format: CsvFormat) -> Iterator[Block]:
    """Stream the query's rows as blocks of records, without the header, in the fastest way.

    The bytes are the same in either way. Closing the iterator early leaves the result unread; the
    connection must then be abandoned, not reused.
    """
    # Each is imported where it is used: SQLite needs neither numpy nor the driver of MySQL.
    if query.backend.extractor == "wire":
        from etl_assets.extract.wire import extract_wire  # noqa: PLC0415

        return extract_wire(connection, query, csv_format)
    from etl_assets.extract.rows import extract_rows  # noqa: PLC0415

    return extract_rows(connection, query, csv_format)


def writer_of(query: ShardQuery) -> str:
    """What a manifest says of who wrote its file: this version, and what has encoded the rows."""
    encoder = "rows"
    if query.backend.extractor == "wire":
        from etl_assets.extract.encoders import encoder_name  # noqa: PLC0415

        encoder = encoder_name()
    return f"etl-assets {version('etl-assets')} ({encoder})"
