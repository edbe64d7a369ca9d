"""Columns of anybody's frames as text, and back: the same dtype and the same values.

Numbers, dates and bytes are written as the CSV conventions write the server's: a float's shortest
text that reads back as the same bits, times that have a zone in UTC without a suffix. A missing
value of any kind is NULL and comes back as the one that its column has. What cannot come back as it
was is refused.
"""

import base64
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from etl_assets.csv_format import CsvFormat
from etl_assets.errors import UsageError
from etl_assets.store.frame_times import Cells, is_time, time_cells, time_series

_MISSING = {"nan": float("nan"), "<NA>": pd.NA, "NaT": pd.NaT}
_OBJECT = re.compile(r"object\[(\w+)\]")
_CATEGORY = re.compile(r"category\[(.+)\]")


class FrameColumn(BaseModel):
    """A column as its manifest has it: all that reading it back needs.

    Attributes:
        type: pandas' name of the dtype, with the Python type of the values of an object
            (`object[Decimal]`) and the dtype of the categories of a category (`category[str]`).
        missing: which missing value an object column has; left out where it is None.
        categories: a category's, as text.
        ordered: whether they are in order.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    type: str
    missing: Literal["nan", "<NA>", "NaT"] | None = None
    categories: tuple[str, ...] | None = None
    ordered: bool | None = None

    @property
    def object_type(self) -> str | None:
        """The type of the values of an object column."""
        found = _OBJECT.fullmatch(self.type)
        return found[1] if found else None

    @property
    def of_categories(self) -> "FrameColumn | None":
        """A category's categories as a column."""
        found = _CATEGORY.fullmatch(self.type)
        return FrameColumn(name=self.name, type=found[1]) if found else None

    @property
    def is_text(self) -> bool:
        """Whether a value may begin with any character."""
        inner = self.of_categories
        return inner.is_text if inner is not None else _scalar_of(self.type) == "str"


@dataclass(frozen=True)
class _Scalar:
    """How one value becomes text, and comes back."""

    text: Callable[[Any], str]
    value: Callable[[str], Any]


_SCALARS = {
    "bool": _Scalar(lambda value: "true" if value else "false", lambda text: text == "true"),
    "date": _Scalar(date.isoformat, date.fromisoformat),
    "datetime": _Scalar(lambda value: value.isoformat(" ", "microseconds"), datetime.fromisoformat),
    "Decimal": _Scalar(str, Decimal),
    "float": _Scalar(lambda value: repr(float(value)), float),
    "int": _Scalar(str, int),
    "NoneType": _Scalar(str, str),
    "str": _Scalar(str, str),
    "time": _Scalar(time.isoformat, time.fromisoformat),
}
_OBJECTS = (bool, bytes, date, datetime, Decimal, float, int, str, time)
"""The types that all values of an object column may be of."""

_BITS = ("8", "16", "32", "64")
_DTYPES = {
    "bool": "bool",
    "boolean": "bool",
    "str": "str",
    "string": "str",
    **{f"{prefix}{bits}": "int" for prefix in ("int", "uint", "Int", "UInt") for bits in _BITS},
    **{f"{prefix}{bits}": "float" for prefix in ("float", "Float") for bits in _BITS[2:]},
    "float16": "float",
}
"""What the values of a dtype are."""


def column_of(name: str, series: "pd.Series[Any]") -> FrameColumn:
    """What a column is.

    Raises:
        UsageError: it cannot come back as it is.
    """
    dtype = series.dtype
    kind = str(dtype)
    if isinstance(dtype, pd.CategoricalDtype):
        categories = dtype.categories.to_series()
        inner = column_of(name, categories)
        texts = tuple(str(cell) for cell in cells_of(categories, inner, CsvFormat()))
        return FrameColumn(
            name=name,
            type=f"category[{inner.type}]",
            categories=texts,
            ordered=bool(dtype.ordered),
        )
    if kind == "object":
        return _object_column(name, series)
    if kind in _DTYPES or (is_time(kind) and _is_named(dtype)):
        return FrameColumn(name=name, type=kind)
    advice = "return `pyarrow.Table.from_pandas(frame)`" if kind.endswith("[pyarrow]") else ""
    raise unwritable(name, f"the dtype {kind}", advice)


def cells_of(series: "pd.Series[Any]", column: FrameColumn, csv_format: CsvFormat) -> Cells:
    """Each value's text; None where it is missing."""
    if column.categories is not None:
        return [None if code < 0 else column.categories[code] for code in series.cat.codes.tolist()]
    if is_time(column.type):
        return time_cells(series)
    scalar = _scalar_of(column.type)
    text = csv_format.encoded_bytes if scalar == "bytes" else _SCALARS[scalar].text
    gone = map(_is_missing, series) if column.object_type else series.isna().tolist()
    return [
        None if is_gone else text(value)
        for value, is_gone in zip(series.tolist(), gone, strict=True)
    ]


def series_of(cells: Cells, column: FrameColumn, csv_format: CsvFormat) -> "pd.Series[Any]":
    """The column that `cells_of` made these of.

    Raises:
        ValueError, TypeError, KeyError, ArithmeticError: they are not of the column's type.
    """
    inner = column.of_categories
    if inner is not None and column.categories is not None:
        return _category(cells, column, inner, csv_format)
    if is_time(column.type):
        return time_series(cells, column.type)
    scalar = _scalar_of(column.type)
    value = _bytes_reader(csv_format) if scalar == "bytes" else _SCALARS[scalar].value
    if column.object_type is not None:
        missing = _MISSING.get(column.missing or "")
        values = [missing if cell is None else value(cell) for cell in cells]
        return pd.Series(values, dtype=object)
    if scalar == "str":
        # pandas 2 has no text that is called str.
        is_known = isinstance(pd.api.types.pandas_dtype(column.type), pd.StringDtype)
        return pd.Series(cells, dtype=column.type if is_known else "string")
    return _numbers(cells, column.type, value)


def unwritable(name: str, got: str, next_step: str = "") -> UsageError:
    """The error for a column that cannot come back as it is; `got` is what it holds."""
    return UsageError(
        f"the column {name!r} cannot be written to CSV without loss",
        expected="a dtype of numbers, booleans, text, times or categories, or Python values of one "
        "type: " + ", ".join(kind.__name__ for kind in _OBJECTS),
        got=got,
        next_step=next_step or "convert it with `astype`, or make it text (such as JSON) yourself",
    )


def _object_column(name: str, series: "pd.Series[Any]") -> FrameColumn:
    """A column of Python's own values, which have to be of one type."""
    missing, types = set(), set()
    for value in series:
        if value is None or _is_missing(value):
            missing.add(str(value) if value is not None else None)
        elif getattr(value, "tzinfo", None) is not None or getattr(value, "fold", False):
            raise unwritable(
                name,
                "times with a zone, or with `fold`, as Python objects",
                "convert it with `pd.to_datetime(…)`",
            )
        else:
            types.add(type(value))
    if len(types) > 1 or not types <= set(_OBJECTS):
        got = " and ".join(sorted(kind.__name__ for kind in types))
        raise unwritable(name, f"values of {'types ' if len(types) > 1 else 'type '}{got}")
    kind = types.pop() if types else type(None)
    found = missing.pop() if len(missing) == 1 else None
    return FrameColumn.model_validate(
        {"name": name, "type": f"object[{kind.__name__}]", **({"missing": found} if found else {})}
    )


def _scalar_of(kind: str) -> str:
    """What one value of a type is."""
    found = _OBJECT.fullmatch(kind)
    return found[1] if found else _DTYPES.get(kind, "")


def _is_named(dtype: Any) -> bool:
    """Whether its name alone gives it back: a zone of dateutil's names a file of this machine."""
    try:
        return bool(pd.api.types.pandas_dtype(str(dtype)) == dtype)
    except TypeError:
        return False


def _is_missing(value: object) -> bool:
    # Not by pandas: it takes Decimal("NaN") for missing too.
    return (
        value is None
        or value is pd.NA
        or value is pd.NaT
        or (isinstance(value, float) and math.isnan(value))
    )


def _bytes_reader(csv_format: CsvFormat) -> Callable[[str], bytes]:
    return bytes.fromhex if csv_format.binary == "hex" else base64.b64decode


def _numbers(cells: Cells, kind: str, value: Callable[[str], Any]) -> "pd.Series[Any]":
    """Numbers or booleans, of a dtype of numpy's or of pandas' own with its mask."""
    is_nullable = kind[0].isupper() or kind == "boolean"
    if not is_nullable:
        nothing = float("nan") if kind.startswith("float") else None
        values = [nothing if cell is None else value(cell) for cell in cells]
        return pd.Series(np.array(values, dtype=kind))
    mask = np.array([cell is None for cell in cells], dtype=bool)
    plain = np.array(
        [value("0") if cell is None else value(cell) for cell in cells],
        dtype="bool" if kind == "boolean" else kind.lower(),
    )
    if kind == "boolean":
        return pd.Series(pd.arrays.BooleanArray(plain, mask))
    of_floats = kind.startswith("Float")
    # Not by way of a list: there NaN would be NA.
    return pd.Series(
        (pd.arrays.FloatingArray if of_floats else pd.arrays.IntegerArray)(plain, mask)
    )


def _category(
    cells: Cells, column: FrameColumn, inner: FrameColumn, csv_format: CsvFormat
) -> "pd.Series[Any]":
    texts = column.categories or ()
    written = map(csv_format.neutral, texts) if inner.is_text else texts
    codes = {text: code for code, text in enumerate(written)}
    categories = series_of(list(texts), inner, CsvFormat())
    dtype = pd.CategoricalDtype(pd.Index(categories), ordered=column.ordered)
    found = [-1 if cell is None else codes[cell] for cell in cells]
    return pd.Series(pd.Categorical.from_codes(found, dtype=dtype))
