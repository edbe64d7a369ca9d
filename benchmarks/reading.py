"""The ways to read an exported shard back, and to prove it."""

import csv
import hashlib
import subprocess
from typing import Any

from benchmarks.job import WINDOW, Job
from benchmarks.ours import shard


def ours_to_pandas(job: Job) -> None:
    """This product's: proven, exact types."""
    from etl_assets import read_export

    read_export(job.exported)


def ours_to_arrow(job: Job) -> None:
    """This product's: proven, exact types, without pandas."""
    from etl_assets import read_export

    read: Any = read_export
    read(job.exported, as_arrow=True)


def arrow_to_pandas(job: Job) -> None:
    """Arrow's reader, texts, to pandas; nothing is proven."""
    _arrow(job).to_pandas()


def arrow(job: Job) -> None:
    """Arrow's reader, texts; nothing is proven."""
    _arrow(job)


def pandas(job: Job) -> None:
    """pandas' own reader, texts; nothing is proven, and NULL and '' are the same."""
    import pandas as pd

    pd.read_csv(job.exported, dtype="string")


def polars(job: Job) -> None:
    """Polars' reader, texts, its own frame; nothing is proven."""
    import polars as pl

    pl.read_csv(job.exported, infer_schema=False)


def duckdb(job: Job) -> None:
    """DuckDB's reader, texts, to pandas; nothing is proven."""
    import duckdb as database

    with database.connect() as connection:
        connection.execute("SELECT * FROM read_csv(?, all_varchar=true)", [str(job.exported)]).df()


def verify(job: Job) -> None:
    """This product's: size, hash, header, and every record counted by a strict parser."""
    from etl_assets.store.open_folder import open_folder
    from etl_assets.store.verify import verify_shard

    if findings := list(verify_shard(open_folder(job.folder), WINDOW, shard(job))):
        raise RuntimeError(findings[0])


def sha256sum(job: Job) -> None:
    """The hash alone."""
    subprocess.run(["sha256sum", job.exported], check=True, capture_output=True)


def hash_and_count(job: Job) -> None:
    """hashlib, and the csv module to count records."""
    with job.exported.open("rb") as file:
        hashlib.file_digest(file, "sha256")
    with job.exported.open(newline="", encoding="utf-8") as text:
        sum(1 for _ in csv.reader(text))


def _arrow(job: Job) -> Any:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    with job.exported.open() as file:
        names = next(csv.reader(file))
    return arrow_csv.read_csv(
        job.exported,
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
