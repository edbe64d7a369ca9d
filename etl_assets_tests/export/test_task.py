"""A shard's task is facts alone, which travel to other processes as they are."""

import pickle
from dataclasses import replace
from typing import get_type_hints

import pytest

from etl_assets.export.task import ShardTask
from etl_assets_tests.support.exporting import table_config


def test_a_task_travels_as_it_is_and_every_field_is_data(task: ShardTask) -> None:
    assert pickle.loads(pickle.dumps(task)) == task
    hints = get_type_hints(ShardTask)
    assert [name for name, hint in hints.items() if "Callable" in str(hint)] == []


@pytest.mark.parametrize(
    ("split", "limit", "is_split", "is_counted"),
    [(1, None, False, True), (4, None, True, True), (1, 7, False, False), (4, 7, False, False)],
)
def test_a_trial_is_neither_split_nor_counted(
    task: ShardTask, split: int, limit: int | None, is_split: bool, is_counted: bool
) -> None:
    asked = replace(task, table=table_config(split=split), limit=limit)
    assert (asked.is_split, asked.is_counted) == (is_split, is_counted)
    assert not replace(asked, count=False).is_counted
