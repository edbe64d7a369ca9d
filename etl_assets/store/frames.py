"""Columns of text as pandas series, without losing a digit, a leading zero or a NULL.

Integers become nullable Int64 or UInt64, DECIMAL becomes Decimal, FLOAT and DOUBLE become Float64,
raw bytes become bytes; all else stays text: ZEROFILL for its zeros, dates because no pandas type
holds 0000-00-00.
"""

import base64
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import pandas as pd

from etl_assets.csv_format import CsvFormat
from etl_assets.tables.columns import Column

Decimals = Literal["decimal", "string"]


@dataclass(frozen=True)
class Values:
    """How the values of a column are held: the dtype, and how a text becomes a value.

    Attributes:
        dtype: pandas' name for it.
        convert: a field's text as a value.
        fits_int64: an integer type of which every value fits into Int64.
    """

    dtype: str
    convert: Callable[[str], Any]
    fits_int64: bool = False


_VALUES = {
    "text": Values("string", str),
    "decimal": Values("object", Decimal),
    "float": Values("Float64", float),
}


def values_of(column: Column, csv_format: CsvFormat, decimals: Decimals) -> Values:
    """How the values of a column are held, by the server's type of it."""
    facts, declared = column.facts, column.type.lower()
    if "zerofill" in declared or (facts.frame == "decimal" and decimals == "string"):
        return _VALUES["text"]
    if facts.frame == "integer" and "unsigned" not in declared:
        return Values("Int64", int, fits_int64=True)
    if facts.frame in ("integer", "unsigned"):
        return Values("UInt64", int, fits_int64=facts.bits < 64)
    if facts.frame == "bytes":
        return Values("object", bytes.fromhex if csv_format.binary == "hex" else base64.b64decode)
    return _VALUES[facts.frame]


def common_dtype(shards: Collection[Values]) -> str:
    """The dtype that holds a column of several shards exactly.

    Where no numeric or text dtype does (BIGINT beside BIGINT UNSIGNED, numbers beside text), it is
    object: each value is what its own shard's type makes of it.
    """
    dtypes = {values.dtype for values in shards}
    if len(dtypes) == 1:
        return dtypes.pop()
    return "Int64" if all(values.fits_int64 for values in shards) else "object"


def series(cells: Sequence[str | None], values: Values, dtype: str) -> "pd.Series[Any]":
    """A column of a file; NULL stays NULL."""
    converted = [None if cell is None else values.convert(cell) for cell in cells]
    made: pd.Series[Any] = pd.Series(converted, dtype=dtype)
    return made
