"""What earlier settings left is removed, and nothing that anybody else put there."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from etl_assets.csv_format import CsvFormat
from etl_assets.errors import IncompleteError, StoreError
from etl_assets.store.complete import complete_window
from etl_assets.store.leftovers import (
    refuse_other_shards,
    remove_gone,
    replaced_files,
    replaced_merged,
)
from etl_assets.store.local import LocalFolder
from etl_assets.store.manifest import TABLE_MANIFEST, csv_name, manifest_name
from etl_assets.store.ongoing import ExportRun, begin_export
from etl_assets.store.open_folder import open_folder
from etl_assets.store.verify import verify_window
from etl_assets.tables.topology import Shard
from etl_assets_tests.support.exported import (
    BEGAN,
    KEY,
    PLAIN,
    REQUEST,
    SHARDS,
    export_shard,
    export_window,
)

GONE = Shard("orders", "shop-a", "shop_00", "orders_99")
GZIP = CsvFormat(compression="gzip")


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    """A window that is complete."""
    folder = LocalFolder(tmp_path)
    export_window(folder)
    return folder


def test_the_files_of_a_shard_that_is_gone_are_removed(folder: LocalFolder) -> None:
    before = folder.names()
    export_shard(folder, GONE, [(1, "a")], GZIP)
    removed = remove_gone(folder, KEY, SHARDS)
    assert removed == [csv_name(GONE, GZIP), manifest_name(GONE)]
    assert folder.names() == before
    assert remove_gone(folder, KEY, SHARDS) == []


def test_a_folder_of_other_shards_is_refused(folder: LocalFolder) -> None:
    refuse_other_shards(folder, KEY, SHARDS, "again")
    with pytest.raises(IncompleteError, match=r"does not have: shop-a.*orders_02; .* again rem"):
        refuse_other_shards(folder, KEY, SHARDS[:2], "again")
    for shard in SHARDS:
        folder.remove(manifest_name(shard))
    # Its `_manifest.json` alone says so too.
    with pytest.raises(IncompleteError, match=r"orders_02; where these are gone for good"):
        refuse_other_shards(folder, KEY, SHARDS[:2], "again")
    # Of another window it says nothing of this one.
    refuse_other_shards(folder, "2026-11-05", SHARDS[:2], "again")


def test_strays_on_an_object_store_are_removed() -> None:
    folder = open_folder("memory://leftovers", "orders", KEY)
    export_window(folder)
    before = folder.names()
    export_shard(folder, GONE, [(1, "a")])
    remove_gone(folder, KEY, SHARDS)
    assert folder.names() == before


@pytest.mark.parametrize(
    "name",
    ["orders.csv", "orders.csv.gz", ".download.part", csv_name(SHARDS[0], GZIP),
     f"{SHARDS[0].file_stem}.part-7.csv", csv_name(GONE, PLAIN)],
)  # fmt: skip
def test_what_a_person_put_there_stays_and_is_named(folder: LocalFolder, name: str) -> None:
    path = Path(folder.location(name))
    path.write_text("mine")
    newer = export_shard(folder, SHARDS[0], [(1, "a")])
    older = newer.model_copy(update={"run_id": "older"})
    assert replaced_files(folder, older, newer) == []
    assert remove_gone(folder, KEY, SHARDS) == []
    assert folder.sweep() == []
    complete = complete_window(folder, REQUEST)
    assert replaced_merged(folder, complete) == []
    folder.write_json(TABLE_MANIFEST, complete.as_json())
    (finding,) = verify_window(folder, REQUEST)
    assert finding.startswith(f"{path}: ")
    assert finding.endswith("move it to another folder or remove it")


def test_a_file_that_is_not_as_its_manifest_says_is_not_removed(folder: LocalFolder) -> None:
    older = export_shard(folder, SHARDS[0], [(1, "a")], GZIP)
    newer = export_shard(folder, SHARDS[0], [(1, "a")])
    assert replaced_files(folder, older, newer) == [csv_name(SHARDS[0], GZIP)]
    Path(folder.location(csv_name(SHARDS[0], GZIP))).write_text("mine")
    assert replaced_files(folder, older, newer) == []


def test_the_file_of_all_shards_is_known_by_a_record_of_it(folder: LocalFolder) -> None:
    Path(folder.location("orders.csv.gz")).write_text("ours")
    merged = {"file": "orders.csv.gz", "rows": 6, "bytes": 4, "sha256": "00"}
    complete = complete_window(folder, REQUEST)
    assert replaced_merged(folder, complete) == []
    folder.write_json(TABLE_MANIFEST, complete.as_json() | {"merged": merged})
    assert replaced_merged(folder, complete) == ["orders.csv.gz"]
    begin_export(folder, KEY, "orders", ExportRun("later", BEGAN, None))
    assert folder.size(TABLE_MANIFEST) is None
    assert replaced_merged(folder, complete) == ["orders.csv.gz"]


def test_a_removal_that_is_cut_short_is_finished_the_next_time(
    folder: LocalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = folder.names()
    export_shard(folder, GONE, [(1, "a")])
    remove = folder.remove

    def once(name: str) -> None:
        remove(name)
        raise StoreError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(folder, "remove", once)
        with pytest.raises(StoreError):
            remove_gone(folder, KEY, SHARDS)
    assert folder.names() != before
    remove_gone(folder, KEY, SHARDS)
    assert folder.names() == before


def copied(path: Path, name: str, **facts: object) -> None:
    """The manifest of a shard that is gone, with facts changed, and a CSV beside it."""
    export_shard(LocalFolder(path), GONE, [(1, "a")])
    written = path / manifest_name(GONE)
    text = json.dumps(json.loads(written.read_text()) | facts)
    written.unlink()
    (path / name).write_text(text)


PROOF = manifest_name(GONE)
FOREIGN: dict[str, Callable[[Path], object]] = {
    "a CSV without a manifest": lambda path: (path / csv_name(GONE, PLAIN)).write_text("id\n"),
    "a file of another program": lambda path: (path / "notes.txt").write_text("x"),
    "other JSON": lambda path: (path / PROOF).write_text('{"table": "orders"}'),
    "no JSON": lambda path: (path / PROOF).write_text("{"),
    "a folder": lambda path: (path / PROOF).mkdir(),
    "the manifest of another window": lambda path: copied(path, PROOF, partition="2026-10-31"),
    "the manifest of another table": lambda path: copied(path, PROOF, table="users"),
    "the manifest of a trial": lambda path: copied(path, PROOF, sample=3),
    "a manifest under another name": lambda path: copied(path, "copy.json"),
    "a manifest of a shard, copied": lambda path: copied(
        path, "copy.json", shard_table=SHARDS[0].shard_table
    ),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_not_proven_to_be_of_this_window_stays(
    folder: LocalFolder, tmp_path: Path, name: str
) -> None:
    FOREIGN[name](tmp_path)
    before = folder.names()
    refuse_other_shards(folder, KEY, SHARDS, "again")
    assert remove_gone(folder, KEY, SHARDS) == []
    assert folder.names() == before
    assert TABLE_MANIFEST in before
