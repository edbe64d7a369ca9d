"""Processes that are meant, and those that are gone."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from etl_assets import processes
from etl_assets.processes import (
    is_alive,
    is_gone,
    is_of_this_kernel,
    process_identity,
    wait_for_group,
)

SLOW_TO_DIE = """
import fcntl, mmap, os, sys
for name in sys.argv[1:]:
    if not os.fork():
        # The kernel takes the memory back before it closes the files.
        memory = mmap.mmap(-1, 400 << 20)
        memory.write(bytes(400 << 20))
        file = open(name, "xb")
        fcntl.flock(file, fcntl.LOCK_EX)
        print("locked", flush=True)
        os.read(0, 1)
print("all", flush=True)
os.read(0, 1)
"""

FIRST_THREAD_ENDS = """
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(0.6,)).start()
print("first", flush=True)
ctypes.CDLL(None).pthread_exit(None)
"""


@contextmanager
def session(program: str, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """A program of Python's as the leader of a session, once it has printed a line for each."""
    with subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            for _ in range(len(arguments) + 1):
                process.stdout.readline()
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def test_the_locks_of_a_killed_group_are_gone_with_it(tmp_path: Path) -> None:
    names = [tmp_path / "first", tmp_path / "second"]
    with session(SLOW_TO_DIE, *names) as leader:
        os.killpg(leader.pid, signal.SIGKILL)
        leader.wait()
        wait_for_group(leader.pid, 10)
        for name in names:
            with name.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_process_whose_parent_never_asks_is_not_waited_for() -> None:
    with session("print(flush=True)") as leader:
        # It has ended, and is not asked how.
        os.waitid(os.P_PID, leader.pid, os.WEXITED | os.WNOWAIT)
        began = time.monotonic()
        wait_for_group(leader.pid, 10)
        assert time.monotonic() - began < 5


@pytest.mark.skipif(sys.platform != "linux", reason="the end of a first thread alone is Linux's")
def test_a_process_is_there_until_its_last_thread_has_ended() -> None:
    with session(FIRST_THREAD_ENDS) as leader:
        time.sleep(0.2)
        wait_for_group(leader.pid, 10)
        assert leader.poll() is not None


def test_nobody_is_waited_for_longer_than_asked() -> None:
    with session("import sys; print(flush=True); sys.stdin.read()") as leader:
        wait_for_group(leader.pid, 0.1)
        assert leader.poll() is None


def test_a_process_is_known_beyond_its_number() -> None:
    with session("import sys; print(flush=True); sys.stdin.read()") as leader:
        identity = process_identity(leader.pid)
        assert not is_gone(identity)
        host, boot, pid, started, _ = identity.split("/")
        assert is_gone(f"{host}/{boot}/{pid}/{int(started) - 1}")
        assert is_gone(f"{host}/another boot/{pid}/{started}")
        # Of another machine nothing is known.
        assert not is_gone(f"another/{boot}/{pid}/{int(started) - 1}")
        leader.kill()
        os.waitid(os.P_PID, leader.pid, os.WEXITED | os.WNOWAIT)
        assert is_gone(identity)


def test_a_process_of_another_container_is_not_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    with session("import sys; print(flush=True); sys.stdin.read()") as leader:
        identity = process_identity(leader.pid)
        leader.kill()
        leader.wait()
        assert is_gone(identity)
        # As older versions wrote it.
        assert is_gone(identity.rpartition("/")[0])
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(processes, "_namespace", lambda: "pid:[1]")
            assert is_alive(identity) is None
            assert not is_gone(identity)
            assert is_of_this_kernel(identity)
        host, _, *rest = identity.split("/")
        earlier = "/".join([host, "another boot", *rest])
        assert is_gone(earlier)
        assert not is_of_this_kernel(earlier)


@pytest.mark.skipif(shutil.which("unshare") is None, reason="there is no unshare")
def test_two_containers_do_not_judge_each_others_processes() -> None:
    judge = (
        "import sys; from etl_assets.processes import *; "
        "print(process_identity(1), is_gone(sys.argv[1]))"
    )
    identity = process_identity(os.getpid())
    command = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", judge, identity]
    container = subprocess.run(command, capture_output=True, text=True, check=False)
    if "Operation not permitted" in container.stderr:
        pytest.skip("this user may make no PID namespace")
    theirs, judged = container.stdout.split()
    assert judged == "False"
    assert not is_gone(theirs)


def test_a_process_that_proc_hides_is_not_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with session("import sys; print(flush=True); sys.stdin.read()") as leader:
        identity = process_identity(leader.pid)
        hidden = tmp_path / "proc"
        shutil.copytree("/proc/sys/kernel/random", hidden / "sys/kernel/random")
        (hidden / "self/ns").mkdir(parents=True)
        (hidden / "self/ns/pid").symlink_to(Path("/proc/self/ns/pid").readlink())
        monkeypatch.setattr(processes, "_PROC", hidden)
        assert not is_gone(identity)
        leader.kill()
        leader.wait()
        assert is_gone(identity)


ENDING = """
import os, signal, sys, time
from etl_assets.processes import end_with
signal.signal(signal.SIGINT, lambda number, frame: os.write(1, b"interrupted "))
done = end_with(
    (lambda: os.path.exists(sys.argv[2])) if sys.argv[2:] else 0,
    1.0,
    again=0.2 if sys.argv[1] == "again" else None,
    last=(lambda: os.write(1, b"last")) if sys.argv[1] == "last" else None,
)
if sys.argv[1] == "done":
    signal.signal(signal.SIGINT, lambda number, frame: (os.write(1, b"once"), done(), sys.exit(3)))
os.write(1, b"ready ")
until = time.monotonic() + 60
while time.monotonic() < until:
    time.sleep(0.01)
"""


@pytest.mark.parametrize("watched", ["a descriptor", "a function"])
@pytest.mark.parametrize(
    ("how", "code", "said"),
    [
        ("once", -9, "interrupted "),
        ("last", -9, "interrupted last"),
        ("done", 3, "once"),
        ("again", -9, None),
    ],
)
def test_a_process_ends_with_another(
    tmp_path: Path, watched: str, how: str, code: int, said: str | None
) -> None:
    sign = tmp_path / "gone"
    words = [sys.executable, "-c", ENDING, how, *([str(sign)] if watched == "a function" else [])]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as ours:
        assert ours.stdin is not None
        assert ours.stdout is not None
        assert ours.stdout.read(6) == "ready "
        assert ours.poll() is None
        sign.touch()
        ours.stdin.close()
        told = ours.stdout.read()
        assert ours.wait() == code
    assert told == said if said is not None else told.count("interrupted") > 1
