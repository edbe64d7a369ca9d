"""The encoder alone: a recorded result made CSV, without a socket and without a file."""

import io
from functools import cache
from pathlib import Path

from benchmarks.job import Job
from benchmarks.ours import result
from benchmarks.tables import SHAPES, Shape

_FIRST_SEQUENCE = 3
"""Packets before the first row, without the columns' definitions: query, column count, EOF."""
_BYTES_A_RUN = 100e6


def record(job: Job) -> int:
    """Write down what the server sends of a table's rows; gives the number of bytes."""
    with recorded(job).open("wb") as file:
        return sum(map(file.write, result(job)))


def encode(job: Job) -> None:
    """The recorded rows to blocks of CSV, as a shard's export makes them."""
    from etl_assets.csv_format import CsvFormat
    from etl_assets.extract.encoders import Encoding, encoder_name, new_encoder
    from etl_assets.extract.wire import BLOCK_BYTES

    if (encoder_name() == "kernel") != (job.kernels == "on"):
        raise ModuleNotFoundError("there was no C compiler")
    binary = _shape(job).binary
    data = _read(recorded(job))
    encoding = Encoding(
        binary=binary,
        free_text=[False] * len(binary),
        csv_format=CsvFormat(),
        sequence=(_FIRST_SEQUENCE + len(binary)) % 256,
        block_bytes=BLOCK_BYTES,
    )
    for _ in range(passes(len(data))):
        for _block in new_encoder(encoding).blocks(io.BytesIO(data).readinto):
            pass


def passes(size: float) -> int:
    """How often so many bytes are encoded in one run: for long enough to be measured."""
    return max(1, round(_BYTES_A_RUN / size))


def recorded(job: Job) -> Path:
    """Where a table's rows are written down."""
    return job.file(f"{job.table}.packets")


@cache
def _read(path: Path) -> bytes:
    return path.read_bytes()


def _shape(job: Job) -> Shape:
    name = job.table.rpartition("_")[0]
    return next(shape for shape in SHAPES if shape.name == name)
