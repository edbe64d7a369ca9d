"""Exported files as pandas frames, without losing a digit, a leading zero or a NULL.

Integers become nullable Int64 or UInt64, DECIMAL becomes Decimal, FLOAT and DOUBLE become Float64,
raw bytes become bytes; all else stays text, dates too: no pandas type holds 0000-00-00.
"""

import base64
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import pandas as pd

from etl_assets.csv_format import CsvFormat, RecordReader
from etl_assets.errors import CsvError
from etl_assets.query import Column
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
    columns = [Column(column.name, column.type) for column in manifest.columns]
    values: list[list[str | None]] = [[] for _ in columns]
    records = _records(folder, manifest)
    if manifest.csv.header:
        next(records, None)
    count = 0
    for record in records:
        count += 1
        for cells, value in zip(values, record, strict=True):
            cells.append(value)
    if count != manifest.rows:
        raise CsvError(
            folder.location(manifest.file),
            wanted=f"{manifest.rows} records",
            found=str(count),
            next_step="run `etl-assets verify`",
        )
    series = [
        _series(column, cells, manifest.csv) for column, cells in zip(columns, values, strict=True)
    ]
    return _frame(series, [column.name for column in columns])


def read_shards(folder: Folder, manifests: Sequence[ShardManifest]) -> pd.DataFrame:
    """The rows of many shards, one after the other."""
    frames = [read_shard(folder, manifest) for manifest in manifests]
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def _records(folder: Folder, manifest: ShardManifest) -> Iterator[list[str | None]]:
    reader = RecordReader(manifest.csv, len(manifest.columns))
    return reader.records(decompressed(folder.blocks(manifest.file), manifest.csv.compression))


def _frame(series: Sequence["pd.Series[Any]"], names: Sequence[str]) -> pd.DataFrame:
    frame = pd.concat(series, axis=1)
    frame.columns = pd.Index(names)
    return frame


def _series(
    column: Column, cells: list[str | None], csv_format: CsvFormat
) -> "pd.Series[Any]":
    kind = column.kind
    if kind == "bit" or (kind in _INTEGERS and "zerofill" not in column.type.lower()):
        unsigned = kind == "bit" or "unsigned" in column.type.lower()
        return _converted(cells, int, "UInt64" if unsigned else "Int64")
    if kind in _DECIMALS and "zerofill" not in column.type.lower():
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
