"""Tables in Arrow's memory as pandas frames, slice by slice, so that nothing is lost.

Integers, booleans and text become pandas' nullable dtypes, and floats keep NaN apart from NULL,
which pandas' own way does not.
"""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa

from etl_assets.errors import UsageError
from etl_assets.store.frame_columns import FrameColumn, column_of, unwritable


def arrow_table(value: object) -> pa.Table | None:
    """The table that something holds, by the protocol that all of Arrow's libraries share.

    None where it holds none; polars frames and DuckDB's results do.

    Raises:
        UsageError: what is lent as a column's values is none.
    """
    if not hasattr(value, "__arrow_c_stream__"):
        return None
    schema = getattr(value, "schema", None)
    for name, kind in schema.items() if isinstance(schema, dict) else ():
        if str(kind) == "Object":
            # polars lends their addresses in memory, as if they were bytes.
            raise unwritable(name, "polars' Object")
    try:
        # Else a category might have other categories in each slice.
        return pa.table(value).unify_dictionaries()
    except pa.ArrowInvalid:
        # One column alone, such as a Series.
        return None


def columns_of(table: pa.Table) -> tuple[FrameColumn, ...]:
    """What the columns of the table's slices are.

    Raises:
        UsageError: one cannot come back as it is.
    """
    empty = _frame(table.slice(0, 0))
    return tuple(_column(field, empty[field.name]) for field in table.schema)


def slices_of(table: pa.Table, rows: int) -> Iterator[pd.DataFrame]:
    """The table's rows, at most so many at a time.

    Raises:
        UsageError: a value that pandas cannot hold.
    """
    dtypes = _frame(table.slice(0, 0)).dtypes
    for start in range(0, table.num_rows, rows):
        frame = _frame(table.slice(start, rows))
        for field in table.schema:
            # Such as numbers of a type of somebody's own, which become floats where one is NULL.
            if frame[field.name].dtype != dtypes[field.name]:
                raise unwritable(field.name, f"the type {field.type}")
        yield frame


def _frame(table: pa.Table) -> pd.DataFrame:
    try:
        # Without the metadata, by which pandas would make columns an index.
        frame: pd.DataFrame = table.to_pandas(types_mapper=_dtype, ignore_metadata=True)
    # A KeyError is of a time zone that this machine does not know.
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, KeyError, ValueError) as error:
        raise UsageError(
            "it cannot be written to CSV without loss",
            expected="values that pandas can hold",
            got=str(error),
            next_step="cast the column",
        ) from error
    for field in table.schema:
        if pa.types.is_floating(field.type):
            column = table.column(field.name)
            # pandas has no nullable floats of two bytes.
            kind = "float64" if pa.types.is_float64(field.type) else "float32"
            values = column.cast(kind).fill_null(0).to_numpy()
            frame[field.name] = pd.arrays.FloatingArray(values, column.is_null().to_numpy())
    return frame


def _column(field: pa.Field, empty: "pd.Series[Any]") -> FrameColumn:
    is_of, kind = pa.types, field.type
    if empty.dtype != object:
        return column_of(field.name, empty)
    for values, of_values in {
        "bytes": (
            is_of.is_binary,
            is_of.is_binary_view,
            is_of.is_large_binary,
            is_of.is_fixed_size_binary,
        ),
        "date": (is_of.is_date,),
        "Decimal": (is_of.is_decimal,),
        "NoneType": (is_of.is_null,),
        "time": (is_of.is_time,),
    }.items():
        if any(is_it(kind) for is_it in of_values):
            return FrameColumn(name=field.name, type=f"object[{values}]")
    raise unwritable(field.name, f"the type {kind}")


def _dtype(kind: pa.DataType) -> Any:
    """The dtype of pandas that holds a type; None where pyarrow's choice does."""
    if pa.types.is_integer(kind):
        return pd.api.types.pandas_dtype(str(kind).replace("i", "I").replace("u", "U"))
    if pa.types.is_boolean(kind):
        return pd.BooleanDtype()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pd.StringDtype()
    return None
