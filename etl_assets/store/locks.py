"""Locks that say that a writer lives, or that a window's folder is being changed.

They are flock(2)'s: they bind only those who ask for them, and go with the process that has them,
however it ends. Waiting for one never keeps an interrupt out, and whoever waits for long says for
whom. Some file systems have no such locks; there the export goes on without them.
"""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from etl_assets.printable import printable

TELL_SECONDS = 3.0
"""How long a lock is waited for before it is said for whom."""

_FIRST_PAUSE_SECONDS = 0.001
_LONGEST_PAUSE_SECONDS = 0.05

_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EBADF})
"""What file systems without locks say; EBADF is NFS's word for a folder."""


def _nothing(*_: object) -> None:
    pass


_waiting: ContextVar[tuple[Callable[[], None], Callable[[str], None]]] = ContextVar(
    "waiting", default=(_nothing, _nothing)
)


@contextmanager
def while_waiting(
    tell: Callable[[str], None], check: Callable[[], None] = _nothing
) -> Iterator[None]:
    """Say what is to happen where a lock has to be waited for.

    Arguments:
        tell: takes one line that says who is waited for, once for each lock.
        check: is called all the time, and may raise to give up.
    """
    before = _waiting.get()
    _waiting.set((check, tell))
    try:
        yield
    finally:
        # Not by its token: a generator may be closed in another context than it began in.
        _waiting.set(before)


def lock(descriptor: int, location: str) -> bool:
    """Wait until an open file or folder is locked; False where its file system has no locks.

    Raises:
        OSError: it cannot be locked for another reason.
    """
    check, tell = _waiting.get()
    tell_at = time.monotonic() + TELL_SECONDS
    pause = _FIRST_PAUSE_SECONDS
    while True:
        try:
            # Waiting inside the call would keep out handlers that only take a signal down.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            check()
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return False
            raise
        else:
            return True
        if time.monotonic() > tell_at:
            tell_at = float("inf")
            # A program names itself as it likes.
            tell(printable(f"{location}: waits for {_holder(descriptor)}, which has it locked"))
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def has_locks(descriptor: int) -> bool:
    """Whether the file system of an open file or folder has locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    except OSError as error:
        return error.errno not in _NO_LOCKS
    return True


def _holder(descriptor: int) -> str:
    """Who has a file locked, as far as proc(5)'s list of locks tells."""
    status = os.fstat(descriptor)
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    for line in _text("/proc/locks").splitlines():
        # 1: FLOCK  ADVISORY  READ 4321 fe:01:131074 0 EOF; those that wait as well have an arrow.
        fields = line.split()
        if "FLOCK" in fields and "->" not in fields and place in fields:
            pid = fields[fields.index(place) - 1]
            # The program alone: a command line may hold a password.
            program = _text(f"/proc/{pid}/comm").strip()
            return f"process {pid} ({program})" if program else f"process {pid}"
    return "another process"


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def open_regular(path: Path, flags: int = os.O_RDONLY) -> int:
    """The descriptor of a regular file; opening a pipe would wait for whoever writes into it.

    Raises:
        OSError: it cannot be opened, or is something else.
    """
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
