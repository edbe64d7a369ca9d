"""Columns of pandas' moments and durations as text, and back, to the last digit of their unit.

As a server writes DATETIME, TIMESTAMP (in UTC, without a suffix) and TIME.
"""

import re
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

Cells: TypeAlias = list[str | None]
"""A column's texts; None where it is NULL."""

_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
"""How many follow a second's point, by a dtype's unit."""
_DURATION = re.compile(r"(-?)(\d+):(\d\d):(\d\d)(?:\.(\d+))?")


def is_time(kind: str) -> bool:
    """Whether a dtype of this name is of moments or durations."""
    return kind.startswith(("datetime64[", "timedelta64["))


def time_cells(series: "pd.Series[Any]") -> Cells:
    """Each value's text."""
    is_duration = str(series.dtype).startswith("timedelta64[")
    return _duration_cells(series) if is_duration else _datetime_cells(series)


def time_series(cells: Cells, kind: str) -> "pd.Series[Any]":
    """The column of a dtype that `time_cells` made these of.

    Raises:
        ValueError: they are not.
    """
    is_duration = kind.startswith("timedelta64[")
    return _durations(cells, kind) if is_duration else _datetimes(cells, kind)


def _datetime_cells(series: "pd.Series[Any]") -> Cells:
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    values = series.to_numpy()
    texts = np.datetime_as_string(values).tolist()
    return [None if text == "NaT" else text.replace("T", " ") for text in texts]


def _datetimes(cells: Cells, kind: str) -> "pd.Series[Any]":
    dtype = pd.api.types.pandas_dtype(kind)
    plain = f"datetime64[{dtype.unit}]" if isinstance(dtype, pd.DatetimeTZDtype) else kind
    series: pd.Series[Any] = pd.Series(np.array([cell or "NaT" for cell in cells], dtype=plain))
    if isinstance(dtype, pd.DatetimeTZDtype):
        series = series.dt.tz_localize("UTC").dt.tz_convert(dtype.tz)
    return series


def _duration_cells(series: "pd.Series[Any]") -> Cells:
    values = series.to_numpy()
    digits = _DIGITS[np.datetime_data(values.dtype)[0]]

    def text(ticks: int) -> str:
        seconds, fraction = divmod(abs(ticks), 10**digits)
        minutes, second = divmod(seconds, 60)
        hour, minute = divmod(minutes, 60)
        point = f".{fraction:0{digits}}" if digits else ""
        return f"{'-' if ticks < 0 else ''}{hour:02}:{minute:02}:{second:02}{point}"

    ticks = values.astype("int64").tolist()
    return [
        None if is_gone else text(count)
        for count, is_gone in zip(ticks, np.isnat(values).tolist(), strict=True)
    ]


def _durations(cells: Cells, kind: str) -> "pd.Series[Any]":
    digits = _DIGITS[np.datetime_data(np.dtype(kind))[0]]

    def ticks(text: str) -> int:
        found = _DURATION.fullmatch(text)
        if found is None:
            raise ValueError(f"expected a duration, got {text!r}")
        sign, hours, minutes, seconds, fraction = found.groups()
        whole = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
        count: int = whole * 10**digits + int(fraction or 0)
        return -count if sign else count

    nothing = np.iinfo("int64").min
    counts = [nothing if cell is None else ticks(cell) for cell in cells]
    return pd.Series(np.array(counts, dtype="int64").view(kind))
