"""Runs as the UI would make them, and the end of those whose process is gone."""

import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES, RunsFilter
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.utils import make_new_run_id

from etl_assets.defs.names import job_name, shard_key, table_key
from etl_assets.topology import LogicalTable, Shard
from etl_assets.windows import Window

LOCATION = "etl_assets"
MODULE = "etl_assets.definitions"
ATTRIBUTE = "defs"
SUPERVISOR_TAG = "etl_assets/supervisor"


def create_run(
    instance: dg.DagsterInstance,
    table: LogicalTable,
    window: Window,
    *,
    shards: Sequence[Shard],
    processes: int | None,
    limit: int | None,
) -> tuple[dg.DagsterRun, ReconstructableJob]:
    """Record a run of the table's job for a window, of all its shards or of some."""
    name = job_name(table)
    repository = ReconstructableRepository.for_module(MODULE, ATTRIBUTE, str(Path.cwd()))
    job = repository.get_reconstructable_job(name)
    definition = job.get_definition()
    chosen = frozenset([*(shard_key(shard) for shard in shards), table_key(table)])
    whole = len(shards) == len(table.shards)
    run_id = make_new_run_id()
    run = instance.create_run_for_job(
        definition,
        run_id=run_id,
        run_config=_run_config(processes, limit),
        tags={
            **definition.tags,
            **definition.get_tags_for_partition_key(window.key, selected_asset_keys=chosen),
            # A run that the UI makes from this one inherits its tags, but not its supervisor.
            SUPERVISOR_TAG: f"{run_id}/{process_identity(os.getpid())}",
        },
        asset_selection=None if whole else chosen,
        job_code_origin=job.get_python_origin(),
        # Without an origin the UI could neither show the run's job nor execute it again.
        remote_job_origin=_origin(name),
    )
    return run, job


def sweep_dead_runs(instance: dg.DagsterInstance) -> None:
    """Fail the runs of command lines that are gone, and free the slots that they hold."""
    unfinished = instance.get_runs(RunsFilter(statuses=list(NOT_FINISHED_STATUSES)))
    for run in unfinished:
        run_id, _, identity = run.tags.get(SUPERVISOR_TAG, "").partition("/")
        if run_id != run.run_id or not _is_gone(identity):
            continue
        instance.report_run_failed(run, "The command line that executed this run is gone.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def process_identity(pid: int) -> str:
    """A process of this machine's present boot, beyond the reuse of its number."""
    return f"{socket.gethostname()}/{_boot_id()}/{pid}/{_start_time(pid)}"


def _is_gone(identity: str) -> bool:
    """Whether a process of this machine has ended; of another machine nothing is known."""
    host, boot, pid, started = identity.rsplit("/", 3)
    if host != socket.gethostname():
        return False
    return boot != _boot_id() or _start_time(int(pid)) != started


def _boot_id() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else "unknown"


def _start_time(pid: int) -> str:
    """Field 22 of proc(5)'s stat, in clock ticks since boot; where there is no /proc, a guess."""
    path = Path(f"/proc/{pid}/stat")
    try:
        # The command's name, in parentheses, may hold spaces.
        return path.read_text().rpartition(")")[2].split()[19]
    except OSError:
        if path.parent.parent.joinpath("self").exists():
            return "gone"
        return _alive_without_proc(pid)


def _alive_without_proc(pid: int) -> str:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "gone"
    except PermissionError:
        pass
    return "alive"


def _run_config(processes: int | None, limit: int | None) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if processes is not None:
        config["execution"] = {"config": {"max_concurrent": processes}}
    if limit is not None:
        config["resources"] = {"csv": {"config": {"limit": limit}}}
    return config


def _origin(name: str) -> RemoteJobOrigin:
    target = LoadableTargetOrigin(
        executable_path=sys.executable,
        module_name=MODULE,
        attribute=ATTRIBUTE,
        working_directory=str(Path.cwd()),
    )
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, LOCATION)
    return RemoteJobOrigin(
        repository_origin=RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME),
        job_name=name,
    )
