"""Columns of text as Arrow's or pandas' values, without losing a digit, a leading zero or a NULL.

Integers become nullable Int64 or UInt64, DECIMAL becomes Decimal, FLOAT and DOUBLE become Float64,
raw bytes become bytes; all else stays text: ZEROFILL for its zeros, dates because no type holds
0000-00-00. In Arrow's memory likewise, where DECIMAL is a decimal of its own digits.
"""

import re
from base64 import b64decode
from binascii import unhexlify
from collections.abc import Callable, Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from etl_assets.csv_format import CsvFormat
from etl_assets.tables.columns import Column

Decimals = Literal["decimal", "string"]
Part: TypeAlias = Any
"""Values of a column that follow each other: an array of Arrow's, or one of numpy's of objects."""
Convert: TypeAlias = Callable[[pa.Array], Part]
"""Makes values of a column's texts.

Raises:
    ValueError, TypeError, ArithmeticError: they are not of the column's type.
"""

TEXT = pa.large_string()
_BYTES = pa.large_binary()
_TYPES = {"string": TEXT, "Int64": pa.int64(), "UInt64": pa.uint64(), "Float64": pa.float64()}
_DIGITS = re.compile(r"\((\d+)(?:,(\d+))?\)")
_MOST_DIGITS = 76
"""That any of Arrow's decimals has."""


@dataclass(frozen=True)
class Values:
    """How the values of a shard's column are held.

    Attributes:
        dtype: pandas' name of the dtype.
        type: Arrow's type; text for decimals whose digits nobody has declared.
        is_decimal: whether the objects of the dtype are Decimals.
        is_base64: whether bytes are written so, and not as hexadecimals.
        fits_int64: an integer type of which every value fits into Int64.
    """

    dtype: str
    type: pa.DataType
    is_decimal: bool = False
    is_base64: bool = False
    fits_int64: bool = False

    def to_type(self, wanted: pa.DataType) -> Convert:
        """Makes arrays of an Arrow type."""

        def convert(texts: pa.Array) -> pa.Array:
            if wanted == _BYTES:
                return _from_base64(texts) if self.is_base64 else _from_hex(texts)
            if pa.types.is_integer(wanted) and b"x" in _data(texts).lower():
                # Arrow takes 0x10 for a number; SQLite keeps it as a text.
                raise ValueError("expected decimal digits, got hexadecimal ones")
            return texts if wanted == TEXT else pc.cast(texts, wanted)

        return convert

    def to_dtype(self, wanted: str) -> Convert:
        """Makes parts of a series of a dtype."""
        if wanted != "object":
            return self.to_type(_TYPES[wanted])
        if self.is_decimal:
            return _decimals
        typed = self.to_type(self.type)
        return lambda texts: _objects(typed(texts))


def values_of(column: Column, csv_format: CsvFormat, decimals: Decimals) -> Values:
    """How the values of a column are held, by the server's type of it."""
    facts, declared = column.facts, column.type.lower()
    kind = facts.frame
    if "zerofill" in declared or (kind == "decimal" and decimals == "string"):
        kind = "text"
    if kind == "integer" and "unsigned" not in declared:
        return Values("Int64", pa.int64(), fits_int64=True)
    if kind in ("integer", "unsigned"):
        return Values("UInt64", pa.uint64(), fits_int64=facts.bits < 64)
    if kind == "float":
        return Values("Float64", pa.float64())
    if kind == "bytes":
        return Values("object", _BYTES, is_base64=csv_format.binary == "base64")
    if kind == "decimal":
        found = _DIGITS.search(declared)
        digits = (int(found[1]), int(found[2] or 0)) if found else None
        return Values("object", _decimal_type(*digits) if digits else TEXT, is_decimal=True)
    return Values("string", TEXT)


def common_dtype(shards: Collection[Values]) -> str:
    """The dtype that holds a column of several shards exactly.

    Where no numeric or text dtype does (BIGINT beside BIGINT UNSIGNED, numbers beside text), it is
    object: each value is what its own shard's type makes of it.
    """
    dtypes = {values.dtype for values in shards}
    if len(dtypes) == 1:
        return dtypes.pop()
    return "Int64" if all(values.fits_int64 for values in shards) else "object"


def common_type(shards: Collection[Values]) -> pa.DataType:
    """Arrow's type that holds a column of several shards exactly.

    Where numbers of no type do, it is text, as it stands in the files.
    """
    types = {values.type for values in shards}
    if len(types) == 1:
        return types.pop()
    if all(values.fits_int64 for values in shards):
        return pa.int64()
    digits = {_digits_of(kind) for kind in types}
    if (0, 0) in digits:
        return TEXT
    scale = max(after for _, after in digits)
    return _decimal_type(max(before for before, _ in digits) + scale, scale)


def series(parts: list[Part], dtype: str) -> "pd.Series[Any]":
    """The column that parts of a dtype make one after the other."""
    if dtype == "object":
        joined = np.concatenate(parts) if parts else np.array([], object)
        return pd.Series(joined, dtype=object, copy=False)
    held: Any = pd.api.types.pandas_dtype(dtype)
    made: pd.Series[Any] = pd.Series(held.__from_arrow__(pa.chunked_array(parts, _TYPES[dtype])))
    return made


def nulls(rows: int, dtype: str) -> Part:
    """A part of a series of a dtype that holds NULL alone."""
    return np.full(rows, None, object) if dtype == "object" else pa.nulls(rows, _TYPES[dtype])


def _digits_of(kind: pa.DataType) -> tuple[int, int]:
    """How many digits a number of a type has before the point and after it; none: another type."""
    if pa.types.is_decimal(kind):
        return kind.precision - kind.scale, kind.scale
    # BIGINT UNSIGNED has twenty.
    return (20 if pa.types.is_integer(kind) else 0), 0


def _decimal_type(precision: int, scale: int) -> pa.DataType:
    if not 0 < precision <= _MOST_DIGITS:
        return TEXT
    return (pa.decimal128 if precision <= 38 else pa.decimal256)(precision, scale)


def _data(texts: pa.Array) -> bytes:
    """All of their bytes."""
    data = texts.buffers()[2]
    return b"" if data is None else data.to_pybytes()


def _from_hex(texts: pa.Array) -> pa.Array:
    """Bytes of hexadecimals, all at once: each value has an even number of them."""
    is_there, ends, data = texts.buffers()
    places = np.frombuffer(ends, np.int64)[: len(texts) + 1]
    if (places % 2).any():
        raise ValueError("expected two hexadecimal digits for each byte")
    raw = pa.py_buffer(unhexlify(data or b""))
    halves = pa.py_buffer(places // 2)
    return pa.Array.from_buffers(_BYTES, len(texts), [is_there, halves, raw], texts.null_count)


def _from_base64(texts: pa.Array) -> pa.Array:
    values = [None if text is None else b64decode(text) for text in texts.to_pylist()]
    return pa.array(values, _BYTES)


def _decimals(texts: pa.Array) -> Part:
    values = _objects(texts)
    is_there = texts.is_valid().to_numpy(zero_copy_only=False)
    values[is_there] = list(map(Decimal, values[is_there]))
    return values


def _objects(values: pa.Array) -> Part:
    """As Python's own values, NULL as None."""
    if values.type in (TEXT, _BYTES):
        return values.to_numpy(zero_copy_only=False)
    made = np.empty(len(values), object)
    made[:] = values.to_pylist()
    return made
