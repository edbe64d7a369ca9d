"""What every part is given: where to measure, how much and how often."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from benchmarks.job import Job
from benchmarks.measure import Contest, Result, interleaved
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

    rows: int = 250_000
    long_rows: int = 2_000_000
    shards: tuple[int, ...] = (16, 64, 256, 1_024)
    runs: int = 5
    command_runs: int = 3

    def options(self) -> list[str]:
        """Those of the command line that are not as usual."""
        return [
            word
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default
            for each in (value if isinstance(value, tuple) else (value,))
            for word in (f"--{field.name.replace('_', '-')}", str(each))
        ]


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

    def contest(self, contest: Contest, runs: int | None = None) -> dict[str, Result]:
        """What ways to export take; each file is gone before the next one is written."""
        return interleaved(contest, runs or self.sizes.runs, self._remove_files)

    def _remove_files(self) -> None:
        for path in Path(self.anything.folder).iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

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
        files = Path(folder, "files")
        files.mkdir()
        job = Job(server.host, server.port, server.reader, password, "", str(files))
        yield Bench(server, Tables(server), job, Path(folder), sizes)
