"""Anybody's frames come back as they were written, by the conventions, or are refused."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_assets.csv_format import CsvFormat
from etl_assets.errors import CsvError, UsageError
from etl_assets.store.frame_files import FrameManifest, FrameName, read_frames, write_frame
from etl_assets.store.frame_rows import SLICE_ROWS, rows_of
from etl_assets.store.local import LocalFolder
from etl_assets.store.open_folder import open_folder

NAME = FrameName(("daily", "revenue"), "2026-11-02")
FILE = "daily.revenue.csv"


def write(path: Path, value: object, **csv: Any) -> FrameManifest:
    """Write a value into a folder."""
    manifest, _ = write_frame(LocalFolder(path), NAME, rows_of(value), CsvFormat(**csv), "run")
    return manifest


def read(path: Path) -> pd.DataFrame:
    """Read it back."""
    return read_frames({NAME: LocalFolder(path)})


def written(path: Path, value: object, **csv: Any) -> str:
    """The text of its file."""
    write(path, value, **csv)
    return (path / FILE).read_bytes().decode()


def round_trip(path: Path, value: object, **csv: Any) -> pd.DataFrame:
    """A value as it is read back."""
    write(path, value, **csv)
    return read(path)


MOMENT = np.datetime64("2026-11-02T02:30:00.123456789", "ns")
ZONED = pd.Series(
    ["2026-10-25 00:30", "2026-10-25 01:30", None], dtype="datetime64[us]"
).dt.tz_localize("UTC")

COLUMNS: Mapping[str, Any] = {
    "int64": np.array([-(2**63), 2**63 - 1, 0]),
    "uint64": np.array([0, 2**64 - 1, 1], dtype="uint64"),
    "int8": np.array([-128, 127, 0], dtype="int8"),
    "bool": np.array([True, False, True]),
    "float64": [0.1, float("nan"), -0.0],
    "extremes": [float("inf"), -float("inf"), 5e-324],
    "float32": np.array([0.1, np.nan, 3.4e38], dtype="float32"),
    "float16": np.array([0.1, np.nan, 6e-8], dtype="float16"),
    "Int64": pd.array([2**53 + 1, None, -1], dtype="Int64"),
    "UInt8": pd.array([255, None, 0], dtype="UInt8"),
    "UInt64": pd.array([2**64 - 1, None, 0], dtype="UInt64"),
    "boolean": pd.array([True, None, False], dtype="boolean"),
    "Float64": pd.arrays.FloatingArray(
        np.array([np.nan, 1.0, 0.1]), np.array([False, True, False])
    ),
    "Float32": pd.array([0.1, None, 1.0], dtype="Float32"),
    "str": ["", None, 'say "hi", then\r\nleave'],
    "string": pd.array(["", None, "NULL"], dtype="string"),
    "text": pd.Series(["", None, "=1\0"], dtype=object),
    "text with nan": pd.Series(["", float("nan"), "nan"], dtype=object),
    "text with NA": pd.Series(["", pd.NA, "<NA>"], dtype=object),
    "decimals": [Decimal("1.20"), None, Decimal("NaN")],
    "bytes": [b"", None, b"\x00\xff\n"],
    "dates": [date(1, 1, 1), None, date(9999, 12, 31)],
    "times": [time(0), None, time(23, 59, 59, 999999)],
    "moments": pd.Series([datetime(1, 1, 1), None, datetime(2026, 1, 1, 0, 0, 0, 1)], dtype=object),
    "large integers": pd.Series([2**70, None, -1], dtype=object),
    "booleans": pd.Series([True, None, False], dtype=object),
    "nothing": pd.Series([None, None, None], dtype=object),
    "seconds": np.array(["0001-01-01", "NaT", "9999-12-31T23:59:59"], dtype="datetime64[s]"),
    "milliseconds": np.array(["-0001-01-01", "NaT", "12345-01-01"], dtype="datetime64[ms]"),
    "nanoseconds": np.array([MOMENT, "NaT", MOMENT], dtype="datetime64[ns]"),
    "UTC": ZONED,
    "Berlin": ZONED.dt.tz_convert("Europe/Berlin"),
    "offset": ZONED.dt.tz_convert(timezone(timedelta(hours=5, minutes=30))),
    "durations": np.array([-1, "NaT", 3_020_399_000_000], dtype="timedelta64[us]"),
    "seconds between": np.array([-100, "NaT", 2**40], dtype="timedelta64[s]"),
    "category": pd.Categorical(["b", None, "a"], categories=["b", "a", "unused"], ordered=True),
    "numbers of a category": pd.Categorical([10, None, 2]),
    "moments of a category": pd.Series(
        ["2026-01-01", None, "2025-01-01"], dtype="datetime64[us]"
    ).astype("category"),
    "bytes of a category": pd.Categorical([b"\xff", None, b""]),
    "no category": pd.Categorical([None, None, None]),
}


@pytest.mark.parametrize(
    "csv",
    [
        {},
        {"null": r"\N", "quoting": "all", "delimiter": ";"},
        {"compression": "gzip", "binary": "base64"},
        {"compression": "zstd", "header": False, "delimiter": ".", "null": "NULL"},
    ],
)
def test_a_frame_comes_back_with_its_dtypes_whatever_the_conventions(
    tmp_path: Path, csv: dict[str, Any]
) -> None:
    frame = pd.DataFrame(COLUMNS)
    back = round_trip(tmp_path, frame, **csv)
    pd.testing.assert_frame_equal(back, frame)
    # NaN and NULL, 1.20 and 1.2 are alike to pandas.
    assert list(back["Float64"].isna()) == [False, True, False]
    assert list(map(str, back["decimals"])) == ["1.20", "None", "NaN"]
    assert list(map(type, back["text with NA"])) == [str, type(pd.NA), str]


def test_a_file_of_a_frame_is_written_by_the_conventions(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a,b": ["", None, 'x"'], **COLUMNS})[
        ["a,b", "Float32", "boolean", "bytes", "nanoseconds", "Berlin", "durations"]
    ]
    assert written(tmp_path, frame) == (
        '"a,b",Float32,boolean,bytes,nanoseconds,Berlin,durations\n'
        '"",0.10000000149011612,true,"",2026-11-02 02:30:00.123456789,2026-10-25 00:30:00.000000,'
        "-00:00:00.000001\n"
        ",,,,,2026-10-25 01:30:00.000000,\n"
        '"x""",1.0,false,00FF0A,2026-11-02 02:30:00.123456789,,838:59:59.000000\n'
    )


def test_a_file_for_spreadsheets_says_so_and_has_its_mark(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [-1], "t": ["=1"], "c": pd.Categorical(["+1"])})
    assert written(tmp_path, frame, spreadsheet_safe=True) == "\ufeffn,t,c\n-1,'=1,'+1\n"
    assert read(tmp_path)["c"].tolist() == ["+1"]


TEXT = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "int64": st.integers(-(2**63), 2**63 - 1),
    "UInt64": st.none() | st.integers(0, 2**64 - 1),
    "float64": st.floats(),
    "float32": st.floats(width=32),
    "Float64": st.none() | st.floats(allow_nan=False),
    "string": TEXT,
    "category": TEXT,
    "datetime64[us]": st.none() | st.datetimes(),
    "datetime64[us, Asia/Kathmandu]": st.none() | st.datetimes(timezones=st.just(UTC)),
    "timedelta64[us]": st.none() | st.timedeltas(timedelta(-(10**8)), timedelta(10**8)),
    "object": st.none() | st.binary(max_size=4),
    "object ": st.none() | st.decimals(allow_nan=False),
}


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """Frames of any columns and at most five rows."""
    kinds = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=4))
    count = draw(st.integers(0, 5))
    names = draw(st.lists(TEXT.filter(bool), min_size=len(kinds), max_size=len(kinds), unique=True))
    return pd.DataFrame(
        {
            name: pd.Series(
                draw(st.lists(VALUES[kind], min_size=count, max_size=count)), dtype=kind.strip()
            )
            for name, kind in zip(names, kinds, strict=True)
        }
    )


@settings(max_examples=60)
@given(
    frames(),
    st.sampled_from([CsvFormat(), CsvFormat(null="NULL", delimiter="-", quoting="all")]),
)
def test_any_frame_comes_back(
    tmp_path_factory: pytest.TempPathFactory, frame: pd.DataFrame, csv_format: CsvFormat
) -> None:
    folder = LocalFolder(tmp_path_factory.getbasetemp() / "any")
    write_frame(folder, NAME, rows_of(frame), csv_format, "run")
    pd.testing.assert_frame_equal(read_frames({NAME: folder}), frame, check_exact=True)


def test_a_table_of_pyarrow_comes_back_with_every_value_and_null(tmp_path: Path) -> None:
    berlin = pa.timestamp("us", "Europe/Berlin")
    table = pa.table(
        {
            "int8": pa.array([-128, None], pa.int8()),
            "uint64": pa.array([2**64 - 1, None], pa.uint64()),
            "bool": pa.array([True, None]),
            "double": pa.array([float("nan"), None]),
            "half": pa.array(np.array([0.1, 1], dtype="float16")),
            "text": pa.array(["", None]),
            "view": pa.array(["x", None], pa.string_view()),
            "bytes": pa.array([b"\xff", None], pa.large_binary()),
            "decimal": pa.array([Decimal("1.20"), None], pa.decimal128(38, 2)),
            "date": pa.array([date(1, 1, 1), None]),
            "time": pa.array([time(1, 2, 3, 4), None], pa.time64("us")),
            "moment": pa.array([datetime(9999, 1, 1), None], pa.timestamp("ms")),
            "zone": pa.array([datetime(2026, 7, 1, tzinfo=UTC), None], berlin),
            "duration": pa.array([timedelta(days=-1), None], pa.duration("s")),
            "category": pa.array(["b", None]).dictionary_encode(),
            "nothing": pa.array([None, None]),
        }
    )
    back = round_trip(tmp_path, table)
    first = back.iloc[0].to_dict()
    assert np.isnan(first.pop("double"))
    assert first.pop("half") == pytest.approx(0.1, rel=1e-3)
    assert first == {
        "int8": -128,
        "uint64": 2**64 - 1,
        "bool": True,
        "text": "",
        "view": "x",
        "bytes": b"\xff",
        "decimal": Decimal("1.20"),
        "date": date(1, 1, 1),
        "time": time(1, 2, 3, 4),
        "moment": pd.Timestamp("9999-01-01"),
        "nothing": None,
        "zone": pd.Timestamp("2026-07-01", tz="UTC"),
        "duration": pd.Timedelta(days=-1),
        "category": "b",
    }
    assert list(back.dtypes[:4].astype(str)) == ["Int8", "UInt64", "boolean", "Float64"]
    assert back.drop(columns="half").iloc[1].isna().all()
    # NaN is a value, and no NULL.
    assert list(back["double"].isna()) == [False, True]


def test_what_lends_its_memory_as_arrow_does_is_written_as_a_table(tmp_path: Path) -> None:
    frame = pl.DataFrame({"city": ["Köln", None], "orders": [3, None], "key": [b"\xff", None]})
    assert written(tmp_path, frame) == "city,orders,key\nKöln,3,FF\n,,\n"


def test_rows_of_many_slices_are_all_there_and_of_one_category_each(tmp_path: Path) -> None:
    count = 2 * SLICE_ROWS + 1
    numbers = pd.Series(range(count))
    frame = pd.DataFrame({"n": numbers, "c": (numbers % 7).astype(str).astype("category")})
    pd.testing.assert_frame_equal(round_trip(tmp_path / "pandas", frame), frame)
    chunks = [pa.array(["a"]).dictionary_encode(), pa.array(["b"] * count).dictionary_encode()]
    table = pa.table({"c": pa.chunked_array(chunks)})
    assert round_trip(tmp_path / "arrow", table)["c"].value_counts().to_dict() == {
        "a": 1,
        "b": count,
    }


@pytest.mark.parametrize("value", [pd.DataFrame({"n": [], "t": []}), pa.table({"n": [], "t": []})])
def test_no_rows_are_a_file_too(tmp_path: Path, value: object) -> None:
    assert written(tmp_path, value) == "n,t\n"
    assert read(tmp_path).shape == (0, 2)


NESTED = pa.table({"tags": pa.array([["a"]])})
NANOSECONDS = pa.table({"t": pa.array([1], pa.time64("ns"))})
MIXED = pd.DataFrame({"v": pd.Series([1, "1"], dtype=object)})
UNWRITABLE: Mapping[str, tuple[object, str]] = {
    "no frame": (1, "expected a pandas DataFrame or a pyarrow Table, got int; make it one"),
    "a series": (pd.Series([1]), "got Series; make it one (a Series: `to_frame()`)"),
    "lists": (pd.DataFrame({"tags": [["a"]]}), "the column 'tags' cannot be written"),
    "a struct": (pd.DataFrame({"s": [{"a": 1}]}), "got values of type dict; convert it"),
    "nested": (NESTED, "the column 'tags' cannot be written to CSV without loss: expected"),
    "nanoseconds": (NANOSECONDS, "non-zero nanoseconds; cast the column"),
    "mixed": (MIXED, "got values of types int and str; convert it with `astype`"),
    "a zone in objects": (
        pd.DataFrame({"t": pd.Series([datetime(2026, 1, 1, tzinfo=UTC)], dtype=object)}),
        "convert it with `pd.to_datetime(…)`",
    ),
    "a dtype of pyarrow's": (
        pd.DataFrame({"n": [1]}).astype("int64[pyarrow]"),
        "got the dtype int64[pyarrow]; return `pyarrow.Table.from_pandas(frame)`",
    ),
    "a repeated hour": (
        pd.DataFrame({"t": pd.Series([datetime(2026, 10, 25, 2, fold=1)], dtype=object)}),
        "or with `fold`, as Python objects",
    ),
    "a zone that nobody knows": (
        pa.table({"t": pa.array([1], pa.timestamp("us", "Nowhere/At_All"))}),
        "got 'Nowhere/At_All'; cast the column",
    ),
    "Python's objects of polars": (
        pl.DataFrame({"o": pl.Series([object()], dtype=pl.Object)}),
        "got polars' Object",
    ),
    "a type that NULL changes": (
        pa.table({"b": pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, None], "int8"))}),
        "got the type extension<arrow.bool8>",
    ),
    "complex": (pd.DataFrame({"z": [1j]}), "got the dtype complex128"),
    "periods": (pd.DataFrame({"p": pd.period_range("2026", periods=1)}), "got the dtype period"),
    "intervals": (pd.DataFrame({"c": pd.cut([1], [0, 2])}), "got the dtype interval"),
    "a local zone": (
        pd.DataFrame({"t": pd.to_datetime(["2026-01-01"]).tz_localize("dateutil/Europe/Rome")}),
        "got the dtype datetime64[",
    ),
    "names twice": (pd.DataFrame([[1, 2]], columns=["a", "a"]), "each name once, got a twice"),
    "names twice in arrow": (pa.table([[1], [2]], names=["a", "a"]), "got a twice; rename"),
    "numbers as names": (pd.DataFrame([[1, 2]]), "named by text, got 0; name them"),
    "no columns": (pd.DataFrame(), "expected columns that are named by text, got none"),
    "levels of names": (pd.DataFrame([[1]], columns=[["a"], ["b"]]), "got ('a', 'b')"),
    "a name of names": (
        pd.DataFrame([[1]], columns=pd.Index(["a"], name="city")),
        "got 'city'; drop it with `rename_axis(columns=None)`",
    ),
    "an index": (pd.DataFrame({"n": [1]}, index=["x"]), "call `reset_index()` to keep it"),
    "a named index": (pd.DataFrame({"n": [1]}, index=pd.RangeIndex(1, name="i")), "reset_index()"),
    "a filtered frame": (pd.DataFrame({"n": [1, 2]})[1:], "or `reset_index(drop=True)`"),
    "an index of levels": (pd.DataFrame({"n": [1]}, index=[["a"], ["b"]]), "got a MultiIndex"),
    "half a character": (
        pd.DataFrame({"t": pd.Series(["\ud800"], dtype=object)}),
        "expected text, got the code point U+D800 alone",
    ),
}


@pytest.mark.parametrize("case", UNWRITABLE)
def test_what_would_lose_something_is_refused_and_nothing_is_left(
    tmp_path: Path, case: str
) -> None:
    value, said = UNWRITABLE[case]
    with pytest.raises(UsageError) as refusal:
        write(tmp_path, value)
    assert said in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_replaces_the_last_one_of_any_compression_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    left = tmp_path / f".{FILE}.0123456789ab.part"
    left.touch()
    write(tmp_path, pd.DataFrame({"n": [1]}))
    assert not left.exists()
    frame = pd.DataFrame({"n": [2]})
    pd.testing.assert_frame_equal(round_trip(tmp_path, frame, compression="gzip"), frame)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["daily.revenue.csv.gz", "daily.revenue.json", "mine.txt"]


def test_a_manifest_says_what_is_in_the_file(tmp_path: Path) -> None:
    write(tmp_path, pd.DataFrame({"n": [1], "c": pd.Categorical(["x"], categories=["y", "x"])}))
    found = json.loads((tmp_path / "daily.revenue.json").read_text("utf-8"))
    assert datetime.fromisoformat(found.pop("written_at")).tzinfo is not None
    assert found.pop("csv")["delimiter"] == ","
    text = (tmp_path / FILE).read_bytes()
    assert found == {
        "asset": ["daily", "revenue"],
        "partition": "2026-11-02",
        "file": FILE,
        "rows": 1,
        "bytes": len(text),
        "sha256": hashlib.sha256(text).hexdigest(),
        "columns": [
            {"name": "n", "type": "int64"},
            {"name": "c", "type": "category[str]", "categories": ["y", "x"], "ordered": False},
        ],
        "run_id": "run",
    }


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        (b"7", b"8", "expected SHA-256 "),
        (b"7\n", b"7", "expected a whole record of 1 fields"),
        (b"n\n", b"m\n", "expected the header "),
    ],
)
def test_a_file_that_does_not_fit_its_manifest_is_not_read(
    tmp_path: Path, old: bytes, new: bytes, cause: str
) -> None:
    write(tmp_path, pd.DataFrame({"n": [7]}))
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(CsvError) as refusal:
        read(tmp_path)
    assert cause in str(refusal.value)
    assert str(refusal.value).endswith("; materialize it again")


def test_a_file_of_another_asset_is_neither_read_nor_replaced(tmp_path: Path) -> None:
    write(tmp_path, pd.DataFrame({"n": [7]}))
    twin = FrameName(("daily", "Revenue"), "2026-11-02")
    for end in (".json", ".csv"):
        # As a file system that ignores letter case has it.
        (tmp_path / f"daily.Revenue{end}").write_bytes(
            (tmp_path / f"{NAME.stem}{end}").read_bytes()
        )
    folder = LocalFolder(tmp_path)
    with pytest.raises(UsageError, match="got that of daily/revenue for 2026-11-02"):
        read_frames({twin: folder})
    with pytest.raises(UsageError, match="rename one of the two"):
        write_frame(folder, twin, rows_of(pd.DataFrame({"n": [1]})), CsvFormat(), "run")


def test_a_frame_in_an_object_store_is_replaced_and_read_too() -> None:
    folder = open_folder(f"memory://{uuid4().hex}", *NAME.folder_parts)
    for csv_format, number in ((CsvFormat(compression="gzip"), 1), (CsvFormat(), 2)):
        frame = pd.DataFrame({"n": [number]})
        write_frame(folder, NAME, rows_of(frame), csv_format, "run")
        pd.testing.assert_frame_equal(read_frames({NAME: folder}), frame)
    assert folder.names() == [FILE, "daily.revenue.json"]


def test_what_was_never_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"got none; materialize it first"):
        read(tmp_path)


def test_partitions_of_other_dtypes_come_one_after_the_other_without_loss(tmp_path: Path) -> None:
    folders = {}
    for number, frame in enumerate(
        [
            pd.DataFrame({"n": [2**53 + 1], "t": ["a"], "same": pd.array([1], dtype="Int8")}),
            pd.DataFrame({"n": [0.5], "same": pd.array([None], dtype="Int8")}),
        ]
    ):
        name = FrameName(("a",), str(number))
        folders[name] = LocalFolder(tmp_path / str(number))
        write_frame(folders[name], name, rows_of(frame), CsvFormat(), "run")
    frame = read_frames(folders)
    assert frame["n"].tolist() == [2**53 + 1, 0.5]
    assert frame["t"].isna().tolist() == [False, True]
    assert str(frame["same"].dtype) == "Int8"
    assert frame.index.tolist() == [0, 1]


PARTS = st.text(st.sampled_from("aA._-/%~ 汉|"), max_size=3)


@given(
    st.lists(
        st.builds(FrameName, st.lists(PARTS, min_size=1, max_size=3).map(tuple), st.none() | PARTS),
        min_size=2,
        max_size=2,
        unique=True,
    )
)
def test_no_two_assets_and_no_window_share_a_file(names: list[FrameName]) -> None:
    paths = {Path(*name.folder_parts, name.manifest) for name in names}
    assert len(paths) == 2
    for path in paths:
        # A logical table's name begins with a letter.
        assert path.parts[0] == "_assets"
        assert ".." not in path.parts


def test_names_of_any_length_are_names_of_files(tmp_path: Path) -> None:
    name = FrameName(("汉" * 200,), "k" * 300)
    folder = LocalFolder(tmp_path.joinpath(*name.folder_parts))
    write_frame(folder, name, rows_of(pd.DataFrame({"n": [1]})), CsvFormat(), "run")
    assert read_frames({name: folder})["n"].tolist() == [1]
