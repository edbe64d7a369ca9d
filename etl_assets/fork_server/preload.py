"""What the fork server imports once, so that no step has to; with the code location of the run.

An ImportError in a preloaded module would pass in silence, and any other exception would kill
every step, so what may fail (the user's configuration) is left to the steps, which can say so.
"""

import contextlib
import gc
import importlib

from etl_assets.fork_server.server import PARTS, job_to_preload
from etl_assets.private import dagster, multiprocessing

_MODULES = (
    *multiprocessing.PRELOADED,
    *dagster.PRELOADED,
    *PARTS,
    "dotenv.main",
    "encodings.idna",
    "importlib.readers",
    "importlib.resources.readers",
    "_strptime",
    "pymysql.cursors",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "upath.implementations.local",
    "etl_assets.cli.entry",
    "etl_assets.defs.build",
    "etl_assets.extract.rows",
    "etl_assets.instance.compute_logs",
    "etl_assets.instance.launcher",
    "etl_assets.instance.storage",
    "etl_assets.store.remote",
)

for _module in _MODULES:
    # Names inside Dagster may move: a step that has to import one itself is slower, not wrong.
    with contextlib.suppress(ImportError):
        importlib.import_module(_module)

with contextlib.suppress(Exception):
    # Built once here; the forked steps find it ready.
    if (job := job_to_preload()) is not None:
        dagster.take_hashes_anew()
        dagster.ReconstructableJob.from_dict(job).get_definition()
    else:
        importlib.import_module("etl_assets.definitions").defs.get_repository_def().get_all_jobs()

# As Python's manual advises: a collection in a child would otherwise write to, and so copy, every
# page that holds an object.
gc.freeze()
