"""The ways to export one table to one file, each as a function of what to export.

Each imports what it needs when it is called first, so that a peer that is not there is no error.
"""

import csv
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks.tables import DATABASE, MIXED, MIXED_AS_TEXT
from etl_assets.store.compression import Compression

PASSWORD_VARIABLE = "BENCH_PASSWORD"
_PATIENCE_SECONDS = 60
"""A program that takes longer is given up: some versions of mydumper wait for ever."""


@dataclass(frozen=True)
class Job:
    """One table of one server, and where its file goes.

    Attributes:
        host: of the server, with `port`, `user` and `password`.
        encrypted: whether the connection is; the server offers it or not.
        compression: of the file: none, gzip or zstd.
    """

    host: str
    port: int
    user: str
    password: str
    table: str
    folder: str
    encrypted: bool = False
    compression: Compression = "none"

    @property
    def select(self) -> str:
        """All rows."""
        return f"SELECT * FROM {DATABASE}.{self.table}"

    @property
    def text_table(self) -> str:
        """The table, with hexadecimals in place of raw bytes for ways that cannot write those."""
        return MIXED_AS_TEXT if self.table == MIXED.name else self.table

    def url(self, scheme: str) -> str:
        """The server as a URL."""
        return f"{scheme}://{self.user}:{quote(self.password)}@{self.host}:{self.port}/{DATABASE}"

    def file(self, name: str) -> Path:
        """A file of its own for each way."""
        return Path(self.folder, name)

    @contextmanager
    def connected(self) -> Iterator[Any]:
        """A plain connection of PyMySQL's, with an unbuffered cursor."""
        import pymysql
        from pymysql.cursors import SSCursor

        with pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            charset="utf8mb4",
            cursorclass=SSCursor,
            ssl_disabled=not self.encrypted,
        ) as connection:
            yield connection


def drain(job: Job) -> None:
    """Read the result's bytes from the socket and throw them away."""
    with job.connected() as connection, connection.cursor() as cursor:
        cursor.execute(job.select)
        tail = b""
        # The result ends in an EOF packet: five bytes behind a header of four.
        while not (tail[:3] == b"\x05\0\0" and tail[4:5] == b"\xfe"):
            tail = (tail + connection._rfile.read1(1 << 18))[-9:]
        connection._result.unbuffered_active = False


def etl_assets(job: Job) -> None:
    """This product's step: count, rows, checksum, the file durable under its name."""
    from etl_assets.config import TableConfig
    from etl_assets.csv_format import CsvFormat
    from etl_assets.export.services import Services
    from etl_assets.export.shard import stage_shard
    from etl_assets.export.task import ShardTask
    from etl_assets.store.open_folder import open_folder
    from etl_assets.tables.topology import Shard
    from etl_assets.tables.windows import Window

    table = {
        "shards": [{"host": "h", "tables": "a.b"}],
        "partition": {"every": "day", "start": "2026-11-01"},
        "csv": CsvFormat(compression=job.compression),
    }
    noon = datetime(2026, 11, 2, tzinfo=UTC)
    task = ShardTask(
        shard=Shard(job.table, "h", DATABASE, job.table),
        table=TableConfig.model_validate(table),
        window=Window("2026-11-02", noon, noon + timedelta(days=1), "UTC"),
        limit=None,
        count=True,
        retries=0,
        run_id="bench",
    )
    stage_shard(task, open_folder(job.folder), Services(_engines(job))).file.commit()


def rows(job: Job) -> None:
    """This product's way for any other dialect: SQLAlchemy's rows, one by one."""
    from etl_assets.csv_format import CsvFormat
    from etl_assets.extract.rows import extract_rows
    from etl_assets.source.query import ShardQuery
    from etl_assets.source.snapshot import open_snapshot
    from etl_assets.tables.topology import Shard

    shard = Shard(job.table, "h", DATABASE, job.table)
    with (
        open_snapshot(_engines(job), shard) as snapshot,
        job.file("rows.csv").open("wb") as file,
    ):
        query = ShardQuery(shard, snapshot.columns, None, None, snapshot.backend)
        for block in extract_rows(snapshot.connection, query, CsvFormat()):
            file.write(block.data)


def pandas(job: Job) -> None:
    """read_sql over SQLAlchemy in chunks, to_csv."""
    import pandas as pd
    import sqlalchemy as sa

    engine = sa.create_engine(
        job.url("mysql+pymysql"), connect_args={"ssl_disabled": not job.encrypted}
    )
    compression = None if job.compression == "none" else job.compression
    with engine.connect().execution_options(stream_results=True) as connection:
        for number, chunk in enumerate(
            pd.read_sql(sa.text(job.select), connection, chunksize=20_000)
        ):
            chunk.to_csv(
                job.file("pandas.csv"),
                mode="a" if number else "w",
                header=number == 0,
                index=False,
                compression=compression,
            )
    engine.dispose()


def mysqlclient(job: Job) -> None:
    """The C driver's unbuffered cursor, the csv module."""
    import MySQLdb
    from MySQLdb.cursors import SSCursor

    connection = MySQLdb.connect(
        host=job.host, port=job.port, user=job.user, password=job.password,
        charset="utf8mb4", cursorclass=SSCursor,
    )  # fmt: skip
    with job.file("mysqlclient.csv").open("w", newline="", errors="surrogateescape") as file:
        cursor = connection.cursor()
        cursor.execute(job.select)
        csv.writer(file).writerows(cursor)
    connection.close()


def connectorx(job: Job) -> None:
    """connectorx to Arrow, Arrow's CSV writer."""
    import connectorx as cx
    from pyarrow import csv as arrow_csv

    arrow_csv.write_csv(
        cx.read_sql(job.url("mysql"), f"SELECT * FROM {job.text_table}", return_type="arrow"),
        job.file("connectorx.csv"),
    )


def dlt(job: Job) -> None:
    """dlt's sql_database with the pyarrow backend into CSV files."""
    import dlt as loader
    from dlt.sources.sql_database import sql_table

    state = job.file("dlt")
    shutil.rmtree(state, ignore_errors=True)
    pipeline = loader.pipeline(
        "bench",
        pipelines_dir=str(state),
        destination=loader.destinations.filesystem(bucket_url=(state / "out").as_uri()),
        dataset_name="out",
    )
    source = sql_table(
        credentials=job.url("mysql+pymysql") + "?ssl_disabled=true",
        table=job.text_table,
        backend="pyarrow",
        chunk_size=50_000,
    )
    pipeline.run(source, loader_file_format="csv")


def duckdb(job: Job) -> None:
    """DuckDB's MySQL scanner, COPY to CSV."""
    import duckdb as database
    import duckdb_extension_mysql_scanner as packaged

    (extension,) = Path(packaged.__path__[0]).rglob("mysql_scanner.duckdb_extension")
    with database.connect() as connection:
        connection.execute(f"LOAD '{extension}'")
        connection.execute(
            f"ATTACH 'host={job.host} port={job.port} user={job.user} password={job.password} "
            f"database={DATABASE} ssl_mode=disabled' AS server (TYPE mysql, READ_ONLY)"
        )
        connection.execute(
            f"COPY (SELECT * FROM server.{DATABASE}.{job.table}) "
            f"TO '{job.file('duckdb.csv')}' (FORMAT csv, HEADER)"
        )


def client(job: Job) -> None:
    """The server's own command-line client in batch mode: tabs and backslashes, not CSV."""
    with job.file("client.tsv").open("wb") as file:
        _run(
            [
                _program("mariadb", "mysql"),
                *_account(job),
                "--quick",
                "--batch",
                f"--execute={job.select}",
            ],
            file,
        )


def dump_tab(job: Job) -> None:
    """mysqldump --tab: the server writes the file itself (and must be on this machine)."""
    folder = job.file("tab")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    folder.chmod(0o777)
    _run([
        _program("mariadb-dump", "mysqldump"), *_account(job), "--single-transaction",
        f"--tab={folder}", "--fields-terminated-by=,", '--fields-optionally-enclosed-by="',
        DATABASE, job.table,
    ])  # fmt: skip


def mydumper(job: Job) -> None:
    """mydumper, one thread: SQL, as CSV is not known to every version."""
    folder = job.file("mydumper")
    shutil.rmtree(folder, ignore_errors=True)
    _run([
        _program("mydumper"), f"--host={job.host}", f"--port={job.port}", f"--user={job.user}",
        f"--password={job.password}", "--threads=1", "--no-locks",
        f"--outputdir={folder}", f"--tables-list={DATABASE}.{job.table}",
    ])  # fmt: skip


WAYS: dict[str, Callable[[Job], None]] = {
    "drain": drain,
    "etl-assets": etl_assets,
    "DuckDB scanner": duckdb,
    "connectorx": connectorx,
    "command-line client": client,
    "mysqldump --tab": dump_tab,
    "mydumper": mydumper,
    "mysqlclient + csv": mysqlclient,
    "SQLAlchemy rows": rows,
    "pandas": pandas,
    "dlt": dlt,
}
ON_EVERY_SHAPE = (
    "drain",
    "etl-assets",
    "DuckDB scanner",
    "connectorx",
    "command-line client",
    "pandas",
)


def _engines(job: Job) -> Any:
    """The product's engines for the server, as host `h`."""
    from etl_assets.config import HostConfig
    from etl_assets.source.engines import Engines

    os.environ[PASSWORD_VARIABLE] = job.password
    settings = {
        "url": f"mysql+pymysql://{job.user}@{job.host}:{job.port}",
        "password": {"env": PASSWORD_VARIABLE},
        "connect": {"ssl_disabled": not job.encrypted},
    }
    return Engines({"h": HostConfig.model_validate(settings)}, Path(job.folder))


def _account(job: Job) -> list[str]:
    return [
        "--no-defaults", f"--host={job.host}", f"--port={job.port}", f"--user={job.user}",
        f"--password={job.password}",
    ]  # fmt: skip


def _program(*names: str) -> str:
    for name in names:
        if found := shutil.which(name):
            return found
    raise ModuleNotFoundError(f"{names[0]} is not installed")


def _run(command: list[str], output: Any = subprocess.DEVNULL) -> None:
    subprocess.run(
        command, stdout=output, stderr=subprocess.PIPE, check=True, timeout=_PATIENCE_SECONDS
    )
