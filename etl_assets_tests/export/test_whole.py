"""One shard table by one SELECT: its rows, their order, and what is told and counted of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from etl_assets.export.counting import Counts
from etl_assets.export.services import Services
from etl_assets.export.task import Progress, ShardTask
from etl_assets.export.whole import export_whole
from etl_assets.source.engines import Engines
from etl_assets.source.key_range import KeyRange
from etl_assets.store.open_folder import open_folder


@pytest.mark.parametrize(
    ("key", "rows"), [(None, "32"), (KeyRange(()), "32"), (KeyRange(("id",)), "23")]
)
def test_rows_come_in_the_order_of_the_key_or_else_in_the_server_s(
    engines: Engines, task: ShardTask, tmp_path: Path, key: KeyRange | None, rows: str
) -> None:
    told: list[Progress] = []
    folder = open_folder(str(tmp_path))
    services = Services(engines, on_progress=told.append)
    done = export_whole(task, None, lambda: folder.stage("t.csv"), services, key)
    done.file.commit()
    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert [line[:1] for line in lines] == ["i", *rows]
    assert (done.written.rows, done.counts) == (2, Counts(2, 1))
    assert [(one.rows, one.expected) for one in told] == [(2, 2)]


def test_a_trial_has_no_count_to_agree_with(
    engines: Engines, task: ShardTask, tmp_path: Path
) -> None:
    folder = open_folder(str(tmp_path))
    trial = replace(task, limit=1)
    done = export_whole(trial, None, lambda: folder.stage("t.csv"), Services(engines))
    done.file.discard()
    assert (done.written.rows, done.counts) == (1, Counts(None, None))
