"""Charter: whoever commits beside whom, each file fits the manifest that is there."""

import contextlib
import hashlib
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from etl_assets.csv_format import CsvFormat
from etl_assets.errors import IncompleteError, ShardError, StoreError
from etl_assets.store.commit import StagedShard, commit_shard, commit_window, keep_shard
from etl_assets.store.complete import (
    StagedWindow,
    complete_window,
    is_complete,
    stage_window,
    unproven_shards,
)
from etl_assets.store.local import LocalFolder, _LocalStagedFile
from etl_assets.store.manifest import (
    EXPORT_RECORD,
    TABLE_MANIFEST,
    ShardManifest,
    TableManifest,
    csv_name,
    manifest_name,
)
from etl_assets.store.ongoing import ExportRun, forget_export
from etl_assets.store.verify import verify_window
from etl_assets.store.writer import write_records
from etl_assets.tables.topology import Shard
from etl_assets_tests.support.exported import (
    BEGAN,
    COLUMNS,
    KEY,
    PLAIN,
    QUERY,
    REQUEST,
    SHARDS,
    block,
    export_shard,
    manifest,
    window_request,
)

HOUR = timedelta(hours=1)
GZIP = CsvFormat(compression="gzip")


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    """The folder of the window."""
    return LocalFolder(tmp_path / "orders" / KEY)


def staged(folder: LocalFolder, shard_number: int, value: int, **facts: Any) -> StagedShard:
    """A shard's file with one row, which has as many bytes whatever the value is."""
    shard = SHARDS[shard_number]
    file = folder.stage(csv_name(shard, PLAIN))
    names = [name for name, _ in COLUMNS]
    blocks = [block(PLAIN, [(value, f"{value:09}")])]
    written = write_records(file, PLAIN, names, blocks, lambda rows, size: None)
    facts = {"rows": 1, "source_rows": 1, "bytes": written.bytes} | facts
    proof = manifest(shard, sha256=written.sha256, **facts)
    return StagedShard(file, proof, written.first)


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
    folder: LocalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, len(SHARDS)):
        commit_shard(folder, staged(folder, number, 1))
    with slowly(monkeypatch):
        for _ in range(5):
            shards = [staged(folder, 0, value) for value in range(1, 5)]
            at_once([partial(commit_shard, folder, shard) for shard in shards])
            folder.write_json(TABLE_MANIFEST, complete_window(folder, REQUEST).as_json())
            assert list(verify_window(folder, REQUEST)) == []


def test_each_step_of_a_commit_is_durable_before_the_next_and_no_more_is_waited_for(
    folder: LocalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a word of the disk's in between, a power cut may keep any of some changes alone."""
    commit_shard(folder, staged(folder, 1, 1))
    first, second = staged(folder, 0, 1), staged(folder, 0, 2)
    done: list[str] = []

    def noted(name: str, said: Callable[..., str]) -> None:
        change = getattr(os, name)

        def changed(*args: Any) -> Any:
            done.append(said(*args))
            return change(*args)

        monkeypatch.setattr(os, name, changed)

    def kind(path: Any, *_: Any) -> str:
        return "csv" if ".csv" in str(path) else "proof"

    noted("unlink", lambda path: f"no {kind(path)}")
    noted("rename", lambda path, _: f"{kind(path)} there")
    noted("fsync", lambda file: "folder" if stat.S_ISDIR(os.fstat(file).st_mode) else "file")
    new = ["file", "csv there", "folder", "file", "proof there", "folder"]
    commit_shard(folder, first)
    assert done == new
    done.clear()
    commit_shard(folder, second)
    assert done == ["file", "no proof", "folder", *new[1:]]


@pytest.mark.parametrize(("hours", "kept"), [(1, True), (-1, False), (24 * 365 * 50, False)])
def test_an_older_export_that_comes_late_does_not_replace_a_newer_one(
    folder: LocalFolder, hours: int, kept: bool
) -> None:
    one, other = staged(folder, 0, 1), staged(folder, 0, 2)
    began = one.manifest.started_at + timedelta(hours=hours)
    other = replace(other, manifest=other.manifest.model_copy(update={"started_at": began}))
    commit_shard(folder, other)
    with one:
        done = commit_shard(folder, one)
    assert done.manifest.sha256 == (other if kept else one).manifest.sha256
    stored = Path(folder.location(done.manifest.file)).read_bytes()
    assert hashlib.sha256(stored).hexdigest() == done.manifest.sha256
    assert folder.names() == [EXPORT_RECORD, done.manifest.file, manifest_name(SHARDS[0])]


def test_a_window_is_not_proven_with_shards_that_another_run_has_replaced(
    folder: LocalFolder,
) -> None:
    for number in range(len(SHARDS)):
        commit_shard(folder, staged(folder, number, 1))
    window = StagedWindow(complete_window(folder, REQUEST), None)
    commit_shard(folder, staged(folder, 1, 2))
    with pytest.raises(IncompleteError, match=r"orders_01 exported by another run meanwhile"):
        commit_window(folder, window, shards_gone=False)
    assert folder.size(TABLE_MANIFEST) is None


def test_a_folder_that_cannot_be_locked_is_written_all_the_same(
    folder: LocalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalFolder, "_locked", lambda folder, held: False)
    commit_shard(folder, staged(folder, 0, 1))
    assert folder.names() == [EXPORT_RECORD, csv_name(SHARDS[0], PLAIN), manifest_name(SHARDS[0])]


@pytest.mark.parametrize("name", [TABLE_MANIFEST, manifest_name(SHARDS[0]), EXPORT_RECORD])
def test_a_folder_in_the_place_of_a_file_is_called_one(folder: LocalFolder, name: str) -> None:
    Path(folder.location(name)).mkdir(parents=True)
    said = rf"{re.escape(name)}: Is a directory; move this folder to another one"
    with staged(folder, 0, 1) as one, pytest.raises(StoreError, match=said):
        commit_shard(folder, one)


def test_nobody_waits_for_one_who_is_gone(folder: LocalFolder) -> None:
    with pytest.raises(KeyboardInterrupt), folder.exclusively():
        raise KeyboardInterrupt
    folder.stage("x").discard()
    began = time.monotonic()
    for _ in range(2):
        with folder.exclusively() as is_alone:
            assert is_alone
    assert time.monotonic() - began < 1


def complete(folder: LocalFolder) -> None:
    """Complete the window, as the logical table's step does."""
    commit_window(folder, stage_window(folder, REQUEST), shards_gone=False)


def older_window(folder: LocalFolder) -> None:
    """A complete window of a run of the hour before."""
    run = ExportRun("older", BEGAN - HOUR, None)
    for number in range(len(SHARDS)):
        commit_shard(
            folder, staged(folder, number, 1, run_id="older", started_at=BEGAN - HOUR), run
        )
    complete(folder)
    assert folder.size(EXPORT_RECORD) is None


class Killed(BaseException):
    """The end of a process in the midst of its work."""


def kill_at(patch: pytest.MonkeyPatch, step: int, *, before: bool) -> None:
    """Be killed before or after the so many-th change of a folder."""
    count = iter(range(100))

    def counted(change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*args: Any) -> Any:
            is_last = next(count) == step
            if is_last and before:
                raise Killed
            done = change(*args)
            if is_last:
                raise Killed
            return done

        return changed

    patch.setattr(LocalFolder, "remove", counted(LocalFolder.remove))
    patch.setattr(_LocalStagedFile, "_finish", counted(_LocalStagedFile._finish))


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("step", range(12))
def test_whoever_is_killed_at_any_step_leaves_what_resume_completes(
    folder: LocalFolder,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
    before: bool,
) -> None:
    older_window(folder)
    files = folder.names()
    newer = ExportRun("newer", BEGAN, None)
    with monkeypatch.context() as patch, contextlib.suppress(Killed):
        kill_at(patch, step, before=before)
        for number in range(len(SHARDS)):
            with staged(folder, number, 2, run_id="newer") as one:
                commit_shard(folder, one, newer)
        complete(folder)
    proofs = {m.run_id for m in map(partial(proof_of, folder), SHARDS) if m is not None}
    if folder.size(TABLE_MANIFEST) is not None:
        assert len(proofs) == 1
        assert list(verify_window(folder, REQUEST)) == []
        assert is_complete(folder, REQUEST)
    else:
        assert any("--resume" in line for line in verify_window(folder, REQUEST))
        left = tuple(shard.file_stem for shard in unproven_shards(folder, REQUEST))
        resumed = ExportRun("resumed", BEGAN + HOUR, left)
        for number, shard in enumerate(SHARDS):
            if shard.file_stem in left:
                commit_shard(folder, staged(folder, number, 3, run_id="resumed"), resumed)
        complete(folder)
        assert "older" not in {m.run_id for m in stage_window(folder, REQUEST).manifest.shards}
    forget_export(folder)
    assert list(verify_window(folder, REQUEST)) == []
    assert folder.names() == files


def proof_of(folder: LocalFolder, shard: Shard) -> ShardManifest | None:
    """The manifest of a shard that is there."""
    return ShardManifest.read(folder, manifest_name(shard))


def test_an_export_that_ends_in_the_midst_says_since_when_the_window_is_exported_anew(
    folder: LocalFolder,
) -> None:
    older_window(folder)
    commit_shard(folder, staged(folder, 0, 2, run_id="newer"), ExportRun("newer", BEGAN, None))
    assert folder.size(TABLE_MANIFEST) is None
    assert folder.read_json(EXPORT_RECORD) == {
        "table": "orders", "partition": KEY, "since": "2026-11-02T00:10:00Z",
        "run_ids": ["newer"], "replaces": [], "shards": None, "merged": None,
    }  # fmt: skip
    assert unproven_shards(folder, REQUEST) == list(SHARDS[1:])
    with pytest.raises(IncompleteError, match="2 of 3 shards were exported before the export that"):
        stage_window(folder, REQUEST)
    found = list(verify_window(folder, REQUEST))
    assert len(found) == 3
    assert all("2026-11-02T00:10:00Z" in line for line in found)
    # A wrong clock of the machine that goes on does not matter.
    resumed = ExportRun("resumed", BEGAN + HOUR, tuple(s.file_stem for s in SHARDS[1:]))
    for number in (1, 2):
        late = staged(folder, number, 2, run_id="resumed", started_at=BEGAN - 9 * HOUR)
        commit_shard(folder, late, resumed)
    complete(folder)
    assert folder.size(EXPORT_RECORD) is None


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_last_of_some_shards_says_that_the_window_is_to_be_completed(
    folder: LocalFolder, order: tuple[int, int]
) -> None:
    older_window(folder)
    some = tuple(shard.file_stem for shard in SHARDS[:2])
    run = ExportRun("some", BEGAN, some, completes=REQUEST)
    done = [commit_shard(folder, staged(folder, n, 2, run_id="some"), run).is_last for n in order]
    assert done == [False, True]
    complete(folder)
    assert list(verify_window(folder, REQUEST)) == []


def test_a_run_that_is_repeated_completes_what_the_killed_one_has_not_come_to(
    folder: LocalFolder,
) -> None:
    older_window(folder)
    shards = (SHARDS[0].file_stem,)
    killed = ExportRun("killed", BEGAN, shards, completes=REQUEST)
    last = commit_shard(folder, staged(folder, 0, 2, run_id="killed"), killed)
    again = ExportRun("again", BEGAN + HOUR, shards, continues=True, completes=REQUEST)
    assert keep_shard(folder, last.manifest, again).is_last
    assert not keep_shard(folder, last.manifest, replace(again, completes=None)).is_last


def test_some_shards_of_an_incomplete_window_do_not_hide_that_others_are_older(
    folder: LocalFolder,
) -> None:
    older_window(folder)
    commit_shard(folder, staged(folder, 0, 2, run_id="all"), ExportRun("all", BEGAN, None))
    run = ExportRun("some", BEGAN + HOUR, (SHARDS[1].file_stem,), completes=REQUEST)
    assert not commit_shard(folder, staged(folder, 1, 2, run_id="some"), run).is_last
    assert unproven_shards(folder, REQUEST) == [SHARDS[2]]


def test_a_whole_export_that_comes_later_begins_anew(folder: LocalFolder) -> None:
    commit_shard(folder, staged(folder, 0, 1, run_id="first"), ExportRun("first", BEGAN, None))
    later = {"run_id": "later", "started_at": BEGAN + HOUR}
    commit_shard(folder, staged(folder, 1, 1, **later), ExportRun("later", BEGAN + HOUR, None))
    assert folder.read_json(EXPORT_RECORD)["run_ids"] == ["later"]
    assert SHARDS[0] in unproven_shards(folder, REQUEST)
    # The first one is still at work: it does not make its own older shards count again.
    commit_shard(folder, staged(folder, 2, 1, run_id="first"), ExportRun("first", BEGAN, None))
    assert unproven_shards(folder, REQUEST) == [SHARDS[0], SHARDS[2]]


def test_a_repeated_run_of_before_does_not_take_the_newest_export_back(folder: LocalFolder) -> None:
    older_window(folder)
    repeated = ExportRun("repeated", BEGAN, None, continues=True)
    early = staged(folder, 1, 1, run_id="repeated", started_at=BEGAN)
    newest = ExportRun("newest", BEGAN + HOUR, None)
    commit_shard(folder, staged(folder, 0, 1, run_id="newest", started_at=BEGAN + HOUR), newest)
    commit_shard(folder, early, repeated)
    assert folder.read_json(EXPORT_RECORD)["since"] == "2026-11-02T01:10:00Z"
    assert unproven_shards(folder, REQUEST) == list(SHARDS[1:])


def test_a_record_that_cannot_be_read_makes_every_shard_older(folder: LocalFolder) -> None:
    older_window(folder)
    folder.remove(TABLE_MANIFEST)
    Path(folder.location(EXPORT_RECORD)).write_text("{")
    assert unproven_shards(folder, REQUEST) == list(SHARDS)


@pytest.mark.parametrize(
    ("facts", "follows", "kept"),
    [
        ({}, None, True),
        ({}, False, True),
        ({"query": QUERY.model_copy(update={"where": "id > 1"})}, None, False),
        ({"query": QUERY.model_copy(update={"where": "id > 1"})}, True, False),
        ({}, True, False),
    ],
)
def test_a_later_file_stays_only_if_it_is_what_is_asked_for_and_its_run_is_later(
    folder: LocalFolder, facts: dict[str, Any], follows: bool | None, kept: bool
) -> None:
    there = staged(folder, 0, 1, run_id="there", started_at=BEGAN + HOUR, **facts)
    commit_shard(folder, there)
    run = ExportRun("run", BEGAN, None, follows=lambda run_id: follows)
    with staged(folder, 0, 2, run_id="run") as one:
        done = commit_shard(folder, one, run)
    assert done.manifest.run_id == ("there" if kept else "run")


@pytest.mark.parametrize("hours", [-3, 3])
def test_shards_of_a_run_that_is_replaced_are_older_whatever_clocks_say(
    folder: LocalFolder, hours: int
) -> None:
    # Of the two clocks, the one that runs are asked for by is wrong, or the one they read by.
    begins = BEGAN + hours * HOUR
    for number in range(len(SHARDS)):
        commit_shard(
            folder, staged(folder, number, 1, run_id="older"), ExportRun("older", begins, None)
        )
    complete(folder)
    newer = ExportRun("newer", BEGAN - HOUR, None, follows=lambda run_id: run_id == "older")
    commit_shard(folder, staged(folder, 0, 2, run_id="newer"), newer)
    assert folder.read_json(EXPORT_RECORD)["replaces"] == ["older"]
    assert unproven_shards(folder, REQUEST) == list(SHARDS[1:])
    with pytest.raises(IncompleteError, match="2 of 3 shards were exported before the export that"):
        stage_window(folder, REQUEST)


def test_what_an_earlier_run_reads_does_not_count_for_a_later_one(folder: LocalFolder) -> None:
    later = ExportRun("later", BEGAN - HOUR, None, follows=lambda run_id: True)
    commit_shard(folder, staged(folder, 0, 1, run_id="later"), later)
    earlier = ExportRun(
        "earlier", BEGAN - 2 * HOUR, (SHARDS[1].file_stem,), follows=lambda run_id: False
    )
    commit_shard(folder, staged(folder, 1, 1, run_id="earlier"), earlier)
    assert unproven_shards(folder, REQUEST) == list(SHARDS[1:])


def test_a_complete_window_is_not_undone_by_a_run_from_before_the_settings_were_changed(
    folder: LocalFolder,
) -> None:
    older_window(folder)
    names = folder.names()
    other = staged(folder, 0, 2, run_id="slow", query=QUERY.model_copy(update={"where": "id > 1"}))
    slow = ExportRun("slow", BEGAN - 2 * HOUR, None, follows=lambda run_id: False)
    with other, pytest.raises(ShardError, match=r"got that of run older, made with where: none"):
        commit_shard(folder, other, slow)
    assert folder.names() == names
    assert is_complete(folder, REQUEST)


def test_a_window_that_is_proven_again_is_proven_all_the_time(
    folder: LocalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    older_window(folder)
    for step in range(3):
        for before in (True, False):
            with monkeypatch.context() as patch, contextlib.suppress(Killed):
                kill_at(patch, step, before=before)
                complete(folder)
            assert is_complete(folder, REQUEST)


@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("step", range(6))
def test_no_manifest_names_a_file_of_all_shards_that_is_not_there(
    folder: LocalFolder,
    monkeypatch: pytest.MonkeyPatch,
    *,
    merge: bool,
    before: bool,
    step: int,
) -> None:
    older_window(folder)
    commit_window(folder, stage_window(folder, window_request(merge=True)), shards_gone=False)
    with monkeypatch.context() as patch, contextlib.suppress(Killed):
        staged_again = stage_window(folder, window_request(merge=merge))
        kill_at(patch, step, before=before)
        with staged_again.merged or contextlib.nullcontext():
            commit_window(folder, staged_again, shards_gone=False)
    proven = TableManifest.read(folder, TABLE_MANIFEST)
    if proven is not None and proven.merged is not None:
        assert folder.size(proven.merged.file) == proven.merged.bytes
    assert unproven_shards(folder, REQUEST) == []
    commit_window(folder, stage_window(folder, REQUEST), shards_gone=False)
    assert "orders.csv" not in folder.names()
    assert list(verify_window(folder, REQUEST)) == []


def test_an_older_file_of_another_compression_goes_with_its_proof(folder: LocalFolder) -> None:
    export_shard(folder, SHARDS[0], [(1, "a")], GZIP)
    done = commit_shard(folder, staged(folder, 0, 1))
    assert done.removed == [csv_name(SHARDS[0], GZIP)]
    assert csv_name(SHARDS[0], GZIP) not in folder.names()
