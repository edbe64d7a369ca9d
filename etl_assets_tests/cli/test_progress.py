"""What events of a run do to the progress that people see."""

import dagster as dg

from etl_assets.cli.progress import RunProgress, State
from etl_assets.defs.asset_keys import shard_key
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
