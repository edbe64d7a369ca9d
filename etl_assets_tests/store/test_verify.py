"""Verification: nothing where all is right, one line for whatever is not."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from etl_assets.csv_format import CsvFormat
from etl_assets.errors import StoreError
from etl_assets.store.complete import complete_window
from etl_assets.store.files import LocalFolder, open_folder
from etl_assets.store.manifest import TABLE_MANIFEST, csv_name, manifest_name
from etl_assets.store.verify import verify_window
from etl_assets_tests.store.exported import KEY, PLAIN, SHARDS, export_shard, export_window

FILES = [csv_name(shard, PLAIN) for shard in SHARDS]
PROOFS = [manifest_name(shard) for shard in SHARDS]


@pytest.fixture
def window(tmp_path: Path) -> Path:
    """The folder of a window that is complete."""
    export_window(LocalFolder(tmp_path))
    return tmp_path


def findings(window: Path) -> list[str]:
    """What is found, each in one line."""
    found = list(verify_window(LocalFolder(window), KEY, SHARDS))
    assert all("\n" not in line and line.startswith(f"{window}/") for line in found)
    return found


def the_finding(window: Path) -> str:
    """The only one."""
    (found,) = findings(window)
    return found


def change(path: Path, **facts: Any) -> None:
    """Change facts of a manifest."""
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


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
    assert findings(tmp_path) == []


def test_nothing_is_found_on_an_object_store() -> None:
    folder = open_folder("memory://verified", "orders", KEY)
    export_window(folder)
    assert list(verify_window(folder, KEY, SHARDS)) == []
    folder.remove(FILES[1])
    (found,) = verify_window(folder, KEY, SHARDS)
    assert found.startswith(f"memory://verified/orders/{KEY}/{FILES[1]}: missing")


def test_empty_tables_are_right(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    for shard in SHARDS:
        export_shard(folder, shard, [])
    folder.write_json(TABLE_MANIFEST, complete_window(folder, KEY, SHARDS).as_json())
    assert findings(tmp_path) == []


def test_every_flipped_bit_is_found(window: Path) -> None:
    path = window / FILES[1]
    right = path.read_bytes()
    for position in range(len(right)):
        path.write_bytes(right[:position] + bytes([right[position] ^ 1]) + right[position + 1 :])
        found = findings(window)
        assert found, position
        assert all(line.startswith(f"{path}: ") for line in found)


def test_a_flipped_letter_is_found_by_the_hash(window: Path) -> None:
    path = window / FILES[0]
    path.write_bytes(path.read_bytes().replace(b"name 0", b"name 8"))
    assert the_finding(window).startswith(f"{path}: wanted SHA-256 ")


def test_a_missing_record_is_found(window: Path) -> None:
    path = window / FILES[0]
    path.write_bytes(path.read_bytes().replace(b"10,\n", b""))
    found = findings(window)
    assert f"{path}: wanted 2 records, found 1" in found
    assert f"{path}: wanted 21 bytes, found 17" in found


def test_a_file_cut_inside_a_record_is_found(window: Path) -> None:
    path = window / FILES[0]
    path.write_bytes(path.read_bytes()[:-1])
    assert "wanted a whole record of 2 fields" in the_finding(window)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_compressed_file_cut_short_is_found(tmp_path: Path, compression: Any) -> None:
    csv_format = CsvFormat(compression=compression)
    export_window(LocalFolder(tmp_path), csv_format)
    path = tmp_path / csv_name(SHARDS[0], csv_format)
    path.write_bytes(path.read_bytes()[:-3])
    assert the_finding(tmp_path) == f"{path}: the {compression} stream ends early"


def test_a_file_that_is_not_compressed_as_its_name_says_is_found(tmp_path: Path) -> None:
    csv_format = CsvFormat(compression="gzip")
    export_window(LocalFolder(tmp_path), csv_format)
    path = tmp_path / csv_name(SHARDS[0], csv_format)
    path.write_bytes(gzip.decompress(path.read_bytes()))
    assert the_finding(tmp_path).startswith(f"{path}: ")


def test_an_emptied_file_is_found(window: Path) -> None:
    path = window / FILES[0]
    path.write_bytes(b"")
    found = findings(window)
    assert f"{path}: its header is not that of its manifest: b''" in found
    assert f"{path}: wanted 21 bytes, found 0" in found


def test_another_header_is_found(window: Path) -> None:
    path = window / FILES[0]
    path.write_bytes(path.read_bytes().replace(b"id,name", b"name,id"))
    assert f"{path}: its header is not that of its manifest: b'name,id\\n'" in findings(window)


def test_files_that_were_swapped_are_found(window: Path) -> None:
    first, second = window / FILES[0], window / FILES[1]
    first.rename(window / "kept")
    second.rename(first)
    (window / "kept").rename(second)
    found = findings(window)
    assert [line.split(": wanted SHA-256")[0] for line in found] == [str(first), str(second)]


def test_the_manifest_of_another_window_is_found(window: Path) -> None:
    change(window / PROOFS[1], partition="2026-10-31")
    found = findings(window)
    assert found[0].startswith(f"{window / PROOFS[1]}: wanted the manifest of ")
    assert found[0].endswith(f"for {KEY}, found that of {SHARDS[1]} for 2026-10-31")


def test_the_manifest_of_another_shard_is_found(window: Path) -> None:
    shutil.copy(window / PROOFS[0], window / PROOFS[1])
    assert f"found that of {SHARDS[0]} for {KEY}" in findings(window)[0]


def test_a_manifest_that_names_another_file_is_found(window: Path) -> None:
    change(window / PROOFS[1], file=f"../{FILES[1]}")
    assert findings(window)[0] == (
        f"{window / PROOFS[1]}: wanted it to name {FILES[1]}, found '../{FILES[1]}'"
    )


def test_a_folder_that_was_copied_from_another_window_is_found(window: Path) -> None:
    found = list(verify_window(LocalFolder(window), "2026-11-02", SHARDS))
    assert len(found) == len(SHARDS)
    assert all("for 2026-11-02, found that of" in line for line in found)


def test_a_stale_table_manifest_is_found(window: Path) -> None:
    export_shard(LocalFolder(window), SHARDS[0], [(1, "later")])
    assert the_finding(window).startswith(f"{window / TABLE_MANIFEST}: stale")


def test_a_table_manifest_of_fewer_shards_is_found(window: Path) -> None:
    folder = LocalFolder(window)
    folder.write_json(TABLE_MANIFEST, complete_window(folder, KEY, SHARDS[:2]).as_json())
    assert the_finding(window).startswith(f"{window / TABLE_MANIFEST}: stale")


def test_a_missing_table_manifest_is_found(window: Path) -> None:
    (window / TABLE_MANIFEST).unlink()
    assert the_finding(window).startswith(f"{window / TABLE_MANIFEST}: missing")


def test_a_broken_table_manifest_is_found(window: Path) -> None:
    (window / TABLE_MANIFEST).write_text('{"table": ')
    assert "is not a logical table's manifest" in the_finding(window)


@pytest.mark.parametrize("name", ["notes.txt", "shop-a.shop_00.orders_99.csv", ".hidden"])
def test_a_file_of_no_shard_is_found(window: Path, name: str) -> None:
    (window / name).write_text("")
    assert the_finding(window).startswith(f"{window / name}: belongs to no shard")


def test_a_missing_shard_is_found(window: Path) -> None:
    (window / FILES[2]).unlink()
    (window / PROOFS[2]).unlink()
    found = findings(window)
    assert found[0].startswith(f"{window / PROOFS[2]}: missing, and so is its CSV")
    assert found[1].startswith(f"{window / TABLE_MANIFEST}: stale")


def test_a_csv_without_its_manifest_is_whole_but_unproven(window: Path) -> None:
    (window / PROOFS[0]).unlink()
    (window / TABLE_MANIFEST).unlink()
    found = findings(window)
    assert found[0].startswith(f"{window / FILES[0]}: whole but unproven")
    assert found[1].startswith(f"{window / TABLE_MANIFEST}: missing")


def test_a_manifest_without_its_csv_is_found(window: Path) -> None:
    (window / FILES[0]).unlink()
    assert the_finding(window).startswith(f"{window / FILES[0]}: missing, though its manifest")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"table": "orders"}'])
def test_a_broken_manifest_is_found(window: Path, text: str) -> None:
    (window / PROOFS[0]).write_text(text)
    assert findings(window)[0].startswith(f"{window / PROOFS[0]}: is not a shard's manifest")


def test_an_older_compressed_copy_is_found(window: Path) -> None:
    older = window / f"{FILES[0]}.gz"
    older.write_bytes(gzip.compress((window / FILES[0]).read_bytes()))
    assert the_finding(window) == f"{older}: an older copy beside {FILES[0]}; remove it"


def test_a_count_of_the_server_that_differs_is_found(window: Path) -> None:
    change(window / PROOFS[0], source_rows=3)
    assert f"{window / FILES[0]}: the server counted 3 rows, found 2" in findings(window)


def test_a_folder_in_place_of_a_file_is_found(window: Path) -> None:
    (window / FILES[0]).unlink()
    (window / FILES[0]).mkdir()
    assert "Is a directory" in the_finding(window)


def test_a_window_that_was_never_exported_is_found(tmp_path: Path) -> None:
    assert len(findings(tmp_path / "missing")) == len(SHARDS) + 1


def test_a_temporary_file_is_no_finding(window: Path) -> None:
    with LocalFolder(window).stage(FILES[0]):
        assert findings(window) == []


def test_a_file_in_place_of_the_window_is_an_error_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "window").write_text("")
    with pytest.raises(StoreError, match="Not a directory"):
        findings(tmp_path / "window")
