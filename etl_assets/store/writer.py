"""Blocks of records into a staged file: counted, hashed and compressed as they pass."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from etl_assets.csv_format import CsvFormat
from etl_assets.extract.block import Block
from etl_assets.store.compression import compressor
from etl_assets.store.files import StagedFile


@dataclass(frozen=True)
class Written:
    """What went into a file.

    Attributes:
        first: the first block's records, for a preview.
        rows: records, the header not counted.
        bytes: the stored file's size.
        sha256: of the stored file, in hexadecimal digits.
    """

    first: bytes
    rows: int
    bytes: int
    sha256: str


def write_records(
    staged: StagedFile,
    csv_format: CsvFormat,
    names: Iterable[str],
    blocks: Iterable[Block],
    on_progress: Callable[[int, int], None],
) -> Written:
    """Write the header and all blocks; the file is complete but not committed.

    `on_progress` is called after each block with the rows and the stored bytes so far.
    """
    pack = compressor(csv_format.compression)
    digest = hashlib.sha256()
    rows = size = 0
    first = b""

    def store(data: bytes) -> None:
        nonlocal size
        if data:
            staged.write(data)
            digest.update(data)
            size += len(data)

    store(pack.compress(csv_format.head(tuple(names))))
    for block in blocks:
        first = first or block.data
        store(pack.compress(block.data))
        rows += block.rows
        on_progress(rows, size)
    store(pack.flush())
    return Written(first, rows, size, digest.hexdigest())
