"""Charter: `read_export` gives what was exported, to the last digit, or refuses and says why."""

import re
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
import pyarrow as pa
import pytest
from upath import UPath

import etl_assets
from etl_assets import read_export
from etl_assets.csv_format import CsvFormat, Value
from etl_assets.errors import CsvError, EtlAssetsError, IncompleteError, StoreError, UsageError
from etl_assets.store.folder import Folder
from etl_assets.store.local import LocalFolder
from etl_assets.store.manifest import TABLE_MANIFEST, TableManifest, csv_name, manifest_name
from etl_assets.store.open_folder import open_folder
from etl_assets.tables.topology import Shard
from etl_assets_tests.support.exported import (
    KEY,
    PLAIN,
    SHARDS,
    export_shard,
    export_window,
    manifest,
)

GZIP = CsvFormat(compression="gzip")
DOCS = (Path(__file__).parents[2] / "docs" / "types.md").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    """A window that is complete."""
    folder = LocalFolder(tmp_path / "orders" / KEY)
    export_window(folder)
    return folder


@pytest.fixture
def path(folder: LocalFolder) -> Path:
    """Its path."""
    return Path(folder.location(""))


def shards_of(folder: Folder, *kinds: str, values: Sequence[Sequence[Value]]) -> pd.DataFrame:
    """Shards whose only column has these types and values, as one frame."""
    proofs = [
        export_shard(folder, shard, [(value,) for value in cells], columns=(("it", kind),))
        for shard, kind, cells in zip(SHARDS, kinds, values, strict=False)
    ]
    folder.write_json(TABLE_MANIFEST, TableManifest.of(proofs).as_json())
    return read_export(folder.location(""))


def refusal(path: Any, kind: type[EtlAssetsError], **options: Any) -> str:
    """Why nothing is read, in one line."""
    with pytest.raises(kind) as refused:
        read_export(path, **options)
    assert "\n" not in str(refused.value)
    return str(refused.value)


# What can be named


def test_a_window_is_read_in_the_order_of_its_shards(path: Path) -> None:
    frame = read_export(path)
    assert frame["id"].tolist() == [0, 10, 1, 11, 2, 12]
    assert frame["name"][0] == "name 0"
    assert frame["name"].isna().tolist() == [False, True] * 3
    assert frame.index.tolist() == list(range(6))
    pd.testing.assert_frame_equal(read_export(f"{path}/"), frame)
    pd.testing.assert_frame_equal(read_export(path / TABLE_MANIFEST), frame)
    pd.testing.assert_frame_equal(read_export(path.as_uri()), frame)
    pd.testing.assert_frame_equal(read_export(UPath(path)), frame)


def test_a_path_may_be_relative(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    assert len(read_export(KEY)) == 6
    assert len(read_export(f"{KEY}/{csv_name(SHARDS[1], PLAIN)}")) == 2
    monkeypatch.chdir(path)
    assert len(read_export(csv_name(SHARDS[1], PLAIN))) == 2
    assert len(read_export(".")) == 6


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_one_shard_is_read_by_its_csv_or_its_manifest(tmp_path: Path, compression: Any) -> None:
    csv_format = CsvFormat(compression=compression)
    export_window(LocalFolder(tmp_path), csv_format)
    frame = read_export(tmp_path / csv_name(SHARDS[1], csv_format))
    assert frame["id"].tolist() == [1, 11]
    pd.testing.assert_frame_equal(read_export(tmp_path / manifest_name(SHARDS[1])), frame)


def test_an_object_store_is_read_by_its_url() -> None:
    url = f"memory://{uuid4().hex}/orders/{KEY}"
    export_window(open_folder(url), GZIP)
    frame = read_export(url)
    assert frame["id"].tolist() == [0, 10, 1, 11, 2, 12]
    pd.testing.assert_frame_equal(read_export(f"{url}/"), frame)
    pd.testing.assert_frame_equal(read_export(UPath(url)), frame)
    assert len(read_export(f"{url}/{csv_name(SHARDS[0], GZIP)}")) == 2


def test_a_file_of_a_trial_is_read_alone(tmp_path: Path) -> None:
    export_shard(LocalFolder(tmp_path), SHARDS[0], [(1, "a")], sample=1, source_rows=None)
    assert len(read_export(tmp_path / csv_name(SHARDS[0], PLAIN))) == 1


# What can be chosen


def test_columns_come_in_the_order_that_is_asked_for(path: Path) -> None:
    assert list(read_export(path, columns=["name", "id"]).columns) == ["name", "id"]
    pd.testing.assert_frame_equal(read_export(path, columns=["id"]), read_export(path)[["id"]])
    nothing = read_export(path, columns=[])
    assert (len(nothing), len(nothing.columns)) == (6, 0)


def test_a_column_that_is_not_there_is_named(path: Path) -> None:
    said = refusal(path, UsageError, columns=["id", "colour"])
    assert "expected names out of id, name, got colour" in said
    assert "expected a list of names, got 'id'" in refusal(path, UsageError, columns="id")


def test_decimals_are_numbers_or_the_server_s_text(tmp_path: Path) -> None:
    values: list[Value] = ["1.50", "-0.00", None]
    frame = shards_of(LocalFolder(tmp_path), "decimal(10,2)", values=[values])
    assert frame["it"].tolist() == [Decimal("1.50"), Decimal("-0.00"), None]
    assert [str(value) for value in frame["it"][:2]] == ["1.50", "-0.00"]
    text = read_export(tmp_path, decimals="string")["it"]
    assert text.dtype == "string"
    assert text.tolist() == ["1.50", "-0.00", pd.NA]
    assert "expected 'decimal' or 'string'" in refusal(tmp_path, UsageError, decimals="float")


# Shards that differ


@pytest.mark.parametrize(
    ("kinds", "dtype"),
    [
        (("bigint(20)", "int(11)"), "Int64"),
        (("bigint(20) unsigned", "int(10) unsigned"), "UInt64"),
        (("bigint(20)", "int(10) unsigned"), "Int64"),
        (("float", "double"), "Float64"),
        (("varchar(9)", "date"), "string"),
        (("decimal(10,2)", "decimal(20,4)"), "object"),
        (("blob", "varbinary(3)"), "object"),
    ],
)
def test_types_that_are_alike_stay_what_they_are(
    tmp_path: Path, kinds: tuple[str, str], dtype: str
) -> None:
    values: list[list[Value]] = [[], [None]]
    frame = shards_of(LocalFolder(tmp_path), *kinds, values=values)
    assert frame["it"].dtype == dtype
    assert frame["it"].isna().tolist() == [True]
    assert shards_of(LocalFolder(tmp_path), *kinds, values=[[], []])["it"].dtype == dtype


def test_signed_and_unsigned_integers_that_no_dtype_holds_are_python_s(tmp_path: Path) -> None:
    frame = shards_of(
        LocalFolder(tmp_path),
        "bigint(20)",
        "bigint(20) unsigned",
        values=[["-9223372036854775808", None], ["18446744073709551615"]],
    )
    assert frame["it"].tolist() == [-(2**63), None, 2**64 - 1]
    assert all(isinstance(value, int) for value in frame["it"].dropna())


def test_values_of_mixed_types_are_each_what_their_shard_says(tmp_path: Path) -> None:
    frame = shards_of(
        LocalFolder(tmp_path),
        "bigint(20)",
        "decimal(4,2)",
        "varchar(9)",
        values=[["9007199254740993"], ["0.10"], ["007", ""]],
    )
    assert frame["it"].dtype == "object"
    assert frame["it"].tolist() == [9007199254740993, Decimal("0.10"), "007", ""]


def test_a_column_that_a_shard_lacks_is_null_in_its_rows(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    proofs = [
        export_shard(folder, SHARDS[0], [(1, "a")], columns=(("id", "bigint"), ("a", "text"))),
        export_shard(folder, SHARDS[1], [(2, 7)], columns=(("id", "bigint"), ("b", "bigint"))),
    ]
    folder.write_json(TABLE_MANIFEST, TableManifest.of(proofs).as_json())
    frame = read_export(tmp_path)
    assert frame.dtypes.map(str).to_dict() == {"id": "Int64", "a": "string", "b": "Int64"}
    assert frame["a"].tolist() == ["a", pd.NA]
    assert frame["b"].tolist() == [pd.NA, 7]


# As Arrow's table


def test_a_table_has_the_types_of_its_columns(path: Path, tmp_path: Path) -> None:
    table = read_export(path, as_arrow=True)
    assert table.schema == pa.schema({"id": pa.int64(), "name": pa.large_string()})
    assert table.column("id").to_pylist() == [0, 10, 1, 11, 2, 12]
    assert table.column("name").to_pylist() == ["name 0", None, "name 1", None, "name 2", None]
    assert read_export(path, as_arrow=True, columns=["name"]).column_names == ["name"]
    nothing = read_export(path, as_arrow=True, columns=[])
    assert (nothing.num_rows, nothing.num_columns) == (6, 0)


@pytest.mark.parametrize(
    ("kinds", "values", "kind", "expected"),
    [
        (("bigint", "int unsigned"), ("-1", "7"), pa.int64(), [-1, 7]),
        (
            ("bigint", "bigint unsigned"),
            ("-1", "18446744073709551615"),
            pa.decimal128(20, 0),
            [-1, 2**64 - 1],
        ),
        (
            ("decimal(4,2)", "decimal(9,4) unsigned"),
            ("-1.50", "99999.0001"),
            pa.decimal128(9, 4),
            [Decimal("-1.5"), Decimal("99999.0001")],
        ),
        (
            ("decimal(5,2)", "bigint"),
            ("0.10", "7"),
            pa.decimal128(22, 2),
            [Decimal("0.1"), Decimal(7)],
        ),
        (("decimal(65,0)", "decimal(30,30)"), ("1", "0.1"), pa.large_string(), ["1", "0.1"]),
        (("double", "bigint"), ("0.10", "7"), pa.large_string(), ["0.10", "7"]),
        (("blob", "text"), (b"\xff", "a"), pa.large_string(), ["FF", "a"]),
        (("decimal", "decimal(4)"), ("1.5", None), pa.large_string(), ["1.5", None]),
    ],
)
def test_shards_that_differ_have_a_type_that_holds_all_of_them(
    tmp_path: Path, kinds: tuple[str, str], values: Sequence[Value], kind: Any, expected: list[Any]
) -> None:
    shards_of(LocalFolder(tmp_path), *kinds, values=[[value] for value in values])
    table = read_export(tmp_path, as_arrow=True)
    assert table.schema.field("it").type == kind
    assert table.column("it").to_pylist() == expected


def test_a_column_that_a_shard_lacks_is_null_in_the_table_too(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    proofs = [
        export_shard(folder, SHARDS[0], [(1,)], columns=(("id", "bigint"),)),
        export_shard(
            folder, SHARDS[1], [(2, "1.50")], columns=(("id", "int"), ("b", "decimal(4,2)"))
        ),
    ]
    folder.write_json(TABLE_MANIFEST, TableManifest.of(proofs).as_json())
    assert read_export(tmp_path, as_arrow=True).to_pylist() == [
        {"id": 1, "b": None},
        {"id": 2, "b": Decimal("1.50")},
    ]


# What is refused


def test_a_csv_without_a_manifest_is_unproven(path: Path) -> None:
    (path / manifest_name(SHARDS[0])).unlink()
    said = refusal(path / csv_name(SHARDS[0], PLAIN), CsvError)
    assert said.startswith(f"{path / manifest_name(SHARDS[0])}: the shard is unproven: ")
    assert "got none" in said
    assert "etl-assets verify" in said


def test_an_older_copy_is_not_what_its_manifest_proves(path: Path) -> None:
    older = path / csv_name(SHARDS[0], GZIP)
    older.write_bytes(b"older")
    assert f"{older}: unproven" in refusal(older, CsvError)


def test_the_manifest_of_another_shard_proves_nothing(path: Path) -> None:
    (path / manifest_name(SHARDS[1])).write_bytes((path / manifest_name(SHARDS[0])).read_bytes())
    said = refusal(path / csv_name(SHARDS[1], PLAIN), CsvError)
    assert f"got that of {SHARDS[0]}" in said


def test_a_manifest_cannot_name_a_file_elsewhere(folder: LocalFolder, path: Path) -> None:
    outside = manifest(SHARDS[0], file=f"../{csv_name(SHARDS[0], PLAIN)}")
    folder.write_json(manifest_name(SHARDS[0]), outside.as_json())
    assert "expected the manifest of the shard of its name" in refusal(
        path / manifest_name(SHARDS[0]), CsvError
    )


def test_a_window_that_is_not_complete_is_refused(path: Path) -> None:
    (path / TABLE_MANIFEST).unlink()
    said = refusal(path, IncompleteError)
    assert said.startswith(f"{path / TABLE_MANIFEST}: expected the manifest of a complete window")
    assert "got none; export the window" in said


@pytest.mark.parametrize("text", ["", "{", '{"table": "orders"}'])
def test_a_broken_table_manifest_is_refused(path: Path, text: str) -> None:
    (path / TABLE_MANIFEST).write_text(text)
    assert "got what is none; export the window" in refusal(path, IncompleteError)


def test_a_table_manifest_without_shards_is_refused(folder: LocalFolder, path: Path) -> None:
    folder.write_json(TABLE_MANIFEST, folder.read_json(TABLE_MANIFEST) | {"shards": []})
    assert "got what is none" in refusal(path, IncompleteError)


def test_a_stale_table_manifest_is_refused(folder: LocalFolder, path: Path) -> None:
    export_shard(folder, SHARDS[1], [(1, "later")])
    said = refusal(path, IncompleteError)
    assert said.startswith(f"{path / TABLE_MANIFEST}: stale: ")
    assert manifest_name(SHARDS[1]) in said
    assert said.endswith("run `etl-assets verify`")


def test_a_window_that_lacks_a_manifest_is_refused(path: Path) -> None:
    (path / manifest_name(SHARDS[2])).unlink()
    assert "got none; run `etl-assets verify`" in refusal(path, IncompleteError)


def test_a_missing_csv_is_named(path: Path) -> None:
    (path / csv_name(SHARDS[0], PLAIN)).unlink()
    said = refusal(path, CsvError)
    assert said == (
        f"{path / csv_name(SHARDS[0], PLAIN)}: missing, though its manifest is there; "
        "export it again with --resume"
    )


@pytest.mark.parametrize("name", [csv_name(SHARDS[0], PLAIN), manifest_name(SHARDS[0])])
def test_a_file_that_cannot_be_read_is_named(path: Path, name: str) -> None:
    (path / name).unlink()
    (path / name).mkdir()
    assert refusal(path, StoreError).startswith(f"{path / name}: Is a directory; ")


def test_nothing_at_all_is_no_window(tmp_path: Path) -> None:
    assert "export the window" in refusal(tmp_path / "nowhere", IncompleteError)
    assert "unproven" in refusal(tmp_path / "nowhere.csv", CsvError)


# The package


def test_the_name_is_the_package_s_and_its_import_stays_light() -> None:
    assert etl_assets.__all__ == ["read_export"]
    assert "read_export" in dir(etl_assets)
    with pytest.raises(AttributeError, match="no attribute 'write_export'"):
        etl_assets.write_export  # type: ignore[attr-defined]  # noqa: B018
    code = (
        "import sys, etl_assets; assert 'pandas' not in sys.modules; "
        "from etl_assets import read_export; assert 'pandas' in sys.modules; "
        "assert 'dagster' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_example_of_the_docs_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section = DOCS.split("## Into a DataFrame\n")[1].split("\n## ")[0]
    example, *_ = re.findall(r"^```python\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    folder = LocalFolder(tmp_path / "exports" / "orders" / "2026-11-02")
    shard = Shard("orders", "demo", "shop_00", "orders_00")
    columns = (("id", "bigint"), ("price", "decimal(10,2)"), ("coupon", "varchar(9)"))
    records = [(2026110100963, "498.31", ""), (2026110100971, "350.19", "0042")]
    proof = export_shard(folder, shard, records, columns=columns, partition="2026-11-02")
    folder.write_json(TABLE_MANIFEST, TableManifest.of([proof]).as_json())
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(example, "docs/types.md", "exec"), names)
    assert names["orders"]["coupon"].tolist() == ["", "0042"]
    assert list(names["prices"].columns) == ["id", "price"]
    assert names["prices"]["price"].tolist() == ["498.31", "350.19"]
