"""Dagster instances, and what they recorded of runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

_KEPT = {"module": "etl_assets.instance.storage", "class": "KeptSqliteStorage"}


@contextmanager
def instance_of(home: Path) -> Iterator[dg.DagsterInstance]:
    """The instance of a home, beside whoever else has it open."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


@contextmanager
def instance_in(home: Path, *, kept: bool) -> Iterator[dg.DagsterInstance]:
    """The instance of a home with one storage or the other."""
    custom = {**_KEPT, "config": {"base_dir": str(home)}}
    overrides: dict[str, object] = {"telemetry": {"enabled": False}}
    if kept:
        overrides["storage"] = {"custom": custom}
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides=overrides)) as made:
        yield made


def step_pids(instance: dg.DagsterInstance, run_id: str) -> dict[str, int]:
    """The process that executed each step of a run."""
    pids: dict[str, int] = {}
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_WORKER_STARTED):
        event = entry.get_dagster_event()
        value = event.engine_event_data.metadata["pid"].value
        assert event.step_key is not None
        pids[event.step_key] = int(str(value))
    return pids


def claimed_slots(instance: dg.DagsterInstance) -> dict[str, int]:
    """How many slots of each pool are claimed."""
    storage = instance.event_log_storage
    return {
        key: storage.get_concurrency_info(key).active_slot_count
        for key in storage.get_concurrency_keys()
    }


def told(instance: dg.DagsterInstance, run_id: str) -> dict[str, tuple[bool, str]]:
    """The result of each check of a run: whether it passed, and its description."""
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [entry.get_dagster_event().asset_check_evaluation_data for entry in entries]
    return {
        f"{one.asset_key.to_user_string()} {one.check_name}": (one.passed, one.description or "")
        for one in found
    }


def untold(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """The checks of a run that Dagster calls "execution failed": planned, and without a result."""
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED)
    planned: list[Any] = [entry.get_dagster_event().event_specific_data for entry in entries]
    history = instance.event_log_storage.get_asset_check_execution_history
    assert planned
    return [
        f"{one.asset_key.to_user_string()} {one.check_name}"
        for one in planned
        # The newest is what the UI shows.
        if next(
            record.status
            for record in history(one.asset_check_key, limit=50)
            if record.run_id == run_id
        )
        is AssetCheckExecutionRecordStatus.PLANNED
    ]
