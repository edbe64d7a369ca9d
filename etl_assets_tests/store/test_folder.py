"""Files are whole or absent, on this machine and on an object store."""

import errno
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem
from upath import UPath

from etl_assets.errors import StoreError
from etl_assets.store.folder import Folder
from etl_assets.store.local import LocalFolder
from etl_assets.store.open_folder import open_folder
from etl_assets.store.remote import RemoteFolder

WRITER = """
import sys
from pathlib import Path
from etl_assets.store.local import LocalFolder
staged = LocalFolder(Path(sys.argv[1])).stage("t.csv")
staged.write(b"half a rec")
print("staged", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def local(tmp_path: Path) -> LocalFolder:
    """A folder that is not there yet."""
    return LocalFolder(tmp_path / "orders" / "2026-11-01")


@pytest.fixture
def remote() -> Folder:
    """A prefix of an object store in memory."""
    return open_folder(f"memory://{uuid4().hex}", "orders", "2026-11-01")


@pytest.fixture(params=["local", "remote"])
def folder(request: pytest.FixtureRequest) -> Folder:
    """Either of them."""
    chosen: Folder = request.getfixturevalue(request.param)
    return chosen


def put(folder: Folder, name: str, data: bytes) -> None:
    """Stage and commit a file."""
    with folder.stage(name) as staged:
        staged.write(data)
        staged.commit()


def content(folder: Folder, name: str) -> bytes:
    """What a file holds."""
    return b"".join(folder.blocks(name))


def test_a_file_is_staged_then_committed(folder: Folder) -> None:
    with folder.stage("t.csv") as staged:
        staged.write(b"a,b\n")
        staged.write(b"1,2\n")
        staged.commit()
    assert content(folder, "t.csv") == b"a,b\n1,2\n"
    assert folder.names() == ["t.csv"]
    assert folder.size("t.csv") == 8


def test_nothing_bears_the_final_name_before_the_commit(folder: Folder) -> None:
    with folder.stage("t.csv") as staged:
        staged.write(b"a,b\n")
        assert folder.names() == []
        assert folder.size("t.csv") is None
        with pytest.raises(FileNotFoundError):
            folder.open("t.csv")


def test_the_earlier_file_is_whole_until_the_commit_replaces_it(folder: Folder) -> None:
    put(folder, "t.csv", b"earlier\n")
    with folder.stage("t.csv") as staged:
        staged.write(b"later\n")
        assert content(folder, "t.csv") == b"earlier\n"
        staged.commit()
    assert content(folder, "t.csv") == b"later\n"


def test_discarding_leaves_nothing(folder: Folder) -> None:
    staged = folder.stage("t.csv")
    staged.write(b"a,b\n")
    staged.discard()
    staged.discard()
    assert folder.names() == []


def test_an_error_while_writing_discards_the_file(folder: Folder) -> None:
    def export() -> None:
        with folder.stage("t.csv") as staged:
            staged.write(b"later\n")
            raise RuntimeError("the server went away")

    put(folder, "t.csv", b"earlier\n")
    with pytest.raises(RuntimeError, match="the server went away"):
        export()
    assert content(folder, "t.csv") == b"earlier\n"


def test_discarding_after_the_commit_keeps_the_file(folder: Folder) -> None:
    staged = folder.stage("t.csv")
    staged.commit()
    staged.discard()
    assert folder.names() == ["t.csv"]


def test_nothing_else_stays_in_a_local_folder(local: LocalFolder, tmp_path: Path) -> None:
    put(local, "t.csv", b"a\n")
    local.stage("u.csv").discard()
    inside = tmp_path / "orders" / "2026-11-01"
    assert [path.name for path in inside.iterdir()] == ["t.csv"]


def test_a_failed_commit_leaves_the_earlier_file(
    local: LocalFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    put(local, "t.csv", b"earlier\n")
    with local.stage("t.csv") as staged:
        staged.write(b"later\n")
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(StoreError, match=r"t\.csv: No space left on device"):
            staged.commit()
    assert content(local, "t.csv") == b"earlier\n"
    assert len(list((tmp_path / "orders" / "2026-11-01").iterdir())) == 1


def test_a_full_disk_is_an_error_in_one_line(local: LocalFolder) -> None:
    # /dev/full refuses every write.
    staged = local.stage("t.csv")
    with staged, Path("/dev/full").open("wb", buffering=0) as full:
        staged._file, kept = full, staged._file  # type: ignore[attr-defined]
        with pytest.raises(StoreError) as refused:
            staged.write(b"a\n")
        staged._file = kept  # type: ignore[attr-defined]
    assert "No space left on device" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "action",
    [
        lambda folder: folder.stage("t.csv"),
        lambda folder: folder.names(),
        lambda folder: folder.size("t.csv"),
        lambda folder: folder.remove("t.csv"),
    ],
    ids=["stage", "names", "size", "remove"],
)
def test_a_file_where_the_folder_should_be_is_an_error_in_one_line(
    tmp_path: Path, action: Any
) -> None:
    (tmp_path / "orders").write_text("not a folder")
    with pytest.raises(StoreError) as refused:
        action(LocalFolder(tmp_path / "orders"))
    assert str(tmp_path / "orders") in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has staged t.csv and lives."""
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"staged\n"
        yield process
        process.kill()


def test_the_temporary_file_of_a_living_writer_is_not_swept(
    writer: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    assert writer.poll() is None
    assert LocalFolder(tmp_path).sweep() == []
    assert len(list(tmp_path.iterdir())) == 1
    assert LocalFolder(tmp_path).names() == []


def test_the_temporary_file_of_a_killed_writer_is_swept(
    writer: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    writer.kill()
    writer.wait()
    swept = LocalFolder(tmp_path).sweep()
    assert len(swept) == 1
    assert swept[0].startswith(".t.csv.")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_is_told_and_stays(
    writer: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    folder = LocalFolder(tmp_path)
    assert folder.abandoned() == []
    writer.kill()
    writer.wait()
    (left,) = folder.abandoned()
    assert left.startswith(".t.csv.")
    assert folder.abandoned() == [left] == folder.sweep()


def test_in_a_missing_folder_nothing_is_left(folder: Folder) -> None:
    assert folder.abandoned() == []


def test_sweeping_keeps_what_was_committed(local: LocalFolder) -> None:
    put(local, "t.csv", b"a\n")
    assert local.sweep() == []
    assert local.names() == ["t.csv"]


def test_sweeping_a_missing_folder_does_nothing(folder: Folder) -> None:
    assert folder.sweep() == []


def test_writers_are_never_robbed_by_a_sweep(local: LocalFolder) -> None:
    stop = threading.Event()

    def sweep() -> None:
        while not stop.is_set():
            local.sweep()

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    try:
        for number in range(300):
            put(local, f"{number}.csv", b"a\n")
    finally:
        stop.set()
        sweeper.join()
    assert len(local.names()) == 300


def test_json_is_written_and_read_back(folder: Folder) -> None:
    folder.write_json("m.json", {"table": "订单", "rows": 1})
    assert folder.read_json("m.json") == {"table": "订单", "rows": 1}
    assert "订单" in content(folder, "m.json").decode()


def test_json_that_cannot_be_written_leaves_the_earlier_one(folder: Folder) -> None:
    folder.write_json("m.json", {"rows": 1})
    with pytest.raises(TypeError):
        folder.write_json("m.json", {"rows": object()})
    assert folder.read_json("m.json") == {"rows": 1}
    assert folder.names() == ["m.json"]


@pytest.mark.parametrize("data", [b"", b'{"rows": 1', b"\xff\xfe\x00", b"rows", b"[" * 200_000])
def test_json_that_is_broken_is_no_json(folder: Folder, data: bytes) -> None:
    put(folder, "m.json", data)
    assert folder.read_json("m.json") is None


def test_json_that_is_missing_is_no_json(folder: Folder) -> None:
    assert folder.read_json("m.json") is None


def test_removing_a_file_twice_is_no_error(folder: Folder) -> None:
    put(folder, "t.csv", b"a\n")
    folder.remove("t.csv")
    folder.remove("t.csv")
    assert folder.names() == []


def test_a_folder_that_is_not_there_has_no_files(folder: Folder) -> None:
    assert folder.names() == []
    assert folder.size("t.csv") is None


def test_names_are_sorted(folder: Folder) -> None:
    for name in ("b.csv", "a.csv", "_manifest.json"):
        put(folder, name, b"")
    assert folder.names() == ["_manifest.json", "a.csv", "b.csv"]


def test_locations_are_paths_and_urls(tmp_path: Path) -> None:
    local = open_folder(str(tmp_path), "orders", "a b%2F")
    assert local.location("t.csv") == str(tmp_path / "orders" / "a b%2F" / "t.csv")
    assert local.uri("t.csv").endswith("/orders/a%20b%252F/t.csv")
    assert open_folder("memory://bucket/in", "orders").uri("t") == "memory://bucket/in/orders/t"
    assert isinstance(open_folder(f"file://{tmp_path}", "orders"), LocalFolder)


class Bucket(AbstractFileSystem):  # type: ignore[misc]
    """An object store that keeps uploads in parts, as those of the clouds do."""

    protocol = "bucket"
    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[str] = []
        self.aborted: list[str] = []
        self.completed: dict[str, bytes] = {}
        self.refuse = False

    def _open(self, path: str, mode: str = "rb", **options: Any) -> "Upload":
        return Upload(self, path, mode, block_size=4, autocommit=options["autocommit"])


class Upload(AbstractBufferedFile):  # type: ignore[misc]
    """An upload in parts."""

    buffer: Any

    def _initiate_upload(self) -> None:
        self.fs.begun.append(self.path)
        self.parts = b""

    def _upload_chunk(self, final: bool = False) -> bool:
        self.parts += self.buffer.getvalue()
        return True

    def commit(self) -> None:
        if self.fs.refuse:
            raise PermissionError(13, "Access denied")
        self.fs.completed[self.path] = self.parts

    def discard(self) -> None:
        self.fs.aborted.append(self.path)
        self.buffer = None


def bucket_folder(bucket: Bucket) -> RemoteFolder:
    """A folder of a bucket."""
    path = UPath("memory://bucket/orders")
    path._fs_cached = bucket
    return RemoteFolder(path)


class FarAway(MemoryFileSystem):  # type: ignore[misc]
    """An object store that answers only when three have asked."""

    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Barrier(3)

    def cat_file(self, path: str, *range_: object, **options: object) -> bytes:
        self.asked.wait(10)
        stored: bytes = super().cat_file(path, *range_, **options)
        return stored


def test_an_object_store_is_asked_about_many_files_at_once() -> None:
    path = UPath(f"memory://{uuid4().hex}/orders")
    path._fs_cached = FarAway()
    folder = RemoteFolder(path)
    names = ["a", "b", "c"]
    for name in names:
        put(folder, name, name.encode())
    assert folder.ask_all(folder.read, names) == [b"a", b"b", b"c"]


def test_what_is_wrong_with_one_of_many_files_is_raised(folder: Folder) -> None:
    put(folder, "a", b"a")
    assert folder.ask_all(folder.size, ["a", "missing"]) == [1, None]
    with pytest.raises(FileNotFoundError):
        folder.ask_all(folder.read, ["a", "missing"])


def test_an_upload_is_completed_by_the_commit_alone() -> None:
    bucket = Bucket()
    with bucket_folder(bucket).stage("t.csv") as staged:
        staged.write(b"a,b,c\n")
        staged.write(b"1,2\n")
        assert bucket.completed == {}
        staged.commit()
    assert list(bucket.completed.values()) == [b"a,b,c\n1,2\n"]
    assert bucket.aborted == []


def test_a_discarded_upload_is_aborted_and_sends_nothing_more() -> None:
    bucket = Bucket()
    staged = bucket_folder(bucket).stage("t.csv")
    staged.write(b"a")
    staged.discard()
    del staged
    assert (bucket.begun, bucket.completed, len(bucket.aborted)) == ([], {}, 1)


def test_an_upload_that_is_refused_is_an_error_in_one_line() -> None:
    bucket = Bucket()
    bucket.refuse = True
    with (
        pytest.raises(StoreError, match=r"t\.csv: Access denied"),
        bucket_folder(bucket).stage("t.csv") as staged,
    ):
        staged.commit()
    assert (bucket.completed, len(bucket.aborted)) == ({}, 1)


def test_a_manifest_ends_in_a_line_feed(folder: Folder) -> None:
    folder.write_json("m.json", [1])
    assert content(folder, "m.json").endswith(b"]\n")
    assert json.loads(content(folder, "m.json")) == [1]


def test_names_that_differ_in_letter_case_are_told_apart_or_not(
    folder: Folder, local: LocalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not folder.is_one_file("demo.A.t", "demo.a.t")
    assert folder.names() == []
    here = Path.exists
    # As a file system that ignores case finds them.
    monkeypatch.setattr(
        Path,
        "exists",
        lambda path: (
            here(path)
            or path.name.lower() in [other.name.lower() for other in path.parent.iterdir()]
        ),
    )
    assert local.is_one_file("demo.A.t", "demo.a.t")
    assert not local.is_one_file("demo.A.t", "demo.b.t")


def test_what_is_no_file_has_no_size(tmp_path: Path) -> None:
    (tmp_path / "_manifest.json").mkdir()
    os.mkfifo(tmp_path / "t.csv")
    assert LocalFolder(tmp_path).size("_manifest.json") is None
    assert LocalFolder(tmp_path).size("t.csv") is None


def test_a_large_file_is_on_its_way_to_the_disk_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advised: list[tuple[int, int]] = []

    def refused(_: int, begin: int, length: int, __: int) -> None:
        advised.append((begin, length))
        raise OSError(errno.EINVAL, "not here")

    monkeypatch.setattr("etl_assets.store.local._AHEAD_BYTES", 10)
    monkeypatch.setattr(os, "posix_fadvise", refused)
    with LocalFolder(tmp_path).stage("t.csv") as staged:
        for data in (b"1234", b"12345678", bytearray(b"12345678901234"), b"1"):
            staged.write(data)
        staged.commit()
    assert advised == [(0, 12), (12, 14)]
    assert (tmp_path / "t.csv").stat().st_size == 27
