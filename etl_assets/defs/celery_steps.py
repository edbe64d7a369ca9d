"""Steps as tasks of Celery workers: Dagster's own Celery executor, with this product's manners.

The broker's URL may hold a password, so it never is a value of the run's configuration, which
Dagster stores and shows: each process reads it from its own environment.
"""

import sys
from collections.abc import Mapping
from typing import Any

import dagster as dg
from celery.exceptions import TaskRevokedError
from dagster import Executor
from dagster._core.events import EngineEventData
from dagster._core.execution.retries import RetryMode
from dagster._serdes import serialize_value
from dagster._utils.error import serializable_error_info_from_exc_info
from dagster_celery.core_execution_loop import core_celery_execution_loop
from dagster_celery.executor import CeleryExecutor, _submit_task
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_task

from etl_assets.config import ExportConfig
from etl_assets.config_executors import CeleryConfig
from etl_assets.defs.executor import NOTICE_EVENT, OwnedExecutor, set_pool_limits

_SETTINGS = {
    # A worker may be started before its broker.
    "broker_connection_retry_on_startup": True,
    # Dagster writes the events of a step to stderr: no warnings.
    "worker_redirect_stdouts_level": "INFO",
}
"""Celery's settings where the configuration has no others."""

WORKER_COMMAND = "celery -A etl_assets.celery_app worker"
_ANSWER_SECONDS = 3.0

_submit: Any = _submit_task
_loop: Any = core_celery_execution_loop


def celery_steps(config: ExportConfig, limits: Mapping[str, int]) -> dg.ExecutorDefinition:
    """The executor; how many shards are exported at the same time is the workers' matter."""

    @dg.executor(
        name="celery", config_schema={}, requirements=dg.multiple_process_executor_requirements()
    )
    def celery(context: dg.InitExecutorContext) -> Executor:
        set_pool_limits(context.instance, limits)
        steps: Any = _StepsAsTasks
        return _OwnedByRun(steps(**_arguments(config.execution.celery)))

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

    def execute(self, plan_context: Any, execution_plan: Any) -> Any:
        """Submit each step when its host has room; other shards go on after one failed."""

        def submit(app: Any, context: Any, step: Any, *rest: Any) -> _Task:
            return _Task(_submit(app, context, step, *rest), self, context.for_step(step), rest[-1])

        _notice_missing_workers(self, plan_context)
        return _loop(plan_context, execution_plan, step_execution_fn=submit)


class _Task:
    """A step's task, as the loop uses Celery's own result."""

    def __init__(self, result: Any, executor: Executor, context: Any, known: Any) -> None:
        self._result = result
        self._executor = executor
        self._context = context
        self._known = known

    def ready(self) -> bool:
        """Whether it has come to an end."""
        return bool(self._result.ready())

    def revoke(self) -> None:
        """Keep workers from beginning it; one that runs goes on."""
        self._result.revoke()

    def get(self) -> Any:
        """The step's events; of a task that was lost, the step's failure."""
        try:
            return self._result.get()
        except TaskRevokedError:
            raise
        except Exception:
            error = serializable_error_info_from_exc_info(sys.exc_info())
            dg.DagsterEvent.engine_event(
                self._context,
                f"The Celery worker gave no result for {self._context.step.key}.",
                EngineEventData.engine_error(error),
            )
            event = self._executor.log_failure_or_retry_event_after_error(
                self._context, error, self._known
            )
            return [serialize_value(event)]


def _notice_missing_workers(executor: Any, plan_context: Any) -> None:
    """Say that the run waits for workers, which may still be on their way, or lacks its broker."""
    make: Any = make_app
    try:
        if make(executor.app_args()).control.ping(timeout=_ANSWER_SECONDS, limit=1):
            return
        notice = f"no Celery worker answers yet; on each machine start: {WORKER_COMMAND}"
    except Exception as error:
        # The run goes on to its first step, and fails there in Celery's own words. Here they are
        # left out: those of some transport might hold the broker's URL.
        notice = f"Celery's broker cannot be reached ({type(error).__name__})"
    dg.DagsterEvent.engine_event(plan_context, notice, EngineEventData({NOTICE_EVENT: notice}))
