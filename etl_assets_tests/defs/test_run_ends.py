"""What checks say of runs that failed before they came to them, by whichever executor."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._utils.hosted_user_process import recon_job_from_origin

from etl_assets.defs.run_ends import explain_failed_run
from etl_assets.defs.sensors import explain_failed_runs
from etl_assets_tests.support.daemon import QUIET, started_daemon
from etl_assets_tests.support.in_process import Location, location, shard
from etl_assets_tests.support.recorded import told, untold
from etl_assets_tests.support.shop import CONFIG, DAY, SHARDS, small_shop

# How a test gives a sensor the code location that the daemon gives it.
pytestmark = [*QUIET, pytest.mark.filterwarnings("ignore:Parameter `repository_def`")]

TRIAL = {"resources": {"csv": {"config": {"limit": 1}}}}
TABLE = dg.AssetKey(["orders"])
LOST = "demo.shop_00.orders_01: no such table: orders_01"


def explained(made: Location, result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str]]:
    """The checks of a run that failed, once Dagster's daemon has told the sensor of it."""
    repository = made.definitions.get_repository_def()
    event = next(e for e in result.all_events if e.event_type is dg.DagsterEventType.RUN_FAILURE)
    context = dg.build_run_status_sensor_context(
        sensor_name=explain_failed_runs.name,
        dagster_event=event,
        dagster_instance=made.instance,
        dagster_run=result.dagster_run,
        repository_def=repository,
    )
    explain_failed_runs(context.for_run_failure())
    return told(made.instance, result.run_id)


@pytest.fixture(params=[CONFIG, CONFIG.replace("processes: 2", "lanes: 1")], ids=["one", "lane"])
def broken(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Location]:
    """A shop that lacks a shard table."""
    shop = small_shop(tmp_path, request.param)
    shop.run("shop_00", "ALTER TABLE orders_01 RENAME TO away")
    with location(shop) as made:
        yield made


def test_a_failed_shard_is_told_by_the_table_and_nothing_is_said_twice(broken: Location) -> None:
    result = broken.export()
    # As with an executor that is not the product's.
    assert untold(broken.instance, result.run_id)
    checks = explained(broken, result)
    assert untold(broken.instance, result.run_id) == []
    passed, why = checks["orders complete"]
    assert not passed
    summary, lost, _ = why.split("\n\n")
    assert summary == "1 of 4 shards failed."
    assert lost.startswith(LOST)
    assert f"--partition {DAY} --resume" in why
    for name in ("orders rows_in_windows", "orders matches_servers"):
        assert checks[name] == (
            False,
            f"Not looked at: run {result.run_id[:8]} failed before. `complete` says why.",
        )
    before = broken.instance.get_records_for_run(result.run_id).records
    explained(broken, result)
    assert len(broken.instance.get_records_for_run(result.run_id).records) == len(before)


def test_the_next_run_of_the_window_passes_and_says_how_much(broken: Location) -> None:
    explained(broken, broken.export())
    broken.shop.run("shop_00", "ALTER TABLE away RENAME TO orders_01")
    again = broken.export()
    assert told(broken.instance, again.run_id)["orders complete"] == (True, "4 shards, 8 rows.")
    (newest, oldest) = broken.instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(TABLE, "complete"), limit=9
    )
    assert (newest.partition, oldest.partition) == (DAY, DAY)


def test_a_run_of_some_shards_tells_of_the_window_too(broken: Location) -> None:
    first, lost = shard(*SHARDS[0]), shard(*SHARDS[1])
    good = broken.export(assets=[first])
    passed, why = told(broken.instance, good.run_id)["orders complete"]
    assert not passed
    assert why.startswith("Refused: orders: 3 of 4 shards are missing")
    checks = explained(broken, broken.export(assets=[first, lost]))
    assert checks["orders complete"][1].startswith(f"1 of 4 shards failed.\n\n{LOST}")
    assert "orders rows_in_windows" not in checks


def test_a_trial_says_nothing_of_the_window(broken: Location) -> None:
    result = broken.export(run_config=TRIAL)
    trial = (False, f"Not looked at: run {result.run_id[:8]} was a trial that failed.")
    checks = explained(broken, result)
    assert checks["orders complete"] == checks["orders matches_servers"] == trial
    told_of_shards = {name: told for name, told in checks.items() if "rows_match_source" in name}
    assert told_of_shards.pop("orders/demo/shop_00.orders_01 rows_match_source")[1].startswith(LOST)
    # Their rows are in the sample, whatever came of their sibling.
    assert list(told_of_shards.values()) == [trial] * 3
    assert untold(broken.instance, result.run_id) == []


def test_after_a_trial_a_window_is_as_complete_as_it_was(broken: Location) -> None:
    broken.shop.run("shop_00", "ALTER TABLE away RENAME TO orders_01")
    assert broken.export().success
    broken.shop.run("shop_00", "ALTER TABLE orders_01 RENAME TO away")
    checks = explained(broken, broken.export(run_config=TRIAL))
    assert checks["orders complete"] == (True, "4 shards, 8 rows.")
    assert checks["orders rows_in_windows"] == (True, "Every row is in a window.")


@pytest.mark.parametrize("rule", ["on_drift: fail", "rows_outside: fail"])
def test_a_table_that_refuses_says_so_itself(tmp_path: Path, rule: str) -> None:
    shop = small_shop(tmp_path, CONFIG.replace("    shards", f"    {rule}\n    shards"))
    if "drift" in rule:
        shop.run("shop_00", "ALTER TABLE orders_00 ADD COLUMN gift INTEGER")
        expected = "Refused: orders: the columns of its shards differ"
    else:
        shop.run("shop_00", "UPDATE orders_00 SET created_at = '2020-01-01' WHERE created_at < 'x'")
        expected = "Refused: orders: 6 rows in no window"
    with location(shop) as made:
        result = made.export()
        assert not result.success
        passed, why = told(made.instance, result.run_id)["orders complete"]
        assert not passed
        assert why.startswith(expected)
        assert why.endswith(f"or run: etl-assets export orders --partition {DAY}")
        assert explained(made, result)["orders complete"] == (passed, why)
        assert untold(made.instance, result.run_id) == []


def test_what_is_no_export_of_the_product_s_is_left_alone(tmp_path: Path) -> None:
    @dg.asset
    def other() -> None:
        raise ValueError

    with location(small_shop(tmp_path), other) as made:
        result = dg.materialize([other], instance=made.instance, raise_on_error=False)
        graph = made.definitions.get_repository_def().asset_graph
        explain_failed_run(made.instance, result.dagster_run, graph)
        assert told(made.instance, result.run_id) == {}


def test_a_real_daemon_tells_of_a_run_that_was_killed(tmp_path: Path) -> None:
    with started_daemon(small_shop(tmp_path)) as daemon:
        now = datetime.now(UTC)
        # From its first look on it hears of runs.
        assert daemon.sensed(now) == []
        remote = daemon.repository.get_full_job("export_orders")
        recon = recon_job_from_origin(remote.get_python_origin())
        run = daemon.instance.create_run_for_job(
            recon.get_definition(),
            tags={"dagster/partition": DAY},
            status=dg.DagsterRunStatus.STARTED,
            remote_job_origin=remote.get_remote_origin(),
            job_code_origin=remote.get_python_origin(),
        )
        daemon.instance.report_run_failed(run, "Killed by somebody.")
        assert untold(daemon.instance, run.run_id)
        daemon.sensed(now + timedelta(minutes=1))
        assert untold(daemon.instance, run.run_id) == []
        passed, why = told(daemon.instance, run.run_id)["orders complete"]
    assert not passed
    assert why.startswith(
        "4 of 4 shards failed.\n\ndemo.shop_00.orders_00 and 3 more: Killed by somebody.\n\nWhen"
    )
