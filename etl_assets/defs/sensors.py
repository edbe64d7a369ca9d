"""Sensors that look after failed runs: there is one of each, whatever configurations there are."""

import dagster as dg

from etl_assets.defs.one_object import one_object
from etl_assets.defs.run_ends import explain_failed_run
from etl_assets.steps.liveness import sweep_dead_runs

_SECONDS = 5
"""As often as Dagster looks at its sensors and its queue."""


@one_object
@dg.sensor(
    minimum_interval_seconds=_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Fails runs whose process was killed, so that they do not hold connections.",
)
def fail_dead_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Fail runs whose process is gone, and free their slots; it runs unless it is stopped."""
    swept = sweep_dead_runs(context.instance)
    return dg.SkipReason(f"Failed: {', '.join(swept)}" if swept else "Every run has a process.")


@one_object
@dg.run_failure_sensor(
    minimum_interval_seconds=_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Has the checks say why a run failed that was killed, or that the executor of "
    "somebody else executed; other runs say so themselves.",
)
def explain_failed_runs(context: dg.RunFailureSensorContext) -> None:
    """Give the checks that a failed run did not come to a result with the cause."""
    repository = context.repository_def
    if repository is not None:
        explain_failed_run(context.instance, context.dagster_run, repository.asset_graph)
