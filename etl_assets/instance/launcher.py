"""Dagster's own run launcher, which can also end the runs of command lines."""

from typing import Any, Self

import dagster as dg

from etl_assets.private.dagster import GRPC_INFO_TAG, ConfigurableClassData
from etl_assets.processes import is_gone
from etl_assets.steps.liveness import owner_of


class ExportRunLauncher(dg.DefaultRunLauncher):
    """Runs of the UI and of schedules are Dagster's own matter, those of `etl-assets export` too.

    A command line follows its run's events: where one says that the run is to stop, it stops it.
    Dagster's own launcher says the word as well, but then reports that it could not be said.
    """

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: object) -> Self:
        """Made by the instance."""
        del config_value
        return cls(inst_data=inst_data)

    def terminate(self, run_id: str) -> bool:
        """Ask a run to stop; whether there is somebody to hear it."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or not _has_command_line(run):
            dagster: Any = super()
            return bool(dagster.terminate(run_id))
        self._instance.report_run_canceling(run)
        return True


def _has_command_line(run: dg.DagsterRun) -> bool:
    identity = owner_of(run)
    # What Dagster has launched it reaches over its own way.
    return identity is not None and GRPC_INFO_TAG not in run.tags and not is_gone(identity)
