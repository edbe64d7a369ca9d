"""One shard table to one file, on a real server: conditions, columns, names, values."""

import os
import secrets
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import pytest

from etl_assets import kernels
from etl_assets.csv_format import CsvFormat
from etl_assets.errors import ShardError
from etl_assets.source.drift import compare
from etl_assets.tables.topology import LogicalTable, Shard
from etl_assets_tests.support.exporting import HOST, Exporter, day, table_config
from etl_assets_tests.support.servers import PASSWORD_VARIABLE, Server

NAMES = ["sp ace", "sla/sh", "back`tick", "汉字表", "..", "a-b", "a_b", "per%cent", "co:lon", 'q"']


@pytest.mark.parametrize(
    "where",
    [
        "id % 2 = 0 and title not like '%:x%'",
        "id % 2 = 0 and title not like '%:x%' -- only even ones",
        "id % 2 = 0 and title not like '%:x%' # and no offers",
        "not id & 1 and title not like '%:x%'",
        "(id ^ 1) & 1 and title not like '%:x%' or 0",
    ],
)
def test_the_condition_reaches_the_server_as_it_stands(
    server: Server, orders: str, exporter: Exporter, where: str
) -> None:
    settings = table_config("created_at", where=where, columns={"exclude": ["card_no"]})
    export = exporter.export(orders, "t", settings)
    expected = server.execute(
        f"SELECT id, title, created_at FROM {orders}.t "
        "WHERE id % 2 = 0 AND title NOT LIKE '%:x%' ORDER BY id"
    )
    assert export.names == ["id", "title", "created_at"]
    assert sorted(export.rows, key=lambda row: int(row[0] or "")) == [
        [str(value) for value in row] for row in expected
    ]
    assert export.manifest.rows == export.manifest.source_rows == len(expected) == 400


@pytest.mark.parametrize("column", [None, "created_at"])
def test_a_further_shard_of_a_connection_costs_five_round_trips(
    server: Server, orders: str, exporter: Exporter, column: str | None
) -> None:
    def asked() -> int:
        with engines.get(HOST, orders).connect() as connection:
            found = connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Questions'").one()[1]
        return int(found)

    server.execute(f"CREATE TABLE {orders}.u LIKE {orders}.t")
    engines = exporter.engines()
    settings, first = table_config(column), day("2026-11-01") if column else None
    exporter.export(orders, "t", settings, engines=engines, first=first)
    before = asked()
    exporter.export(orders, "u", settings, engines=engines, first=first)
    keeps_log = int(server.execute("SELECT @@log_bin")[0][0])
    # The snapshot, what the table looks like, what is counted, the rows, and the end.
    of_asked = 2
    assert asked() - before - of_asked == (7 if keeps_log else 5)
    engines.dispose()


def test_columns_can_be_included_in_the_table_s_order(orders: str, exporter: Exporter) -> None:
    settings = table_config(columns={"include": ["title", "id"]})
    assert exporter.export(orders, "t", settings).names == ["id", "title"]


@pytest.fixture
def granted(server: Server, database: str, exporter: Exporter) -> Iterator[Callable[[str], None]]:
    """A table `t` with an invisible column and a view `v` of it; grants an account a privilege."""
    name = f"etl_granted_{secrets.token_hex(4)}"
    account = f"'{name}'@'%'"
    server.execute(
        f"CREATE TABLE {database}.t (id int primary key, a int, b int INVISIBLE)",
        f"INSERT INTO {database}.t (id, a, b) VALUES (1, 2, 3)",
        f"CREATE VIEW {database}.v AS SELECT id, a, b FROM {database}.t",
        f"CREATE USER {account} IDENTIFIED BY '{os.environ[PASSWORD_VARIABLE]}'",
    )
    exporter.server = replace(server, reader=name)

    def grant(what: str) -> None:
        server.execute(f"GRANT {what} TO {account}")

    try:
        yield grant
    finally:
        server.execute(f"DROP USER {account}")


@pytest.mark.parametrize("more", [None, "SHOW VIEW", "LOCK TABLES"])
@pytest.mark.parametrize("table", ["t", "v"])
def test_columns_that_the_account_may_not_see_are_not_left_out_in_silence(
    database: str, exporter: Exporter, granted: Callable[[str], None], table: str, more: str | None
) -> None:
    granted(f"SELECT (id, a) ON {database}.{table}")
    if more:
        granted(f"{more} ON {database}.*")
    told = r"columns: expected SELECT granted on the table, got on some of its columns alone: "
    for columns in (None, {"exclude": ["a"]}, {"include": ["id", "b"]}):
        with pytest.raises(ShardError, match=told):
            exporter.export(database, table, table_config(split=2, columns=columns))
    settings = table_config(split=2, columns={"include": ["a", "id"]})
    export = exporter.export(database, table, settings)
    assert (export.names, export.rows) == (["id", "a"], [["1", "2"]])


def test_hidden_columns_are_found_where_the_server_gives_names_without_quotes(
    server: Server, database: str, exporter: Exporter, granted: Callable[[str], None]
) -> None:
    granted(f"SELECT (id, a), DELETE ON {database}.t")
    table = LogicalTable("orders", (Shard("orders", HOST, database, "t"),), table_config())
    engines = exporter.engines()
    with server.changed(sql_quote_show_create=0):
        with pytest.raises(ShardError, match="expected SELECT granted on the table"):
            exporter.export(database, "t")
        findings, _ = compare(engines, [table], [table])
    engines.dispose()
    assert len(findings) == 1


def test_names_with_line_breaks_are_not_taken_for_hidden_columns(
    server: Server, database: str, exporter: Exporter
) -> None:
    odd = "x'\n  ``y"
    server.execute(
        f"CREATE TABLE {database}.t (id int primary key, `{odd}` int, c int COMMENT 'c\n  `''y', "
        f"KEY `{odd}k` (c), CONSTRAINT `{odd}c` CHECK (id <> 'z\n  `''y'))"
    )
    assert exporter.export(database, "t").names == ["id", odd.replace("``", "`"), "c"]


@pytest.mark.parametrize("table", ["t", "v"])
def test_a_privilege_on_the_table_shows_all_columns(
    database: str, exporter: Exporter, granted: Callable[[str], None], table: str
) -> None:
    granted(f"SELECT ON {database}.{table}")
    export = exporter.export(database, table)
    assert (export.names, export.rows) == (["id", "a", "b"], [["1", "2", "3"]])


def test_hidden_columns_are_a_finding(
    database: str, exporter: Exporter, granted: Callable[[str], None]
) -> None:
    granted(f"SELECT (id, a) ON {database}.t")
    engines = exporter.engines()
    table = LogicalTable("orders", (Shard("orders", HOST, database, "t"),), table_config())
    findings, _ = compare(engines, [table], [table])
    engines.dispose()
    assert ["SELECT granted on the table" in finding.problem for finding in findings] == [True]


def test_oddly_named_tables_are_exported_into_the_folder_over_one_connection(
    server: Server, database: str, exporter: Exporter
) -> None:
    for number, name in enumerate(NAMES):
        quoted = f"{database}.`{name.replace('`', '``')}`"
        comment = f"COMMENT 'of {number // 2}'"
        server.execute(
            f"CREATE TABLE {quoted} (id int {comment})", f"INSERT INTO {quoted} VALUES ({number})"
        )
    engines = exporter.engines()
    settings = table_config(where="'%' <> 'per%cent'")
    for number, name in enumerate(NAMES):
        export = exporter.export(database, name, settings, engines=engines)
        assert export.rows == [[str(number)]]
        assert export.manifest.source_rows == 1
        assert [column.comment for column in export.manifest.columns] == [f"of {number // 2}"]
    engines.dispose()
    assert len(exporter.files()) == len(NAMES)


def test_values_equal_the_driver_s_own(server: Server, database: str, exporter: Exporter) -> None:
    texts = ["", "NULL", '"', '""', "a,b", "a\nb", "\r", "\\", "'", "\0", "%s", "😀", " x ", None]
    server.execute(f"CREATE TABLE {database}.t (id int primary key, v longtext)")
    with server.connect() as connection:
        connection.cursor().executemany(
            f"INSERT INTO {database}.t VALUES (%s, %s)", list(enumerate(texts))
        )
    rows = exporter.export(database, "t").rows
    assert [(int(row[0] or ""), row[1]) for row in rows] == list(enumerate(texts))
    assert rows == [
        [str(number), text]
        for number, text in server.execute(f"SELECT id, v FROM {database}.t ORDER BY id")
    ]


@pytest.mark.parametrize(("switch", "encoder"), [("on", "kernel"), ("off", "numpy")])
def test_the_manifest_says_what_has_encoded_the_rows(
    orders: str, exporter: Exporter, monkeypatch: pytest.MonkeyPatch, switch: str, encoder: str
) -> None:
    monkeypatch.setenv(kernels.SWITCH, switch)

    export = exporter.export(orders, "t", table_config())

    assert export.manifest.writer == f"etl-assets {version('etl-assets')} ({encoder})"


def test_a_trial_is_cut_at_its_limit_and_says_so(orders: str, exporter: Exporter) -> None:
    manifest = exporter.export(orders, "t", limit=7).manifest
    assert (manifest.rows, manifest.sample, manifest.source_rows) == (7, 7, None)


@pytest.mark.parametrize(("split", "limit"), [(1, None), (4, 7)])
def test_a_shard_that_is_not_to_be_split_never_meets_the_split(
    orders: str, exporter: Exporter, monkeypatch: pytest.MonkeyPatch, split: int, limit: int | None
) -> None:
    monkeypatch.setattr("etl_assets.export.split.export.planned", None)
    monkeypatch.setattr("etl_assets.export.shard.export_split", None)
    manifest = exporter.export(orders, "t", table_config(split=split), limit=limit).manifest
    assert (manifest.rows, manifest.snapshot.parts) == (limit or 1000, None)


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_other_conventions_are_kept_and_recorded(
    orders: str, exporter: Exporter, compression: Any
) -> None:
    exporter.csv = CsvFormat(
        null="\\N", delimiter="\t", quoting="all", compression=compression, binary="base64"
    )
    export = exporter.export(orders, "t")
    assert len(export.rows) == 1000
    assert export.manifest.csv == exporter.csv


def test_memory_stays_bounded_however_many_rows_there_are(
    server: Server, orders: str, exporter: Exporter
) -> None:
    server.execute(
        f"CREATE TABLE {orders}.many AS SELECT a.id, REPEAT('x', 100) AS pad "
        f"FROM {orders}.t a, {orders}.t b WHERE b.id < 200"
    )
    with exporter.stage(orders, "many", limit=1):
        pass  # what is imported once is not counted
    tracemalloc.start()
    try:
        staged = exporter.stage(orders, "many")
        with staged:
            peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert staged.manifest.bytes > 20e6
    assert peak < 10e6
