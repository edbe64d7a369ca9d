"""One shard table to one CSV file, in every way at hand, interleaved: medians and ratios.

    python -m benchmarks [--rows 250000] [--runs 5]

A private server is started and stopped. What it takes to read the result's bytes from the socket
and to throw them away (`drain`) is the floor; each way is given as a multiple of it.
"""

import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pandas as pd
import sqlalchemy as sa
from pymysql.cursors import SSCursor

from etl_assets.config import HostConfig, TableConfig
from etl_assets.csv_format import CsvFormat
from etl_assets.extract.rows import extract_rows
from etl_assets.query import ShardQuery
from etl_assets.shard_export import ShardTask, stage_shard
from etl_assets.source.engines import Engines
from etl_assets.source.snapshot import open_snapshot
from etl_assets.store.files import open_folder
from etl_assets.topology import Shard
from etl_assets.windows import Window
from etl_assets_tests.servers import Server, running_server

HOST, TABLE = "bench", "orders"
NOON = datetime(2026, 11, 2, tzinfo=UTC)

SEED = """
    INSERT INTO {table}
    SELECT n, n * 7919 % 100000, CONCAT('title ', n), n * 1.01,
           IF(n % 5, REPEAT('n', n % 100), NULL),
           IF(n % 7, '', 'call first, ask for "Bo"'), n / 3, MD5(n), UNHEX(MD5(n)),
           '2026-11-02' + INTERVAL n % 86400 SECOND, '2026-11-02', n % 2, SHA1(n)
    FROM (SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n + 100000 * f.n AS n
          FROM {digits} a, {digits} b, {digits} c, {digits} d, {digits} e, {digits} f) numbers
    WHERE n < {rows}
"""
COLUMNS = (
    "id BIGINT UNSIGNED PRIMARY KEY, user_id INT, title VARCHAR(50), price DECIMAL(12,2), "
    "note TEXT, remark VARCHAR(50), rating DOUBLE, token CHAR(32), raw BINARY(16), "
    "created_at DATETIME, "
    "created_on DATE, paid TINYINT, digest CHAR(40)"
)


class Bench:
    """The ways to export one table, each as a function without arguments."""

    def __init__(self, server: Server, database: str, folder: Path) -> None:
        self._server = server
        self._folder = folder
        host = HostConfig.model_validate(server.host_config())
        self._engines = Engines({HOST: host}, folder)
        self._shard = Shard(TABLE, HOST, database, TABLE)
        self._select = f"SELECT * FROM {database}.{TABLE}"

    def drain(self) -> None:
        """Read the result from the socket and throw it away."""
        with self._server.connect() as connection, connection.cursor(SSCursor) as cursor:
            cursor.execute(self._select)
            driver: Any = connection
            tail = b""
            # The result ends in an EOF packet: five bytes behind a header of four.
            while not (tail[:3] == b"\x05\0\0" and tail[4:5] == b"\xfe"):
                tail = (tail + driver._rfile.read1(1 << 18))[-9:]
            driver._result.unbuffered_active = False

    def product(self) -> None:
        """A step's work, count and checksum included: from the connection to the durable file."""
        table = TableConfig.model_validate(
            {
                "shards": [{"host": HOST, "tables": "a.b"}],
                "partition": {"every": "day", "start": "2026-11-01"},
            }
        )
        window = Window("2026-11-02", NOON, NOON + timedelta(days=1), "UTC")
        task = ShardTask(self._shard, table, window, CsvFormat(), None, True, 0, "bench")
        stage_shard(
            self._engines,
            open_folder(str(self._folder)),
            task,
            on_progress=lambda _: None,
            on_retry=print,
        ).file.commit()

    def rows(self) -> None:
        """The product's own way for any other dialect: SQLAlchemy's rows, one by one."""
        with open_snapshot(self._engines, self._shard) as snapshot, self._file() as file:
            query = ShardQuery(self._shard, snapshot.columns, None, None, is_mysql=True)
            for block in extract_rows(snapshot.connection, query, CsvFormat()):
                file.write(block.data)

    def pandas(self) -> None:
        """read_sql in chunks, to_csv."""
        engine = self._engines.get(HOST, "")
        with engine.connect().execution_options(stream_results=True) as connection:
            chunks = pd.read_sql(sa.text(self._select), connection, chunksize=20_000)
            for number, chunk in enumerate(chunks):
                chunk.to_csv(self._folder / "pandas.csv", mode="a", header=number == 0, index=False)

    def client(self) -> None:
        """The server's own command-line client in batch mode: tabs, not CSV."""
        program = shutil.which("mariadb") or shutil.which("mysql") or "mysql"
        server = self._server
        with self._file() as file:
            subprocess.run(
                [
                    program,
                    "--no-defaults",
                    f"--host={server.host}",
                    f"--port={server.port}",
                    f"--user={server.user}",
                    f"--password={server.password}",
                    "--quick",
                    "--batch",
                    f"--execute={self._select}",
                ],
                stdout=file,
                check=True,
            )

    def ways(self) -> dict[str, Callable[[], None]]:
        """What is compared; the client only where it is installed."""
        found = {"drain": self.drain, "etl-assets": self.product}
        if shutil.which("mariadb") or shutil.which("mysql"):
            found["command-line client"] = self.client
        return found | {"SQLAlchemy rows": self.rows, "pandas": self.pandas}

    @contextmanager
    def _file(self) -> Iterator[Any]:
        with (self._folder / "other.out").open("wb") as file:
            yield file


def interleaved(ways: Mapping[str, Callable[[], None]], runs: int) -> dict[str, list[float]]:
    """The seconds of each run of each way; all ways in turn, so that noise falls on all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for run in range(runs + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            # The first round only warms up.
            if run:
                seconds[name].append(time.perf_counter() - began)
    return seconds


@click.command()
@click.option("--rows", default=250_000, show_default=True, help="Rows of the table, to a million.")
@click.option("--runs", default=5, show_default=True, help="Runs of each way.")
def main(rows: int, runs: int) -> None:
    """Compare the ways to export one shard table of 13 columns."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(Path(folder)) as server,
        server.database("bench") as database,
    ):
        digits = "(SELECT 0 n" + "".join(f" UNION ALL SELECT {n}" for n in range(1, 10)) + ")"
        table = f"{database}.{TABLE}"
        server.execute(
            f"CREATE TABLE {table} ({COLUMNS})",
            SEED.format(table=table, digits=digits, rows=rows),
        )
        seconds = interleaved(Bench(server, database, Path(folder)).ways(), runs)
    floor = statistics.median(seconds["drain"])
    print(f"{rows:,} rows, medians of {runs} interleaved runs")
    for name, taken in seconds.items():
        median = statistics.median(taken)
        print(f"  {name:<20} {median:7.2f} s  {median / floor:6.1f} x drain")


if __name__ == "__main__":
    main()
