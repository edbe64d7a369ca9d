"""The process of one run, as the command line starts it.

It is forked by the supervisor into a session of its own, so that a Ctrl-C on the terminal reaches
the supervisor alone, and so that everything the run ever starts can be ended together.
"""

import contextlib
import gc
import os
import shutil
import signal
import sys
import time
from functools import partial
from pathlib import Path

import dagster as dg

from etl_assets.fork_server.server import start_fork_server
from etl_assets.private.dagster import (
    InstanceRef,
    ReconstructableJob,
    capture_interrupts,
    execute_run_iterator,
)
from etl_assets.private.multiprocessing import sockets_folder
from etl_assets.processes import end_with, wait_for_group

GRACE_SECONDS = 3.0
"""How long an interrupted run may take to stop by itself; all in all an interrupt takes under 5."""
ORPHAN_SECONDS = 4.5
"""The same for a run whose command line is gone: nothing else takes any of its 5 seconds."""

_REPEAT_SECONDS = 0.5
_THRESHOLDS = 700, 10, 10
"""Python's own; the command has another while it starts."""
_KILLED_SECONDS = 2.0
"""How long the kernel may take to clear away what was killed."""


def start_worker(ref: InstanceRef, run_id: str, job: ReconstructableJob, log: Path) -> "Worker":
    """Fork a worker for a run that is recorded already; its streams go to the log file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    # The folder of multiprocessing's sockets. Made here, it is removed when the command ends; the
    # worker's own would stay, as nothing of it runs after its end.
    folder = sockets_folder()
    supervisor = os.getpid()
    read_end, write_end = os.pipe()
    # No collection in a child shall write to, and so copy, what it shares with this process.
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    pid = os.fork()
    if pid:
        os.close(read_end)
        return Worker(pid, write_end)
    # From here on: the child, which must never return into the caller's code.
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.close(write_end)
        _redirect(log)
        start_fork_server()
        # Again and again: a run tells the steps that it has, and then may start others. The read
        # end says when the supervisor is gone: its own end closes with it.
        end_with(
            read_end, ORPHAN_SECONDS, again=_REPEAT_SECONDS, last=partial(_end_session, folder)
        )
        try:
            code = _execute(ref, run_id, job)
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:
        code = 130
    finally:
        if os.getppid() != supervisor:
            # Nobody else removes it then.
            shutil.rmtree(folder, ignore_errors=True)
        os._exit(code)


class Worker:
    """A worker process as its supervisor sees it."""

    def __init__(self, pid: int, lifeline: int) -> None:
        self.pid = pid
        self._lifeline = lifeline
        self._status: int | None = None

    def poll(self) -> bool:
        """Whether the process has ended; its number stays its own until `end_session`."""
        if self._status is not None:
            return True
        how = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.pid, how) is not None

    @property
    def ending(self) -> str:
        """How the process ended, in words."""
        code = os.waitstatus_to_exitcode(self._status or 0)
        if code < 0:
            return f"ended by signal {-code} ({signal.Signals(-code).name})"
        return f"ended with exit code {code}"

    def interrupt(self) -> None:
        """Ask the run to stop: steps first, then the run itself."""
        if not self.poll():
            os.kill(self.pid, signal.SIGINT)

    def end_session(self) -> None:
        """End every process that the run has left, and let go of the worker.

        Afterwards nothing of them holds a file any more: what they have left can be swept.
        """
        if self._status is not None:
            return
        # Before the worker is asked how it ended: from then on its number, and so that of its
        # group, may be a stranger's.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        while not self.poll():
            time.sleep(0.01)
        wait_for_group(self.pid, _KILLED_SECONDS)
        _, self._status = os.waitpid(self.pid, 0)
        with contextlib.suppress(OSError):
            os.close(self._lifeline)


def _redirect(log: Path) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    # Streams of its own: in those of the command text may wait to be written, or a lock be held by
    # the thread that draws the display. The steps inherit these.
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(  # noqa: SIM115
        2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
    )


def _end_session(folder: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(os.getpid(), signal.SIGKILL)


def _execute(ref: InstanceRef, run_id: str, job: ReconstructableJob) -> int:
    # As in Dagster's own run worker: an interrupt waits for a place where the run can take it.
    with capture_interrupts(), dg.DagsterInstance.from_ref(ref) as instance:
        run = instance.get_run_by_id(run_id)
        if run is None:
            return 1
        for _event in execute_run_iterator(job, run, instance):
            pass
    return 0
