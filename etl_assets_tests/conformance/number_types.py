"""Charter: every type of number, each with its least, its greatest and what lies around zero."""

from collections.abc import Iterator
from functools import partial

from hypothesis import strategies as st

from etl_assets_tests.conformance.values import ColumnType, Sql

_INTEGERS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}

_DECIMALS = ((65, 30), (65, 0), (30, 30), (10, 2), (38, 10), (1, 0), (19, 18))

_FLOAT_EDGES = (
    "0e0", "-0e0", "0.1e0", "1e-45", "-1.1754943508222875e-38", "1.1754942106924411e-38",
    "3.4028234663852886e38", "-3.4028234663852886e38", "16777216e0", "16777217e0", "123456.7e0",
)  # fmt: skip
_DOUBLE_EDGES = (
    "0e0", "-0e0", "0.1e0", "5e-324", "-2.2250738585072014e-308", "2.225073858507201e-308",
    "1.7976931348623157e308", "-1.7976931348623157e308", "9007199254740993e0", "1e15", "1e16",
    "0.30000000000000004e0", "1.2345678901234567e-5",
)  # fmt: skip


def number_types() -> list[ColumnType]:
    """Integers, DECIMAL, FLOAT and DOUBLE, signed, unsigned and with leading zeros."""
    return [
        *_integers(),
        *_decimals(),
        *_floating(),
        ColumnType("boolean", ("0", "1", "2"), _to(2)),
    ]


def bit_types() -> list[ColumnType]:
    """BIT of every width."""
    return [
        ColumnType(f"bit({n})", ("0", "1", str(2**n - 1), str(2 ** (n - 1))), _to(2**n - 1))
        for n in range(1, 65)
    ]


def _to(highest: int, lowest: int = 0) -> Sql:
    return st.integers(lowest, highest).map(str)


def _integers() -> Iterator[ColumnType]:
    for kind, bits in _INTEGERS.items():
        low, high, all_set = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, 2**bits - 1
        yield ColumnType(kind, tuple(map(str, (low, -1, 0, 1, high))), _to(high, low))
        for attributes in ("unsigned", "unsigned zerofill"):
            edges = tuple(map(str, (0, 1, high, high + 1, all_set)))
            yield ColumnType(f"{kind} {attributes}", edges, _to(all_set))
    yield ColumnType("int(3) zerofill", ("0", "7", "4294967295"), _to(2**32 - 1))


def _decimals() -> Iterator[ColumnType]:
    for digits, scale in _DECIMALS:
        most = 10**digits - 1
        edges = (_decimal(-most, scale), _decimal(most, scale), "0", _decimal(-1, scale))
        made = st.integers(-most, most).map(partial(_decimal, scale=scale))
        yield ColumnType(f"decimal({digits},{scale})", edges, made)
    cents = st.integers(0, 10**6 - 1).map(partial(_decimal, scale=2))
    yield ColumnType("decimal(6,2) unsigned", ("0", "9999.99"), cents)
    yield ColumnType("decimal(6,2) zerofill", ("0", "1.5", "9999.99"), cents)


def _decimal(unscaled: int, scale: int) -> str:
    if not scale:
        return str(unscaled)
    digits = str(abs(unscaled)).rjust(scale + 1, "0")
    return f"{'-' * (unscaled < 0)}{digits[:-scale]}.{digits[-scale:]}"


def _floating() -> Iterator[ColumnType]:
    singles, doubles = _floats(32), _floats(64)
    yield ColumnType("float", _FLOAT_EDGES, singles)
    yield ColumnType("double", _DOUBLE_EDGES, doubles)
    for kind, made in (("float", singles), ("double", doubles)):
        positive = made.map(lambda text: text.removeprefix("-"))
        yield ColumnType(f"{kind} unsigned", ("0e0", "0.1e0", "1e38"), positive)
        yield ColumnType(f"{kind} zerofill", ("0e0", "0.1e0", "1e38"), positive)
    rounded = st.floats(-1e4, 1e4).map(_number)
    yield ColumnType("float(7,3)", ("0.0005e0", "-9999.999e0", "1e0/3"), rounded)
    yield ColumnType("float(53)", _DOUBLE_EDGES, doubles)
    yield ColumnType("double(12,5)", ("0.000005e0", "-9999.99999e0", "1e0/3"), rounded)
    wide = st.floats(-1e29, 1e29).map(_number)
    yield ColumnType("double(40,10)", ("1e22", "-1e29/3", "1e0/3", "-0e0"), wide)


def _floats(width: int) -> Sql:
    made: st.SearchStrategy[float] = st.floats(
        width=32 if width == 32 else 64, allow_nan=False, allow_infinity=False
    )
    return made.map(_number)


def _number(number: float) -> str:
    """A literal of a double: without an exponent the server would take it for a DECIMAL."""
    text = repr(number)
    return text if "e" in text else text + "e0"
