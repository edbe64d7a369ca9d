"""One run from its record to its end, whatever happens to it.

The supervisor alone handles signals. It forks a worker, shows what the run's events say, and
leaves nothing running: no process, no claimed slot, no run that seems to be running for ever.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from etl_assets.cli.progress import RunProgress
from etl_assets.cli.streams import hurry
from etl_assets.cli.worker import GRACE_SECONDS, Worker, start_worker
from etl_assets.defs.run_ends import explain_end
from etl_assets.interrupts import HeardInterrupts
from etl_assets.private.dagster import ReconstructableJob

_POLL_SECONDS = 0.1
_TICK_SECONDS = 0.01
_EVENTS_AT_ONCE = 1000


class Interrupts(HeardInterrupts):
    """Those of the command line: the first one counts, later ones change nothing."""

    def __init__(self) -> None:
        super().__init__(lambda *_: hurry())

    @property
    def exit_code(self) -> int:
        """130 after Ctrl-C, 143 after SIGTERM."""
        return 128 + (self.received or 0)


@dataclass(frozen=True)
class RecordedRun:
    """A run that is recorded and waits to be executed.

    Attributes:
        run: the run as it is recorded in the instance.
        job: how worker and steps find its job.
        log: where the worker's own output goes.
    """

    run: dg.DagsterRun
    job: ReconstructableJob
    log: Path


def supervise(
    instance: dg.DagsterInstance,
    recorded: RecordedRun,
    progress: RunProgress,
    interrupts: Interrupts,
    show: Callable[[RunProgress], None],
) -> dg.DagsterRunStatus:
    """Execute a run to its end and give its final status; progress follows its events."""
    run_id = recorded.run.run_id
    follow = _Follower(instance, run_id, progress, show)
    worker: Worker | None = None
    try:
        if interrupts.received is None:
            worker = start_worker(instance.get_ref(), run_id, recorded.job, recorded.log)
            _wait(instance, recorded.run, worker, interrupts, follow)
    finally:
        if worker is not None:
            worker.end_session()
        follow()
        status = _close(instance, recorded, worker, interrupts, canceling=follow.canceling)
        follow()
        instance.event_log_storage.free_concurrency_slots_for_run(run_id)
    return status


def _wait(
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    worker: Worker,
    interrupts: Interrupts,
    follow: "_Follower",
) -> None:
    """Wait until the worker has ended, or its grace after an interrupt is over."""
    give_up: float | None = None
    due = time.monotonic() + _POLL_SECONDS
    while not worker.poll():
        time.sleep(_TICK_SECONDS)
        if time.monotonic() < due:
            continue
        follow()
        due = time.monotonic() + _POLL_SECONDS
        if give_up is None and (interrupts.received is not None or follow.canceling):
            if not follow.canceling:
                instance.report_run_canceling(run, "Interrupted on the command line.")
            worker.interrupt()
            give_up = time.monotonic() + GRACE_SECONDS
        if give_up is not None and time.monotonic() > give_up:
            return


def _close(
    instance: dg.DagsterInstance,
    recorded: RecordedRun,
    worker: Worker | None,
    interrupts: Interrupts,
    *,
    canceling: bool,
) -> dg.DagsterRunStatus:
    """See to it that the run's record says how it ended."""
    run = recorded.run
    status = _status(instance, run)
    if status is dg.DagsterRunStatus.FAILURE and not canceling:
        # It says so itself, unless it was told to end before it could.
        explain_end(instance, run, recorded.job.get_definition())
        return status
    if status in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.CANCELED):
        return status
    if canceling or interrupts.received is not None:
        # Also over a failure: a run that is asked to stop while it starts writes STARTED over its
        # CANCELING, and an interrupt that it then finds no request for is a failure to Dagster.
        instance.report_run_canceled(run, "Interrupted; its processes are gone.")
    else:
        ending = worker.ending if worker is not None else "was never started"
        instance.report_run_failed(run, f"The run's process {ending}.")
        explain_end(instance, run, recorded.job.get_definition())
    return _status(instance, run)


def _status(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    current = instance.get_run_by_id(run.run_id)
    return current.status if current is not None else dg.DagsterRunStatus.CANCELED


class _Follower:
    """Reads the events that a run has written since the last call."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        run_id: str,
        progress: RunProgress,
        show: Callable[[RunProgress], None],
    ) -> None:
        self._storage = instance.event_log_storage
        self._run_id = run_id
        self._progress = progress
        self._show = show
        self._cursor: str | None = None
        self.canceling = False

    def __call__(self) -> None:
        while True:
            page = self._storage.get_records_for_run(
                self._run_id, self._cursor, limit=_EVENTS_AT_ONCE
            )
            self._cursor = page.cursor
            entries = [record.event_log_entry for record in page.records]
            self.canceling = self.canceling or any(
                entry.dagster_event is not None
                and entry.dagster_event.event_type
                in (dg.DagsterEventType.RUN_CANCELING, dg.DagsterEventType.RUN_CANCELED)
                for entry in entries
            )
            self._progress.take(entries)
            self._show(self._progress)
            if not page.has_more:
                return
