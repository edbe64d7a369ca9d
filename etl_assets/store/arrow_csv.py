"""Proven files' values, parsed by Arrow's CSV reader: many pieces of many files at a time.

What Arrow gets are whole records that were read strictly before, so it has nothing left to decide.
Nothing is handed out before its file is proven. What values become does not belong here.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event, Semaphore

import pyarrow as pa
from pyarrow import csv as arrow_csv

from etl_assets.csv_format import RecordReader
from etl_assets.errors import CsvError
from etl_assets.store.folder import Folder
from etl_assets.store.frames import TEXT, Convert, Part
from etl_assets.store.proof import Claim, FileProof, readable

PIECE_BYTES = 1 << 19
"""How much is parsed at a time at least: a block that was read, most often. More is slower."""
MOST_BYTES = (1 << 31) - 2
"""What Arrow's reader takes in one block."""
_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class WantedFile:
    """A file, and what the values of the columns become that are wanted of it, by their names."""

    folder: Folder
    claim: Claim
    columns: Mapping[str, Convert]


@dataclass(frozen=True)
class ReadFile:
    """A proven file's records, and each wanted column's parts."""

    rows: int
    columns: Mapping[str, list[Part]]


def read_proven(files: Sequence[WantedFile], next_step: str) -> list[ReadFile]:
    """The values of files, in their order.

    Raises:
        CsvError: one is not what its manifest says (`next_step` is what to do then), or holds a
            value that is not of its column's type.
        StoreError: one cannot be read.
    """
    cores = pa.cpu_count()
    # More than there are cores: one reader may wait for a disk, or for an answer from afar.
    with (
        ThreadPoolExecutor(cores, "parse") as parsers,
        ThreadPoolExecutor(max(1, min(len(files), 2 * cores)), "read") as readers,
    ):
        reading = _Reading(parsers, Semaphore(2 * cores), Event(), next_step)
        try:
            return list(readers.map(reading.read, files))
        finally:
            reading.ended.set()
            readers.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class _Reading:
    """What the readers of files share.

    Attributes:
        parsers: parse what they read.
        slots: for pieces that wait to be parsed; more would fill the memory.
        ended: nobody waits for the rest.
    """

    parsers: ThreadPoolExecutor
    slots: Semaphore
    ended: Event
    next_step: str

    def read(self, file: WantedFile) -> ReadFile:
        """One file's values."""
        where = file.folder.location(file.claim.file)
        proof = FileProof(file.folder, file.claim)
        parsing = []
        with readable(file.folder, file.claim.file):
            try:
                for piece in proof.pieces(PIECE_BYTES):
                    if self.ended.is_set():
                        break
                    if file.columns:
                        self.slots.acquire()
                        parsing.append(self.parsers.submit(self._parse, file, piece))
            except (CsvError, EOFError, ValueError) as error:
                raise CsvError(f"{where}: {error}", next_step=self.next_step) from None
        if causes := proof.causes():
            raise CsvError(f"{where}: {', '.join(causes)}", next_step=self.next_step)
        parts = [parsed.result() for parsed in parsing]
        columns = {name: [part[name] for part in parts] for name in file.columns}
        return ReadFile(proof.rows, columns)

    def _parse(self, file: WantedFile, piece: memoryview) -> dict[str, Part]:
        try:
            texts = _texts(file.claim, list(map(file.claim.names.index, file.columns)), piece)
            return {
                name: _converted(file, name, column)
                for name, column in zip(file.columns, texts, strict=True)
            }
        finally:
            self.slots.release()


def _converted(file: WantedFile, name: str, texts: pa.Array) -> Part:
    try:
        return file.columns[name](texts)
    # SQLite keeps any value in any column.
    except (ValueError, TypeError, ArithmeticError) as error:
        raise CsvError(
            f"{file.folder.location(file.claim.file)}: the column {name} has a "
            "value that is not of its type",
            next_step="leave it out with columns=…, or read the file as text",
        ) from error


def _texts(claim: Claim, places: Sequence[int], piece: memoryview) -> pa.RecordBatch:
    """The texts of columns in whole records; NULL is null."""
    if len(piece) > MOST_BYTES:
        return _slow_texts(claim, places, piece)
    csv, names = claim.csv, [str(place) for place in range(len(claim.names))]
    wanted = [names[place] for place in places]
    # Of a file's beginning Arrow drops a mark, and of a piece's too, where it is a value's.
    data = pa.py_buffer(_MARK + piece if piece[: len(_MARK)] == _MARK else piece)
    table = arrow_csv.read_csv(
        data,
        arrow_csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
        arrow_csv.ParseOptions(
            delimiter=csv.delimiter, newlines_in_values=True, ignore_empty_lines=False
        ),
        arrow_csv.ConvertOptions(
            check_utf8=False,
            column_types=dict.fromkeys(wanted, TEXT),
            include_columns=wanted,
            null_values=[csv.null],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    (batch,) = table.to_batches()
    return batch


def _slow_texts(claim: Claim, places: Sequence[int], piece: memoryview) -> pa.RecordBatch:
    """The same of a record that is longer than what Arrow takes."""
    records = list(RecordReader(claim.csv, len(claim.names)).records([bytes(piece)]))
    columns = [pa.array([record[place] for record in records], TEXT) for place in places]
    return pa.RecordBatch.from_arrays(columns, names=[str(place) for place in places])
