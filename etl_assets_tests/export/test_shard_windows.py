"""Windows of a shard table on a real server: who is in, who is out, whatever the clocks do."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from etl_assets.source.query import outside_condition
from etl_assets.source.snapshot import count_where
from etl_assets.tables.columns import Column
from etl_assets.tables.topology import Shard
from etl_assets.tables.windows import Window
from etl_assets_tests.support.exporting import HOST, Exporter, day, table_config
from etl_assets_tests.support.servers import Server

SHANGHAI = ZoneInfo("Asia/Shanghai")


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


@pytest.mark.parametrize(
    ("kind", "first", "times", "rows"),
    [
        # 01:00 comes twice: the first of both windows is empty for readings of a clock.
        ("datetime", "2026-11-01T04", ["11-01 00:30", "11-01 01:30", "11-01 02:30"], [1, 0, 1, 1]),
        # Instants are never twice.
        ("timestamp", "2026-11-01T04", ["11-01 05:30", "11-01 06:30", "11-01 06:59"], [0, 1, 2, 0]),
        # 02:00 never comes: what is there all the same belongs to the hour before.
        ("datetime", "2026-03-08T05", ["03-08 01:30", "03-08 02:30", "03-08 03:00"], [0, 2, 1, 0]),
        ("timestamp", "2026-03-08T05", ["03-08 06:30", "03-08 07:00", "03-08 07:59"], [0, 1, 2, 0]),
    ],
)
def test_hours_that_clocks_repeat_or_skip_are_exported_once(  # noqa: PLR0917
    server: Server,
    database: str,
    exporter: Exporter,
    kind: str,
    first: str,
    times: list[str],
    rows: list[int],
) -> None:
    server.execute(f"CREATE TABLE {database}.t (t {kind} not null)")
    with server.connect(init_command="SET time_zone = '+00:00'") as connection:
        values = ", ".join(f"('2026-{time}:00')" for time in times)
        connection.cursor().execute(f"INSERT INTO {database}.t VALUES {values}")
    zone = "America/New_York"
    settings = table_config("t", partition={"every": "hour", "timezone": zone})
    found = []
    for hour in range(4):
        start = datetime.fromisoformat(first).replace(tzinfo=UTC) + timedelta(hours=hour)
        window = Window(str(hour), start, start + timedelta(hours=1), zone)
        found.append(len(exporter.export(database, "t", settings, window).rows))
    assert found == rows


def test_rows_in_no_window_are_those_before_the_first_and_without_a_time(
    server: Server, database: str, exporter: Exporter
) -> None:
    server.execute(f"CREATE TABLE {database}.t (t datetime, status int)")
    with server.connect(init_command="SET sql_mode = ''") as connection:
        connection.cursor().execute(
            f"INSERT INTO {database}.t VALUES (NULL, 1), ('0000-00-00', 1), "
            "('2026-10-31 23:59:59', 1), ('2026-11-01', 1), ('2026-11-05', 1), (NULL, 0)"
        )
    shard = Shard("orders", HOST, database, "t")
    engines = exporter.engines()
    condition = outside_condition(
        shard, [Column("t", "datetime")], day("2026-11-01"), table_config("t", where="status")
    )
    assert count_where(engines, shard, condition) == 3
    engines.dispose()


def test_a_zero_timestamp_is_not_in_the_first_window_of_all(
    server: Server, database: str, exporter: Exporter
) -> None:
    server.execute(f"CREATE TABLE {database}.t (t timestamp(1) null)")
    with server.connect(init_command="SET sql_mode = '', time_zone = '+00:00'") as connection:
        connection.cursor().execute(
            f"INSERT INTO {database}.t VALUES ('0000-00-00'), ('1970-01-01 00:00:00.5'), "
            "('1970-01-01 00:00:01')"
        )
    exported = exporter.export(database, "t", table_config("t"), day("1970-01-01"))
    # To MySQL half a second of 1970 is zero.
    half = ["1970-01-01 00:00:00.5"] if server.is_mariadb else []
    assert exported.column("t") == [*half, "1970-01-01 00:00:01.0"]
    before = exporter.export(database, "t", table_config("t"), day("1969-12-31"))
    assert before.rows == []
