"""Charter: Arrow's reader gives the very values that Python's own parsing gives, or one refusal."""

from base64 import b64decode
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_assets.csv_format import CsvFormat, RecordReader, Value
from etl_assets.errors import CsvError
from etl_assets.store import arrow_csv
from etl_assets.store.local import LocalFolder
from etl_assets.store.manifest import ShardManifest
from etl_assets.store.reader import ShardFile, read_files, read_table
from etl_assets_tests.support.exported import SHARDS, export_shard

texts = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    [
        "",
        "NULL",
        "\\N",
        "∅",
        " ",
        '"',
        "\r\n",
        "\n",
        "\ufeff",
        "\ufeffa",
        "\0",
        " 1",
        "nan",
        "0000-00-00",
    ]
)
TYPES: dict[str, tuple[st.SearchStrategy[Value], Callable[[str], Any], str, pa.DataType]] = {
    "bigint(20)": (st.integers(-(2**63), 2**63 - 1).map(str), int, "Int64", pa.int64()),
    "bigint(20) unsigned": (st.integers(0, 2**64 - 1).map(str), int, "UInt64", pa.uint64()),
    "bit(64)": (st.integers(0, 2**64 - 1).map(str), int, "UInt64", pa.uint64()),
    "double": (st.floats(allow_nan=False).map(repr), float, "Float64", pa.float64()),
    "decimal(65,30)": (
        st.integers(-(10**35) + 1, 10**35 - 1).map("{}.100000000000000000000000000005".format),
        Decimal,
        "object",
        pa.decimal256(65, 30),
    ),
    "int(5) unsigned zerofill": (
        st.integers(0, 99999).map("{:05}".format), str, "string", pa.large_string(),
    ),
    "varchar(50)": (texts, str, "string", pa.large_string()),
    "datetime": (
        st.sampled_from(["0000-00-00 00:00:00", "2022-11-00 00:00:00"]),
        str, "string", pa.large_string(),
    ),
    "longblob": (st.binary(), bytes.fromhex, "object", pa.large_binary()),
}  # fmt: skip
"""Of each: values, what Python makes of a text, the dtype, and Arrow's type."""
COLUMNS = tuple((f"{number}", kind) for number, kind in enumerate(TYPES))
formats = st.builds(
    CsvFormat,
    null=st.sampled_from(["", "NULL", "\\N", " ", "∅"]),
    delimiter=st.sampled_from([",", "\t", ";", "'", "\x01"]),
    quoting=st.sampled_from(["minimal", "all"]),
    header=st.booleans(),
    binary=st.sampled_from(["hex", "base64"]),
    compression=st.sampled_from(["none", "gzip"]),
    spreadsheet_safe=st.booleans(),
)
rows = st.lists(st.tuples(*(st.none() | values for values, *_ in TYPES.values())), max_size=8)


def by_python(manifest: ShardManifest, rows: list[tuple[Value, ...]]) -> list[list[Any]]:
    """Each column's values as Python parses them, record by record."""
    written = "".join(map(manifest.csv.record, rows)).encode()
    records = list(RecordReader(manifest.csv, len(COLUMNS)).records([written]))
    parsers = [parser for _, parser, *_ in TYPES.values()]
    if manifest.csv.binary == "base64":
        parsers[-1] = b64decode
    return [
        [None if cell is None else parse(cell) for cell in (record[place] for record in records)]
        for place, parse in enumerate(parsers)
    ]


@given(rows, formats, st.sampled_from([1, 50, arrow_csv.PIECE_BYTES]), st.booleans())
def test_values_of_every_type_are_what_python_makes_of_them(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[Value, ...]],
    csv_format: CsvFormat,
    piece: int,
    is_longer: bool,
) -> None:
    folder = LocalFolder(tmp_path_factory.getbasetemp() / "types")
    manifest = export_shard(folder, SHARDS[0], rows, csv_format, columns=COLUMNS)
    expected = by_python(manifest, rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrow_csv, "PIECE_BYTES", piece)
        if is_longer:
            patch.setattr(arrow_csv, "MOST_BYTES", 0)
        frame = read_files([ShardFile(folder, manifest)])
        table = read_table([ShardFile(folder, manifest)])
    for place, (_, _, dtype, kind) in enumerate(TYPES.values()):
        column = frame[str(place)]
        assert column.dtype == dtype
        assert repr([None if cell is pd.NA else cell for cell in column.tolist()]) == repr(
            expected[place]
        )
        assert table.schema.field(place).type == kind
        assert table.column(place).to_pylist() == expected[place]


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    """A folder."""
    return LocalFolder(tmp_path)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("int", "0x10"),
        ("bigint unsigned", "0X1F"),
        ("int", "1.0"),
        ("bigint", "9223372036854775808"),
        ("double", "many"),
        ("blob", "ABC"),
        ("blob", "zz"),
    ],
)
@pytest.mark.parametrize("read", [read_files, read_table])
def test_a_text_that_is_no_value_of_its_column_is_refused(
    folder: LocalFolder, read: Callable[[list[ShardFile]], object], kind: str, text: str
) -> None:
    records = [(None, "a"), (text, "b")]
    columns = (("it", kind), ("other", "text"))
    manifest = export_shard(folder, SHARDS[0], records, columns=columns)
    with pytest.raises(CsvError) as refused:
        read([ShardFile(folder, manifest)])
    assert str(refused.value).startswith(
        f"{folder.location(manifest.file)}: the column it has a value that is not of its type; "
    )


def test_an_odd_number_of_digits_is_not_made_even_by_the_next_value(folder: LocalFolder) -> None:
    columns = (("it", "blob"),)
    manifest = export_shard(folder, SHARDS[0], [("A",), ("B",)], columns=columns)
    with pytest.raises(CsvError, match="not of its type"):
        read_files([ShardFile(folder, manifest)])


def test_a_value_that_begins_with_a_byte_order_mark_keeps_it(folder: LocalFolder) -> None:
    columns = (("it", "text"),)
    manifest = export_shard(folder, SHARDS[0], [("\ufeffa",), ("\ufeff,",)], columns=columns)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrow_csv, "PIECE_BYTES", 1)
        assert read_files([ShardFile(folder, manifest)])["it"].tolist() == ["\ufeffa", "\ufeff,"]


def test_what_is_damaged_is_told_before_what_is_of_no_type(
    folder: LocalFolder, tmp_path: Path
) -> None:
    manifest = export_shard(folder, SHARDS[0], [(1, "a")])
    path = tmp_path / manifest.file
    path.write_bytes(path.read_bytes().replace(b"1,a", b"x,a"))
    with pytest.raises(CsvError, match="expected SHA-256"):
        read_files([ShardFile(folder, manifest)])


def test_a_fault_in_one_file_ends_the_reading_of_all(folder: LocalFolder, tmp_path: Path) -> None:
    files = [
        ShardFile(folder, export_shard(folder, shard, [(1, "a")] * 50_000)) for shard in SHARDS
    ]
    path = tmp_path / files[1].manifest.file
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CsvError, match=r"orders_01\.csv: byte \d+: expected a whole record"):
        read_files(files * 5)
