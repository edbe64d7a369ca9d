"""The other ways to export one table to one file.

Each imports what it needs when it is called first, so that a peer that is not there is no error.
"""

import csv
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.job import Job
from benchmarks.tables import DATABASE

_PATIENCE_SECONDS = 600
_SUFFIXES = {"none": "", "gzip": ".gz", "zstd": ".zst"}
_PROGRAMS = {"gzip": ("gzip", "-6"), "zstd": ("zstd", "-3", "--quiet", "--single-thread")}
"""At the levels at which this product compresses."""


def connectorx(job: Job) -> None:
    """connectorx to Arrow, Arrow's CSV writer."""
    import connectorx as cx
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    table = cx.read_sql(job.url("mysql"), f"SELECT * FROM {job.text_table}", return_type="arrow")
    path = job.file(f"connectorx.csv{_SUFFIXES[job.compression]}")
    if job.compression == "none":
        arrow_csv.write_csv(table, path)
    else:
        with pa.CompressedOutputStream(str(path), job.compression) as file:
            arrow_csv.write_csv(table, file)


def duckdb(job: Job) -> None:
    """DuckDB's MySQL scanner, COPY to CSV."""
    import duckdb as database
    import duckdb_extension_mysql_scanner as packaged

    (extension,) = Path(packaged.__path__[0]).rglob("mysql_scanner.duckdb_extension")
    encryption = "required" if job.encrypted else "disabled"
    with database.connect() as connection:
        connection.execute(f"LOAD '{extension}'")
        connection.execute(
            f"ATTACH 'host={job.host} port={job.port} user={job.user} password={job.password} "
            f"database={DATABASE} ssl_mode={encryption}' AS server (TYPE mysql, READ_ONLY)"
        )
        connection.execute(
            f"COPY (SELECT * FROM server.{DATABASE}.{job.table}) "
            f"TO '{job.file('duckdb.csv')}' (FORMAT csv, HEADER, COMPRESSION {job.compression})"
        )


def client(job: Job) -> None:
    """The server's own command-line client in batch mode: tabs and backslashes, not CSV."""
    command = [
        *_program("mariadb", "mysql"), *_account(job), "--quick", "--batch",
        f"--execute={job.select}",
    ]  # fmt: skip
    with job.file(f"client.tsv{_SUFFIXES[job.compression]}").open("wb") as file:
        if job.compression == "none":
            _run(command, file)
            return
        name, *options = _PROGRAMS[job.compression]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as reader:
            _run([*_program(name), *options], file, reader.stdout)
        if reader.returncode:
            raise RuntimeError(f"{command[0]} failed")


def dump_tab(job: Job) -> None:
    """mysqldump --tab, so SELECT INTO OUTFILE: the server writes the file on its own machine."""
    folder = job.file("tab")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    folder.chmod(0o777)
    _run([
        *_program("mariadb-dump", "mysqldump"), *_account(job), "--single-transaction",
        f"--tab={folder}", "--fields-terminated-by=,", '--fields-optionally-enclosed-by="',
        DATABASE, job.table,
    ])  # fmt: skip


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


def sqlalchemy(job: Job) -> None:
    """SQLAlchemy's rows as they come, the csv module."""
    import sqlalchemy as sa

    with _sqlalchemy(job) as connection, job.file("sqlalchemy.csv").open("w", newline="") as file:
        found = connection.execute(sa.text(job.select))
        writer = csv.writer(file)
        writer.writerow(found.keys())
        for rows in found.partitions(10_000):
            writer.writerows(rows)


def pandas(job: Job) -> None:
    """read_sql over SQLAlchemy in chunks, to_csv."""
    import pandas as pd
    import sqlalchemy as sa

    compression = None if job.compression == "none" else job.compression
    with _sqlalchemy(job) as connection:
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


@contextmanager
def _sqlalchemy(job: Job) -> Iterator[Any]:
    import sqlalchemy as sa

    engine = sa.create_engine(
        job.url("mysql+pymysql"), connect_args={"ssl_disabled": not job.encrypted}
    )
    with engine.connect().execution_options(stream_results=True) as connection:
        yield connection
    engine.dispose()


def _account(job: Job) -> list[str]:
    return [
        "--no-defaults", f"--host={job.host}", f"--port={job.port}", f"--user={job.user}",
        f"--password={job.password}", "--ssl" if job.encrypted else "--skip-ssl",
    ]  # fmt: skip


def _program(*names: str) -> list[str]:
    for name in names:
        if found := shutil.which(name):
            return [found]
    raise ModuleNotFoundError(f"{names[0]} is not installed")


def _run(command: list[str], output: Any = subprocess.DEVNULL, given: Any = None) -> None:
    subprocess.run(
        command,
        stdin=given,
        stdout=output,
        stderr=subprocess.PIPE,
        check=True,
        timeout=_PATIENCE_SECONDS,
    )
