"""Charter: every temporal type with every precision: zero, partial, impossible, negative, huge."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from hypothesis import strategies as st

from etl_assets_tests.conformance.values import ColumnType, Sql

_DATES = (
    "'0000-00-00'", "'0000-01-01'", "'0001-01-01'", "'2022-00-00'", "'2022-11-00'", "'2022-02-31'",
    "'2024-02-29'", "'9999-12-31'", "'0000-00-31'",
)  # fmt: skip


def time_types() -> list[ColumnType]:
    """DATE, DATETIME, TIMESTAMP, TIME and YEAR."""
    years = st.integers(1901, 2155) | st.just(0)
    return [
        ColumnType("date", _DATES, _dates().map(_in_quotes)),
        ColumnType("year", ("0", "1901", "2155", "2000"), years.map(str)),
        *(kind for digits in range(7) for kind in _with_fraction(digits)),
    ]


def _with_fraction(digits: int) -> Iterator[ColumnType]:
    least = "." + "1".rjust(digits, "0") if digits else ""
    most = "." + "9" * digits if digits else ""
    yield ColumnType(
        f"datetime({digits})",
        (
            *(f"'{date[1:-1]} 00:00:00{least}'" for date in _DATES),
            f"'9999-12-31 23:59:59{most}'",
            "'0000-00-00 00:00:00'",
        ),
        _datetimes(digits).map(_in_quotes),
    )
    yield ColumnType(
        f"timestamp({digits}) null",
        (
            f"'1970-01-01 00:00:01{least}'",
            f"'2038-01-19 03:14:07{most}'",
            "'0000-00-00 00:00:00'",
            # An hour that clocks in many places skip or repeat: in UTC they do not.
            f"'2022-03-27 02:30:00{most}'",
            f"'2022-10-30 01:30:00{least}'",
        ),
        _timestamps(digits),
    )
    yield ColumnType(
        f"time({digits})",
        (
            "'-838:59:59'",
            "'838:59:59'",
            f"'-00:00:00{least or '.0'}'",
            f"'00:00:00{least}'",
            f"'-00:59:59{most}'",
            f"'100:00:00{most}'",
            "'00:00:00'",
        ),
        _times(digits),
    )


def _in_quotes(text: str) -> str:
    return f"'{text}'"


def _dates() -> Sql:
    """Any year, month and day, so that some dates are in no calendar."""
    # One number is drawn far faster than its parts.
    return st.integers(0, 10_000 * 13 * 32 - 1).map(_date)


def _date(number: int) -> str:
    return f"{number // (13 * 32):04d}-{number // 32 % 13:02d}-{number % 32:02d}"


def _hms(ticks: int, digits: int) -> str:
    """A time of day or longer, from a number in units of its last digit."""
    seconds, fraction = divmod(ticks, 10**digits)
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return clock + (f".{fraction:0{digits}d}" if digits else "")


def _datetimes(digits: int) -> Sql:
    clock = st.integers(0, 86_400 * 10**digits - 1).map(lambda ticks: _hms(ticks, digits))
    return st.tuples(_dates(), clock).map(" ".join)


def _timestamps(digits: int) -> Sql:
    first = datetime(1970, 1, 1)
    unit = timedelta(microseconds=10 ** (6 - digits))
    return st.integers(10**digits, 2**31 * 10**digits - 1).map(
        lambda ticks: f"'{first + ticks * unit}'"
    )


def _times(digits: int) -> Sql:
    most = (838 * 3600 + 59 * 60 + 59) * 10**digits
    return st.integers(-most, most).map(
        lambda ticks: f"'{'-' * (ticks < 0)}{_hms(abs(ticks), digits)}'"
    )
