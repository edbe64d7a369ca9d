"""One sensor: it looks after runs whose process is gone."""

import dagster as dg

from etl_assets.defs.one_object import one_object
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
    """Fail runs whose process is gone, and free their slots; it runs unless it is stopped.

    There is one, whatever number of configurations a project has.
    """
    swept = sweep_dead_runs(context.instance)
    return dg.SkipReason(f"Failed: {', '.join(swept)}" if swept else "Every run has a process.")
