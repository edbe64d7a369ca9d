"""All that a host has, asked for at once."""

from contextlib import closing
from datetime import date
from pathlib import Path
from sqlite3 import connect

import pytest

from etl_assets.config import HostConfig
from etl_assets.source import survey as survey_module
from etl_assets.source.engines import Engines
from etl_assets.source.survey import first_days, hasty, survey
from etl_assets.tables.families import FoundTable
from etl_assets_tests.support.exporting import HOST, Exporter
from etl_assets_tests.support.servers import Server


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """As much as a busy machine needs."""
    monkeypatch.setattr(survey_module, "PATIENCE_SECONDS", 60)


def by_name(tables: list[FoundTable], database: str) -> dict[str, FoundTable]:
    """The tables of one database."""
    return {table.name: table for table in tables if table.database == database}


def test_a_server_s_tables_come_with_columns_sizes_and_indexes(
    server: Server, engines: Engines, database: str
) -> None:
    server.execute(
        f"CREATE TABLE {database}.`o'ne` (Id int primary key, At datetime, b int, KEY (At, b))",
        f"INSERT INTO {database}.`o'ne` VALUES (1, NULL, 1), (2, NULL, 2)",
        f"CREATE TABLE {database}.`two 表` (c int NOT NULL)",
        f"CREATE VIEW {database}.v AS SELECT 1",
        f"ANALYZE TABLE {database}.`o'ne`",
    )
    one, two = by_name(survey(engines, HOST), database).values()
    assert (str(one), one.rows) == (f"{HOST}.{database}.o'ne", 2)
    assert one.bytes
    assert [column.name for column in one.columns] == ["Id", "At", "b"]
    assert one.indexed == {"id", "at"}
    assert (two.name, two.rows, two.indexed) == ("two 表", 0, frozenset())


def test_the_first_day_is_that_of_all_tables_together(
    server: Server, engines: Engines, database: str
) -> None:
    names = ["one", "50%:x", "none"]
    for name in names:
        server.execute(f"CREATE TABLE {database}.`{name}` (at datetime, KEY (at))")
    values = "'2021-03-04 23:59:59'), ('2022-01-01'), (NULL), ('1970-01-01'"
    server.execute(f"INSERT INTO {database}.one VALUES ('2024-01-01')")
    server.execute(f"INSERT INTO {database}.`50%:x` VALUES ({values})")
    tables = list(by_name(survey(engines, HOST), database).values())
    assert {table.name for table in tables} == set(names)
    wanted = {"all": (tables, "at"), "some": (tables[:0], "at")}
    assert first_days(engines, wanted) == {"all": date(2021, 3, 4)}
    assert first_days(engines, {"no": (tables, "none"), **wanted}) == {}


def test_a_locked_table_is_not_waited_for(
    exporter: Exporter, server: Server, orders: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = exporter.engines().host(HOST)
    wanted = {"orders": ([FoundTable(HOST, orders, "t", ())], "created_at")}
    engines = Engines({HOST: hasty(host)}, exporter.folder)
    assert first_days(engines, wanted) == {"orders": date(2026, 11, 2)}
    engines.dispose()
    monkeypatch.setattr(survey_module, "PATIENCE_SECONDS", 1)
    engines = Engines({HOST: hasty(host)}, exporter.folder)
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLES {orders}.t WRITE")
        assert first_days(engines, wanted) == {}
    engines.dispose()


def test_files_come_with_columns_and_indexes(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "s_0.db")) as connection:
        for statement in (
            "CREATE TABLE t (id INTEGER, At DATETIME, b INT)",
            "CREATE INDEX whole ON t (At, b)",
            "CREATE INDEX part ON t (b) WHERE b > 0",
            "CREATE INDEX sum ON t (b + id)",
            "CREATE VIEW v AS SELECT 1",
            "INSERT INTO t VALUES (1, '2025-06-01 10:00:00', 1)",
        ):
            connection.execute(statement)
        connection.commit()
    engines = Engines({"h": HostConfig(url="sqlite:///{database}.db")}, tmp_path)
    (table,) = survey(engines, "h")
    assert (table.table_name, table.rows, table.indexed) == (("s_0", "t"), None, frozenset({"at"}))
    assert first_days(engines, {"t": ([table] * 300, "At")}) == {"t": date(2025, 6, 1)}
