"""Lanes in the UI: one step of many assets, of which a part may be executed again or checked."""

from collections.abc import Iterator

import dagster as dg
import pytest

from etl_assets_tests.support.command import etl_assets
from etl_assets_tests.support.recorded import instance_of
from etl_assets_tests.support.shop import CONFIG, FILES, SHARDS, Shop, small_shop
from etl_assets_tests.support.ui_server import (
    AGAIN,
    LAUNCH,
    LOCATION,
    Ui,
    export_all_but_one,
    running_ui,
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A small shop, all in one lane."""
    return small_shop(
        tmp_path_factory.mktemp("shop"), CONFIG.replace("processes: 2", "processes: 2, lanes: 1")
    )


@pytest.fixture(scope="module")
def ui(shop: Shop) -> Iterator[Ui]:
    """Its UI."""
    with running_ui(shop) as running:
        yield running


@pytest.mark.parametrize(
    ("strategy", "day"), [("FROM_FAILURE", "2026-11-04"), ("FROM_ASSET_FAILURE", "2026-11-05")]
)
def test_only_what_failed_of_a_lane_is_exported_again(
    ui: Ui, shop: Shop, strategy: str, day: str
) -> None:
    export_all_but_one(shop, day)
    with instance_of(shop.folder / ".dagster_home") as instance:
        first = instance.get_runs(limit=1)[0].run_id
    again = ui.launch(AGAIN, params={"parentRunId": first, "strategy": strategy})
    assert ui.end_of(again) == "SUCCESS"
    assert shop.names(day) == FILES
    made_by = {
        (m["database"], m["shard_table"]): m["run_id"] for m in shop.manifest(key=day)["shards"]
    }
    assert made_by == {
        names: again if names == ("shop_01", "orders_00") else first for names in SHARDS
    }


def test_checks_are_executed_without_an_export(ui: Ui, shop: Shop) -> None:
    day = "2026-11-06"
    assert etl_assets(shop.folder, "export", "orders", "--partition", day).code == 0
    before = {path: path.stat().st_mtime_ns for path in shop.window(key=day).iterdir()}
    checks = {
        ("orders", "demo", ".".join(SHARDS[0])): "rows_match_source",
        ("orders",): "rows_in_windows",
    }
    # As the button sends it: without a partition.
    launched = ui.launch(
        LAUNCH,
        params={
            "selector": {
                **LOCATION,
                "pipelineName": "__ASSET_JOB",
                "assetSelection": [],
                "assetCheckSelection": [
                    {"assetKey": {"path": key}, "name": name} for key, name in checks.items()
                ],
            },
            "mode": "default",
            "runConfigData": {},
        },
    )
    assert ui.end_of(launched) == "SUCCESS"
    with instance_of(shop.folder / ".dagster_home") as instance:
        entries = instance.all_logs(launched, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        found = [entry.get_dagster_event().asset_check_evaluation_data for entry in entries]
    assert {(tuple(e.asset_key.path), e.check_name, e.passed) for e in found} == {
        (key, name, True) for key, name in checks.items()
    }
    assert {path: path.stat().st_mtime_ns for path in shop.window(key=day).iterdir()} == before
