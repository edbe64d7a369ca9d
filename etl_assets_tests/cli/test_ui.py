"""The UI's way: lineage, the Materialize button, runs of the command line and their end."""

import json
from collections.abc import Iterator

import dagster as dg
import pytest

from etl_assets_tests.support.command import etl_assets
from etl_assets_tests.support.recorded import instance_of, told, untold
from etl_assets_tests.support.running_command import running
from etl_assets_tests.support.shop import (
    CONFIG,
    DAY,
    DAYS,
    ENDLESS_VIEW,
    FILES,
    SHARDS,
    Shop,
    rows_of,
    small_shop,
)
from etl_assets_tests.support.ui_server import (
    AGAIN,
    LAUNCH,
    LOCATION,
    TERMINATE,
    Ui,
    export_all_but_one,
    params,
    running_ui,
    wait,
)

ENDLESS = """\
  endless:
    shards: [{host: demo, tables: shop_02.orders_01}]
    partition: {every: day, start: 2026-11-01, column: created_at}
execution: {processes: 2, verify: none}
"""
KEYS = [["orders"], *(["orders", "demo", ".".join(names)] for names in SHARDS)]
BACKFILL = """
mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message stack }
  }
}
"""

RELOAD = """
mutation {
  reloadRepositoryLocation(repositoryLocationName: "etl_assets") {
    ... on WorkspaceLocationEntry {
      locationOrLoadError { __typename ... on PythonError { message causes { message } } }
    }
  }
}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A small shop, and a table whose rows never come to an end."""
    text = CONFIG.replace("execution: {processes: 2}\n", ENDLESS)
    made = small_shop(tmp_path_factory.mktemp("shop"), text)
    made.fill("shop_02", "orders_00", rows_of(0))
    made.run("shop_02", ENDLESS_VIEW)
    return made


@pytest.fixture(scope="module")
def ui(shop: Shop) -> Iterator[Ui]:
    """Its UI."""
    with running_ui(shop) as running:
        yield running


def test_the_code_location_loads_under_its_name(ui: Ui) -> None:
    (entry,) = ui.ask(
        "{ workspaceOrError { ... on Workspace { locationEntries "
        "{ name loadStatus locationOrLoadError { __typename } } } } }"
    )["workspaceOrError"]["locationEntries"]
    assert entry == {
        "name": "etl_assets",
        "loadStatus": "LOADED",
        "locationOrLoadError": {"__typename": "RepositoryLocation"},
    }


def test_lineage_leads_from_source_to_shard_to_logical_table(ui: Ui) -> None:
    nodes = ui.ask(
        "{ assetNodes { assetKey { path } groupName isMaterializable "
        "dependencyKeys { path } dependedByKeys { path } } }"
    )["assetNodes"]
    found = {tuple(node["assetKey"]["path"]): node for node in nodes}
    for names in SHARDS:
        source, shard = ("sqlite", "demo", ".".join(names)), ("orders", "demo", ".".join(names))
        assert not found[source]["isMaterializable"]
        assert found[source]["dependedByKeys"] == [{"path": list(shard)}]
        assert found[shard]["isMaterializable"]
        assert found[shard]["dependencyKeys"] == [{"path": list(source)}]
        assert found[shard]["dependedByKeys"] == [{"path": ["orders"]}]
        assert found[shard]["groupName"] == "orders"
    assert len(found["orders",]["dependencyKeys"]) == 4


def own_tags(ui: Ui, run_id: str) -> dict[str, str]:
    """The tags that the list of runs shows of a run, Dagster's own left out."""
    tags = ui.run(run_id)["tags"]
    return {tag["key"]: tag["value"] for tag in tags if not tag["key"].startswith("dagster/")}


def test_schedules_are_there_and_stopped(ui: Ui) -> None:
    found = ui.ask(
        "query($of: RepositorySelector!) { schedulesOrError(repositorySelector: $of) "
        "{ ... on Schedules { results { name cronSchedule scheduleState { status } } } } }",
        of=LOCATION,
    )["schedulesOrError"]["results"]
    assert [(s["name"], s["scheduleState"]["status"]) for s in found] == [
        ("export_endless_schedule", "STOPPED"),
        ("export_orders_schedule", "STOPPED"),
    ]


def test_the_materialize_button_exports_a_window_whose_metadata_can_be_read(
    ui: Ui, shop: Shop
) -> None:
    run_id = ui.launch(LAUNCH, params=params("__ASSET_JOB", DAY, KEYS))
    assert ui.end_of(run_id) == "SUCCESS"
    assert own_tags(ui, run_id) == {"etl_assets/table": "orders", "etl_assets/window": DAY}
    assert shop.names() == FILES
    assert {shard["run_id"] for shard in shop.manifest()["shards"]} == {run_id}
    assert etl_assets(shop.folder, "verify", "orders", "--partition", DAY).code == 0
    (shown,) = ui.ask(
        "query($key: AssetKeyInput!) { assetOrError(assetKey: $key) { ... on Asset "
        "{ assetMaterializations(limit: 1) { partition metadataEntries { label __typename "
        "... on IntMetadataEntry { intValue } ... on TableMetadataEntry { table { records } } "
        "... on PathMetadataEntry { path } ... on TableSchemaMetadataEntry "
        "{ schema { columns { name type } } } } } } } }",
        key={"path": KEYS[1]},
    )["assetOrError"]["assetMaterializations"]
    assert shown["partition"] == DAY
    entries = {entry["label"]: entry for entry in shown["metadataEntries"]}
    assert entries["dagster/partition_row_count"]["intValue"] == 2
    assert entries["path"]["path"] == str(shop.window() / "demo.shop_00.orders_00.csv")
    columns = entries["dagster/column_schema"]["schema"]["columns"]
    assert columns[0] == {"name": "id", "type": "bigint"}
    first, _ = map(json.loads, entries["preview"]["table"]["records"])
    assert first["id"] == "9007199254740995"


def test_a_job_exports_a_window_and_its_limit_makes_a_trial(ui: Ui, shop: Shop) -> None:
    assert ui.end_of(ui.launch(LAUNCH, params=params("export_orders", DAYS[0]))) == "SUCCESS"
    assert shop.names(DAYS[0]) == FILES
    trial = params("export_orders", DAYS[2])
    trial["runConfigData"] = {"resources": {"csv": {"config": {"limit": 1}}}}
    assert ui.end_of(ui.launch(LAUNCH, params=trial)) == "SUCCESS"
    assert shop.names(DAYS[2]) == []
    assert shop.manifest("demo.shop_00.orders_00.json", f"{DAYS[2]}.sample")["rows"] == 1


@pytest.mark.parametrize(
    ("strategy", "day"), [("FROM_FAILURE", "2026-11-04"), ("FROM_ASSET_FAILURE", "2026-11-09")]
)
def test_a_run_of_the_command_line_is_seen_and_executed_again_from_its_failure(
    ui: Ui, shop: Shop, strategy: str, day: str
) -> None:
    export_all_but_one(shop, day)
    (run_id,) = [
        run["runId"]
        for run in ui.ask("{ runsOrError(limit: 1) { ... on Runs { results { runId status } } } }")[
            "runsOrError"
        ]["results"]
    ]
    shown = ui.run(run_id)
    assert (shown["status"], shown["jobName"]) == ("FAILURE", "export_orders")
    assert shown["repositoryOrigin"] == {"repositoryLocationName": "etl_assets"}
    before = {path.name: path.stat().st_mtime_ns for path in shop.window(key=day).iterdir()}
    assert before.pop("_export.json")
    again = {"parentRunId": run_id, "strategy": strategy}
    assert ui.end_of(ui.launch(AGAIN, params=again)) == "SUCCESS"
    after = {path.name: path.stat().st_mtime_ns for path in shop.window(key=day).iterdir()}
    assert sorted(after) == FILES
    # What had succeeded was not exported again.
    assert before.items() <= after.items()
    with instance_of(shop.folder / ".dagster_home") as instance:
        assert untold(instance, run_id) == []
        passed, why = told(instance, run_id)["orders complete"]
        later = told(instance, instance.get_runs(limit=1)[0].run_id)
    assert not passed
    assert why.startswith("1 of 4 shards failed.\n\ndemo.shop_01.orders_00: no such table")
    assert why.endswith(
        f"open run {run_id[:8]} and press Re-execute > From asset failure, or run: "
        f"etl-assets export orders --partition {day} --resume"
    )
    # All checks of the window are looked at again.
    assert later["orders complete"] == (True, "4 shards, 0 rows.")
    assert {name for name in later if name.startswith("orders ")} == {
        "orders complete",
        "orders matches_servers",
        "orders rows_as_usual",
    }


def test_a_run_of_the_command_line_is_executed_again_as_a_whole(ui: Ui, shop: Shop) -> None:
    day = "2026-11-05"
    assert etl_assets(shop.folder, "export", "orders", "--partition", day).code == 0
    with instance_of(shop.folder / ".dagster_home") as instance:
        run_id = instance.get_runs(limit=1)[0].run_id
    launched = ui.launch(AGAIN, params={"parentRunId": run_id, "strategy": "ALL_STEPS"})
    assert ui.end_of(launched) == "SUCCESS"
    whole = {"etl_assets/table": "orders", "etl_assets/window": day}
    assert own_tags(ui, run_id) == {**whole, "etl_assets/started_by": "command line"}
    assert own_tags(ui, launched) == {**whole, "etl_assets/started_by": "re-execution"}
    assert {shard["run_id"] for shard in shop.manifest(key=day)["shards"]} == {launched}


def test_a_backfill_exports_window_by_window_past_one_that_fails(ui: Ui, shop: Shop) -> None:
    days = ["2026-11-06", "2026-11-07", "2026-11-08"]
    in_the_way = shop.window(key=days[0]) / "demo.shop_00.orders_00.csv"
    in_the_way.mkdir(parents=True)
    answer = ui.ask(
        BACKFILL,
        params={"assetSelection": [{"path": key} for key in KEYS], "partitionNames": days},
    )["launchPartitionBackfill"]
    assert answer["__typename"] == "LaunchBackfillSuccess", answer

    def ended() -> dict[str, str]:
        with instance_of(shop.folder / ".dagster_home") as instance:
            runs = instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": answer["backfillId"]}))
        return {run.tags["dagster/partition"]: run.status.value for run in runs if run.is_finished}

    # The daemon looks for backfills every half a minute.
    wait(lambda: len(ended()) == len(days), 120)
    assert ended() == dict(zip(days, ["FAILURE", "SUCCESS", "SUCCESS"], strict=True))
    assert [shop.names(day) == FILES for day in days] == [False, True, True]


def test_a_mistake_in_the_configuration_is_the_first_line_that_reload_shows(
    ui: Ui, shop: Shop
) -> None:
    right = shop.text
    shop.configure(right.replace("every: day", "every: fortnight", 1))
    try:
        wrong = ui.ask(RELOAD)["reloadRepositoryLocation"]["locationOrLoadError"]
    finally:
        shop.configure(right)
    line = "etl_assets.yaml:6: tables.orders.partition.every: expected 'hour', 'day', 'week' or "
    assert wrong["message"].startswith(f"etl_assets.defs.loading.ConfigurationError: {line}")
    assert wrong["causes"] == []
    again = ui.ask(RELOAD)["reloadRepositoryLocation"]["locationOrLoadError"]
    assert again["__typename"] == "RepositoryLocation"


def test_terminate_ends_a_running_command_line_and_all_its_processes(ui: Ui, shop: Shop) -> None:
    with running(shop, "export", "endless", "--partition", DAY) as command:
        command.wait_for(lambda: command.is_extracting("demo.shop_02.orders_01"))
        with instance_of(shop.folder / ".dagster_home") as instance:
            run_id = instance.get_runs(limit=1)[0].run_id
        assert ui.ask(TERMINATE, id=run_id)["terminateRun"]["__typename"] == "TerminateRunSuccess"
        done = command.end(20)
        assert done.code == 1
        assert "Traceback" not in done.err
        assert "endless" in done.err
        assert command.processes() == {}
        assert command.temporary_files() == []
    assert ui.end_of(run_id) == "CANCELED"
