"""What is counted in a snapshot, and what is refused for its number."""

from dataclasses import replace

import pytest

from etl_assets.errors import CountMismatchError
from etl_assets.export.counting import Counts, counted, refuse_other_count
from etl_assets.export.query import query_of
from etl_assets.export.task import ShardTask
from etl_assets.source.engines import Engines
from etl_assets.source.snapshot import open_snapshot


def test_rows_outside_are_counted_where_windows_have_a_first(
    engines: Engines, task: ShardTask
) -> None:
    column = task.table.partition.column
    with open_snapshot(engines, task.shard) as snapshot:
        assert counted(snapshot, query_of(task, snapshot, None), column) == Counts(2, 1)
        without = query_of(replace(task, first=None), snapshot, None)
        assert counted(snapshot, without, column) == Counts(2, None)


def test_another_count_is_refused_and_none_is_not(task: ShardTask) -> None:
    refuse_other_count(task.shard, None, 3)
    refuse_other_count(task.shard, 3, 3)
    with pytest.raises(CountMismatchError, match=r"shop\.t: expected 2 rows.* got 3 in the file"):
        refuse_other_count(task.shard, 2, 3)
