"""Exported files as pandas frames, without losing a digit, a leading zero or a NULL.

Integers become nullable Int64 or UInt64, DECIMAL becomes Decimal, FLOAT and DOUBLE become Float64,
raw bytes become bytes; all else stays text: ZEROFILL for its zeros, dates because no pandas type
holds 0000-00-00.
"""

import base64
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pandas as pd

from etl_assets.columns import Column
from etl_assets.csv_format import CsvFormat, RecordReader
from etl_assets.errors import CsvError
from etl_assets.store.compression import decompressed
from etl_assets.store.files import Folder
from etl_assets.store.manifest import ShardManifest

_INTEGERS = frozenset({"tinyint", "smallint", "mediumint", "int", "integer", "bigint"})
_FLOATS = frozenset({"float", "double", "real"})
_DECIMALS = frozenset({"decimal", "numeric"})


def read_shard(folder: Folder, manifest: ShardManifest) -> pd.DataFrame:
    """One shard's rows.

    Raises:
        CsvError: the file does not hold what its manifest says.
    """
    try:
        cells = _cells(folder, manifest)
        series = [
            _series(Column(column.name, column.type), values, manifest.csv)
            for column, values in zip(manifest.columns, cells, strict=True)
        ]
    # A compressed file that is cut short, or a value that is not of its column's type.
    except (CsvError, EOFError, ValueError, ArithmeticError) as error:
        raise CsvError(
            f"{folder.location(manifest.file)}: {error}", next_step="run `etl-assets verify`"
        ) from error
    return _frame(series, [column.name for column in manifest.columns])


def read_shards(folder: Folder, manifests: Sequence[ShardManifest]) -> pd.DataFrame:
    """The rows of many shards, one after the other."""
    frames = [read_shard(folder, manifest) for manifest in manifests]
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def _cells(folder: Folder, manifest: ShardManifest) -> list[list[str | None]]:
    """The file's values, column by column."""
    reader = RecordReader(manifest.csv, len(manifest.columns))
    plain = decompressed(folder.blocks(manifest.file), manifest.csv.compression)
    records = reader.records(manifest.csv.without_mark(plain))
    names = [column.name for column in manifest.columns]
    shown = list(map(manifest.csv.neutral, names))
    if manifest.csv.header and (header := next(records, None)) != shown:
        raise ValueError(f"wanted the header {names}, found {header}")
    cells: list[list[str | None]] = [[] for _ in names]
    for record in records:
        for values, value in zip(cells, record, strict=True):
            values.append(value)
    if len(cells[0]) != manifest.rows:
        raise ValueError(f"wanted {manifest.rows} records, found {len(cells[0])}")
    return cells


def _frame(series: Sequence["pd.Series[Any]"], names: Sequence[str]) -> pd.DataFrame:
    frame = pd.concat(series, axis=1)
    frame.columns = pd.Index(names)
    return frame


def _series(column: Column, cells: list[str | None], csv_format: CsvFormat) -> "pd.Series[Any]":
    kind = column.kind
    declared = column.type.lower()
    if "zerofill" in declared:
        return _converted(cells, str, "string")
    if kind == "bit" or kind in _INTEGERS:
        unsigned = kind == "bit" or "unsigned" in declared
        return _converted(cells, int, "UInt64" if unsigned else "Int64")
    if kind in _DECIMALS:
        return _converted(cells, Decimal, "object")
    if kind in _FLOATS:
        return _converted(cells, float, "Float64")
    if column.is_binary:
        return _converted(
            cells, bytes.fromhex if csv_format.binary == "hex" else base64.b64decode, "object"
        )
    return _converted(cells, str, "string")


def _converted(
    cells: list[str | None], convert: Callable[[str], Any], dtype: str
) -> "pd.Series[Any]":
    values = [None if cell is None else convert(cell) for cell in cells]
    series: pd.Series[Any] = pd.Series(values, dtype=dtype)
    return series
