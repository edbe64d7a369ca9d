"""Dagster instances, and what they recorded of runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.instance.ref import InstanceRef

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
