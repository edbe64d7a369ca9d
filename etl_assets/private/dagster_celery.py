"""What is used of dagster_celery beyond its public names.

`NAMES` says of each where it is, what it is for, and what to do when it moves. It is imported when
a name is used, and Celery with it: only the runs and workers of that executor need either.
"""

from typing import TYPE_CHECKING

from etl_assets.private.fenced import Fenced, fetch

_LOOP = "see how dagster_celery's own executor executes a plan, in steps/celery_steps.py"
_APP = "see how dagster_celery.app makes its app, in steps/celery_steps.py"

NAMES = {
    "core_celery_execution_loop": Fenced(
        "dagster_celery.core_execution_loop", "a plan's steps as tasks of ours", _LOOP
    ),
    "CeleryExecutor": Fenced("dagster_celery.executor", "the executor that ours extends", _LOOP),
    "_submit_task": Fenced("dagster_celery.executor", "a step's task in the queue", _LOOP),
    "make_app": Fenced("dagster_celery.make_app", "the app of runs and workers", _APP),
    "create_task": Fenced("dagster_celery.tasks", "the task that executes a step", _APP),
}

if TYPE_CHECKING:
    from dagster_celery.core_execution_loop import (
        core_celery_execution_loop as core_celery_execution_loop,
    )
    from dagster_celery.executor import CeleryExecutor as CeleryExecutor
    from dagster_celery.executor import _submit_task as _submit_task
    from dagster_celery.make_app import make_app as make_app
    from dagster_celery.tasks import create_task as create_task
else:
    # Hidden from type checkers, which would take any name for one of the module.
    def __getattr__(name: str) -> object:
        return fetch(NAMES, name)
