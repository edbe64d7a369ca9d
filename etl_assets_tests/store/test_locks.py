"""Locks: whoever waits for one can be interrupted, and says for whom; some disks have none."""

import errno
import fcntl
import os
import threading
import time
from pathlib import Path

import pytest

from etl_assets.errors import StoreError
from etl_assets.store import locks
from etl_assets.store.local import LocalFolder
from etl_assets.store.locks import while_waiting
from etl_assets_tests.support.locked import held


def names(folder: Path) -> list[str]:
    """All that is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_a_wait_can_be_given_up_and_says_for_whom_it_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def check() -> None:
        # As a handler that only takes the signal down, and somebody who looks now and then.
        if told:
            raise KeyboardInterrupt

    monkeypatch.setattr(locks, "TELL_SECONDS", 0)
    with held(tmp_path) as pid, while_waiting(told.append, check):
        with pytest.raises(KeyboardInterrupt), LocalFolder(tmp_path).exclusively():
            raise AssertionError("it is locked by another")
        (line,) = told
        assert line.startswith(f"{tmp_path}: waits for process {pid} (python")
        # Its name for itself moves no cursor.
        assert line.endswith(r"\x1b[31m), which has it locked")
    with LocalFolder(tmp_path).exclusively() as is_alone:
        assert is_alone


def test_a_wait_ends_with_the_lock(tmp_path: Path) -> None:
    with LocalFolder(tmp_path).exclusively():
        entered = threading.Event()

        def wait() -> None:
            with LocalFolder(tmp_path).exclusively():
                entered.set()

        thread = threading.Thread(target=wait)
        thread.start()
        assert not entered.wait(0.2)
    assert entered.wait(30)
    thread.join()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_disk_without_locks_takes_files_and_loses_none_of_living_writers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(file: object, kind: int) -> None:
        raise OSError(number, os.strerror(number))

    folder = LocalFolder(tmp_path)
    assert folder.unlocked() == ""
    monkeypatch.setattr(fcntl, "flock", refuse)
    with folder.stage("a.csv") as staged:
        staged.write(b"a\n")
        # Nobody can prove that its writer is dead.
        assert (folder.sweep(), folder.abandoned()) == ([], [])
        staged.commit()
    with folder.exclusively() as is_alone:
        assert not is_alone
    assert names(tmp_path) == ["a.csv"]
    told = folder.unlocked()
    assert told.startswith(f"{tmp_path}: its file system lacks locks")
    assert "export a window only once at a time" in told
    assert "remove yourself" in told


def test_a_lock_that_fails_otherwise_is_told_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: object, kind: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(StoreError, match=r"a\.csv: Input/output error"):
        LocalFolder(tmp_path).stage("a.csv")
    assert names(tmp_path) == []


def test_what_is_no_regular_file_is_neither_opened_nor_removed(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    (tmp_path / "real").write_bytes(b"")
    os.mkfifo(tmp_path / ".x.part")
    os.mkfifo(tmp_path / "t.csv")
    (tmp_path / ".link.part").symlink_to("real")
    (tmp_path / ".folder.part").mkdir()
    ended = threading.Event()

    def look() -> None:
        assert (folder.sweep(), folder.abandoned()) == ([], [])
        with pytest.raises(OSError, match="not a regular file"):
            folder.open("t.csv")
        ended.set()

    before = time.monotonic()
    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    assert ended.wait(30), f"hangs for {time.monotonic() - before} s"
    assert names(tmp_path) == [".folder.part", ".link.part", ".x.part", "real", "t.csv"]
