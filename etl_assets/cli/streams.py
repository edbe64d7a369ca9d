"""Standard streams that never fail the command: what they cannot take is dropped, and remembered.

Whoever reads the output may leave (`| head`), the disk behind it may be full, the terminal may know
no Unicode, and a scheduler may have closed the streams. An export goes on all the same.
"""

import io
import os
import select
import sys
import threading
import time
from typing import TextIO

_PAUSE_SECONDS = 0.1
_STALLED_SECONDS = 1.0
"""How long a reader who takes nothing is waited for once the command was asked to end."""

_lost: dict[int, OSError] = {}
_hurried = threading.Event()


def open_streams() -> None:
    """Make stdout and stderr such streams; to be called before any other file is opened."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # Left free, the number would go to the next file, and messages would go into that.
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = _stream(1, sys.stdout)
    sys.stderr = _stream(2, sys.stderr)


def lost() -> OSError | None:
    """Why some of stdout could not be written; a reader who has left wanted no more."""
    sys.stdout.flush()
    error = _lost.get(1)
    return None if isinstance(error, BrokenPipeError) else error


def hurry() -> None:
    """From now on drop what nobody takes: a reader who has stopped must not keep the end away."""
    _hurried.set()


def _stream(descriptor: int, before: TextIO | None) -> TextIO:
    return io.TextIOWrapper(
        io.BufferedWriter(_Patient(descriptor)),
        encoding=before.encoding if before is not None else "utf-8",
        # What an ASCII terminal cannot show is shown by its code.
        errors="backslashreplace",
        line_buffering=descriptor == 2 or os.isatty(descriptor),
    )


class _Patient(io.RawIOBase):
    """A descriptor that takes everything."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        return True

    def write(self, data: "io.ReadableBuffer") -> int:  # type: ignore[name-defined]
        view = memoryview(data)
        size = len(view)
        taken_at = time.monotonic()
        while view and self._descriptor not in _lost:
            try:
                if select.select([], [self._descriptor], [], _PAUSE_SECONDS)[1]:
                    # More than this might wait inside the call, where no signal ends it.
                    view = view[os.write(self._descriptor, view[: select.PIPE_BUF]) :]
                    taken_at = time.monotonic()
                elif _hurried.is_set() and time.monotonic() - taken_at > _STALLED_SECONDS:
                    _lost[self._descriptor] = BrokenPipeError()
            except BlockingIOError:
                # Somebody else who writes into it was faster.
                continue
            except OSError as error:
                _lost[self._descriptor] = error
        return size
