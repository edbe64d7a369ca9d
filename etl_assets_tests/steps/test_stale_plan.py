"""A run whose plan is older than the configuration touches nothing, and says what to do."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.errors import DagsterExecutionStepNotFoundError
from dagster._core.execution.api import execute_run

from etl_assets.defs.build import stand_alone_definitions
from etl_assets_tests.support.in_process import location, shard
from etl_assets_tests.support.location import location_file
from etl_assets_tests.support.shop import CONFIG, DAY, Shop, small_shop

IN_PROCESS = CONFIG.replace("{processes: 2}", "{executor: in_process}")
TABLE = dg.AssetKey(["orders"])
FEWER = IN_PROCESS.replace("shop_{00..01}", "shop_00")
MOVED = IN_PROCESS.replace("demo", "elsewhere")
WEEKS = IN_PROCESS.replace("every: day", "every: week")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance that another process could open."""
    with dg.DagsterInstance.local_temp() as made:
        yield made


def run_of(
    shop: Shop, instance: dg.DagsterInstance, assets: Sequence[dg.AssetKey] = ()
) -> dg.DagsterRun:
    """A run as the UI records it, planned with the shop's present configuration."""
    job = stand_alone_definitions(shop.config).resolve_job_def("export_orders")
    chosen = frozenset(assets) or None
    planned = job.get_subset(asset_selection=set(chosen)) if chosen else job
    return instance.create_run_for_job(
        planned, tags={"dagster/partition": DAY}, asset_selection=chosen
    )


def execute(shop: Shop, instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """Execute a run with the shop's configuration as it is by then; gives why it failed."""
    path = str(location_file(shop.folder))
    repository = ReconstructableRepository.for_file(path, "defs", str(shop.folder))
    job = repository.get_reconstructable_job("export_orders")
    execute_run(job, run, instance, raise_on_error=False)
    ended = [
        event.dagster_event
        for event in instance.all_logs(run.run_id)
        if event.dagster_event is not None and event.dagster_event.is_job_failure
    ]
    error = ended[0].job_failure_data.error if ended else None
    return error.message if error is not None else ""


def contents(folder: Path) -> dict[str, bytes]:
    """What is in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("before", "after", "assets"),
    [
        (FEWER, IN_PROCESS, ()),
        (IN_PROCESS, WEEKS, ()),
        (FEWER, IN_PROCESS, (shard("shop_00", "orders_00"),)),
    ],
    ids=["added", "weeks", "one"],
)
def test_a_run_that_was_planned_before_a_change_is_refused_and_touches_nothing(
    tmp_path: Path,
    instance: dg.DagsterInstance,
    before: str,
    after: str,
    assets: Sequence[dg.AssetKey],
) -> None:
    shop = small_shop(tmp_path, before)
    with location(shop) as exported:
        assert exported.export(DAY).success
    whole = contents(shop.window())
    run = run_of(shop, instance, assets)
    shop.configure(after)
    failure = execute(shop, instance, run)
    assert "orders: the configuration has changed since this run was planned" in failure
    assert "press Reload at the code location" in failure
    assert contents(shop.window()) == whole


@pytest.mark.parametrize("after", [FEWER, MOVED], ids=["removed", "renamed"])
def test_dagster_refuses_a_plan_whose_steps_are_gone_and_nothing_is_touched(
    tmp_path: Path, instance: dg.DagsterInstance, after: str
) -> None:
    shop = small_shop(tmp_path, IN_PROCESS)
    with location(shop) as exported:
        assert exported.export(DAY).success
    whole = contents(shop.window())
    run = run_of(shop, instance)
    shop.configure(after)
    with pytest.raises(DagsterExecutionStepNotFoundError, match="unknown steps"):
        execute(shop, instance, run)
    assert contents(shop.window()) == whole


@pytest.mark.parametrize("assets", [(), (shard("shop_00", "orders_00"), TABLE)])
def test_a_plan_of_the_present_shards_is_executed(
    tmp_path: Path, instance: dg.DagsterInstance, assets: Sequence[dg.AssetKey]
) -> None:
    shop = small_shop(tmp_path, IN_PROCESS)
    with location(shop) as exported:
        assert exported.export(DAY).success
    old = shop.manifest()
    run = run_of(shop, instance, assets)
    # What a plan does not depend on may change.
    shop.configure(IN_PROCESS.replace("    partition", "    merge: true\n    partition"))
    assert execute(shop, instance, run) == ""
    assert shop.manifest() != old
