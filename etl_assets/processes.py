"""Which process is meant, beyond the reuse of numbers; whether it is there; ending with another."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import wait
from pathlib import Path

_PROC = Path("/proc")
_POLL_SECONDS = 0.01
_ASK_SECONDS = 0.5


def process_identity(pid: int) -> str:
    """A process of this machine's present boot, beyond the reuse of its number.

    The number means something in this process's PID namespace, and nothing in another container.
    """
    started = _start_time(pid) or "unknown"
    return f"{socket.gethostname()}/{_boot_id()}/{pid}/{started}/{_namespace()}"


def is_gone(identity: str) -> bool:
    """Whether a process of this machine has ended; one that cannot be seen from here has not."""
    return is_alive(identity) is False


def is_alive(identity: str) -> bool | None:
    """Whether a process goes on; None where that cannot be seen from here."""
    host, boot, pid, started, *namespace = identity.split("/")
    if host != socket.gethostname():
        return None
    if boot != _boot_id():
        return False
    # An older version names no namespace.
    if namespace not in ([], [_namespace()]):
        return None
    found = _start_time(int(pid))
    return None if found is None else found == started


def is_of_this_kernel(identity: str) -> bool:
    """Whether a process was started on this machine since its boot, in whatever container."""
    return identity.split("/")[1:2] == [_boot_id()]


def _boot_id() -> str:
    path = _PROC / "sys/kernel/random/boot_id"
    return path.read_text().strip() if path.exists() else "unknown"


def _namespace() -> str:
    try:
        return str((_PROC / "self/ns/pid").readlink())
    except OSError:
        return "unknown"


def _start_time(pid: int) -> str | None:
    """Field 22 of proc(5)'s stat, in clock ticks since boot; None where it cannot be seen.

    Where there is no /proc, it is a guess.
    """
    if not (_PROC / "self").exists():
        return "alive" if _exists(pid) else "gone"
    stat = _stat(_PROC / str(pid))
    if not stat:
        # /proc may hide the processes of others.
        return None if _exists(pid) else "gone"
    state, *facts = stat
    # One that has ended may wait for a parent that never asks.
    return "gone" if state == "Z" else facts[18]


def _exists(pid: int) -> bool:
    try:
        # Somebody else's may not be signalled, and is alive.
        with suppress(PermissionError):
            os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def end_with(
    gone: int | Callable[[], bool],
    grace: float,
    *,
    again: float | None = None,
    last: Callable[[], None] | None = None,
) -> Callable[[], None]:
    """Interrupt this process when another is gone, and end it where it goes on all the same.

    Arguments:
        gone: a descriptor that can be read from then on, such as a pipe's whose other end the other
            process has; or a function, which is asked twice a second.
        grace: seconds from the first interrupt to the end.
        again: seconds after which it is interrupted once more, and again; None: only once.
        last: ends more than this process, which is killed in the end: it may be in a call that
            hears no signal.

    Returns:
        A function that ends the watch.
    """
    done_read, done_write = os.pipe()

    def watch() -> None:
        if not _is_gone_first(gone, done_read):
            return
        until = time.monotonic() + grace
        while (left := until - time.monotonic()) > 0:
            os.kill(os.getpid(), signal.SIGINT)
            if wait([done_read], left if again is None else min(again, left)):
                return
        if last is not None:
            last()
        os.kill(os.getpid(), signal.SIGKILL)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()

    def done() -> None:
        os.close(done_write)
        thread.join()
        os.close(done_read)

    return done


def _is_gone_first(gone: int | Callable[[], bool], done: int) -> bool:
    """Wait until something is gone, or the watch is done."""
    if isinstance(gone, int):
        return done not in wait([gone, done])
    while not wait([done], _ASK_SECONDS):
        if gone():
            return True
    return False


def wait_for_group(group: int, seconds: float) -> None:
    """Wait until no process of a group is there, for so long at most.

    A process that was killed is there until the kernel has closed its files, and its locks on them
    hold as long: on a busy machine that takes a moment, with much memory a longer one.
    """
    until = time.monotonic() + seconds
    while _group_lives(group) and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # Somebody else's may not be signalled, and is there.
        pass
    # Of those that are left, some may only wait for a parent that never asks.
    return not (_PROC / "self").exists() or any(
        _is_member(folder, group) and _runs(folder)
        for folder in _PROC.iterdir()
        if folder.name.isdigit()
    )


def _is_member(folder: Path, group: int) -> bool:
    return _stat(folder)[2:3] == [str(group)]


def _runs(folder: Path) -> bool:
    """Whether a thread of a process has not ended: the first may have, and others be at work."""
    try:
        threads = list((folder / "task").iterdir())
    except OSError:
        return False
    return any(_stat(thread)[:1] not in (["Z"], ["X"], []) for thread in threads)


def _stat(folder: Path) -> list[str]:
    """Fields 3 and following of proc(5)'s stat; none where the process is gone."""
    try:
        # The command's name, in parentheses, may hold spaces.
        return (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
