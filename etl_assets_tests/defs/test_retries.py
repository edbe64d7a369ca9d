"""What a run has failed to export is exported again, when and as often as is configured."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from etl_assets_tests.support.daemon import QUIET, Daemon, started_daemon
from etl_assets_tests.support.in_process import shard
from etl_assets_tests.support.shop import DAY, FILES, small_shop
from etl_assets_tests.support.wrong_configurations import table as with_setting

pytestmark = QUIET

CONFIG = with_setting("retry_failed: {after: 10m, times: 2}").replace(
    "processes: 2", "executor: in_process"
)
TABLE = dg.AssetKey("orders")
SHARDS = [shard(f"shop_0{d}", f"orders_0{t}") for d in (0, 1) for t in (0, 1)]
ALL = [TABLE, *SHARDS]
THERE, LOST = SHARDS[0], SHARDS[2]
FOUND = "ALTER TABLE away RENAME TO orders_00"
FAILURE = dg.DagsterRunStatus.FAILURE


def retried(daemon: Daemon, minutes: float) -> list[dg.DagsterRun]:
    """The runs that are launched some minutes after now."""
    return daemon.sensed(datetime.now(UTC) + timedelta(minutes=minutes))


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """The daemon of a shop that has lost a table."""
    shop = small_shop(tmp_path, CONFIG)
    shop.run("shop_01", "ALTER TABLE orders_00 RENAME TO away")
    with started_daemon(shop) as running:
        yield running


def test_what_failed_is_exported_again_after_its_time_and_completes_the_window(
    daemon: Daemon,
) -> None:
    failed = daemon.run()
    assert failed.status is FAILURE
    kept = {path.name: path.stat().st_mtime_ns for path in daemon.shop.window().glob("*.csv")}
    daemon.shop.run("shop_01", FOUND)
    assert retried(daemon, 9) == []
    said = daemon.said("export_orders_retry")
    assert re.fullmatch(rf"To be exported again: {DAY} at \d\d:\d\d UTC\.", said)
    (again,) = retried(daemon, 11)
    assert again.status is dg.DagsterRunStatus.SUCCESS
    assert again.asset_selection == {TABLE, LOST}
    assert again.tags["dagster/parent_run_id"] == failed.run_id
    assert daemon.shop.names() == FILES
    after = {path.name: path.stat().st_mtime_ns for path in daemon.shop.window().glob("*.csv")}
    assert len(kept) == 3
    assert kept.items() <= after.items()
    assert retried(daemon, 40) == []


def test_it_is_given_up_after_some_times(daemon: Daemon) -> None:
    first = daemon.run(*ALL, job="__ASSET_JOB")
    (second,) = retried(daemon, 11)
    # Its own end counts.
    assert retried(daemon, 20) == []
    (third,) = retried(daemon, 22)
    assert retried(daemon, 60) == []
    assert {run.status for run in (first, second, third)} == {FAILURE}
    chain = [
        (run.tags["dagster/root_run_id"], run.tags["dagster/retry_number"])
        for run in (second, third)
    ]
    assert chain == [(first.run_id, "1"), (first.run_id, "2")]
    assert second.asset_selection == third.asset_selection == {TABLE, LOST}


def test_a_later_run_of_the_window_stands_in_place_of_the_one_that_failed(daemon: Daemon) -> None:
    daemon.run()
    # Of one shard that is there.
    assert daemon.run(THERE, job="__ASSET_JOB").status is dg.DagsterRunStatus.SUCCESS
    assert retried(daemon, 11) == []


def test_only_what_was_selected_is_retried(daemon: Daemon) -> None:
    daemon.run(LOST, THERE, job="__ASSET_JOB")
    (again,) = retried(daemon, 11)
    assert again.asset_selection == {LOST}


def test_trials_and_runs_of_the_command_line_are_not_retried(daemon: Daemon) -> None:
    trial = {"resources": {"csv": {"config": {"limit": 1}}}}
    assert daemon.run(config=trial).status is FAILURE
    assert retried(daemon, 11) == []
    assert daemon.run(launches=False).status is FAILURE
    assert retried(daemon, 12) == []
