"""A window through Dagster in one process: files, manifests, metadata, failures and trials."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy.exc import DBAPIError

from etl_assets.defs import shard_step
from etl_assets.errors import EtlAssetsError, ShardError
from etl_assets.export.shard import stage_shard
from etl_assets.export.task import ShardTask
from etl_assets.steps import host_watch
from etl_assets.steps.host_watch import HostWatch
from etl_assets.store.commit import StagedShard
from etl_assets.tables.topology import Shard
from etl_assets_tests.support.in_process import (
    Location,
    checked,
    failures,
    location,
    shard,
    written,
)
from etl_assets_tests.support.shop import CONFIG, DAY, FILES, SHARDS, STEMS, small_shop

ORDERS = dg.AssetKey(["orders"])
PARTIAL = ["_export.json"]
LANES = CONFIG.replace("processes: 2", "lanes: 1")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Location]:
    """A small shop, nothing exported yet."""
    with location(small_shop(tmp_path)) as made:
        yield made


@pytest.fixture
def lane(tmp_path: Path) -> Iterator[Location]:
    """The same with all shards in one step."""
    with location(small_shop(tmp_path, LANES)) as made:
        yield made


# Files


@pytest.mark.parametrize("config", [CONFIG, LANES], ids=["per_shard", "lane"])
def test_a_window_becomes_files_manifests_and_one_manifest_of_all(
    tmp_path: Path, config: str
) -> None:
    with location(small_shop(tmp_path, config)) as made:
        result = made.export()
        assert result.success
        assert made.shop.names() == FILES
        assert made.shop.records(STEMS[0]) == [
            ["id", "code", "price", "note", "photo", "created_at"],
            [
                "9007199254740995",
                "000",
                "12345678901234567890.12",
                'say "hi", then\nleave',
                "",
                "2026-11-02 02:30:00",
            ],
            ["9007199254740996", "", "-1.00", "", "22", "2026-11-02 03:30:00"],
        ]
        manifest = made.shop.manifest()
        assert (manifest["table"], manifest["partition"], manifest["rows"]) == ("orders", DAY, 8)
        assert [s["file"] for s in manifest["shards"]] == [f"{stem}.csv" for stem in STEMS]
        assert manifest["shards"] == [made.shop.manifest(f"{stem}.json") for stem in STEMS]
        assert {s["run_id"] for s in manifest["shards"]} == {result.run_id}
        assert all(checked(result)[shard(*s)] for s in SHARDS)
        assert made.exported(ORDERS) == {DAY}


def test_an_empty_window_has_files_with_a_header_and_no_preview(shop: Location) -> None:
    result = shop.export("2026-11-05")
    assert result.success
    assert shop.shop.manifest(key="2026-11-05")["rows"] == 0
    header = [["id", "code", "price", "note", "photo", "created_at"]]
    assert shop.shop.records(STEMS[0], "2026-11-05") == header
    assert "preview" not in written(result)[shard(*SHARDS[0])]


# Failures


@pytest.mark.parametrize("config", [CONFIG, LANES], ids=["per_shard", "lane"])
def test_a_dropped_table_fails_by_name_and_its_siblings_are_written(
    tmp_path: Path, config: str
) -> None:
    shop = small_shop(tmp_path, config)
    shop.run("shop_01", "DROP TABLE orders_00")
    with location(shop) as made:
        result = made.export()
        assert not result.success
        ((_, message),) = failures(result).items()
        assert message.startswith("demo.shop_01.orders_00: no such table: orders_00; ")
        broken = shard("shop_01", "orders_00")
        good = {shard(*s) for s in SHARDS} - {broken}
        assert set(written(result)) == good
        assert checked(result) == {broken: False, **dict.fromkeys(good, True)}
        assert made.exported(ORDERS) == made.exported(broken) == set()
        assert made.exported(shard(*SHARDS[3])) == {DAY}
        assert shop.names() == PARTIAL + [
            name for name in FILES[1:] if "shop_01.orders_00" not in name
        ]


def test_a_failed_shard_is_not_tried_again_by_dagster(shop: Location) -> None:
    shop.shop.run("shop_01", "DROP TABLE orders_00")
    result = shop.export()
    assert not [e for e in result.all_events if e.event_type_value == "STEP_UP_FOR_RETRY"]


def test_a_complete_window_is_complete_again_with_the_last_shard_that_is_exported_again(
    shop: Location,
) -> None:
    assert shop.export().success
    chosen = [shard(*SHARDS[2]), shard(*SHARDS[0])]
    result = shop.export(job="__ASSET_JOB", assets=chosen)
    assert result.success
    assert shop.shop.names() == FILES
    assert set(written(result)) == {*chosen, ORDERS}
    runs = [proof["run_id"] for proof in shop.shop.manifest()["shards"]]
    assert [run == result.run_id for run in runs] == [True, False, True, False]


def test_a_window_that_is_not_complete_after_its_last_shard_fails_no_shard(shop: Location) -> None:
    assert shop.export().success
    shop.shop.run("shop_01", "ALTER TABLE orders_00 ADD COLUMN gift INTEGER")
    result = shop.export(job="__ASSET_JOB", assets=[shard(*SHARDS[2])])
    assert result.success
    assert shop.shop.names() == [*PARTIAL, *FILES[1:]]
    told = [entry.message for entry in shop.instance.all_logs(result.run_id)]
    assert any("not complete: orders: the columns of its shards differ" in line for line in told)


def test_a_logical_table_alone_refuses_what_was_made_otherwise(shop: Location) -> None:
    assert shop.export().success
    shop.shop.configure(CONFIG.replace("created_at}", "created_at}\n    where: id > 1"))
    with location(shop.shop) as made:
        result = made.export(job="__ASSET_JOB", assets=[ORDERS])
    message = failures(result)["orders__complete"]
    assert "4 of 4 shards were made otherwise" in message
    assert "where: none, not 'id > 1'" in message


def test_a_logical_table_alone_refuses_and_names_what_is_missing(shop: Location) -> None:
    chosen = [shard(*SHARDS[0]), shard(*SHARDS[3])]
    assert shop.export(job="__ASSET_JOB", assets=chosen).success
    result = shop.export(job="__ASSET_JOB", assets=[ORDERS])
    message = failures(result)["orders__complete"]
    assert "2 of 4 shards are missing" in message
    assert "demo.shop_00.orders_01; demo.shop_01.orders_00" in message
    assert "_manifest.json" not in shop.shop.names()


def test_differing_columns_are_refused_by_name_and_the_files_stay(shop: Location) -> None:
    shop.shop.run("shop_01", "ALTER TABLE orders_01 ADD COLUMN gift INTEGER")
    result = shop.export()
    message = failures(result)["orders__complete"]
    assert "the columns of its shards differ" in message
    assert "demo.shop_01.orders_01: id bigint" in message
    assert "gift integer" in message
    assert len(written(result)) == 4
    assert shop.shop.names() == PARTIAL + FILES[1:]


def test_an_old_window_of_a_snapshot_is_refused_with_the_reason(tmp_path: Path) -> None:
    with location(small_shop(tmp_path, CONFIG.replace(", column: created_at", ""))) as made:
        today = datetime.now(UTC).date()
        old = str(today - timedelta(days=2))
        result = made.export(old)
        told = list(failures(result).values())
        assert len(told) == 4
        assert all("a snapshot shows the table as it is now" in message for message in told)
        assert not made.shop.names(old)
        assert made.export(str(today)).success
        assert made.shop.manifest(key=str(today))["rows"] == 24


# Lanes


def test_a_lane_exports_only_what_was_selected(lane: Location) -> None:
    result = lane.export(job="__ASSET_JOB", assets=[shard(*SHARDS[2])])
    assert result.success
    assert set(written(result)) == {shard(*SHARDS[2])}
    assert lane.shop.names() == [*PARTIAL, f"{STEMS[2]}.csv", f"{STEMS[2]}.json"]


def test_a_lane_goes_on_after_an_error_that_nobody_foresaw(
    lane: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(task: ShardTask, *rest: Any) -> StagedShard:
        if task.shard.shard_table == "orders_00" and task.shard.database == "shop_00":
            raise ZeroDivisionError("by accident")
        return stage_shard(task, *rest)

    monkeypatch.setattr("etl_assets.defs.shard_step.stage_shard", failing)
    (message,) = failures(lane.export()).values()
    assert message == "demo.shop_00.orders_00: ZeroDivisionError: by accident"
    assert lane.shop.names() == PARTIAL + sorted(
        f"{s}.{e}" for s in STEMS[1:] for e in ("csv", "json")
    )


@pytest.mark.parametrize(("seconds", "tried"), [(0.0, 1), (60.0, 4)])
def test_a_host_that_is_away_is_not_waited_for_shard_by_shard(
    lane: Location, monkeypatch: pytest.MonkeyPatch, seconds: float, tried: int
) -> None:
    calls: list[Shard] = []

    def away(task: ShardTask, *_: object) -> StagedShard:
        calls.append(task.shard)
        nobody = DBAPIError("", {}, OSError(2003, "Can't connect to MySQL server"))
        raise ShardError(f"{task.shard}: error 2003") from nobody

    monkeypatch.setattr("etl_assets.defs.shard_step.stage_shard", away)
    monkeypatch.setattr(host_watch, "AWAY_SECONDS", seconds)
    (message,) = failures(lane.export()).values()
    assert len(calls) == tried
    assert all(f"{stem}: " in message for stem in STEMS)
    assert message.count("not tried: demo could not be reached") == 4 - tried


def test_a_host_that_answers_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_watch, "AWAY_SECONDS", 0.0)
    one = Shard("orders", "demo", *SHARDS[0])
    errors: dict[int, EtlAssetsError] = {}
    for number in (2003, 1146):
        errors[number] = ShardError("failed")
        errors[number].__cause__ = DBAPIError("", {}, OSError(number, "as the server says"))
    for answer in (None, errors[1146]):
        host = HostWatch()
        host.note(0, errors[2003])
        with pytest.raises(ShardError, match=r"^demo\.shop_00\.orders_00: not tried: demo could"):
            host.refuse(one)
        host.note(1, answer)
        host.refuse(one)


def test_a_lane_names_every_shard_that_failed(lane: Location) -> None:
    lane.shop.run("shop_00", "DROP TABLE orders_00")
    lane.shop.run("shop_01", "DROP TABLE orders_01")
    (message,) = failures(lane.export()).values()
    assert "demo.shop_00.orders_00: " in message
    assert "demo.shop_01.orders_01: " in message
    assert lane.shop.names() == PARTIAL + sorted(
        f"{s}.{e}" for s in STEMS[1:3] for e in ("csv", "json")
    )


# Trials


@pytest.mark.parametrize("config", [CONFIG, LANES], ids=["per_shard", "lane"])
def test_a_trial_is_observed_in_a_folder_of_its_own_and_counts_for_nothing(
    tmp_path: Path, config: str
) -> None:
    with location(small_shop(tmp_path, config)) as made:
        limit = {"resources": {"csv": {"config": {"limit": 1}}}}
        result = made.export(run_config=limit)
        assert result.success
        assert not written(result)
        assert made.exported(ORDERS) == made.exported(shard(*SHARDS[0])) == set()
        events = result.get_asset_observation_events()
        observed = {event.asset_observation_data.asset_observation.asset_key for event in events}
        assert observed == {shard(*s) for s in SHARDS}
        assert made.shop.names() == []
        sample = f"{DAY}.sample"
        assert made.shop.names(sample) == [name for name in FILES if name != "_manifest.json"]
        assert made.shop.manifest(f"{STEMS[0]}.json", sample)["sample"] == 1
        assert len(made.shop.records(STEMS[0], sample)) == 2


def test_a_trial_leaves_a_complete_window_as_it_is(shop: Location) -> None:
    assert shop.export().success
    before = {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in shop.shop.window().iterdir()}
    assert shop.export(run_config={"resources": {"csv": {"config": {"limit": 1}}}}).success
    after = {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in shop.shop.window().iterdir()}
    assert before == after


def test_a_limit_below_one_row_is_refused(shop: Location) -> None:
    result = shop.export(run_config={"resources": {"csv": {"config": {"limit": 0}}}})
    assert len(failures(result)) == 4
    assert all("at least 1 row" in message for message in failures(result).values())
    assert not (shop.shop.folder / "exports").exists()


def test_of_a_shard_of_many_only_what_is_looked_for_is_recorded(
    shop: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_step, "MANY_SHARDS", len(SHARDS) - 1)
    result = shop.export()
    assert result.success
    for event in result.get_asset_materialization_events():
        metadata = event.step_materialization_data.materialization.metadata
        is_all = event.asset_key == ORDERS
        assert {"dagster/column_schema", "preview"} & set(metadata) == (
            {"dagster/column_schema"} if is_all else set()
        )
