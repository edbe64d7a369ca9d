"""What a run has failed to export is exported again, when and as often as is configured."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.execution.api import execute_run
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import (
    create_test_daemon_workspace_context,
    freeze_time,
    instance_for_test,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._utils.hosted_user_process import recon_job_from_origin

from etl_assets_tests.support.in_process import shard
from etl_assets_tests.support.location import location_file
from etl_assets_tests.support.shop import DAY, FILES, Shop, small_shop
from etl_assets_tests.support.wrong_configurations import table as with_setting

# Dagster itself reads a property that it has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`")

CONFIG = with_setting("retry_failed: {after: 10m, times: 2}").replace(
    "processes: 2", "executor: in_process"
)
TABLE = dg.AssetKey("orders")
SHARDS = [shard(f"shop_0{d}", f"orders_0{t}") for d in (0, 1) for t in (0, 1)]
ALL = [TABLE, *SHARDS]
THERE, LOST = SHARDS[0], SHARDS[2]
FOUND = "ALTER TABLE away RENAME TO orders_00"
FAILURE = dg.DagsterRunStatus.FAILURE


@dataclass(frozen=True)
class Daemon:
    """Dagster's daemon and webserver in this process, at times that the test chooses."""

    shop: Shop
    instance: dg.DagsterInstance
    workspace: WorkspaceProcessContext

    def run(
        self,
        *keys: dg.AssetKey,
        job: str = "export_orders",
        config: Mapping[str, Any] | None = None,
        launches: bool = True,
    ) -> dg.DagsterRun:
        """A run of the UI's, or one that a command line executes, from its beginning to its end."""
        workspace = self.workspace.create_request_context()
        repository = workspace.get_code_location("etl_assets").get_repository("__repository__")
        remote = repository.get_full_job(job)
        recon = recon_job_from_origin(remote.get_python_origin())
        selection = frozenset(keys) or None
        made = self.instance.create_run_for_job(
            recon.get_subset(asset_selection=selection).get_definition(),
            run_config=config,
            tags={"dagster/partition": DAY},
            asset_selection=selection,
            remote_job_origin=remote.get_remote_origin(),
            job_code_origin=remote.get_python_origin(),
        )
        if launches:
            self.instance.launch_run(made.run_id, workspace)
        else:
            execute_run(recon, made, self.instance)
        ended = self.instance.get_run_by_id(made.run_id)
        assert ended is not None
        return ended

    def retried(self, minutes: float) -> list[dg.DagsterRun]:
        """The runs that the sensors launch some minutes after now."""
        known = {run.run_id for run in self.instance.get_runs()}
        with freeze_time(datetime.now(UTC) + timedelta(minutes=minutes)):
            log = logging.getLogger(__name__)
            steps = list(execute_sensor_iteration(self.workspace, log, None, None))
        assert [step for step in steps if step is not None] == []
        return [run for run in self.instance.get_runs() if run.run_id not in known]


@contextmanager
def started(shop: Shop) -> Iterator[Daemon]:
    """The daemon of a shop."""
    target = LoadableTargetOrigin(python_file=str(location_file(shop.folder)), attribute="defs")
    origin = InProcessCodeLocationOrigin(target, location_name="etl_assets")
    name = "dagster._core.launcher.sync_in_memory_run_launcher"
    overrides = {
        "run_launcher": {"module": name, "class": "SyncInMemoryRunLauncher"},
        "run_coordinator": {
            "module": "dagster._core.run_coordinator",
            "class": "DefaultRunCoordinator",
        },
    }
    with (
        instance_for_test(overrides=overrides) as instance,
        create_test_daemon_workspace_context(
            InProcessWorkspaceLoadTarget(origin), instance
        ) as workspace,
    ):
        yield Daemon(shop, instance, workspace)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """The daemon of a shop that has lost a table."""
    shop = small_shop(tmp_path, CONFIG)
    shop.run("shop_01", "ALTER TABLE orders_00 RENAME TO away")
    with started(shop) as running:
        yield running


def test_what_failed_is_exported_again_after_its_time_and_completes_the_window(
    daemon: Daemon,
) -> None:
    failed = daemon.run()
    assert failed.status is FAILURE
    kept = {path.name: path.stat().st_mtime_ns for path in daemon.shop.window().glob("*.csv")}
    daemon.shop.run("shop_01", FOUND)
    assert daemon.retried(9) == []
    (again,) = daemon.retried(11)
    assert again.status is dg.DagsterRunStatus.SUCCESS
    assert again.asset_selection == {TABLE, LOST}
    assert again.tags["dagster/parent_run_id"] == failed.run_id
    assert daemon.shop.names() == FILES
    after = {path.name: path.stat().st_mtime_ns for path in daemon.shop.window().glob("*.csv")}
    assert len(kept) == 3
    assert kept.items() <= after.items()
    assert daemon.retried(40) == []


def test_it_is_given_up_after_some_times(daemon: Daemon) -> None:
    first = daemon.run(*ALL, job="__ASSET_JOB")
    (second,) = daemon.retried(11)
    # Its own end counts.
    assert daemon.retried(20) == []
    (third,) = daemon.retried(22)
    assert daemon.retried(60) == []
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
    assert daemon.retried(11) == []


def test_only_what_was_selected_is_retried(daemon: Daemon) -> None:
    daemon.run(LOST, THERE, job="__ASSET_JOB")
    (again,) = daemon.retried(11)
    assert again.asset_selection == {LOST}


def test_trials_and_runs_of_the_command_line_are_not_retried(daemon: Daemon) -> None:
    trial = {"resources": {"csv": {"config": {"limit": 1}}}}
    assert daemon.run(config=trial).status is FAILURE
    assert daemon.retried(11) == []
    assert daemon.run(launches=False).status is FAILURE
    assert daemon.retried(12) == []
