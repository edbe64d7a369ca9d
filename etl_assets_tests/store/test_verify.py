"""Verification: nothing where all is right, one line for whatever is not."""

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from etl_assets import read_export
from etl_assets.csv_format import CsvFormat
from etl_assets.errors import CsvError, StoreError
from etl_assets.store import folder
from etl_assets.store.complete import complete_window, unproven_shards
from etl_assets.store.local import LocalFolder
from etl_assets.store.manifest import TABLE_MANIFEST, csv_name, manifest_name
from etl_assets.store.open_folder import open_folder
from etl_assets.store.verify import verify_window
from etl_assets_tests.support.exported import (
    COLUMNS,
    KEY,
    PLAIN,
    REQUEST,
    SHARDS,
    export_shard,
    export_window,
    window_request,
)

MOVE = "move it to another folder or remove it"

FILES = [csv_name(shard, PLAIN) for shard in SHARDS]
PROOFS = [manifest_name(shard) for shard in SHARDS]


@pytest.fixture
def window(tmp_path: Path) -> Path:
    """The folder of a window that is complete."""
    export_window(LocalFolder(tmp_path))
    return tmp_path


def findings(window: Path, csv_format: CsvFormat = PLAIN) -> list[str]:
    """What is found, each in one line."""
    found = list(verify_window(LocalFolder(window), window_request(csv_format)))
    assert all("\n" not in line and line.startswith(f"{window}") for line in found)
    return found


def the_finding(window: Path, csv_format: CsvFormat = PLAIN) -> str:
    """The only one."""
    (found,) = findings(window, csv_format)
    return found


@pytest.mark.parametrize(
    "csv_format",
    [
        CsvFormat(),
        CsvFormat(header=False, null="\\N", delimiter="\t", quoting="all"),
        CsvFormat(compression="gzip"),
        CsvFormat(compression="zstd"),
    ],
)
def test_nothing_is_found_where_all_is_right(tmp_path: Path, csv_format: CsvFormat) -> None:
    export_window(LocalFolder(tmp_path), csv_format)
    assert findings(tmp_path, csv_format) == []


def test_nothing_is_found_on_an_object_store() -> None:
    folder = open_folder("memory://verified", "orders", KEY)
    export_window(folder)
    assert list(verify_window(folder, REQUEST)) == []
    folder.remove(FILES[1])
    (found,) = verify_window(folder, REQUEST)
    assert found.startswith(f"memory://verified/orders/{KEY}/{FILES[1]}: missing")


def test_empty_tables_are_right(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    for shard in SHARDS:
        export_shard(folder, shard, [])
    folder.write_json(TABLE_MANIFEST, complete_window(folder, REQUEST).as_json())
    assert findings(tmp_path) == []


def test_every_flipped_bit_is_found(window: Path) -> None:
    path = window / FILES[1]
    right = path.read_bytes()
    for position in range(len(right)):
        path.write_bytes(right[:position] + bytes([right[position] ^ 1]) + right[position + 1 :])
        found = findings(window)
        assert found, position
        assert all(line.startswith(f"{path}: ") for line in found)


def test_a_file_that_is_not_compressed_as_its_name_says_is_found(tmp_path: Path) -> None:
    csv_format = CsvFormat(compression="gzip")
    export_window(LocalFolder(tmp_path), csv_format)
    path = tmp_path / csv_name(SHARDS[0], csv_format)
    path.write_bytes(gzip.decompress(path.read_bytes()))
    assert the_finding(tmp_path, csv_format).startswith(f"{path}: ")


def test_a_file_is_read_to_its_end_wherever_its_records_break_off(
    window: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "READ_BYTES", 4)
    path = window / FILES[0]
    path.write_bytes(path.read_bytes().replace(b"id,name", b"id\rname"))
    # Of its manifest's size, so that --resume would keep it.
    assert the_finding(window).endswith("; export the window again, without --resume")


def test_a_folder_that_was_copied_from_another_window_is_found(window: Path) -> None:
    found = list(verify_window(LocalFolder(window), replace(REQUEST, partition="2026-11-02")))
    assert len(found) == len(SHARDS) + 1
    assert all("for 2026-11-02, got that of" in line for line in found[:-1])
    assert "_manifest.json: stale" in found[-1]


@pytest.mark.parametrize("name", ["notes.txt", "shop-a.shop_00.orders_99.csv", ".hidden"])
def test_a_file_of_no_shard_is_found(window: Path, name: str) -> None:
    (window / name).write_text("")
    assert the_finding(window).startswith(f"{window / name}: belongs to no shard")


def test_a_copy_of_another_compression_is_found(window: Path) -> None:
    older = window / f"{FILES[0]}.gz"
    older.write_bytes(gzip.compress((window / FILES[0]).read_bytes()))
    assert the_finding(window) == f"{older}: beside {FILES[0]}, and no manifest names it; {MOVE}"


def test_a_folder_in_place_of_a_file_is_found(window: Path) -> None:
    (window / FILES[0]).unlink()
    (window / FILES[0]).mkdir()
    assert "Is a directory" in the_finding(window)


def test_a_manifest_of_another_version_proves_nothing_and_its_shard_is_exported_again(
    window: Path,
) -> None:
    folder = LocalFolder(window)
    facts = folder.read_json(PROOFS[0])
    part = {name: facts[name] for name in ("rows", "bytes", "sha256")}
    parts = [{"file": f"{SHARDS[0].file_stem}.part-1.csv", **part}]
    folder.write_json(PROOFS[0], facts | {"file": None, "sha256": None, "parts": parts})
    proof, table = findings(window)
    assert proof.startswith(f"{window / PROOFS[0]}: is not a shard's manifest: file: ")
    assert proof.endswith("as another version may have written it; export the window with --resume")
    assert table.endswith(f"{PROOFS[0]} proves nothing; export the window with --resume")
    assert unproven_shards(folder, REQUEST) == [SHARDS[0]]
    with pytest.raises(CsvError, match="got what is no shard's manifest"):
        read_export(window / FILES[0])
    export_window(folder)
    assert findings(window) == []


def test_a_window_that_was_never_exported_is_found(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert findings(missing) == [f"{missing}: nothing was exported; export the window"]


def test_a_temporary_file_is_no_finding(window: Path) -> None:
    with LocalFolder(window).stage(FILES[0]):
        assert findings(window) == []


def test_a_file_in_place_of_the_window_is_an_error_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "window").write_text("")
    with pytest.raises(StoreError, match="Not a directory"):
        findings(tmp_path / "window")


def test_a_window_of_united_columns_is_none_where_they_have_to_be_the_same(window: Path) -> None:
    folder = LocalFolder(window)
    export_shard(folder, SHARDS[2], [(1, "a")], columns=(COLUMNS[0], ("name", "varchar(60)")))
    united = window_request(on_drift="union")
    folder.write_json(TABLE_MANIFEST, complete_window(folder, united).as_json())
    assert list(verify_window(folder, united)) == []
    (finding,) = verify_window(folder, REQUEST)
    assert "orders: the columns of its shards differ" in finding
