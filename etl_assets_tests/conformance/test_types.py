"""Every MySQL type comes through as the conventions say."""

import math
import random
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pymysql.cursors import Cursor

from etl_assets.csv_format import CsvFormat
from etl_assets.errors import ShardError
from etl_assets.store.open_folder import open_folder
from etl_assets.store.reader import ShardFile, read_files, read_table
from etl_assets_tests.support.exporting import Exporter, table_config
from etl_assets_tests.support.servers import Server
from etl_assets_tests.support.type_cases import (
    CASES,
    MARIADB_CASES,
    MYSQL_CASES,
    ODD_NAMES,
    VECTOR_CASES,
)


@contextmanager
def as_it_comes(server: Server) -> Iterator[Cursor]:
    """A cursor whose session takes dates that no calendar knows."""
    with (
        server.connect(init_command="SET sql_mode='', time_zone='+00:00'") as connection,
        connection.cursor() as cursor,
    ):
        yield cursor


def as_text(value: object, text: str | None) -> str | None:
    """A value as the server has written it; a number's text says how."""
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, float):
        return text if value == float(text or "nan") else repr(value)
    return str(value)


def test_each_type_arrives_to_the_last_digit_and_null_beside_it(
    server: Server, database: str, exporter: Exporter
) -> None:
    cases = CASES + (MARIADB_CASES if server.is_mariadb else MYSQL_CASES)
    if server.has_vectors:
        cases += VECTOR_CASES
    columns = ", ".join(f"c{i} {case.type}" for i, case in enumerate(cases))
    names = ", ".join(f"c{i}" for i in range(len(cases)))
    nulls = ", ".join("NULL" for _ in cases)
    with as_it_comes(server) as cursor:
        cursor.execute(f"CREATE TABLE {database}.t (id int primary key, {columns})")
        values = ", ".join(case.sql for case in cases)
        cursor.execute(f"INSERT INTO {database}.t (id, {names}) VALUES (1, {values})")
        cursor.execute(f"INSERT INTO {database}.t (id, {names}) VALUES (2, {nulls})")
    export = exporter.export(database, "t")
    first, second = export.rows
    found = dict(zip(((c.type, c.sql) for c in cases), first[1:], strict=True))
    assert found == {(c.type, c.sql): c.text for c in cases}
    assert second[1:] == [None] * len(cases)
    # The same texts are made of what Arrow and pandas get.
    files = [ShardFile(open_folder(str(exporter.folder)), export.manifest)]
    table = read_table(files)
    assert [
        as_text(column[0].as_py(), text) for column, text in zip(table, first, strict=True)
    ] == first
    assert {column[1].as_py() for column in table.columns[1:]} == {None}
    frame = read_files(files)
    assert [as_text(frame[name][0], text) for name, text in zip(frame, first, strict=True)] == first
    assert frame.iloc[1, 1:].isna().all()


def test_generated_invisible_and_oddly_named_columns_are_included(
    server: Server, database: str, exporter: Exporter
) -> None:
    quoted = [f"`{name.replace('`', '``')}`" for name in ODD_NAMES]
    columns = ", ".join(f"{name} int default 3" for name in quoted)
    server.execute(
        f"CREATE TABLE {database}.t (id int, hidden int invisible default 7, "
        f"doubled int generated always as (id * 2) virtual, "
        f"kept int as (id * 3) stored, {columns})",
        f"INSERT INTO {database}.t (id) VALUES (1)",
    )
    export = exporter.export(database, "t")
    assert export.names == ["id", "hidden", "doubled", "kept", *ODD_NAMES]
    assert export.rows == [["1", "7", "2", "3", *["3"] * len(ODD_NAMES)]]


@pytest.mark.parametrize("mode", ["PAD_CHAR_TO_FULL_LENGTH", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES"])
def test_the_server_s_own_sql_mode_changes_nothing(
    server: Server, database: str, exporter: Exporter, mode: str
) -> None:
    server.execute(
        f"CREATE TABLE {database}.t (c char(5), created_at datetime)",
        f"INSERT INTO {database}.t VALUES ('x', '2026-11-02')",
    )
    with server.changed(sql_mode=mode):
        assert exporter.export(database, "t").column("c") == ["x"]


def test_a_timestamp_is_in_utc_whatever_the_server_s_time_zone(
    server: Server, database: str, exporter: Exporter
) -> None:
    with server.changed(time_zone="+08:00"):
        server.execute(
            f"CREATE TABLE {database}.t (t timestamp)",
            f"INSERT INTO {database}.t VALUES ('2026-11-02 08:00:00')",
        )
        assert exporter.export(database, "t").column("t") == ["2026-11-02 00:00:00"]


@pytest.mark.parametrize(("kind", "code"), [("float", "f"), ("double", "d")])
def test_floating_point_numbers_come_back_with_the_same_bits(
    server: Server, database: str, exporter: Exporter, kind: str, code: str
) -> None:
    size = struct.calcsize(code)
    patterns = random.Random(42).randbytes(300 * size)
    # Neither knows infinities and what is not a number; MariaDB has no negative zero.
    numbers = [n for (n,) in struct.iter_unpack(code, patterns) if math.isfinite(n)]
    server.execute(
        f"CREATE TABLE {database}.t (id int primary key, v {kind})",
        f"INSERT INTO {database}.t VALUES "
        + ", ".join(f"({i}, {n!r})" for i, n in enumerate(numbers)),
    )
    found = [float(text or "") for text in exporter.export(database, "t").column("v")]
    assert [struct.pack(code, n) for n in found] == [struct.pack(code, n) for n in numbers]
    assert len(numbers) > 250


def test_values_larger_than_a_packet_of_the_protocol_arrive_whole(
    server: Server, database: str, exporter: Exporter
) -> None:
    size = 17 << 20
    with server.changed(max_allowed_packet=64 << 20):
        server.execute(
            f"CREATE TABLE {database}.t (id int primary key, t longtext, b longblob)",
            f"INSERT INTO {database}.t VALUES (1, REPEAT('é', {size // 2}), REPEAT(x'AB', {size}))",
        )
    # The server's own functions would give NULL for so much.
    with server.changed(max_allowed_packet=1 << 20):
        ((_, text, data),) = exporter.export(database, "t").rows
    assert text == "é" * (size // 2)
    assert data == "AB" * size


@pytest.fixture
def long_lines(server: Server, database: str) -> Iterator[str]:
    """A table of two geometries whose text is longer than a value may be; the other has a SRID."""
    points = ",".join(f"{i % 80}.123456789 {i % 80}.987654321" for i in range(50_000))
    server.execute(f"CREATE TABLE {database}.t (id int primary key, word varchar(9), g linestring)")
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {database}.t VALUES (%s, 'x', NULL)", [(i,) for i in range(1, 101)]
        )
        for number, srid in ((1000, 0), (1001, 4326)):
            cursor.execute(
                f"INSERT INTO {database}.t VALUES ({number}, 'x', ST_GeomFromText(%s, {srid}))",
                (f"LINESTRING({points})",),
            )
    with server.changed(max_allowed_packet=1 << 20):
        yield f"LINESTRING({points})"


def test_a_geometry_without_a_reference_system_arrives_whole_whatever_its_length(
    database: str, exporter: Exporter, long_lines: str
) -> None:
    export = exporter.export(database, "t", table_config(where="id = 1000"))
    assert export.column("g") == [long_lines]


def test_a_value_that_the_server_leaves_out_fails_the_shard(
    database: str, exporter: Exporter, long_lines: str
) -> None:
    # A hundred other warnings come first: the server must not forget the one that counts.
    settings = table_config(where="id <> 1000 AND word = 0")
    with pytest.raises(ShardError, match=r"warning 1301: .*max_allowed_packet"):
        exporter.export(database, "t", settings)
    assert exporter.files() == []


ZERO_DATES = (
    ("d", "date", "0000-00-00", "2022-11-00", "2022-00-10", "2026-11-02"),
    ("dt", "datetime", "0000-00-00 00:00:00", "2022-11-00 01:02:03", "2022-00-10 00:00:00",
     "2026-11-02 00:00:00"),
    ("f", "datetime(3)", "0000-00-00 00:00:00.000", "2022-11-00 01:02:03.004",
     "0000-00-01 00:00:00.000", "2026-11-02 00:00:00.120"),
    ("ts", "timestamp(6) null", "0000-00-00 00:00:00.000000", None, None,
     "2026-11-02 00:00:00.000001"),
)  # fmt: skip
"""Name, type, and a value for each of four rows; only the last row has no zero date."""


@pytest.fixture
def zero_dates(server: Server, database: str) -> str:
    """A table `z` of ZERO_DATES; gives the database's name."""
    columns = ", ".join(f"{name} {kind}" for name, kind, *_ in ZERO_DATES)
    with as_it_comes(server) as cursor:
        cursor.execute(f"CREATE TABLE {database}.z (id int primary key, {columns}, x time)")
        for number in range(4):
            values = [case[2 + number] for case in ZERO_DATES]
            cursor.execute(
                f"INSERT INTO {database}.z VALUES (%s, %s, %s, %s, %s, 0)", (number, *values)
            )
    return database


def test_zero_and_partial_dates_are_kept_by_default(zero_dates: str, exporter: Exporter) -> None:
    rows = exporter.export(zero_dates, "z").rows
    assert rows == [
        [str(number), *(case[2 + number] for case in ZERO_DATES), "00:00:00"] for number in range(4)
    ]


def test_zero_and_partial_dates_become_null_where_it_is_asked_for(
    zero_dates: str, exporter: Exporter
) -> None:
    exporter.csv = CsvFormat(null="NULL", zero_dates="null")
    export = exporter.export(zero_dates, "z")
    assert export.rows[:3] == [[str(number), *[None] * 4, "00:00:00"] for number in range(3)]
    assert export.rows[3] == ["3", *(case[5] for case in ZERO_DATES), "00:00:00"]
    assert export.manifest.csv.zero_dates == "null"


def test_zero_and_partial_dates_fail_their_shard_where_it_is_asked_for(
    zero_dates: str, exporter: Exporter
) -> None:
    exporter.csv = CsvFormat(zero_dates="error")
    with pytest.raises(ShardError, match=r"got 3 in column 'd', .*, 1 in column 'ts'"):
        exporter.export(zero_dates, "z")
    assert not list(exporter.folder.iterdir())
    assert exporter.export(zero_dates, "z", table_config(where="id = 3")).manifest.rows == 1
    assert exporter.export(zero_dates, "z", table_config(where="id > 3")).manifest.rows == 0
    with pytest.raises(ShardError, match="got 1 in column 'd'"):
        exporter.export(zero_dates, "z", limit=1)


def test_without_dates_there_is_nothing_to_refuse(
    server: Server, database: str, exporter: Exporter
) -> None:
    server.execute(f"CREATE TABLE {database}.n (id int)", f"INSERT INTO {database}.n VALUES (1)")
    exporter.csv = CsvFormat(zero_dates="error")
    assert exporter.export(database, "n").manifest.rows == 1
