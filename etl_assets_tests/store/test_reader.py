"""Exported files as frames: no digit, no zero and no NULL is lost."""

import math
import struct
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_assets.csv_format import CsvFormat, Value
from etl_assets.errors import CsvError
from etl_assets.store.folder import Folder
from etl_assets.store.local import LocalFolder
from etl_assets.store.manifest import ShardManifest
from etl_assets.store.open_folder import open_folder
from etl_assets.store.reader import ShardFile, read_files
from etl_assets_tests.support.exported import PLAIN, SHARDS, export_shard


def read_shard(folder: Folder, *manifests: ShardManifest) -> pd.DataFrame:
    """The rows of shards."""
    return read_files([ShardFile(folder, manifest) for manifest in manifests])


def column(
    folder: LocalFolder, kind: str, values: Sequence[Value], csv_format: CsvFormat = PLAIN
) -> "pd.Series[Any]":
    """Values of a type as they are read back; another column stands beside them."""
    records = [(number, value) for number, value in enumerate(values)]
    columns = (("id", "bigint(20)"), ("it", kind))
    manifest = export_shard(folder, SHARDS[0], records, csv_format, columns=columns)
    frame = read_shard(folder, manifest)
    assert list(frame.columns) == ["id", "it"]
    assert frame["id"].tolist() == list(range(len(values)))
    return frame["it"]


def read(folder: LocalFolder, kind: str, values: Sequence[Value]) -> list[Any]:
    """The same as a list, NULL as None."""
    return [None if cell is pd.NA else cell for cell in column(folder, kind, values).tolist()]


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    """A folder."""
    return LocalFolder(tmp_path)


@pytest.mark.parametrize(
    ("kind", "dtype", "values"),
    [
        ("tinyint(1)", "Int64", ["-128", "127", None]),
        ("int(11)", "Int64", ["-2147483648", None]),
        ("bigint(20)", "Int64", ["-9223372036854775808", "9223372036854775807", None]),
        ("bigint", "Int64", ["9007199254740993", None]),
        ("INTEGER", "Int64", ["7", None]),
        ("int(10) unsigned", "UInt64", ["4294967295", None]),
        ("bigint(20) unsigned", "UInt64", ["18446744073709551615", None]),
        ("bit(64)", "UInt64", ["18446744073709551615", "0", None]),
        ("bigint(20)", "Int64", [None, None]),
    ],
)
def test_integers_are_whole_beside_null(
    folder: LocalFolder, kind: str, dtype: str, values: list[str | None]
) -> None:
    assert column(folder, kind, values).dtype == dtype
    assert read(folder, kind, values) == [None if text is None else int(text) for text in values]


def test_decimals_keep_every_digit_and_their_scale(folder: LocalFolder) -> None:
    text = "12345678901234567890123456789012345.678901234567890123456789012300"
    cells = read(folder, "decimal(65,30)", [text, "-0.50", "0.00", None])
    assert cells == [Decimal(text), Decimal("-0.50"), Decimal("0.00"), None]
    assert [str(cell) for cell in cells[:3]] == [text, "-0.50", "0.00"]


@pytest.mark.parametrize("kind", ["float", "double", "double unsigned", "REAL"])
def test_floats_are_nullable(folder: LocalFolder, kind: str) -> None:
    values = ["1.7976931348623157e308", "5e-324", "-0", "0.1", None]
    assert column(folder, kind, values).dtype == "Float64"
    cells = read(folder, kind, values)
    assert cells == [1.7976931348623157e308, 5e-324, -0.0, 0.1, None]
    assert math.copysign(1, cells[2]) == -1


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_float_of_four_bytes_gives_the_same_bits(
    tmp_path_factory: pytest.TempPathFactory, value: float
) -> None:
    folder = LocalFolder(tmp_path_factory.getbasetemp() / "floats")
    assert struct.pack("f", read(folder, "float", [value])[0]) == struct.pack("f", value)


def test_zerofill_keeps_its_zeros(folder: LocalFolder) -> None:
    for kind in (
        "int(5) unsigned zerofill",
        "decimal(6,2) unsigned zerofill",
        "double unsigned zerofill",
        "INT(5) ZEROFILL",
    ):
        assert column(folder, kind, ["00042", None]).dtype == "string"
        assert read(folder, kind, ["00042", None]) == ["00042", None]


def test_null_and_the_empty_string_differ(folder: LocalFolder) -> None:
    assert read(folder, "varchar(10)", [None, "", "NULL"]) == [None, "", "NULL"]
    assert column(folder, "varchar(10)", [None, ""]).isna().tolist() == [True, False]


def test_null_and_the_empty_string_differ_in_a_file_of_one_column(folder: LocalFolder) -> None:
    columns = (("name", "varchar(10)"),)
    manifest = export_shard(folder, SHARDS[0], [(None,), ("",), ("a",)], columns=columns)
    assert read_shard(folder, manifest)["name"].isna().tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("date", "0000-00-00"),
        ("datetime(6)", "2022-11-00 00:00:00.000000"),
        ("timestamp", "2026-11-01 00:00:00"),
        ("time(6)", "-838:59:59.000000"),
        ("year(4)", "0000"),
        ("enum('unsigned','1')", "1"),
        ("varchar(10)", "00042"),
        ("char(3)", "NaN"),
        ("longtext", 'a "b",\r\nc\\\0'),
        ("json", '{"a": 1.0}'),
        ("uuid", "00000000-0000-0000-0000-000000000000"),
        ("point", "SRID=4326;POINT(1 2)"),
    ],
)
def test_all_else_stays_the_server_s_text(folder: LocalFolder, kind: str, text: str) -> None:
    assert column(folder, kind, [text, None]).dtype == "string"
    assert read(folder, kind, [text, None]) == [text, None]


@pytest.mark.parametrize("binary", ["hex", "base64"])
@pytest.mark.parametrize("kind", ["binary(4)", "varbinary(9)", "blob", "longblob", "vector(1)"])
def test_raw_bytes_are_bytes_again(folder: LocalFolder, kind: str, binary: Any) -> None:
    values = [b'\x00\xff\n"', b"", None, bytes(range(256))]
    assert column(folder, kind, values, CsvFormat(binary=binary)).tolist() == values


@pytest.mark.parametrize(
    "csv_format",
    [
        CsvFormat(header=False),
        CsvFormat(null="NULL", quoting="all"),
        CsvFormat(delimiter="\t", null="\\N"),
        CsvFormat(compression="gzip"),
        CsvFormat(compression="zstd", header=False),
    ],
)
def test_every_convention_is_read_back(folder: LocalFolder, csv_format: CsvFormat) -> None:
    values = ["a,b", None, "", "NULL", "\\N", "a\tb\n"]
    cells = column(folder, "text", values, csv_format)
    assert [None if cell is pd.NA else cell for cell in cells] == values


def test_an_empty_table_has_its_columns_and_types(folder: LocalFolder) -> None:
    columns = (("id", "bigint(20) unsigned"), ("price", "double"), ("name", "text"))
    frame = read_shard(folder, export_shard(folder, SHARDS[0], [], columns=columns))
    assert len(frame) == 0
    assert frame.dtypes.map(str).to_dict() == {"id": "UInt64", "price": "Float64", "name": "string"}


def test_columns_keep_their_names_and_order(folder: LocalFolder) -> None:
    columns = (("b", "int"), ('a "x",\n', "int"), ("订单", "int"), ("", "int"))
    manifest = export_shard(folder, SHARDS[0], [(1, 2, 3, 4)], columns=columns)
    assert list(read_shard(folder, manifest).columns) == [name for name, _ in columns]


def test_shards_come_one_after_the_other(folder: LocalFolder) -> None:
    manifests = [
        export_shard(folder, SHARDS[0], [(2**53 + 1, "a")]),
        export_shard(folder, SHARDS[1], []),
        export_shard(folder, SHARDS[2], [(None, None), (1, "b")]),
    ]
    frame = read_shard(folder, *manifests)
    assert frame.index.tolist() == [0, 1, 2]
    assert frame["id"].dtype == "Int64"
    assert frame["id"].tolist() == [2**53 + 1, pd.NA, 1]
    assert frame["name"].dtype == "string"


def test_shards_of_an_object_store_are_read() -> None:
    folder = open_folder("memory://read", "orders")
    manifest = export_shard(folder, SHARDS[0], [(1, "a")], CsvFormat(compression="gzip"))
    assert read_shard(folder, manifest)["name"].tolist() == ["a"]


def refusal(folder: LocalFolder, manifest: ShardManifest) -> str:
    """Why a file is not read, in one line that names it."""
    with pytest.raises(CsvError) as refused:
        read_shard(folder, manifest)
    assert str(refused.value).startswith(folder.location(manifest.file))
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("rows", [1, 3])
def test_a_wrong_record_count_is_refused(folder: LocalFolder, rows: int) -> None:
    manifest = export_shard(folder, SHARDS[0], [(1, "a"), (2, "b")], rows=rows)
    assert f"expected {rows} records, got 2" in refusal(folder, manifest)


def test_another_header_is_refused(folder: LocalFolder, tmp_path: Path) -> None:
    manifest = export_shard(folder, SHARDS[0], [(1, "2")])
    path = tmp_path / manifest.file
    path.write_bytes(path.read_bytes().replace(b"id,name", b"name,id"))
    assert r"expected the header b'id,name\n', got b'name,id\n'" in refusal(folder, manifest)


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_a_file_that_is_cut_short_is_refused(
    folder: LocalFolder, tmp_path: Path, compression: Any
) -> None:
    csv_format = CsvFormat(compression=compression)
    manifest = export_shard(folder, SHARDS[0], [(1, "a")], csv_format)
    path = tmp_path / manifest.file
    path.write_bytes(path.read_bytes()[:-1])
    assert "etl-assets verify" in refusal(folder, manifest)


@pytest.mark.parametrize(
    ("kind", "text"),
    [("int", "many"), ("int unsigned", "-1"), ("decimal(3,1)", "many"), ("blob", "many")],
)
def test_a_value_that_sqlite_let_into_a_column_of_another_type_is_refused(
    folder: LocalFolder, kind: str, text: str
) -> None:
    manifest = export_shard(folder, SHARDS[0], [(text,)], columns=(("it", kind),))
    assert "the column it has a value that is not of its type" in refusal(folder, manifest)


def test_a_file_of_the_right_size_and_shape_is_refused_by_its_hash(
    folder: LocalFolder, tmp_path: Path
) -> None:
    manifest = export_shard(folder, SHARDS[0], [(1, "a")])
    path = tmp_path / manifest.file
    path.write_bytes(path.read_bytes().replace(b"1,a", b"2,a"))
    said = refusal(folder, manifest)
    assert f"expected SHA-256 {manifest.sha256}, got " in said
    assert said.endswith("; run `etl-assets verify`")


def test_a_file_of_other_bytes_is_refused_though_its_rows_are_right(folder: LocalFolder) -> None:
    manifest = export_shard(folder, SHARDS[0], [(1, "a")], bytes=4)
    assert "expected 4 bytes, got 12" in refusal(folder, manifest)
