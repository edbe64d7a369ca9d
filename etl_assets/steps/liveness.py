"""Which process a run belongs to, what becomes of a run whose process is gone, and of its steps.

Dagster's run monitoring cannot see local processes: a run whose process was killed would be
running for ever and keep its slots in the pools. So each run is tagged with its process, beyond the
reuse of process numbers; whoever comes by fails the runs of dead ones: every start of the command
line, and a sensor. The steps of such a run notice at once and stop.
"""

import fcntl
import multiprocessing
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg

from etl_assets.processes import end_with, is_alive, is_gone, is_of_this_kernel, process_identity

OWNER_TAG = ".dagster/etl_assets_process"
"""The process that ends with the run: a command line, or the run's own where there is none.

The UI hides what begins with `.dagster/`.
"""
_FORMER_OWNER_TAG = "etl_assets/process"
"""In runs of earlier versions."""

_FINISHED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]
_GOING_ON = [status for status in dg.DagsterRunStatus if status not in _FINISHED]
_REPEAT_SECONDS = 0.5
ORPHAN_SECONDS = 3.0
"""How long a step whose run is gone may take to let go of its server and its files."""


def owner_tag(run_id: str) -> str:
    """The tag's value for this process.

    It begins with the run: one that the UI makes from this run inherits the tag, not the process.
    """
    return f"{run_id}/{process_identity(os.getpid())}"


def owner_of(run: dg.DagsterRun) -> str | None:
    """The identity of the process that a run ends with; None where none has tagged it."""
    for name in (OWNER_TAG, _FORMER_OWNER_TAG):
        owned, _, identity = run.tags.get(name, "").partition("/")
        if owned == run.run_id:
            return identity
    return None


@contextmanager
def owning(
    instance: dg.DagsterInstance, run: dg.DagsterRun, tags: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Tag a run with this process, unless it has an owner already, and hold its lock meanwhile.

    `tags` are further ones that it is to have.

    The lock goes with this process however that ends, which is seen from any container. Where the
    instance's folder takes no locks or no files, other containers know nothing of the run.
    """
    wanted = dict(tags or {})
    if owner_of(run) is None:
        wanted[OWNER_TAG] = owner_tag(run.run_id)
    if wanted:
        instance.add_run_tags(run.run_id, wanted)
    path = _lock_path(instance, run.run_id)
    descriptor = _locked(path)
    try:
        yield
    finally:
        if descriptor is not None:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            os.close(descriptor)


def _locked(path: Path) -> int | None:
    """Make a file that this process holds the lock of; None where that is not possible."""
    temporary = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_RDONLY | os.O_CREAT, 0o644)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Under its name it is never without the lock of a process that is there.
        temporary.replace(path)
    except OSError:
        os.close(descriptor)
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        return None
    return descriptor


def _lock_path(instance: dg.DagsterInstance, run_id: str) -> Path:
    return Path(instance.root_directory) / "owners" / f"{run_id}.lock"


def _is_let_go(path: Path) -> bool:
    """Whether a lock is there that nobody holds."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        # Somebody has it, or there are no locks.
        return False
    finally:
        os.close(descriptor)
    return True


def sweep_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Fail the runs whose process is gone, and free what they hold of the pools; gives their ids.

    Dagster fails some of them by itself, and keeps what they hold for a minute: that is freed too.
    """
    swept = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_GOING_ON)):
        if not _is_dead(instance, run):
            continue
        # It may have come to its end by itself meanwhile.
        current = instance.get_run_by_id(run.run_id)
        if current is None or current.is_finished:
            continue
        instance.report_run_failed(
            run, "The process of this run is gone: killed, or out of memory."
        )
        swept.append(run.run_id)
    storage = instance.event_log_storage
    if storage.supports_global_concurrency_limits and (
        holders := storage.get_concurrency_run_ids()
    ):
        ended = dg.RunsFilter(run_ids=list(holders), statuses=_FINISHED)
        for run in instance.get_runs(ended):
            if _is_dead(instance, run):
                storage.free_concurrency_slots_for_run(run.run_id)
    # Also those that a killed process has not given their name yet.
    for path in _lock_path(instance, "").parent.glob("*.*"):
        left = instance.get_run_by_id(path.stem)
        if left is None or left.is_finished:
            with suppress(OSError):
                path.unlink(missing_ok=True)
    return swept


def _is_dead(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    identity = owner_of(run)
    if identity is None:
        return False
    alive = is_alive(identity)
    if alive is None:
        # As in a container that was started anew, after what it was before had been killed.
        return is_of_this_kernel(identity) and _is_let_go(_lock_path(instance, run.run_id))
    return not alive


@contextmanager
def ending_with_the_run() -> Iterator[None]:
    """Interrupt this step's process when the run's process is gone; end it when it goes on.

    Nothing happens where the step is executed in the run's own process.
    """
    run = multiprocessing.parent_process()
    if run is None:
        yield
        return
    done = end_with(run.sentinel, ORPHAN_SECONDS)
    try:
        yield
    finally:
        done()


@contextmanager
def ending_with_dagster_dev() -> Iterator[None]:
    """Interrupt this run's process when the `dagster dev` that it was launched by is gone.

    Dagster leaves its code servers, and with them the runs that they have launched, to their own
    devices. Nothing happens to a run that anything else has launched.
    """
    server = _dagster_dev(os.getppid())
    if server is None:
        yield
        return

    # Again and again: a run tells the steps that it has, and then may start others.
    done = end_with(lambda: is_gone(server), ORPHAN_SECONDS, again=_REPEAT_SECONDS)
    try:
        yield
    finally:
        done()


def _dagster_dev(pid: int) -> str | None:
    """The identity of the `dagster dev` among a process and those above it."""
    while pid > 1:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")
            parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            return None
        if "dev" in words and any(Path(word).name == "dagster" for word in words):
            return process_identity(pid)
        pid = parent
    return None
