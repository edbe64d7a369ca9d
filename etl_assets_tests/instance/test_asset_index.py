"""The index is told of a lane's shards many at once, and loses none of them to a kill."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.events import StepMaterializationData
from dagster._core.execution.plan.objects import StepFailureData
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from etl_assets.defs.checks import window_check
from etl_assets.instance.storage import KeptEventLogStorage
from etl_assets_tests.support.recorded import instance_in

DAYS = dg.DailyPartitionsDefinition("2026-11-01")
DAY = "2026-11-02"
RESULT = dg.DagsterEventType.ASSET_CHECK_EVALUATION
MADE = dg.DagsterEventType.ASSET_MATERIALIZATION


SPEC = dg.AssetSpec("daily", partitions_def=DAYS)


@dg.asset(partitions_def=DAYS, check_specs=[window_check("whole", SPEC, "")])
def daily() -> dg.MaterializeResult:  # type: ignore[type-arg]
    """An asset whose run is recorded here, and not executed."""
    raise NotImplementedError


@dataclass(frozen=True)
class Recorded:
    """A run that plans to materialize `daily`, in an instance that keeps its connections."""

    instance: dg.DagsterInstance
    run_id: str

    @property
    def storage(self) -> KeptEventLogStorage:
        """Where its events go."""
        storage = self.instance.event_log_storage
        assert isinstance(storage, KeptEventLogStorage)
        return storage

    def tell(self, kind: dg.DagsterEventType, data: Any = None) -> None:
        """Store an event of the run's only step."""
        step = "daily" if kind in (MADE, RESULT, dg.DagsterEventType.STEP_FAILURE) else None
        event = dg.DagsterEvent(kind.value, "job", event_specific_data=data, step_key=step)
        self.instance.report_dagster_event(event, self.run_id)

    def materialize(self, rows: int = 5) -> None:
        """What a lane says of a shard."""
        tags = {"dagster/data_version": f"v{rows}"}
        made = dg.AssetMaterialization(daily.key, partition=DAY, metadata={"rows": rows}, tags=tags)
        self.tell(MADE, StepMaterializationData(made))
        evaluation = dg.AssetCheckEvaluation(
            asset_key=daily.key, check_name="whole", passed=True, partition=DAY
        )
        self.tell(RESULT, evaluation)

    def in_the_index(self) -> int:
        """How often the index says that it was materialized."""
        filters = dg.AssetRecordsFilter(daily.key)
        return len(self.instance.fetch_materializations(filters, limit=9).records)

    def in_the_run(self) -> int:
        """How often the run says so."""
        return len(self.instance.all_logs(self.run_id, of_type={MADE}))

    def status(self) -> AssetCheckExecutionRecordStatus:
        """What came of the check."""
        (check,) = daily.check_keys
        (record,) = self.storage.get_asset_check_execution_history(check, limit=9)
        return record.status


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    """Such a run."""
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "100")
    job = dg.Definitions([daily], jobs=[dg.define_asset_job("job")]).resolve_job_def("job")
    with instance_in(tmp_path, kept=True) as instance:
        run = instance.create_run_for_job(
            job, tags={"dagster/partition": DAY}, asset_selection=None
        )
        yield Recorded(instance, run.run_id)


def wait_for(happened: Callable[[], bool]) -> None:
    """Wait until something has happened; for as long as the slowest machine needs."""
    until = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_the_run_knows_at_once_and_the_index_soon(recorded: Recorded) -> None:
    with recorded.storage.gathering(recorded.run_id):
        recorded.materialize()
        assert recorded.in_the_run() == 1
        wait_for(lambda: recorded.in_the_index() == 1)
        assert recorded.status() is AssetCheckExecutionRecordStatus.SUCCEEDED
        recorded.materialize(6)
    # At the end nothing is waited for.
    assert recorded.in_the_index() == recorded.in_the_run() == 2
    storage = recorded.storage
    record, *_ = storage.get_asset_records([daily.key])
    last = record.asset_entry.last_materialization_record
    assert last is not None
    assert last.asset_materialization is not None
    assert last.asset_materialization.metadata["rows"].value == 6
    tagged = storage.get_latest_tags_by_partition(daily.key, MADE, ["dagster/data_version"])
    assert tagged == {DAY: {"dagster/data_version": "v6"}}
    assert list(storage.get_materialized_partitions(daily.key)) == [DAY]


@pytest.mark.parametrize(
    "end",
    [
        dg.DagsterEventType.STEP_FAILURE,
        dg.DagsterEventType.RUN_FAILURE,
        dg.DagsterEventType.RUN_CANCELED,
    ],
)
def test_what_a_killed_step_could_not_tell_is_told_with_its_end(
    recorded: Recorded, end: dg.DagsterEventType
) -> None:
    pid = os.fork()
    if not pid:
        with recorded.storage.gathering(recorded.run_id):
            recorded.materialize()
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    assert (recorded.in_the_run(), recorded.in_the_index()) == (1, 0)
    why: Any = StepFailureData
    recorded.tell(end, why(None, None) if end is dg.DagsterEventType.STEP_FAILURE else None)
    assert recorded.in_the_index() == 1
    assert recorded.status() is AssetCheckExecutionRecordStatus.SUCCEEDED
    # And not again.
    recorded.tell(dg.DagsterEventType.RUN_FAILURE)
    assert recorded.in_the_index() == 1


def test_what_somebody_else_has_told_meanwhile_is_not_told_twice(
    recorded: Recorded, tmp_path: Path
) -> None:
    with instance_in(tmp_path, kept=True) as other:
        with recorded.storage.gathering(recorded.run_id):
            recorded.materialize(1)
            # It takes the step for dead.
            Recorded(other, recorded.run_id).tell(dg.DagsterEventType.RUN_FAILURE)
            assert recorded.in_the_index() == 1
            recorded.materialize(2)
        assert recorded.in_the_index() == 2


def test_a_check_that_nobody_has_planned_has_a_result_all_the_same(recorded: Recorded) -> None:
    result = dg.AssetCheckEvaluation(asset_key=daily.key, check_name="other", passed=False)
    with recorded.storage.gathering(recorded.run_id):
        recorded.materialize()
        recorded.tell(RESULT, result)
    key = dg.AssetCheckKey(daily.key, "other")
    (record,) = recorded.storage.get_asset_check_execution_history(key, limit=9)
    assert record.status is AssetCheckExecutionRecordStatus.FAILED
    assert recorded.status() is AssetCheckExecutionRecordStatus.SUCCEEDED
