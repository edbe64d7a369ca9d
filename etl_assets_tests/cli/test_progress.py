"""What events of a run do to the progress that people see."""

import io

import dagster as dg
import pytest
from rich.console import Console

from etl_assets.cli.display import open_display
from etl_assets.cli.progress import RunProgress, State
from etl_assets.defs import progress_events
from etl_assets.defs.asset_keys import shard_key
from etl_assets.defs.progress_events import ProgressLog, duration, how_far, say_order
from etl_assets.export.task import Progress
from etl_assets.steps.lanes import Lane
from etl_assets.tables.topology import Shard

SHARD = Shard("orders", "h", "shop_00", "orders_00")


def test_a_check_of_somebody_elses_is_a_warning_and_fails_no_shard() -> None:
    """It has no metadata of this product's, and it says nothing of the rows' proof."""

    @dg.asset(
        key=shard_key(SHARD),
        check_specs=[dg.AssetCheckSpec("fresh", asset=shard_key(SHARD))],
    )
    def exported() -> dg.MaterializeResult:  # type: ignore[type-arg]
        return dg.MaterializeResult(
            metadata={"seconds": 1.0, "dagster/partition_row_count": 5},
            check_results=[dg.AssetCheckResult(passed=False, description="too old\n")],
        )

    progress = RunProgress.of([SHARD], [Lane(exported.op.name, "h", {"result": SHARD})])
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize([exported], instance=instance)
        progress.take(instance.all_logs(run.run_id))
    assert progress.shards[SHARD].state is State.DONE
    assert progress.warnings == [
        "orders/h/shop_00.orders_00: the check fresh did not pass: too old"
    ]


def test_a_lane_says_in_the_runs_log_and_in_the_display_where_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress_events, "PROGRESS_SECONDS", 0)
    lane = [SHARD, Shard("orders", "h", "shop_00", "orders_01")]

    @dg.op
    def export(context: dg.OpExecutionContext) -> None:
        say_order(context, [shard_key(shard) for shard in lane[::-1]])
        log = ProgressLog(context, lane[1], shard_key(lane[1]), "1 of 2")
        log(Progress(1_000, 5_000_000, 4_000))

    @dg.job
    def job() -> None:
        export()

    progress = RunProgress.of(lane, [Lane("export", "h", {s.shard_table: s for s in lane})])
    told = io.StringIO()
    with dg.DagsterInstance.ephemeral() as instance:
        run = job.execute_in_process(instance=instance)
        progress.take(instance.all_logs(run.run_id))
        logged = [entry.message for entry in instance.all_logs(run.run_id)]
    with open_display(Console(file=told, width=200), "orders 2026-11-02") as display:
        display.update(progress)
    begins = "h.shop_00.orders_01 (1 of 2): 1,000 of 4,000 rows, 5.0 MB, "
    assert any(line.startswith(begins) and line.endswith(" left") for line in logged), logged
    assert begins in told.getvalue()
    assert [shard.state for shard in progress.shards.values()] == [State.WAITING, State.RUNNING]


def test_what_is_left_of_a_shard_is_told_where_it_is_known() -> None:
    assert how_far(Progress(1_000, 5_000_000, 4_000), 10) == (
        "1,000 of 4,000 rows, 5.0 MB, 0.5 MB/s, about 30 s left"
    )
    assert how_far(Progress(1_000, 5_000_000, None), 10) == "1,000 rows, 5.0 MB, 0.5 MB/s"
    assert [duration(seconds) for seconds in (59, 61, 3_700)] == ["59 s", "1 min 1 s", "1 h 1 min"]
