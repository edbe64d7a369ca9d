"""What a snapshot is asked for: the columns of all shards, and the rows of the window."""

from etl_assets.export.query import query_of
from etl_assets.export.task import ShardTask
from etl_assets.source.engines import Engines
from etl_assets.source.snapshot import open_snapshot
from etl_assets.tables.columns import Column
from etl_assets_tests.support.exporting import Exporter, day, table_config
from etl_assets_tests.support.servers import Server


def test_a_column_that_only_other_shards_have_is_null_in_every_row(
    engines: Engines, task: ShardTask
) -> None:
    united = (Column("id", "integer"), Column("gift", "integer"), Column("created_at", "datetime"))
    with open_snapshot(engines, task.shard) as snapshot:
        query = query_of(task, snapshot, united)
        rows = snapshot.connection.execute(query.rows).all()
        own = query_of(task, snapshot, None)
    assert (query.columns, list(query.missing)) == (united, ["gift"])
    assert [row[:2] for row in rows] == [(3, None), (2, None)]
    assert (own.columns, list(own.missing)) == (snapshot.columns, [])


def test_a_session_is_asked_the_same_of_alike_tables_and_anew_for_another_window(
    server: Server, exporter: Exporter, orders: str
) -> None:
    """What was made for one shard is used for the next one, and only where it fits."""
    server.execute(
        f"CREATE TABLE {orders}.u LIKE {orders}.t",
        f"INSERT INTO {orders}.u VALUES (1, 'b', '', '2026-11-03 12:00:00'), (2, 'a', '', NULL)",
    )
    engines = exporter.engines()
    settings, first = table_config("created_at"), day("2026-11-01")
    for name, key, limit, rows, outside in [
        ("t", "2026-11-02", None, 1000, 0),
        ("u", "2026-11-02", None, 0, 1),
        ("u", "2026-11-03", None, 1, 1),
        ("t", "2026-11-03", None, 0, 0),
        ("t", "2026-11-02", 7, 7, None),
        ("t", "2026-11-02", None, 1000, 0),
    ]:
        export = exporter.export(
            orders, name, settings, day(key), engines=engines, first=first, limit=limit
        )
        found = export.manifest
        assert (found.rows, found.source_rows, found.rows_outside) == (
            rows,
            None if limit else rows,
            outside,
        )
    engines.dispose()
