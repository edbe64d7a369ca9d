"""What a server's catalog says of its tables."""

from etl_assets.source.engines import Engines
from etl_assets.source.schema import columns_of, databases_of, matching_tables, tables_of
from etl_assets.tables.topology import Shard
from etl_assets_tests.support.exporting import HOST
from etl_assets_tests.support.servers import Server


def test_the_catalog_lists_tables_with_columns_and_finds_by_regular_expression(
    server: Server, engines: Engines, shard: Shard
) -> None:
    server.execute(f"CREATE VIEW {shard.database}.v AS SELECT 1")
    assert shard.database in databases_of(engines, HOST)
    tables = tables_of(engines, HOST, [shard.database])
    assert [(name, [c.name for c in columns]) for name, columns in tables.items()] == [
        ((shard.database, "t"), ["id"])
    ]
    assert matching_tables(engines, HOST, rf"^{shard.database}\.t$") == [(shard.database, "t")]
    assert matching_tables(engines, HOST, r"^nowhere\.t$") == []


def test_a_table_that_keeps_its_history_is_a_table(
    server: Server, engines: Engines, database: str
) -> None:
    history = "WITH SYSTEM VERSIONING" if server.is_mariadb else ""
    server.execute(f"CREATE TABLE {database}.kept (id int primary key) {history}")
    assert list(tables_of(engines, HOST, [database])) == [(database, "kept")]


def test_a_column_is_read_with_the_comment_that_the_server_has_of_it(
    server: Server, engines: Engines, database: str
) -> None:
    server.execute(f"CREATE TABLE {database}.t (id int COMMENT '编号: who''s it', plain int)")
    with engines.get(HOST, database).connect() as connection:
        columns = columns_of(connection, Shard("orders", HOST, database, "t"))
    assert [column.comment for column in columns] == ["编号: who's it", ""]
