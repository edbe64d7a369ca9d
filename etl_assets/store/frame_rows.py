"""What people call rows, as blocks of CSV: pandas frames, and tables in Arrow's memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from etl_assets.csv_format import CsvFormat
from etl_assets.errors import UsageError
from etl_assets.extract.block import Block
from etl_assets.store.arrow_tables import arrow_table, columns_of, slices_of
from etl_assets.store.frame_columns import FrameColumn, cells_of, column_of

SLICE_ROWS = 10_000
"""How many become text at a time."""


@dataclass(frozen=True)
class Rows:
    """Rows that can be written, slice by slice."""

    columns: tuple[FrameColumn, ...]
    slices: Iterator[pd.DataFrame]


def rows_of(value: object) -> Rows:
    """The rows of a DataFrame of pandas, or of a table in Arrow's memory.

    Raises:
        UsageError: it is something else, or cannot be written without loss.
    """
    if isinstance(value, pd.DataFrame):
        _refuse_names(list(value.columns))
        _refuse_labels(value)
        columns = tuple(column_of(name, value[name]) for name in value.columns)
        starts = range(0, len(value), SLICE_ROWS)
        return Rows(columns, (value.iloc[start : start + SLICE_ROWS] for start in starts))
    table = arrow_table(value)
    if table is None:
        raise UsageError(
            "",
            expected="a pandas DataFrame or a pyarrow Table",
            got=type(value).__name__,
            next_step="make it one (a Series: `to_frame()`), or give the asset another IO manager",
        )
    _refuse_names(table.column_names)
    return Rows(columns_of(table), slices_of(table, SLICE_ROWS))


def blocks_of(rows: Rows, csv_format: CsvFormat) -> Iterator[Block]:
    """The rows as records, slice by slice.

    Raises:
        UsageError: a text is none that UTF-8 has.
    """
    for frame in rows.slices:
        cells = [
            [None if cell is None else csv_format.neutral(cell) for cell in found]
            if column.is_text and csv_format.spreadsheet_safe
            else found
            for column in rows.columns
            for found in [cells_of(frame[column.name], column, csv_format)]
        ]
        text = "".join(map(csv_format.record, zip(*cells, strict=True)))
        try:
            yield Block(text.encode(), len(frame))
        except UnicodeEncodeError as error:
            raise UsageError(
                "a text cannot be written as UTF-8",
                expected="text",
                got=f"the code point U+{ord(text[error.start]):04X} alone",
                next_step="write such a column as bytes",
            ) from None


def _refuse_labels(frame: pd.DataFrame) -> None:
    """Refuse what labels rows and columns beside the columns' names, which a CSV does not hold."""
    index = frame.index
    if index.nlevels > 1 or index.name is not None or not index.equals(pd.RangeIndex(len(frame))):
        raise UsageError(
            "its index cannot be written to CSV without loss",
            expected="rows that are numbered from 0",
            got=f"a {type(index).__name__} of other labels",
            next_step="call `reset_index()` to keep it as a column, or `reset_index(drop=True)`",
        )

    if frame.columns.nlevels == 1 and frame.columns.name is not None:
        raise UsageError(
            "the name of its columns cannot be written to CSV without loss",
            expected="no name of them all",
            got=repr(frame.columns.name),
            next_step="drop it with `rename_axis(columns=None)`",
        )


def _refuse_names(names: Sequence[object]) -> None:
    if not names or not all(isinstance(name, str) for name in names):
        others = [name for name in names if not isinstance(name, str)]
        got = f"{others[0]!r}" if others else "none"
        raise UsageError(
            "its columns cannot be written to CSV",
            expected="columns that are named by text",
            got=got,
            next_step="name them, such as by `frame.columns = [str(c) for c in frame.columns]`",
        )
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise UsageError(
            "its columns cannot be written to CSV",
            expected="each name once",
            got=", ".join(map(str, twice)) + " twice",
            next_step="rename one of them",
        )
