"""Charter: whoever commits beside whom, each file fits the manifest that is there."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from etl_assets.defs.io_managers import CsvIOManager
from etl_assets.errors import IncompleteError
from etl_assets.shard_export import StagedShard
from etl_assets.store.complete import StagedWindow, complete_window, reset_window
from etl_assets.store.files import LocalFolder
from etl_assets.store.manifest import TABLE_MANIFEST, csv_name, manifest_name
from etl_assets.store.verify import verify_window
from etl_assets.store.writer import write_records
from etl_assets_tests.store.exported import COLUMNS, KEY, PLAIN, SHARDS, block, manifest

LOG: Any = dg.get_dagster_logger()


@pytest.fixture
def csv(tmp_path: Path) -> CsvIOManager:
    """The IO manager of an output folder."""
    return CsvIOManager(directory=str(tmp_path))


@pytest.fixture
def folder(csv: CsvIOManager) -> LocalFolder:
    """The folder of the window."""
    folder = csv.folder("orders", KEY)
    assert isinstance(folder, LocalFolder)
    return folder


def staged(folder: LocalFolder, shard_number: int, value: int) -> StagedShard:
    """A shard's file with one row, which has as many bytes whatever the value is."""
    shard = SHARDS[shard_number]
    file = folder.stage(csv_name(shard, PLAIN))
    names = [name for name, _ in COLUMNS]
    blocks = [block(PLAIN, [(value, f"{value:09}")])]
    written = write_records(file, PLAIN, names, blocks, lambda rows, size: None)
    proof = manifest(shard, rows=1, source_rows=1, bytes=written.bytes, sha256=written.sha256)
    return StagedShard((file,), proof, written.first)


def at_once(works: list[Callable[[], object]]) -> None:
    """Work at the same time, to the end of all."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


@contextmanager
def slowly(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Manifests are written a moment after their files got their names."""
    write_json = LocalFolder.write_json

    def late(folder: LocalFolder, name: str, value: object) -> None:
        time.sleep(0.02)
        write_json(folder, name, value)

    with monkeypatch.context() as patched:
        patched.setattr(LocalFolder, "write_json", late)
        yield


def test_two_commits_of_one_shard_end_with_a_file_and_its_own_manifest(
    csv: CsvIOManager, folder: LocalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, len(SHARDS)):
        csv.commit_shard(staged(folder, number, 1))
    with slowly(monkeypatch):
        for _ in range(5):
            shards = [staged(folder, 0, value) for value in range(1, 5)]
            at_once([partial(csv.commit_shard, shard) for shard in shards])
            folder.write_json(TABLE_MANIFEST, complete_window(folder, KEY, SHARDS).as_json())
            assert list(verify_window(folder, KEY, SHARDS)) == []


@pytest.mark.parametrize(("hours", "kept"), [(1, True), (-1, False), (24 * 365 * 50, False)])
def test_an_older_export_that_comes_late_does_not_replace_a_newer_one(
    csv: CsvIOManager, folder: LocalFolder, hours: int, kept: bool
) -> None:
    one, other = staged(folder, 0, 1), staged(folder, 0, 2)
    began = one.manifest.started_at + timedelta(hours=hours)
    other = replace(other, manifest=other.manifest.model_copy(update={"started_at": began}))
    csv.commit_shard(other)
    with one:
        done = csv.commit_shard(one)
    assert done.manifest.sha256 == (other if kept else one).manifest.sha256
    (record,) = done.manifest.files
    stored = Path(folder.location(record.file)).read_bytes()
    assert hashlib.sha256(stored).hexdigest() == record.sha256
    assert folder.names() == [record.file, manifest_name(SHARDS[0])]


@pytest.mark.parametrize("other", ["commits", "begins"])
def test_a_window_is_not_proven_with_shards_that_another_run_has_replaced(
    csv: CsvIOManager, folder: LocalFolder, other: str
) -> None:
    for number in range(len(SHARDS)):
        csv.commit_shard(staged(folder, number, 1))
    window = StagedWindow(complete_window(folder, KEY, SHARDS), None)
    if other == "commits":
        csv.commit_shard(staged(folder, 1, 2))
    else:
        reset_window(folder, SHARDS[1:2])
    with pytest.raises(IncompleteError, match=r"orders_01 exported by another run meanwhile"):
        csv.commit_window(window, LOG)
    assert folder.size(TABLE_MANIFEST) is None


def test_a_folder_that_cannot_be_locked_is_written_all_the_same(
    csv: CsvIOManager, folder: LocalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalFolder, "_locked", lambda folder, held: False)
    csv.commit_shard(staged(folder, 0, 1))
    assert folder.names() == [csv_name(SHARDS[0], PLAIN), manifest_name(SHARDS[0])]


def test_nobody_waits_for_one_who_is_gone(folder: LocalFolder) -> None:
    with pytest.raises(KeyboardInterrupt), folder.exclusively():
        raise KeyboardInterrupt
    folder.stage("x").discard()
    began = time.monotonic()
    for _ in range(2):
        with folder.exclusively() as is_alone:
            assert is_alone
    assert time.monotonic() - began < 1
