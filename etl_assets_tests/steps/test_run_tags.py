"""What the list of runs says of each."""

from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import pytest

from etl_assets.steps.run_tags import missing_tags
from etl_assets_tests.support.in_process import location
from etl_assets_tests.support.shop import DAY, small_shop

RANGE = {
    "dagster/asset_partition_range_start": "2026-11-01",
    "dagster/asset_partition_range_end": "2026-11-03",
}
ONE = {"dagster/partition": DAY}
TAGGED = {**ONE, "etl_assets/table": "orders", "etl_assets/window": DAY}
BY_COMMAND = {**TAGGED, "etl_assets/started_by": "command line"}


@pytest.mark.parametrize(
    ("tags", "tables", "missing"),
    [
        (ONE, ["orders", "orders"], {"etl_assets/table": "orders", "etl_assets/window": DAY}),
        (ONE, ["users", "orders"], {"etl_assets/table": "orders, users", "etl_assets/window": DAY}),
        (RANGE, ["a"], {"etl_assets/table": "a", "etl_assets/window": "2026-11-01...2026-11-03"}),
        ({}, ["orders"], {"etl_assets/table": "orders"}),
        (ONE, [], {}),
        (TAGGED, ["orders"], {}),
        (BY_COMMAND, ["orders"], {}),
        (
            {**BY_COMMAND, "dagster/parent_run_id": "a", "dagster/root_run_id": "a"},
            ["orders"],
            {"etl_assets/started_by": "re-execution"},
        ),
    ],
)
def test_a_run_lacks_what_nobody_has_said_of_it(
    tags: Mapping[str, str], tables: list[str], missing: Mapping[str, str]
) -> None:
    parent = tags.get("dagster/parent_run_id")
    run = dg.DagsterRun("export_orders", tags=tags, parent_run_id=parent, root_run_id=parent)
    assert missing_tags(run, tables) == missing


@pytest.mark.parametrize("job", ["export_orders", "__ASSET_JOB"])
def test_a_run_is_tagged_though_its_executor_is_not_ours(tmp_path: Path, job: str) -> None:
    with location(small_shop(tmp_path)) as made:
        result = made.export(job=job)
        run = made.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert (run.tags["etl_assets/table"], run.tags["etl_assets/window"]) == ("orders", DAY)
