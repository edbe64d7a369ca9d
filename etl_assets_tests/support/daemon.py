"""Dagster's daemon and its launcher in this process, at times that the test chooses."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.execution.api import execute_run
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.remote_representation.external import RemoteRepository
from dagster._core.test_utils import (
    create_test_daemon_workspace_context,
    freeze_time,
    instance_for_test,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.asset_daemon import AssetDaemon
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._utils.hosted_user_process import recon_job_from_origin

from etl_assets_tests.support.location import location_file
from etl_assets_tests.support.shop import DAY, Shop

QUIET = [
    pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`"),
    pytest.mark.filterwarnings("ignore:Function `AssetSelection.keys`"),
]
"""Marks of the tests: Dagster itself uses what it has deprecated."""


@dataclass(frozen=True)
class Daemon:
    """A daemon beside a shop's code location and an instance."""

    shop: Shop
    instance: dg.DagsterInstance
    workspace: WorkspaceProcessContext

    @property
    def repository(self) -> RemoteRepository:
        """What Dagster knows of the code location."""
        location = self.workspace.create_request_context().get_code_location("etl_assets")
        return location.get_repository("__repository__")

    def run(
        self,
        *keys: dg.AssetKey,
        job: str = "export_orders",
        config: Mapping[str, Any] | None = None,
        launches: bool = True,
    ) -> dg.DagsterRun:
        """A run of the UI's, or one that a command line executes, from its beginning to its end."""
        workspace, repository = self.workspace.create_request_context(), self.repository
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
        return self._executed(made.run_id)

    def sensed(self, at: datetime) -> list[dg.DagsterRun]:
        """The runs that the sensors launch at a time."""
        log = logging.getLogger(__name__)
        return self._launched(at, lambda: execute_sensor_iteration(self.workspace, log, None, None))

    def said(self, sensor: str) -> str:
        """Why a sensor launched nothing at its last tick."""
        remote = self.repository.get_sensor(sensor)
        (tick,) = self.instance.get_ticks(
            remote.get_remote_origin().get_id(), remote.selector_id, limit=1
        )
        return str(tick.skip_reason)

    def automated(self, at: datetime) -> list[dg.DagsterRun]:
        """The runs that conditions of assets launch at a time; their sensor is started with it."""
        sensor = self.repository.get_sensor("default_automation_condition_sensor")
        with freeze_time(at):
            self.instance.start_sensor(sensor)
        daemon = AssetDaemon(settings={}, pre_sensor_interval_seconds=30)
        iterate: Any = daemon._run_iteration_impl
        return self._launched(at, lambda: iterate(self.workspace, None, {}, {}) or ())

    def _launched(
        self, at: datetime, iteration: Callable[[], Iterable[object]]
    ) -> list[dg.DagsterRun]:
        known = {run.run_id for run in self.instance.get_runs()}
        with freeze_time(at):
            assert [step for step in iteration() if step is not None] == []
            new = {run.run_id for run in self.instance.get_runs()} - known
            return [self._executed(run_id) for run_id in new]

    def _executed(self, run_id: str) -> dg.DagsterRun:
        """A run that is executed here and now."""
        made = self.instance.get_run_by_id(run_id)
        assert made is not None
        assert made.job_code_origin is not None
        execute_run(recon_job_from_origin(made.job_code_origin), made, self.instance)
        ended = self.instance.get_run_by_id(run_id)
        assert ended is not None
        return ended


@contextmanager
def started_daemon(shop: Shop, *files: Path) -> Iterator[Daemon]:
    """The daemon of a shop, whose executor is `in_process`; more files are more locations."""
    locations = {"etl_assets": location_file(shop.folder), **{file.stem: file for file in files}}
    origins = [
        InProcessCodeLocationOrigin(
            LoadableTargetOrigin(python_file=str(file), attribute="defs"), location_name=name
        )
        for name, file in locations.items()
    ]
    overrides = {
        # It does nothing: a run is executed once it is launched, where the test waits for it.
        "run_launcher": {"module": "dagster._core.test_utils", "class": "MockedRunLauncher"},
        "run_coordinator": {
            "module": "dagster._core.run_coordinator",
            "class": "DefaultRunCoordinator",
        },
    }
    with (
        instance_for_test(overrides=overrides) as instance,
        create_test_daemon_workspace_context(
            InProcessWorkspaceLoadTarget(origins), instance
        ) as workspace,
    ):
        yield Daemon(shop, instance, workspace)
