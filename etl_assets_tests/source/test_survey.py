"""All that a host has, asked for at once."""

from contextlib import closing
from pathlib import Path
from sqlite3 import connect

from etl_assets.config import HostConfig
from etl_assets.source.engines import Engines
from etl_assets.source.survey import survey
from etl_assets.tables.families import FoundTable
from etl_assets_tests.support.exporting import HOST
from etl_assets_tests.support.servers import Server


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


def test_files_come_with_columns_and_indexes(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "s_0.db")) as connection:
        for statement in (
            "CREATE TABLE t (id INTEGER, At DATETIME, b INT)",
            "CREATE INDEX whole ON t (At, b)",
            "CREATE INDEX part ON t (b) WHERE b > 0",
            "CREATE INDEX sum ON t (b + id)",
            "CREATE VIEW v AS SELECT 1",
        ):
            connection.execute(statement)
    engines = Engines({"h": HostConfig(url="sqlite:///{database}.db")}, tmp_path)
    (table,) = survey(engines, "h")
    assert (table.table_name, table.rows, table.indexed) == (("s_0", "t"), None, frozenset({"at"}))
