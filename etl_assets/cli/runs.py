"""Runs as the UI would make them."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg

from etl_assets.defs.asset_keys import job_name, shard_key, table_key
from etl_assets.defs.run_ends import explain_failed_run
from etl_assets.private.dagster import (
    SINGLETON_REPOSITORY_NAME,
    LoadableTargetOrigin,
    ManagedGrpcPythonEnvCodeLocationOrigin,
    ReconstructableJob,
    ReconstructableRepository,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from etl_assets.steps.liveness import OWNER_TAG, owner_tag
from etl_assets.steps.run_tags import COMMAND_LINE, STARTED_BY_TAG, TABLE_TAG, WINDOW_TAG
from etl_assets.tables.topology import LogicalTable, Shard
from etl_assets.tables.windows import Window

LOCATION = "etl_assets"
MODULE = "etl_assets.definitions"
ATTRIBUTE = "defs"


def create_run(
    instance: dg.DagsterInstance,
    table: LogicalTable,
    window: Window,
    *,
    shards: Sequence[Shard],
    processes: int | None,
    csv: Mapping[str, Any],
) -> tuple[dg.DagsterRun, ReconstructableJob]:
    """Record a run of the table's job for a window, of all its shards or of some.

    `csv` is the run's configuration of the IO manager.
    """
    name = job_name(table)
    job = _repository().get_reconstructable_job(name)
    definition = job.get_definition()
    chosen = frozenset([*(shard_key(shard) for shard in shards), table_key(table)])
    whole = len(shards) == len(table.shards)
    run_id = str(uuid4())
    run = instance.create_run_for_job(
        definition,
        run_id=run_id,
        run_config=_run_config(processes, csv),
        tags={
            **definition.tags,
            **definition.get_tags_for_partition_key(window.key, selected_asset_keys=chosen),
            TABLE_TAG: table.name,
            WINDOW_TAG: window.key,
            STARTED_BY_TAG: COMMAND_LINE,
            OWNER_TAG: owner_tag(run_id),
        },
        asset_selection=None if whole else chosen,
        job_code_origin=job.get_python_origin(),
        # Without an origin the UI could neither show the run's job nor execute it again.
        remote_job_origin=_origin(name),
    )
    return run, job


def explain_runs(instance: dg.DagsterInstance, run_ids: Sequence[str]) -> None:
    """Say in the checks why some runs failed, whose processes were gone before they could."""
    if not run_ids:
        return
    graph = _repository().get_definition().asset_graph
    for run in instance.get_runs(dg.RunsFilter(run_ids=list(run_ids))):
        explain_failed_run(instance, run, graph)


def _repository() -> ReconstructableRepository:
    return ReconstructableRepository.for_module(MODULE, ATTRIBUTE, str(Path.cwd()))


def _run_config(processes: int | None, csv: Mapping[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if processes is not None:
        config["execution"] = {"config": {"max_concurrent": processes}}
    if csv:
        config["resources"] = {"csv": {"config": dict(csv)}}
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
