"""Every MySQL type comes through as the conventions say."""

from dataclasses import dataclass

import pytest

from etl_assets_tests.integration.exporting import Exporter
from etl_assets_tests.servers import Server


@dataclass(frozen=True)
class Case:
    """A column type, a value as SQL, and the text that has to stand in the file."""

    type: str
    sql: str
    text: str


CASES = [
    Case("tinyint", "-128", "-128"),
    Case("tinyint unsigned", "255", "255"),
    Case("tinyint(1)", "2", "2"),
    Case("smallint", "-32768", "-32768"),
    Case("mediumint unsigned", "16777215", "16777215"),
    Case("int", "-2147483648", "-2147483648"),
    Case("bigint", "-9223372036854775808", "-9223372036854775808"),
    Case("bigint unsigned", "18446744073709551615", "18446744073709551615"),
    Case("int(8) unsigned zerofill", "42", "00000042"),
    Case("decimal(6,2) zerofill", "1.5", "0001.50"),
    Case("decimal(65,30)", "-" + "9" * 35 + "." + "1" * 30, "-" + "9" * 35 + "." + "1" * 30),
    Case("decimal(10,2)", "1.50", "1.50"),
    Case("float", "0.1", "0.10000000149011612"),
    Case("float", "16777216", "16777216"),
    Case("float", "3.4028234663852886e38", "3.4028234663852886e38"),
    Case("double", "0.1", "0.1"),
    Case("double", "1.7976931348623157e308", "1.7976931348623157e308"),
    Case("bit(1)", "b'1'", "1"),
    Case("bit(64)", "0xFFFFFFFFFFFFFFFF", "18446744073709551615"),
    Case("date", "'9999-12-31'", "9999-12-31"),
    Case("date", "'0000-00-00'", "0000-00-00"),
    Case("date", "'2022-11-00'", "2022-11-00"),
    Case("datetime", "'2022-00-00 01:02:03'", "2022-00-00 01:02:03"),
    Case("datetime(6)", "'2022-01-02 03:04:05.000006'", "2022-01-02 03:04:05.000006"),
    Case("timestamp(3) null", "'2022-01-02 03:04:05.120'", "2022-01-02 03:04:05.120"),
    Case("timestamp null", "'0000-00-00 00:00:00'", "0000-00-00 00:00:00"),
    Case("time(6)", "'-838:59:59'", "-838:59:59.000000"),
    Case("time", "'838:59:59'", "838:59:59"),
    Case("year", "0", "0000"),
    Case("year", "2155", "2155"),
    Case("char(10)", "'ab  '", "ab"),
    Case("varchar(10)", "'ab  '", "ab  "),
    Case("varchar(10)", "''", ""),
    Case("varchar(10)", "'NULL'", "NULL"),
    Case("varchar(20) character set latin1", "'é'", "é"),
    Case("varchar(20) character set gbk", "'汉字'", "汉字"),
    Case("varchar(20) character set sjis", "'日本'", "日本"),
    Case("varchar(20) character set ucs2", "'汉é'", "汉é"),
    Case("varchar(20) character set utf16", "'汉😀'", "汉😀"),
    Case("varchar(20) collate utf8mb4_bin", "'É'", "É"),
    Case("longtext", r"'a,b\r\n\0\\\"c\"\t'", 'a,b\r\n\0\\"c"\t'),
    Case("enum('a,b','q\"','')", "'a,b'", "a,b"),
    Case("enum('a,b','q\"','')", "''", ""),
    Case("set('a','b','c''d')", r"'a,c\'d'", "a,c'd"),
    Case("binary(4)", "x'00FF'", "00FF0000"),
    Case("varbinary(9)", "x'0A0D2C22'", "0A0D2C22"),
    Case("varbinary(9)", "''", ""),
    Case("tinyblob", "x'80'", "80"),
    Case("longblob", f"x'{bytes(range(256)).hex()}'", bytes(range(256)).hex().upper()),
    Case("point", "ST_GeomFromText('POINT(1 2.5)')", "POINT(1 2.5)"),
    Case("geometry", "ST_GeomFromText('POINT(1 2)', 4326)", "SRID=4326;POINT(1 2)"),
    Case(
        "multipolygon",
        "ST_GeomFromText('MULTIPOLYGON(((0 0,1 0,1 1,0 0)))')",
        "MULTIPOLYGON(((0 0,1 0,1 1,0 0)))",
    ),
]
MARIADB_CASES = [
    Case("uuid", "'123E4567-e89b-12d3-a456-426614174000'", "123e4567-e89b-12d3-a456-426614174000"),
    Case("inet6", "'2001:db8::ff00:42'", "2001:db8::ff00:42"),
    Case("inet4", "'192.0.2.1'", "192.0.2.1"),
]
MYSQL_CASES = [
    # MariaDB keeps no negative zero in a table.
    Case("float", "-0e0", "-0"),
    Case("double", "-0e0", "-0"),
    Case("vector(2)", "TO_VECTOR('[1,2]')", "0000803F00000040"),
    Case("json", '\'{"b": 1.50, "a": [null, "x\\\\n"]}\'', '{"a": [null, "x\\n"], "b": 1.5}'),
]

ODD_NAMES = [
    "a b",
    'qu"ote',
    "com,ma",
    "back`tick",
    "per%cent",
    "per%%s",
    "co:lon",
    "汉字",
    "sla/sh",
]


def test_each_type_arrives_to_the_last_digit_and_null_beside_it(
    server: Server, database: str, exporter: Exporter
) -> None:
    cases = CASES + (MARIADB_CASES if server.is_mariadb else MYSQL_CASES)
    columns = ", ".join(f"c{i} {case.type}" for i, case in enumerate(cases))
    names = ", ".join(f"c{i}" for i in range(len(cases)))
    nulls = ", ".join("NULL" for _ in cases)
    server.execute(
        f"CREATE TABLE {database}.t (id int primary key, {columns})",
    )
    with server.connect(init_command="SET sql_mode='', time_zone='+00:00'") as connection:
        cursor = connection.cursor()
        values = ", ".join(case.sql for case in cases)
        cursor.execute(f"INSERT INTO {database}.t (id, {names}) VALUES (1, {values})")
        cursor.execute(f"INSERT INTO {database}.t (id, {names}) VALUES (2, {nulls})")
    export = exporter.export(database, "t")
    first, second = export.rows
    found = dict(zip(((c.type, c.sql) for c in cases), first[1:], strict=True))
    assert found == {(c.type, c.sql): c.text for c in cases}
    assert second[1:] == [None] * len(cases)


def test_generated_invisible_and_oddly_named_columns_are_included(
    server: Server, database: str, exporter: Exporter
) -> None:
    quoted = [f"`{name.replace('`', '``')}`" for name in ODD_NAMES]
    columns = ", ".join(f"{name} int default 3" for name in quoted)
    server.execute(
        f"CREATE TABLE {database}.t (id int, hidden int invisible default 7, "
        f"doubled int generated always as (id * 2) virtual, {columns})",
        f"INSERT INTO {database}.t (id) VALUES (1)",
    )
    export = exporter.export(database, "t")
    assert export.names == ["id", "hidden", "doubled", *ODD_NAMES]
    assert export.rows == [["1", "7", "2", *["3"] * len(ODD_NAMES)]]


@pytest.mark.parametrize("mode", ["PAD_CHAR_TO_FULL_LENGTH", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES"])
def test_the_server_s_own_sql_mode_changes_nothing(
    server: Server, database: str, exporter: Exporter, mode: str
) -> None:
    server.execute(
        f"CREATE TABLE {database}.t (c char(5), created_at datetime)",
        f"INSERT INTO {database}.t VALUES ('x', '2026-11-02')",
    )
    before = server.execute("SELECT @@GLOBAL.sql_mode")[0][0]
    server.execute(f"SET GLOBAL sql_mode = '{mode}'")
    try:
        assert exporter.export(database, "t").column("c") == ["x"]
    finally:
        server.execute(f"SET GLOBAL sql_mode = '{before}'")


def test_a_timestamp_is_in_utc_whatever_the_server_s_time_zone(
    server: Server, database: str, exporter: Exporter
) -> None:
    before = server.execute("SELECT @@GLOBAL.time_zone")[0][0]
    server.execute("SET GLOBAL time_zone = '+08:00'")
    try:
        server.execute(
            f"CREATE TABLE {database}.t (t timestamp)",
            f"INSERT INTO {database}.t VALUES ('2026-11-02 08:00:00')",
        )
        assert exporter.export(database, "t").column("t") == ["2026-11-02 00:00:00"]
    finally:
        server.execute(f"SET GLOBAL time_zone = '{before}'")
