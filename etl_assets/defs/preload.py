"""What the fork server imports once, so that no step has to.

An ImportError in a preloaded module would pass in silence, and any other exception would kill
every step, so what may fail (the user's configuration) is left to the steps, which can say so.
"""

import contextlib
import importlib

_MODULES = (
    "pymysql",
    "pymysql.cursors",
    "sqlalchemy.dialects.mysql.pymysql",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "dagster._core.executor.multiprocess",
    "dagster._core.launcher.default_run_launcher",
    "dagster._core.run_coordinator.queued_run_coordinator",
    "dagster._core.storage.sqlite_storage",
    "dagster._core.storage.event_log",
    "dagster._core.storage.runs",
    "dagster._core.storage.schedules",
    "dagster._core.storage.local_compute_log_manager",
    "etl_assets.cli.entry",
    "etl_assets.defs.build",
    "etl_assets.defs.compute_logs",
)

for _module in _MODULES:
    with contextlib.suppress(ImportError):
        importlib.import_module(_module)

with contextlib.suppress(Exception):
    importlib.import_module("etl_assets.definitions")
