"""What is used of dagster_celery beyond its public names.

`NAMES` says what they are for, what to do when one moves, and where each is. The library is
imported when a name is used, and Celery with it: only runs and workers of that executor need them.
"""

from typing import TYPE_CHECKING

from etl_assets.private.fenced import Use, fence, fetch

NAMES = fence(
    {
        Use(
            "a plan's steps as tasks of ours",
            "see how dagster_celery's own executor executes a plan, in steps/celery_steps.py",
        ): {
            "dagster_celery.core_execution_loop": "core_celery_execution_loop",
            "dagster_celery.executor": "CeleryExecutor _submit_task",
        },
        Use(
            "the app of runs and workers, and its task that executes a step",
            "see how dagster_celery.app makes its app, in steps/celery_steps.py",
        ): {
            "dagster_celery.make_app": "make_app",
            "dagster_celery.tasks": "create_task",
        },
    }
)

if TYPE_CHECKING:
    from dagster_celery.core_execution_loop import (
        core_celery_execution_loop,
    )
    from dagster_celery.executor import CeleryExecutor, _submit_task
    from dagster_celery.make_app import make_app
    from dagster_celery.tasks import create_task
else:
    # Hidden from type checkers, which would take any name for one of the module.
    def __getattr__(name: str) -> object:
        return fetch(NAMES, name)
