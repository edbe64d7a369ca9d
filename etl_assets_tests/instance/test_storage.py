"""SQLite storage that keeps its connections: Dagster's own files, and no connection forked."""

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from etl_assets.instance import storage as storage_module
from etl_assets.instance.light_events import PLANNED, leaving_out
from etl_assets.instance.storage import KeptEventLogStorage
from etl_assets_tests.support.recorded import instance_in

DAYS = dg.DailyPartitionsDefinition("2026-11-01")


@dg.asset
def one() -> None:
    """An asset that does nothing."""


@dg.asset(partitions_def=DAYS, check_specs=[dg.AssetCheckSpec("whole", asset="daily")])
def daily() -> dg.MaterializeResult:  # type: ignore[type-arg]
    """A partitioned asset with a check."""
    return dg.MaterializeResult(
        metadata={"rows": 5}, check_results=[dg.AssetCheckResult(passed=True)]
    )


def open_files() -> set[str]:
    """The databases that this process has open."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        # The folder's own descriptor is gone by now.
        with suppress(OSError):
            found.add(entry.readlink().name)
    return {name for name in found if name.endswith(".db")}


@pytest.mark.parametrize("first", [True, False])
def test_what_one_storage_has_written_the_other_one_reads(tmp_path: Path, *, first: bool) -> None:
    with instance_in(tmp_path, kept=first) as instance:
        run_id = dg.materialize([one], instance=instance).run_id
    with instance_in(tmp_path, kept=not first) as instance:
        (run,) = instance.get_runs()
        assert (run.run_id, run.status) == (run_id, dg.DagsterRunStatus.SUCCESS)
        assert instance.get_latest_materialization_event(dg.AssetKey("one")) is not None
        assert dg.materialize([one], instance=instance).success
        assert len(instance.get_runs()) == 2


def test_connections_stay_open_but_not_over_a_fork(tmp_path: Path) -> None:
    with instance_in(tmp_path, kept=True) as instance:
        run_id = dg.materialize([one], instance=instance).run_id
        assert {"index.db", "runs.db", f"{run_id}.db"} <= open_files()
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            os.write(writing, repr(open_files()).encode())
            os._exit(0)
        os.waitpid(pid, 0)
        os.close(writing)
        with os.fdopen(reading) as told:
            assert told.read() == "set()"
        # Both go on with connections of their own.
        assert len(instance.all_logs(run_id)) > 5
    assert open_files() == set()


def end_of(pid: int, seconds: float) -> int:
    """The status of a child; it is killed where it does not end in time."""
    until = time.monotonic() + seconds
    ended, status = os.waitpid(pid, os.WNOHANG)
    while not ended:
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.001)
        ended, status = os.waitpid(pid, os.WNOHANG)
    return status


def test_a_fork_leaves_no_lock_and_no_connection_of_other_threads_behind(tmp_path: Path) -> None:
    with instance_in(tmp_path, kept=True) as instance:
        run_id = dg.materialize([one], instance=instance).run_id
        over = threading.Event()

        def ask() -> None:
            while not over.is_set():
                instance.all_logs(run_id)
                instance.get_runs()

        threads = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(60):
                reading, writing = os.pipe()
                pid = os.fork()
                if not pid:
                    os.write(writing, repr(open_files()).encode())
                    instance.get_run_by_id(run_id)
                    os._exit(0 if instance.all_logs(run_id) else 1)
                os.close(writing)
                with os.fdopen(reading) as told:
                    assert end_of(pid, 20) == 0, "it waits for a thread that is not there"
                    assert told.read() == "set()"
        finally:
            over.set()
            for thread in threads:
                thread.join(10)


def test_few_runs_are_kept_open(tmp_path: Path) -> None:
    with instance_in(tmp_path, kept=True) as instance:
        for _ in range(6):
            dg.materialize([one], instance=instance)
        assert isinstance(instance.event_log_storage, KeptEventLogStorage)
        assert len(open_files() - {"runs.db"}) == 4
        assert len(instance.get_runs()) == 6


@pytest.mark.parametrize("many", [True, False])
def test_what_is_written_shortly_dagsters_storage_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, many: bool
) -> None:
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "100")
    if many:
        monkeypatch.setattr(storage_module, "_PLANNED_TWICE", 1)
    outputs = {"result", "daily_whole"}
    with instance_in(tmp_path, kept=True) as instance, leaving_out(outputs):
        run_id = dg.materialize([daily], instance=instance, partition_key="2026-11-02").run_id
    with instance_in(tmp_path, kept=False) as instance:
        said = {entry.dagster_event_type for entry in instance.all_logs(run_id)}
        assert dg.DagsterEventType.STEP_OUTPUT not in said
        assert PLANNED & said == (set() if many else PLANNED)
        event = instance.get_latest_materialization_event(daily.key)
        assert event is not None
        assert event.message == "Materialized value daily."
        materialization = event.asset_materialization
        assert materialization is not None
        assert (materialization.partition, materialization.metadata["rows"].value) == (
            "2026-11-02",
            5,
        )
        storage = instance.event_log_storage
        record, *_ = storage.get_asset_check_execution_history(daily_check(), limit=5)
        assert record.status is AssetCheckExecutionRecordStatus.SUCCEEDED
        planned = storage.get_latest_planned_materialization_info(daily.key)
        assert planned is not None
        assert planned.run_id == run_id


def daily_check() -> dg.AssetCheckKey:
    """The check of `daily`."""
    (key,) = daily.check_keys
    return key
