"""The bound, and this product's own step: one table to one file."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.job import HOST, PASSWORD_VARIABLE, WINDOW, Job
from benchmarks.tables import DATABASE

_AT_ONCE = 1 << 18
# The result ends in an EOF packet: five bytes after a header of four.
_END_BYTES = 9


def drain(job: Job) -> None:
    """Read the result's bytes from the socket and throw them away."""
    for _ in result(job):
        pass


def result(job: Job) -> Iterator[bytes]:
    """The bytes of all rows and of the packet after them, as the server sends them."""
    with job.connected() as connection, connection.cursor() as cursor:
        cursor.execute(job.select)
        tail = b""
        while not (tail[:3] == b"\x05\0\0" and tail[4:5] == b"\xfe"):
            data = connection._rfile.read1(_AT_ONCE)
            tail = (tail + data)[-_END_BYTES:]
            yield data
        connection._result.unbuffered_active = False


def export(job: Job) -> None:
    """This product's step: count, rows, checksum, the file durable under its name, and proven."""
    from etl_assets.config import HostConfig, TableConfig
    from etl_assets.csv_format import CsvFormat
    from etl_assets.export.services import Services
    from etl_assets.export.shard import stage_shard
    from etl_assets.export.task import ShardTask
    from etl_assets.source.engines import Engines
    from etl_assets.store.commit import commit_shard
    from etl_assets.store.open_folder import open_folder
    from etl_assets.tables.windows import Window

    os.environ[PASSWORD_VARIABLE] = job.password
    host = {
        "url": f"mysql+pymysql://{job.user}@{job.host}:{job.port}",
        "password": {"env": PASSWORD_VARIABLE},
        "connect": {"ssl_disabled": not job.encrypted},
    }
    table = {
        "shards": [{"host": HOST, "tables": "a.b"}],
        "partition": {"every": "day", "start": "2026-11-01"},
        "csv": CsvFormat(compression=job.compression),
    }
    noon = datetime(2026, 11, 2, tzinfo=UTC)
    task = ShardTask(
        shard=shard(job),
        table=TableConfig.model_validate(table),
        window=Window(WINDOW, noon, noon + timedelta(days=1), "UTC"),
        limit=None,
        count=True,
        retries=0,
        run_id="bench",
    )
    engines = Engines({HOST: HostConfig.model_validate(host)}, Path(job.folder))
    folder = open_folder(job.folder)
    commit_shard(folder, stage_shard(task, folder, Services(engines)))


def shard(job: Job) -> Any:
    """The job's table as this product's shard."""
    from etl_assets.tables.topology import Shard

    return Shard(job.table, HOST, DATABASE, job.table)
