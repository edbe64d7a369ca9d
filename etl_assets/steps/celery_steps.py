"""Steps as tasks of Celery workers: Dagster's own Celery executor, with this product's manners.

The broker's URL may hold a password, so it never is a value of the run's configuration, which
Dagster stores and shows: each process reads it from its own environment.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import dagster as dg
from dagster import Executor

from etl_assets.config import ExportConfig
from etl_assets.config.executors import CeleryConfig
from etl_assets.private.dagster import EngineEventData, RetryMode
from etl_assets.private.dagster_celery import (
    CeleryExecutor,
    _submit_task,
    core_celery_execution_loop,
    create_task,
    make_app,
)
from etl_assets.steps.celery_tasks import StepTask, WorkerWatch
from etl_assets.steps.claims import RunLimits
from etl_assets.steps.notices import NOTICE_EVENT
from etl_assets.steps.owned import OnFailure, OwnedExecutor, set_pool_limits

_SETTINGS = {
    # A worker may be started before its broker.
    "broker_connection_retry_on_startup": True,
    # Says which worker has a step, so that the end of the worker is noticed.
    "task_track_started": True,
    # Dagster writes the events of a step to stderr: no warnings.
    "worker_redirect_stdouts_level": "INFO",
}
"""Celery's settings where the configuration has no others."""

WORKER_COMMAND = "celery -A etl_assets.celery_app worker"
_ANSWER_SECONDS = 3.0

_submit: Any = _submit_task
_loop: Any = core_celery_execution_loop


def celery_steps(
    config: ExportConfig, limits: Mapping[str, int], on_failure: OnFailure
) -> dg.ExecutorDefinition:
    """The executor; how many shards are exported at the same time is the workers' matter."""

    @dg.executor(
        name="celery", config_schema={}, requirements=dg.multiple_process_executor_requirements()
    )
    def celery(context: dg.InitExecutorContext) -> Executor:
        set_pool_limits(context.instance, limits)
        settings = config.execution.celery
        inner = _StepsAsTasks(settings.lost_after, **_arguments(settings))
        return _OwnedByRun(inner, RunLimits(limits), on_failure)

    return celery


def worker_app(settings: CeleryConfig) -> Any:
    """The Celery app of workers: the same broker, backend and options as the runs have."""
    make: Any = make_app
    steps: Any = CeleryExecutor
    return make(steps(**_arguments(settings)).app_args())


def worker_task(app: Any) -> Any:
    """The task that executes a step; its result, all events of the step, is in no worker's log."""
    create: Any = create_task
    return create(app, resultrepr_maxsize=8)


def _arguments(settings: CeleryConfig) -> dict[str, Any]:
    found = settings.resolved()
    return {
        **found,
        "config_source": {**_SETTINGS, **found["config_source"]},
        "retries": RetryMode.ENABLED,
    }


class _OwnedByRun(OwnedExecutor):
    """The executor that Dagster's loop asks for its app."""

    def app_args(self) -> Any:
        """How the app is made."""
        inner: Any = self._inner
        return inner.app_args()


class _StepsAsTasks(CeleryExecutor):
    """Dagster's own, but that a task which is lost fails its step, and not the whole run."""

    def __init__(self, lost_after: float, **arguments: Any) -> None:
        celerys: Any = super().__init__
        celerys(**arguments)
        self._lost_after = lost_after

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[Any]:
        """Submit each step when its host has room; other shards go on after one failed."""
        make: Any = make_app
        # Another than the loop makes for itself: a thread uses it.
        app = make(cast("Any", self).app_args())
        _notice_missing_workers(app, plan_context)
        with WorkerWatch(app, self._lost_after) as watch:

            def submit(loops_app: Any, context: Any, step: Any, *rest: Any) -> StepTask:
                result = _submit(loops_app, context, step, *rest)
                return StepTask(result, context.for_step(step), watch)

            yield from _loop(plan_context, execution_plan, step_execution_fn=submit)


def _notice_missing_workers(app: Any, plan_context: Any) -> None:
    """Say that the run waits for workers, which may still be on their way, or lacks its broker."""
    try:
        if app.control.ping(timeout=_ANSWER_SECONDS, limit=1):
            return
        notice = f"no Celery worker answers yet; on each machine start: {WORKER_COMMAND}"
    except Exception as error:
        # The run goes on to its first step, and fails there in Celery's own words. Here they are
        # left out: those of some transport might hold the broker's URL.
        notice = f"Celery's broker cannot be reached ({type(error).__name__})"
    dg.DagsterEvent.engine_event(plan_context, notice, EngineEventData({NOTICE_EVENT: notice}))
