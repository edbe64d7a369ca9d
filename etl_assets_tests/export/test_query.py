"""What a snapshot is asked for: the columns of all shards, and the rows of the window."""

from etl_assets.export.query import query_of
from etl_assets.export.task import ShardTask
from etl_assets.source.engines import Engines
from etl_assets.source.snapshot import open_snapshot
from etl_assets.tables.columns import Column


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
