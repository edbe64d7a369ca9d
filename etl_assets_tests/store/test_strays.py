"""What earlier settings left is removed, and nothing that anybody else put there."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from etl_assets.csv_format import CsvFormat
from etl_assets.errors import StoreError
from etl_assets.store.complete import complete_window
from etl_assets.store.files import Folder, LocalFolder, open_folder
from etl_assets.store.manifest import TABLE_MANIFEST, TableManifest, csv_name, manifest_name
from etl_assets.store.strays import remove_older_copies, remove_strays
from etl_assets.topology import Shard
from etl_assets_tests.store.exported import KEY, PLAIN, SHARDS, export_shard, export_window

GONE = Shard("orders", "shop-a", "shop_00", "orders_99")
GZIP = CsvFormat(compression="gzip")


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    """A window that is complete."""
    folder = LocalFolder(tmp_path)
    export_window(folder)
    return folder


def complete(folder: Folder) -> TableManifest:
    """What the window is without its strays."""
    return complete_window(folder, KEY, SHARDS)


def test_the_files_of_a_shard_that_is_gone_are_removed(folder: LocalFolder) -> None:
    before = folder.names()
    export_shard(folder, GONE, [(1, "a")], GZIP)
    removed = remove_strays(folder, complete(folder))
    assert removed == [csv_name(GONE, GZIP), manifest_name(GONE)]
    assert folder.names() == before
    assert remove_strays(folder, complete(folder)) == []


def test_every_copy_of_a_shard_that_is_gone_is_removed(folder: LocalFolder) -> None:
    before = folder.names()
    for compression in ("none", "gzip", "zstd"):
        export_shard(folder, GONE, [(1, "a")], CsvFormat(compression=compression))
    remove_strays(folder, complete(folder))
    assert folder.names() == before


def test_strays_on_an_object_store_are_removed() -> None:
    folder = open_folder("memory://strays", "orders", KEY)
    export_window(folder)
    before = folder.names()
    export_shard(folder, GONE, [(1, "a")])
    remove_strays(folder, complete(folder))
    assert folder.names() == before


def test_older_copies_of_the_window_s_own_shards_are_removed(folder: LocalFolder) -> None:
    before = folder.names()
    for shard in SHARDS:
        folder.write_json(csv_name(shard, GZIP), "older")
    remove_strays(folder, complete(folder))
    assert folder.names() == before


def test_a_shard_loses_only_its_own_older_copies(folder: LocalFolder) -> None:
    for shard in SHARDS[:2]:
        folder.write_json(csv_name(shard, GZIP), "older")
    remove_older_copies(folder, complete(folder).shards[0])
    assert csv_name(SHARDS[0], GZIP) not in folder.names()
    assert {csv_name(SHARDS[0], PLAIN), csv_name(SHARDS[1], GZIP)} <= set(folder.names())


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
            remove_strays(folder, complete(folder))
    assert folder.names() != before
    remove_strays(folder, complete(folder))
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
    assert remove_strays(folder, complete(folder)) == []
    assert folder.names() == before
    assert TABLE_MANIFEST in before
