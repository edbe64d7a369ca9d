"""The Celery app of a worker: `celery -A etl_assets.celery_app worker`.

It finds configuration and instance as the command line does: a worker that is started in the same
folder, or with the same environment, serves its exports.
"""

import importlib
import os
import sys
from pathlib import Path
from typing import Any

from celery.signals import task_prerun
from dotenv import load_dotenv

from etl_assets.config import ExportConfig, load_config
from etl_assets.config.executors import EXECUTOR_VARIABLE
from etl_assets.errors import EtlAssetsError
from etl_assets.instance.home import prepare_home
from etl_assets.private.dagster import ReconstructableJob
from etl_assets.steps.celery_steps import worker_app, worker_task
from etl_assets.tables.lockfile import LOCK_NAME

_DEFINITIONS = "etl_assets.definitions"


def _ready() -> ExportConfig:
    """The configuration, with the environment that the steps will find it in."""
    load_dotenv(Path.cwd() / ".env")
    # Whatever the file says: a worker needs what this executor needs.
    os.environ[EXECUTOR_VARIABLE] = "celery"
    try:
        config = load_config()
        prepare_home(config)
    except EtlAssetsError as error:
        # Celery would show a traceback.
        sys.exit(f"etl-assets: {error}")
    return config


def _versions(config: ExportConfig) -> list[tuple[int, int] | None]:
    """What tells a file that was changed from the one that was read."""
    found: list[tuple[int, int] | None] = []
    for path in (config.path, config.home / LOCK_NAME):
        facts = path.stat() if path.exists() else None
        found.append((facts.st_mtime_ns, facts.st_size) if facts else None)
    return found


_config = _ready()
_read = _versions(_config)
app: Any = worker_app(_config.execution.celery)
execute_plan: Any = worker_task(app)
# Once, and not in each of the worker's processes.
importlib.import_module("etl_assets.fork_server.preload")


@task_prerun.connect  # type: ignore[untyped-decorator]
def _follow_changes(**_: object) -> None:
    """Build the definitions again where the configuration is not the one they were built from."""
    global _read  # noqa: PLW0603
    now = _versions(_config)
    if now != _read:
        _read = now
        sys.modules.pop(_DEFINITIONS, None)
        for cached in (
            ReconstructableJob.get_definition,
            ReconstructableJob.get_repository_definition,
        ):
            clear: Any = cached
            clear.cache_clear()
