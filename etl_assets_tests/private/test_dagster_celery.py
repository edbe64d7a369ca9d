"""What the package relies on of dagster_celery; each failure says what to do."""

import inspect

import pytest

from etl_assets.private import dagster_celery
from etl_assets.private.fenced import advice, fetch

TAKES = {
    "CeleryExecutor": ["retries", "broker", "backend", "include", "config_source"],
    "_submit_task": ["app", "plan_context", "step", "queue", "priority", "known_state"],
    "core_celery_execution_loop": ["job_context", "execution_plan", "step_execution_fn"],
    "create_task": ["celery_app", "task_kwargs"],
    "make_app": ["app_args"],
}


@pytest.mark.parametrize("name", dagster_celery.NAMES)
def test_a_name_is_where_it_was_and_takes_what_it_is_given(name: str) -> None:
    told = advice(name, dagster_celery.NAMES[name])
    thing = fetch(dagster_celery.NAMES, name)
    assert list(inspect.signature(thing).parameters) == TAKES[name], told
    if name == "CeleryExecutor":
        assert callable(thing.app_args), told
        assert callable(thing.execute), told
