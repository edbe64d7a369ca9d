"""What every part is given: where to measure, how much and how often."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.job import Job
from benchmarks.tables import MIXED, Shape, Tables
from etl_assets_tests.support.servers import PASSWORD_VARIABLE, Server, private_server

_MEMORY = "--innodb-buffer-pool-size=2G"


@dataclass(frozen=True)
class Sizes:
    """How much, and how often.

    Attributes:
        rows: of a shard table; some shapes have a multiple or a part of it.
        long_rows: of the long table.
        shards: numbers of small shards.
        runs: of each way in a process that is there already.
        command_runs: of each whole command.
    """

    rows: int
    long_rows: int
    shards: tuple[int, ...]
    runs: int
    command_runs: int


@dataclass(frozen=True)
class Bench:
    """A server of its own, and a folder that is gone afterwards."""

    server: Server
    tables: Tables
    anything: Job
    folder: Path
    sizes: Sizes

    def job(self, shape: Shape = MIXED, rows: int | None = None, **changes: Any) -> Job:
        """One table of a shape: made now where it is not there yet."""
        count = shape.rows(self.sizes.rows) if rows is None else rows
        return replace(self.anything, table=self.tables.make(shape, count), **changes)

    def place(self, name: str) -> Path:
        """A folder for commands."""
        place = self.folder / name
        place.mkdir(exist_ok=True)
        return place


@contextmanager
def started(sizes: Sizes, *options: str) -> Iterator[Bench]:
    """A private server with enough memory for all tables, and more options of its program."""
    with (
        tempfile.TemporaryDirectory() as home,
        tempfile.TemporaryDirectory() as folder,
        private_server(Path(home), _MEMORY, *options) as server,
    ):
        # A dump reads more than rows, and has the server write a file.
        server.execute(f"GRANT ALL ON *.* TO '{server.reader}'@'%'")
        Path(folder).chmod(0o755)
        password = os.environ[PASSWORD_VARIABLE]
        job = Job(server.host, server.port, server.reader, password, "", folder)
        yield Bench(server, Tables(server), job, Path(folder), sizes)
