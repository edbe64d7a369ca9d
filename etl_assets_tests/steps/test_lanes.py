"""Lanes on the command line, and what Dagster's re-executions make of them."""

import re
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from etl_assets.steps.lanes import LONGEST_LANE, MANY_SHARDS, lanes_of
from etl_assets.tables.topology import load_topology
from etl_assets_tests.support.command import environment, etl_assets
from etl_assets_tests.support.recorded import instance_of, step_pids
from etl_assets_tests.support.shop import (
    CONFIG,
    DAY,
    DAYS,
    EXPORT,
    STEMS,
    Shop,
    rows_of,
    small_shop,
)

BROKEN = STEMS[2]
AGAIN = """
import sys
import dagster as dg
from dagster._core.definitions.reconstruct import ReconstructableRepository
repository = ReconstructableRepository.for_module("etl_assets.definitions", "defs", ".")
with dg.DagsterInstance.get() as instance:
    (run,) = instance.get_runs()
    parent = run.run_id
    options, more = {OPTIONS}
    tags = {**run.tags, **more}
    job = repository.get_reconstructable_job("export_orders")
    with dg.execute_job(job, instance, tags=tags, reexecution_options=options) as result:
        sys.exit(not result.success)
"""
# As the UI's menu does it.
FROM_FAILURE = (
    'dg.ReexecutionOptions.from_failure(parent, instance), {"dagster/is_resume_retry": "true"}'
)
ALL = "dg.ReexecutionOptions(parent_run_id=parent), {}"


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A window in one lane whose third shard has failed; its table is back by now."""
    folder = tmp_path_factory.mktemp("failed") / "shop"
    shop = small_shop(folder, CONFIG.replace("processes: 2", "lanes: 1"))
    shop.run("shop_01", "ALTER TABLE orders_00 RENAME TO gone")
    done = etl_assets(folder, *EXPORT)
    assert done.code == 1
    (problem,) = [line for line in done.problems if line.startswith("failed: ")]
    assert problem.startswith(f"failed: {BROKEN}: no such table: orders_00; ")
    shop.run("shop_01", "ALTER TABLE gone RENAME TO orders_00")
    return shop


@pytest.fixture
def half(failed: Shop, tmp_path: Path) -> Shop:
    """A copy of it, to go on with."""
    return failed.copied(tmp_path / "half")


def repeat(shop: Shop, options: str) -> None:
    """What the UI's button does."""
    home = {"DAGSTER_HOME": str(shop.folder / ".dagster_home")}
    program = AGAIN.replace("{OPTIONS}", options)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=shop.folder,
        env=environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def times(shop: Shop) -> dict[str, int]:
    """When each shard's file was written."""
    return {stem: (shop.window() / f"{stem}.csv").stat().st_mtime_ns for stem in STEMS}


def test_a_lane_is_one_process_that_goes_on_after_a_failed_shard(half: Shop) -> None:
    with instance_of(half.folder / ".dagster_home") as instance:
        (run,) = instance.get_runs()
        assert list(step_pids(instance, run.run_id)) == ["orders__demo__lane_0"]
    good = [stem for stem in STEMS if stem != BROKEN]
    assert half.names()[1:] == sorted(f"{stem}.{end}" for stem in good for end in ("csv", "json"))


def test_a_repetition_from_failure_keeps_what_was_proven(half: Shop) -> None:
    old = {s: (half.window() / f"{s}.csv").stat().st_mtime_ns for s in STEMS if s != BROKEN}
    repeat(half, FROM_FAILURE)
    assert {stem: time for stem, time in times(half).items() if stem != BROKEN} == old
    with instance_of(half.folder / ".dagster_home") as instance:
        again, first = instance.get_runs()
        assert again.status is dg.DagsterRunStatus.SUCCESS
    made_by = {m["file"]: m["run_id"] for m in half.manifest()["shards"]}
    assert made_by == {
        f"{stem}.csv": again.run_id if stem == BROKEN else first.run_id for stem in STEMS
    }


def test_a_repetition_from_failure_exports_a_file_again_that_has_changed(half: Shop) -> None:
    with (half.window() / f"{STEMS[0]}.csv").open("ab") as file:
        file.write(b"more")
    repeat(half, FROM_FAILURE)
    assert etl_assets(half.folder, "verify", "orders", "--partition", DAY).code == 0


def test_a_repetition_of_all_exports_everything(half: Shop) -> None:
    half.run("shop_00", "DELETE FROM orders_00")
    repeat(half, ALL)
    assert half.manifest(f"{STEMS[0]}.json")["rows"] == 0
    assert len({m["run_id"] for m in half.manifest()["shards"]}) == 1


@pytest.mark.parametrize("execution", ["processes: 1", "processes: 1, lanes: 1"])
def test_large_shards_of_last_time_go_first(tmp_path: Path, execution: str) -> None:
    shop = small_shop(tmp_path, CONFIG.replace("processes: 2", execution))
    shop.run("shop_00", "DELETE FROM orders_00", "DELETE FROM orders_01 WHERE id % 2")
    done = etl_assets(tmp_path, *EXPORT, DAYS[2])
    assert done.code == 0
    told = [
        re.findall(rf"^orders {day}: \[./4] ([\w.]+)", done.out, re.MULTILINE) for day in DAYS[1:]
    ]
    assert told == [STEMS, [STEMS[2], STEMS[3], STEMS[1], STEMS[0]]]


def test_a_lane_goes_on_after_a_file_that_cannot_get_its_name(tmp_path: Path) -> None:
    shop = small_shop(tmp_path, CONFIG.replace("processes: 2", "lanes: 1"))
    # A folder of that name cannot be replaced by a file.
    (shop.window() / f"{STEMS[1]}.csv" / "in the way").mkdir(parents=True)
    done = etl_assets(tmp_path, *EXPORT)
    assert done.code == 1
    (failed,) = [line for line in done.problems if line.startswith("failed: ")]
    assert failed.startswith(f"failed: {STEMS[1]}: {shop.window()}/{STEMS[1]}.csv: ")
    assert [name for name in shop.names()[1:] if name.endswith(".json")] == [
        f"{stem}.json" for stem in STEMS if stem != STEMS[1]
    ]


def test_a_lane_is_never_so_long_that_dagster_is_slow_with_it(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.configure(CONFIG.replace("orders_{00..01}", "orders_{0000..0599}"))
    (table,) = load_topology(shop.config)
    lanes = lanes_of(shop.config, table)
    assert sum(len(lane.shards) for lane in lanes) == 1_200
    assert {len(lane.shards) for lane in lanes} == {LONGEST_LANE - 8}


def test_many_shards_are_exported_in_lanes_by_themselves(tmp_path: Path) -> None:
    count = MANY_SHARDS + 8
    shop = Shop(tmp_path)
    shop.configure(
        CONFIG.replace("shop_{00..01}.orders_{00..01}", f"shop_00.orders_{{00..{count - 1}}}")
    )
    for number in range(count):
        shop.fill("shop_00", f"orders_{number:02}", rows_of(number))
    done = etl_assets(tmp_path, *EXPORT)
    assert (done.code, done.err) == (0, "")
    assert f"{count} of {count} shards, {2 * count} rows" in done.out
    assert len(shop.manifest()["shards"]) == count
    limit = shop.config.hosts["demo"].max_connections
    with instance_of(tmp_path / ".dagster_home") as instance:
        (run,) = instance.get_runs()
        lanes = [name for name in step_pids(instance, run.run_id) if "lane" in name]
    # So a thousand shards leave less than five megabytes in the run's file; without any it has 0.3.
    written = tmp_path / ".dagster_home" / "history" / "runs" / f"{run.run_id}.db"
    assert written.stat().st_size < 350_000 + count * 4_500
    assert sorted(lanes) == [f"orders__demo__lane_{number}" for number in range(2 * limit)]
    assert etl_assets(tmp_path, "verify", "orders", "--partition", DAY).code == 0
