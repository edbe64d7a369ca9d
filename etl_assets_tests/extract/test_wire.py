"""The wire extractor on a real server, against rows read the plain way."""

import threading
import time
import tracemalloc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from etl_assets.config import HostConfig
from etl_assets.csv_format import CsvFormat
from etl_assets.errors import ShardError
from etl_assets.extract.rows import extract_rows
from etl_assets.extract.wire import BLOCK_BYTES, extract_wire
from etl_assets.source.engines import Engines
from etl_assets.source.failures import is_transient
from etl_assets.source.mysql.failures import error_number
from etl_assets.source.query import ShardQuery
from etl_assets.source.snapshot import open_snapshot
from etl_assets.tables.topology import Shard
from etl_assets_tests.support.servers import Server

HOST = "shop-a"

AWKWARD = [
    "NULL", "''", "','", "'\"'", "'\"\"'", "'a\"b'", "'\\n'", "'\\r'", "'\\r\\n'", "';'", "'\\t'",
    "'NULL'", "'\\\\N'", "'\\\\'", "''''", "' '", "'汉字'", "'😀'", "char(0 using utf8mb4)", "'#x'",
    "repeat('\"', 250)", "repeat('x', 251)", "repeat(',', 252)", "repeat('汉', 22000)",
]  # fmt: skip
BYTES = [
    "NULL",
    "''",
    "x'00'",
    "x'22'",
    "x'2C0A0D'",
    "x'FF'",
    "x'FB'",
    "x'FEFF00'",
    "repeat(x'F5', 300)",
]


@contextmanager
def reading(
    server: Server, table: str, *, condition: str | None = None, **connect: Any
) -> Iterator[tuple[Connection, ShardQuery]]:
    """A snapshot of `database.table` and the query for all its columns."""
    host = HostConfig.model_validate({**server.host_config(), "connect": connect})
    engines = Engines({HOST: host}, Path())
    try:
        shard = Shard("orders", HOST, *table.split("."))
        with open_snapshot(engines, shard) as snapshot:
            where: Any = None if condition is None else sa.literal_column(condition)
            yield (
                snapshot.connection,
                ShardQuery(shard, snapshot.columns, where, None, snapshot.backend),
            )
    finally:
        engines.dispose()


def csv_of(
    connection: Connection, query: ShardQuery, csv_format: CsvFormat, **options: Any
) -> bytes:
    """The table as CSV, through the wire."""
    blocks = list(extract_wire(connection, query, csv_format, **options))
    data = b"".join(block.data for block in blocks)
    assert sum(block.rows for block in blocks) == int(connection.execute(query.count).scalar_one())
    return data


def plainly(connection: Connection, query: ShardQuery, csv_format: CsvFormat) -> bytes:
    """The table as CSV, row by row."""
    return b"".join(block.data for block in extract_rows(connection, query, csv_format))


@pytest.fixture
def awkward(server: Server, database: str) -> str:
    """A table of every kind of column with every awkward value."""
    table = f"{database}.awkward"
    server.execute(
        f'CREATE TABLE {table} (`i%d` int, t longtext, `q"` varchar(300), b longblob, '
        "fixed binary(4), n decimal(20,5), d datetime(6), f float, bits bit(12), j json, p point, "
        "e enum('a','b,c'), last longtext)",
        *(
            f"INSERT INTO {table} (`i%d`, t, last) VALUES ({i}, {value}, {value})"
            for i, value in enumerate(AWKWARD)
        ),
        *(f"INSERT INTO {table} (b) VALUES ({value})" for value in BYTES),
        f"INSERT INTO {table} VALUES (7, 'x', '\"', x'0A', x'FF00', -1.5, "
        "'2026-11-02 03:04:05', -0.0, b'101', '{\"a\": [\"b\"]}', ST_GeomFromText('POINT(1 2)'), "
        "'b,c', '')",
    )
    return table


@pytest.mark.parametrize("null", ["", "NULL", "\\N", "7"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";", "1"])
@pytest.mark.parametrize("quoting", ["minimal", "all"])
@pytest.mark.parametrize("binary", ["hex", "base64"])
def test_every_value_is_written_as_row_by_row(
    server: Server, awkward: str, null: str, delimiter: str, quoting: Any, binary: Any
) -> None:
    csv_format = CsvFormat(null=null, delimiter=delimiter, quoting=quoting, binary=binary)
    with reading(server, awkward) as (connection, query):
        expected = plainly(connection, query, csv_format)

        assert csv_of(connection, query, csv_format) == expected
        assert len(expected) > 100_000


@pytest.mark.parametrize("binary", ["hex", "base64"])
def test_formulas_are_neutral_as_row_by_row(server: Server, database: str, binary: Any) -> None:
    table = f"{database}.formulas"
    server.execute(
        f"CREATE TABLE {table} (n int, d decimal(5,2), t time, x text, b varbinary(9), y text)",
        f"INSERT INTO {table} VALUES (-1, -1.5, '-01:00:00', '=1+1', x'F9', '+'), "
        "(1, NULL, NULL, '', '', NULL), (NULL, 0, 0, '＝1', x'F900', '\t=1'), "
        "(2, 0, 0, 'a=1', NULL, '-汉')",
    )
    csv_format = CsvFormat(spreadsheet_safe=True, binary=binary)
    with reading(server, table) as (connection, query):
        expected = plainly(connection, query, csv_format)

        assert csv_of(connection, query, csv_format) == expected
    assert expected.startswith(b"-1,-1.50,-01:00:00,'=1+1," + (b"F9" if binary == "hex" else b"'"))
    assert "'＝1".encode() in expected
    assert b"a=1" in expected


@pytest.mark.parametrize("block_bytes", [1, 17, 300, 70_000])
def test_a_block_of_any_size_gives_the_same_bytes(
    server: Server, awkward: str, block_bytes: int
) -> None:
    with reading(server, awkward) as (connection, query):
        expected = plainly(connection, query, CsvFormat())

        assert csv_of(connection, query, CsvFormat(), block_bytes=block_bytes) == expected


def test_a_table_without_rows_gives_no_block(server: Server, awkward: str) -> None:
    with reading(server, awkward, condition="1 = 0") as (connection, query):
        assert list(extract_wire(connection, query, CsvFormat())) == []


def test_percent_signs_in_names_and_conditions_reach_the_server_once(
    server: Server, awkward: str
) -> None:
    condition = "`i%d` % 2 = 1 and t not like '%s' and t not like '\\\\%' and '%(x)s' <> ':x'"
    with reading(server, awkward, condition=condition) as (connection, query):
        expected = plainly(connection, query, CsvFormat())

        assert expected.count(b"\n") > 5
        assert csv_of(connection, query, CsvFormat()) == expected


def test_a_connection_told_to_stream_loses_no_row(server: Server, awkward: str) -> None:
    with reading(server, awkward) as (connection, query):
        expected = plainly(connection, query, CsvFormat())
        connection.execution_options(stream_results=True, max_row_buffer=10)

        assert csv_of(connection, query, CsvFormat()) == expected


def test_one_column_of_one_row_is_enough(server: Server, database: str) -> None:
    server.execute(f"CREATE TABLE {database}.t (v text)", f"INSERT INTO {database}.t VALUES (NULL)")
    with reading(server, f"{database}.t") as (connection, query):
        assert csv_of(connection, query, CsvFormat()) == b"\n"


def test_four_hundred_columns_are_written_as_row_by_row(server: Server, database: str) -> None:
    columns = ", ".join(f"c{i} varchar(9)" for i in range(400))
    values = ", ".join("NULL" if i % 3 else f"'a,{i}'" for i in range(400))
    server.execute(
        f"CREATE TABLE {database}.t ({columns}) CHARACTER SET ascii",
        *[f"INSERT INTO {database}.t VALUES ({values})"] * 30,
    )
    with reading(server, f"{database}.t") as (connection, query):
        expected = plainly(connection, query, CsvFormat())

        assert csv_of(connection, query, CsvFormat(), block_bytes=20_000) == expected


def test_rows_over_16_mib_are_written_whole(server: Server, database: str) -> None:
    table = f"{database}.t"
    server.execute(
        f"CREATE TABLE {table} (t longtext, n int, b longblob)",
        f"INSERT INTO {table} VALUES ('before', 1, x'01')",
        f"INSERT INTO {table} VALUES (concat(repeat('ab\"c', 5000000), '汉'), 2, NULL)",
        f"INSERT INTO {table} VALUES ('small', 3, repeat(x'FF00', 9000000))",
        f"INSERT INTO {table} VALUES ('after', 4, '')",
    )
    with reading(server, table) as (connection, query):
        data = csv_of(connection, query, CsvFormat())

        expected = (
            b"before,1,01\n",
            b'"' + b'ab""c' * 5_000_000 + "汉".encode() + b'",2,\n',
            b"small,3," + b"FF00" * 9_000_000 + b"\n",
            b'after,4,""\n',
        )
        assert data == b"".join(expected)


def test_a_second_query_follows_on_the_same_connection(server: Server, awkward: str) -> None:
    with reading(server, awkward) as (connection, query):
        first = csv_of(connection, query, CsvFormat())
        thread = connection.execute(sa.text("SELECT CONNECTION_ID()")).scalar_one()

        assert csv_of(connection, query, CsvFormat()) == first
        assert connection.execute(sa.text("SELECT CONNECTION_ID()")).scalar_one() == thread


@pytest.fixture(scope="module")
def large(server: Server) -> Iterator[str]:
    """A table of some 100 MB: far more than the buffers between server and client hold."""
    digits = " UNION ALL ".join(f"SELECT {i} AS n" for i in range(10))
    with server.database() as name:
        server.execute(
            f"CREATE TABLE {name}.large (id int, filler varchar(1000))",
            f"INSERT INTO {name}.large SELECT a.n, repeat('x', 1000) FROM "
            + ", ".join(f"({digits}) {alias}" for alias in "abcde"),
        )
        yield f"{name}.large"


def kill_in_mid_stream(
    server: Server, what: str, connection: Connection, query: ShardQuery
) -> None:
    """Read a first block, let another connection kill this one's query or itself, read on."""
    thread = connection.execute(sa.text("SELECT CONNECTION_ID()")).scalar_one()
    blocks = extract_wire(connection, query, CsvFormat())
    next(blocks)
    server.execute(f"KILL {what} {int(thread)}")
    list(blocks)


def test_an_unknown_column_is_the_servers_own_error(server: Server, awkward: str) -> None:
    with (
        pytest.raises(DBAPIError, match="Unknown column") as caught,
        reading(server, awkward, condition="no_such = 1") as (connection, query),
    ):
        list(extract_wire(connection, query, CsvFormat()))
    assert error_number(caught.value) == 1054


def test_a_query_that_is_killed_in_mid_stream_raises_the_servers_error(
    server: Server, large: str
) -> None:
    with (
        pytest.raises(DBAPIError) as caught,
        reading(server, large) as (connection, query),
    ):
        kill_in_mid_stream(server, "QUERY", connection, query)
    assert error_number(caught.value) == 1317


def test_a_connection_that_is_killed_in_mid_stream_may_be_tried_again(
    server: Server, large: str
) -> None:
    with (
        pytest.raises(DBAPIError) as caught,
        reading(server, large) as (connection, query),
    ):
        kill_in_mid_stream(server, "CONNECTION", connection, query)
    assert is_transient(caught.value)
    assert caught.value.connection_invalidated


def test_a_server_that_falls_silent_is_a_lost_connection(server: Server, awkward: str) -> None:
    with (
        pytest.raises(DBAPIError, match="timed out") as caught,
        reading(server, awkward, condition="sleep(2) = 0", read_timeout=1) as (connection, query),
    ):
        list(extract_wire(connection, query, CsvFormat()))
    assert error_number(caught.value) == 2013


def test_closing_early_drops_the_connection_at_once(server: Server, large: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with reading(server, large) as (connection, query):
            driver: Any = connection.connection.dbapi_connection
            blocks = extract_wire(connection, query, CsvFormat())
            next(blocks)
            began = time.monotonic()
            blocks.close()  # type: ignore[attr-defined]

            assert not driver.open
            assert connection.invalidated
        assert time.monotonic() - began < 0.2


def test_a_caller_that_fails_between_blocks_leaves_nothing_unread(
    server: Server, large: str
) -> None:
    def fail() -> None:
        with reading(server, large) as (connection, query):
            for _ in extract_wire(connection, query, CsvFormat()):
                raise RuntimeError("the disk is full")

    began = time.monotonic()
    with pytest.raises(RuntimeError, match="the disk is full"):
        fail()
    assert time.monotonic() - began < 2
    assert threading.active_count() == 1


def as_text(query: ShardQuery) -> ShardQuery:
    """The same query, every column taken for text."""
    return replace(query, columns=tuple(replace(column, type="text") for column in query.columns))


def test_text_that_is_not_utf8_fails_the_shard_and_names_the_column(
    server: Server, database: str
) -> None:
    server.execute(
        f"CREATE TABLE {database}.t (id int, v blob)",
        f"INSERT INTO {database}.t VALUES (1, x'61FF')",
    )
    with (
        pytest.raises(ShardError, match="UTF-8") as caught,
        reading(server, f"{database}.t") as (connection, query),
    ):
        # As if the server had sent a text column so.
        list(extract_wire(connection, as_text(query), CsvFormat()))
    assert f"{query.shard}: column 'v'" in str(caught.value)
    assert r"b'a\xff'" in str(caught.value)


EXTRACTS = pytest.mark.parametrize("extract", [extract_wire, extract_rows])


@EXTRACTS
def test_a_value_that_the_server_left_out_fails_the_shard(
    server: Server, database: str, extract: Any
) -> None:
    server.execute(
        f"CREATE TABLE {database}.t (v int)",
        f"INSERT INTO {database}.t VALUES (1)",
    )
    # A condition is the only place where a test can make the server warn.
    condition = "repeat('x', @@max_allowed_packet + 1) is null"
    with (
        pytest.raises(ShardError, match="warning 1301") as caught,
        reading(server, f"{database}.t", condition=condition) as (connection, query),
    ):
        list(extract(connection, query, CsvFormat()))
    assert caught.value.problem.startswith(str(query.shard))
    assert caught.value.next_step


@EXTRACTS
def test_warnings_that_cannot_all_be_read_fail_the_shard(
    server: Server, database: str, extract: Any
) -> None:
    server.execute(
        f"CREATE TABLE {database}.t (v varchar(5))",
        f"INSERT INTO {database}.t VALUES ('1x'), ('2x'), ('3x')",
    )

    def read() -> None:
        with reading(server, f"{database}.t", condition="v + 0 > 0") as (connection, query):
            if server.is_mariadb:
                # Each of the product's sessions keeps more; MySQL does not let it.
                connection.exec_driver_sql("SET SESSION max_error_count = 2")
            list(extract(connection, query, CsvFormat()))

    told = r"t: 3 warnings, .* got 2, .*`where` of table orders"
    with server.changed(max_error_count=2), pytest.raises(ShardError, match=told):
        read()


def test_other_warnings_leave_the_shard_alone(server: Server, database: str) -> None:
    server.execute(
        f"CREATE TABLE {database}.t (v varchar(5))", f"INSERT INTO {database}.t VALUES ('1x')"
    )
    with reading(server, f"{database}.t", condition="v = 1") as (connection, query):
        assert csv_of(connection, query, CsvFormat()) == b"1x\n"


def test_memory_is_bounded_by_the_block(server: Server, large: str) -> None:
    with reading(server, large) as (connection, query):
        tracemalloc.start()
        try:
            for _ in extract_wire(connection, query, CsvFormat()):
                pass
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 12 * BLOCK_BYTES
