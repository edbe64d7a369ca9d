"""One shard table to one file, on a real server: windows, conditions, names, failures."""

import threading
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from etl_assets.csv_format import CsvFormat
from etl_assets.errors import CountMismatchError, ShardError
from etl_assets.query import ShardQuery
from etl_assets.windows import Window
from etl_assets_tests.integration.exporting import Exporter, day, table_config
from etl_assets_tests.servers import Server

NAMES = ["sp ace", "sla/sh", "back`tick", "汉字表", "..", "a-b", "a_b", "per%cent", "co:lon", 'q"']
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def orders(server: Server, database: str) -> str:
    """A shard table `t` of a thousand rows on 2026-11-02; gives the database's name."""
    digits = " UNION ALL ".join(f"SELECT {i} AS n" for i in range(10))
    server.execute(
        f"CREATE TABLE {database}.t (id int primary key, title varchar(50), card_no varchar(20), "
        "created_at datetime)",
        f"INSERT INTO {database}.t SELECT a.n + 10 * b.n + 100 * c.n, "
        "IF(a.n = 4, '50%:x off', CONCAT('title ', a.n)), '4111', '2026-11-02 12:00:00' "
        f"FROM ({digits}) a, ({digits}) b, ({digits}) c",
    )
    return database


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


def test_columns_can_be_included_in_the_table_s_order(orders: str, exporter: Exporter) -> None:
    settings = table_config(columns={"include": ["title", "id"]})
    assert exporter.export(orders, "t", settings).names == ["id", "title"]


def test_a_column_that_is_not_there_is_named(orders: str, exporter: Exporter) -> None:
    with pytest.raises(ShardError, match=r"wanted colour, found id, title, card_no, created_at"):
        exporter.export(orders, "t", table_config(columns={"exclude": ["colour"]}))


@pytest.mark.parametrize(
    ("kind", "partition", "inside", "outside"),
    [
        ("date", {}, ["2026-11-02"], ["2026-11-01", "2026-11-03"]),
        (
            "datetime(6)",
            {},
            ["2026-11-02 00:00:00", "2026-11-02 23:59:59.999999"],
            ["2026-11-01 23:59:59.999999", "2026-11-03 00:00:00"],
        ),
        (
            "timestamp(6) null",
            {},
            ["2026-11-01 16:00:00", "2026-11-02 15:59:59.999999"],
            ["2026-11-01 15:59:59.999999", "2026-11-02 16:00:00"],
        ),
        ("int", {"unit": "s"}, ["1793548800", "1793635199"], ["1793548799", "1793635200"]),
        (
            "bigint unsigned",
            {"unit": "ms"},
            ["1793548800000", "1793635199999"],
            ["1793548799999", "1793635200000"],
        ),
        (
            "datetime",
            {"column_timezone": "UTC"},
            ["2026-11-01 16:00:00", "2026-11-02 15:59:59"],
            ["2026-11-01 15:59:59", "2026-11-02 16:00:00"],
        ),
    ],
)
def test_a_day_in_shanghai_holds_the_rows_of_that_day(  # noqa: PLR0917
    server: Server,
    database: str,
    exporter: Exporter,
    kind: str,
    partition: dict[str, str],
    inside: list[str],
    outside: list[str],
) -> None:
    values = ", ".join(f"('{value}')" for value in [*inside, *outside])
    server.execute(f"CREATE TABLE {database}.t (t {kind})")
    with server.connect(init_command="SET time_zone = '+00:00'") as connection:
        connection.cursor().execute(f"INSERT INTO {database}.t VALUES {values}")
    settings = table_config("t", partition={"timezone": "Asia/Shanghai", **partition})
    window = day(timezone="Asia/Shanghai", start=datetime(2026, 11, 2, tzinfo=SHANGHAI))
    found = exporter.export(database, "t", settings, window).column("t")
    assert [value.removesuffix(".000000") for value in found if value] == inside


def test_a_window_without_rows_gives_a_file_with_a_header(orders: str, exporter: Exporter) -> None:
    export = exporter.export(orders, "t", table_config("created_at"), day("2026-11-05"))
    assert export.names == ["id", "title", "card_no", "created_at"]
    assert export.rows == []


def test_oddly_named_tables_are_exported_into_the_folder(
    server: Server, database: str, exporter: Exporter
) -> None:
    for number, name in enumerate(NAMES):
        quoted = f"{database}.`{name.replace('`', '``')}`"
        server.execute(f"CREATE TABLE {quoted} (id int)", f"INSERT INTO {quoted} VALUES ({number})")
    for number, name in enumerate(NAMES):
        assert exporter.export(database, name).rows == [[str(number)]]
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


def test_a_trial_is_cut_at_its_limit_and_says_so(orders: str, exporter: Exporter) -> None:
    manifest = exporter.export(orders, "t", limit=7).manifest
    assert (manifest.rows, manifest.sample, manifest.source_rows) == (7, 7, None)


def test_a_missing_table_is_named_with_the_server_s_number_and_the_next_step(
    database: str, exporter: Exporter
) -> None:
    with pytest.raises(ShardError) as caught:
        exporter.export(database, "gone", retries=3)
    text = str(caught.value)
    assert text.startswith(f"shop-a.{database}.gone: error 1146: ")
    assert "--resume" in text
    assert exporter.retries == []
    assert exporter.files() == []


def test_a_bad_condition_fails_at_once(orders: str, exporter: Exporter) -> None:
    with pytest.raises(ShardError, match=r"error 1054: .*colour.*; mend `where`"):
        exporter.export(orders, "t", table_config(where="colour = 1"), retries=3)
    assert exporter.retries == []


def test_a_wrong_count_leaves_no_file(
    orders: str, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_less(query: ShardQuery) -> sa.Select[Any]:
        return query.rows.with_only_columns(sa.func.count()).where(sa.column("id") > 0)

    monkeypatch.setattr(ShardQuery, "count", property(one_less))
    with pytest.raises(CountMismatchError, match=r"wanted 999 rows.* found 1000"):
        exporter.export(orders, "t")
    assert exporter.files() == []


def test_a_killed_connection_heals_by_itself(
    server: Server, orders: str, exporter: Exporter
) -> None:
    server.execute(f"ALTER TABLE {orders}.t ADD pad longtext", f"UPDATE {orders}.t SET pad = 'x'")
    done = threading.Event()

    def kill_once() -> None:
        while not done.is_set():
            for row in server.execute("SHOW FULL PROCESSLIST"):
                if row[7] and "SLEEP" in str(row[7]) and "PROCESSLIST" not in str(row[7]):
                    server.execute(f"KILL {row[0]}")
                    return
            time.sleep(0.02)

    killer = threading.Thread(target=kill_once)
    killer.start()
    try:
        # Each row takes a moment, so that the killer finds the query running.
        settings = table_config(where="SLEEP(0.0005) = 0 AND id < 600")
        export = exporter.export(orders, "t", settings, retries=2, count=False)
    finally:
        done.set()
        killer.join()
    assert export.manifest.rows == 600
    assert len(exporter.retries) == 1
    assert "next attempt in" in exporter.retries[0]


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
    exporter.stage(orders, "many", limit=1).file.discard()  # what is imported once is not counted
    tracemalloc.start()
    try:
        staged = exporter.stage(orders, "many")
        with staged.file:
            peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert staged.manifest.bytes > 20e6
    assert peak < 10e6


def test_an_hour_that_clocks_repeat_is_exported_once(
    server: Server, database: str, exporter: Exporter
) -> None:
    server.execute(
        f"CREATE TABLE {database}.t (t datetime)",
        f"INSERT INTO {database}.t VALUES ('2026-11-01 00:30:00'), ('2026-11-01 01:30:00')",
    )
    zone = "America/New_York"
    settings = table_config("t", partition={"every": "hour", "timezone": zone})
    midnight = datetime(2026, 11, 1, 4, tzinfo=UTC)
    found = []
    for hour in range(4):
        start = midnight + timedelta(hours=hour)
        window = Window(str(hour), start, start + timedelta(hours=1), zone)
        found.append(len(exporter.export(database, "t", settings, window).rows))
    assert found == [1, 0, 1, 0]
