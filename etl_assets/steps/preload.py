"""What the fork server imports once, so that no step has to.

An ImportError in a preloaded module would pass in silence, and any other exception would kill
every step, so what may fail (the user's configuration) is left to the steps, which can say so.
"""

import contextlib
import importlib

_MODULES = (
    "dotenv.main",
    "multiprocessing.popen_forkserver",
    "multiprocessing.queues",
    "multiprocessing.resource_sharer",
    "multiprocessing.synchronize",
    "encodings.idna",
    "importlib.resources.readers",
    "_strptime",
    "pymysql.cursors",
    "sqlalchemy.dialects.mysql.pymysql",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "upath.implementations.local",
    "dagster._core.executor.multiprocess",
    "dagster._core.instance.factory",
    "dagster._core.launcher.default_run_launcher",
    "dagster._core.run_coordinator.queued_run_coordinator",
    "dagster._core.secrets.env_file",
    "dagster._core.storage.event_log",
    "dagster._core.storage.local_compute_log_manager",
    "dagster._core.storage.migration.utils",
    "dagster._core.storage.root",
    "dagster._core.storage.runs",
    "dagster._core.storage.schedules",
    "dagster._core.storage.sqlite_storage",
    "dagster._core.system_config.composite_descent",
    "dagster._core.workspace.autodiscovery",
    "dagster._utils.test.definitions",
    "etl_assets.cli.entry",
    "etl_assets.defs.build",
    "etl_assets.instance.compute_logs",
    "etl_assets.instance.launcher",
    "etl_assets.instance.storage",
    "etl_assets.extract.wire",
    "etl_assets.source.mysql.driver",
    "etl_assets.export.split.part",
    "etl_assets.store.remote",
)

for _module in _MODULES:
    # Names inside Dagster may move: a step that has to import one itself is slower, not wrong.
    with contextlib.suppress(ImportError):
        importlib.import_module(_module)

with contextlib.suppress(Exception):
    # The repository is built once here; the forked steps find it ready.
    importlib.import_module("etl_assets.definitions").defs.get_repository_def().get_all_jobs()
