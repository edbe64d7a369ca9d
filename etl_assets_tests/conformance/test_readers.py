"""Charter: what the readers that people use make of an export, and what each cannot tell apart.

Every test reads one file of the product's: text full of what CSV has to quote, made by Hypothesis,
and columns of which a careless reader loses digits. The truth is what the server holds.
"""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pytest
from hypothesis import strategies as st

from etl_assets.csv_format import CsvFormat
from etl_assets_tests.conformance.number_types import number_types
from etl_assets_tests.conformance.round_trip import RoundTrip, insert
from etl_assets_tests.conformance.text_types import text_types
from etl_assets_tests.conformance.values import ColumnType, edge_rows, made_batches

TOKEN = "~null~"
"""For readers that cannot see quotes: no text in the table equals it."""

WANTED = {
    "t": "longtext",
    "big": "bigint unsigned",
    "zeros": "int(10) unsigned zerofill",
    "price": "decimal(38,10)",
    "x": "double",
    "day": "date",
    "raw": "varbinary(1000)",
}


@dataclass(frozen=True)
class Exported:
    """A file and what the server holds: a list for each column, None for NULL, all else text."""

    path: Path
    columns: dict[str, list[str | None]]

    def numbers(self, name: str, convert: Any) -> list[Any]:
        """A column's values as numbers."""
        return [None if text is None else convert(text) for text in self.columns[name]]


@cache
def rows_of_all_kinds() -> list[Sequence[str]]:
    """Edges, and what Hypothesis makes of each column, without what is no date to any reader."""
    kinds = {kind.sql: kind for kind in (*number_types(), *text_types(is_mysql=False))}
    digits = st.integers(0, 9)
    types = [
        kinds["longtext"],
        kinds["bigint unsigned"],
        kinds["int unsigned zerofill"],
        kinds["decimal(38,10)"],
        kinds["double"],
        ColumnType("date", ("'0000-00-00'", "'2022-11-00'"), digits.map("'202{}-01-02'".format)),
        ColumnType("varbinary(1000)", ("''", "x'00FF'", "x'22'"), digits.map("x'0{}'".format)),
    ]
    rows: list[Sequence[str]] = [*edge_rows(types)]
    for batch in made_batches(types, 4_000):
        rows += batch
    return rows


def exported(round_trip: RoundTrip, null: str) -> Exported:
    """The file of a table of all kinds."""
    with round_trip.cursor() as cursor:
        columns = ", ".join(f"{name} {kind}" for name, kind in WANTED.items())
        cursor.execute(f"CREATE TABLE source (id int primary key, {columns})")
        insert(cursor, "source", rows_of_all_kinds())
        # Each as text of the server's own, bytes as hex.
        cursor.execute(
            "SELECT t, CONCAT(big), CONCAT(zeros), CONCAT(price), CONCAT(x), CONCAT(day), HEX(raw) "
            "FROM source ORDER BY id"
        )
        held = list(zip(*cursor.fetchall(), strict=True))
    path = round_trip.exported("source", CsvFormat(null=null))
    return Exported(path, {name: list(c) for name, c in zip(WANTED, held, strict=True)})


@pytest.fixture
def plain(round_trip: RoundTrip) -> Exported:
    """An export with the default conventions."""
    return exported(round_trip, "")


@pytest.fixture
def marked(round_trip: RoundTrip) -> Exported:
    """An export with a null token that is no value."""
    return exported(round_trip, TOKEN)


def same_bits(found: Sequence[float | None], wanted: Sequence[float | None]) -> bool:
    """Whether numbers are the same, and -0 is not 0."""
    return list(map(_signed, found)) == list(map(_signed, wanted))


def _signed(number: float | None) -> tuple[float, float] | None:
    return None if number is None else (number, math.copysign(1, number))


def without_difference_of_null(texts: Sequence[str | None]) -> list[str]:
    """NULL and the empty string as one."""
    return [text or "" for text in texts]


def test_the_table_holds_what_careless_readers_lose(plain: Exported) -> None:
    texts = plain.columns["t"]
    assert {None, "", "NULL", "007", "\r\n", '"', "\0", "nan", "  x  "} <= set(texts)
    assert "18446744073709551615" in plain.columns["big"]
    assert "0000000001" in plain.columns["zeros"]
    assert "0000-00-00" in plain.columns["day"]
    assert len(texts) > 500


# Python's csv


def read_with_csv(path: Path) -> dict[str, list[str]]:
    """Every column, as Python's csv gives it."""
    with path.open(newline="", encoding="utf-8") as file:
        names, *rows = csv.reader(file)
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def test_python_s_csv_gives_every_text_but_takes_null_for_the_empty_string(
    plain: Exported,
) -> None:
    read = read_with_csv(plain.path)
    for name, wanted in plain.columns.items():
        if name != "x":
            assert read[name] == without_difference_of_null(wanted), name
    numbers = [float(text) if text else None for text in read["x"]]
    assert same_bits(numbers, plain.numbers("x", float))


def test_python_s_csv_tells_null_by_a_token_that_is_no_value(marked: Exported) -> None:
    read = read_with_csv(marked.path)
    for name, wanted in marked.columns.items():
        if name != "x":
            assert [None if text == TOKEN else text for text in read[name]] == wanted, name


# pandas


def test_pandas_gives_every_text_but_takes_null_for_the_empty_string(plain: Exported) -> None:
    frame = pd.read_csv(plain.path, dtype=str, keep_default_na=False)
    for name, wanted in plain.columns.items():
        if name != "x":
            assert frame[name].tolist() == without_difference_of_null(wanted), name


def test_pandas_tells_null_by_a_token_that_is_no_value_and_keeps_every_digit(
    marked: Exported,
) -> None:
    frame = pd.read_csv(
        marked.path,
        dtype={"t": "string", "big": "UInt64", "zeros": "string", "day": "string"},
        converters={
            "price": lambda text: None if text == TOKEN else Decimal(text),
            # Some versions of its own parser of numbers miss the last bit.
            "x": lambda text: None if text == TOKEN else float(text),
            "raw": lambda text: None if text == TOKEN else bytes.fromhex(text),
        },
        keep_default_na=False,
        na_values=[TOKEN],
    )
    read = {name: [None if pd.isna(v) else v for v in frame[name]] for name in WANTED}
    for name in ("t", "zeros", "day"):
        assert read[name] == marked.columns[name], name
    assert read["big"] == marked.numbers("big", int)
    assert read["price"] == marked.numbers("price", Decimal)
    assert read["raw"] == marked.numbers("raw", bytes.fromhex)
    assert same_bits(read["x"], marked.numbers("x", float))


# pyarrow


@pytest.mark.parametrize("null", ["", "NULL"])
def test_pyarrow_tells_everything_apart(round_trip: RoundTrip, null: str) -> None:
    export = exported(round_trip, null)
    types = {
        "t": pa.string(), "big": pa.uint64(), "zeros": pa.string(), "price": pa.decimal128(38, 10),
        "x": pa.float64(), "day": pa.string(), "raw": pa.string(),
    }  # fmt: skip
    table = arrow_csv.read_csv(
        export.path,
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types=types,
            null_values=[null],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    for name in ("t", "zeros", "day", "raw"):
        assert table[name].to_pylist() == export.columns[name], name
    assert table["big"].to_pylist() == export.numbers("big", int)
    assert table["price"].to_pylist() == export.numbers("price", Decimal)
    assert same_bits(table["x"].to_pylist(), export.numbers("x", float))


# DuckDB


@pytest.mark.parametrize("null", ["", "NULL"])
def test_duckdb_tells_everything_apart(round_trip: RoundTrip, null: str) -> None:
    export = exported(round_trip, null)
    with duckdb.connect() as database:
        read = database.execute(
            "SELECT t, big, zeros, price, x, day, unhex(raw) FROM read_csv(?, header = true, "
            "auto_detect = false, delim = ',', quote = '\"', escape = '\"', "
            f"nullstr = '{null}', allow_quoted_nulls = false, "
            "columns = {id: 'INTEGER', t: 'VARCHAR', big: 'UBIGINT', zeros: 'VARCHAR', "
            "price: 'DECIMAL(38,10)', x: 'DOUBLE', day: 'VARCHAR', raw: 'VARCHAR'})",
            [str(export.path)],
        ).fetchall()
    found = dict(zip(WANTED, map(list, zip(*read, strict=True)), strict=True))
    for name in ("t", "zeros", "day"):
        assert found[name] == export.columns[name], name
    assert found["big"] == export.numbers("big", int)
    assert found["price"] == export.numbers("price", Decimal)
    assert found["raw"] == export.numbers("raw", bytes.fromhex)
    assert same_bits(found["x"], export.numbers("x", float))


# polars


def test_polars_tells_everything_apart_under_the_default_token(plain: Exported) -> None:
    frame = pl.read_csv(
        plain.path,
        infer_schema=False,
        schema_overrides={"big": pl.UInt64, "price": pl.Decimal(38, 10), "x": pl.Float64},
    )
    for name in ("t", "zeros", "day", "raw"):
        assert frame[name].to_list() == plain.columns[name], name
    assert frame["big"].to_list() == plain.numbers("big", int)
    assert frame["price"].to_list() == plain.numbers("price", Decimal)
    assert same_bits(frame["x"].to_list(), plain.numbers("x", float))


def test_polars_takes_a_quoted_token_for_null(round_trip: RoundTrip) -> None:
    export = exported(round_trip, "NULL")
    frame = pl.read_csv(export.path, infer_schema=False, null_values=["NULL"])
    wanted = [None if text == "NULL" else text for text in export.columns["t"]]
    assert frame["t"].to_list() == wanted
    assert wanted != export.columns["t"]


# One column: NULL is an empty line


def test_readers_that_keep_empty_lines_keep_the_nulls_of_a_single_column(tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    wanted = ["x", None, "", None]
    records = [CsvFormat().record([value]) for value in ("v", *wanted)]
    path.write_text("".join(records), encoding="utf-8")
    with duckdb.connect() as database:
        found = database.execute(
            "SELECT v FROM read_csv(?, header = true, auto_detect = false, delim = ',', "
            "quote = '\"', escape = '\"', nullstr = '', allow_quoted_nulls = false, "
            "columns = {v: 'VARCHAR'})",
            [str(path)],
        ).fetchall()
    assert [text for (text,) in found] == wanted
    assert pl.read_csv(path, infer_schema=False)["v"].to_list() == wanted
    arrow = arrow_csv.read_csv(
        path,
        parse_options=arrow_csv.ParseOptions(ignore_empty_lines=False),
        convert_options=arrow_csv.ConvertOptions(
            strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )
    assert arrow["v"].to_pylist() == wanted
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, skip_blank_lines=False)
    assert frame["v"].tolist() == without_difference_of_null(wanted)
    # By default it drops them, and so there are two records instead of four.
    assert len(pd.read_csv(path, dtype=str, keep_default_na=False)) == 2
    with path.open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["v"], ["x"], [], [""], []]
