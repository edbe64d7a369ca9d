"""Checks that are executed alone: nothing is exported, what was exported is looked at."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from etl_assets_tests.support.in_process import Location, checked, failures, location, shard
from etl_assets_tests.support.shop import CONFIG, DAY, DAYS, SHARDS, small_shop

LANES = CONFIG.replace("processes: 2", "lanes: 1")
SHARD = shard(*SHARDS[0])
STEM = f"demo.{SHARDS[0][0]}.{SHARDS[0][1]}"
ROWS_MATCH = dg.AssetCheckKey(SHARD, "rows_match_source")
IN_WINDOWS = dg.AssetCheckKey(dg.AssetKey(["orders"]), "rows_in_windows")


@pytest.fixture(params=[CONFIG, LANES], ids=["per_shard", "lane"])
def shop(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Location]:
    """A small shop, two of its windows exported."""
    with location(small_shop(tmp_path, request.param)) as made:
        assert made.export(DAYS[2]).success
        assert made.export(DAY).success
        yield made


def times(shop: Location) -> dict[Path, int]:
    """When each file was written."""
    return {path: path.stat().st_mtime_ns for path in shop.shop.folder.rglob("exports/**/*.*")}


@pytest.mark.parametrize("key", [ROWS_MATCH, IN_WINDOWS], ids=str)
def test_a_backfill_leaves_the_result_of_the_newest_window_alone(
    shop: Location, key: dg.AssetCheckKey
) -> None:
    found = shop.instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
    evaluations = [record.evaluation for record in found]
    assert [one and (one.partition, one.passed) for one in evaluations] == [
        (DAY, True),
        (DAYS[2], True),
    ]


@pytest.mark.parametrize("key", [ROWS_MATCH, IN_WINDOWS], ids=str)
@pytest.mark.parametrize("partition", [None, DAY, DAYS[2]])
def test_a_check_alone_passes_and_writes_nothing(
    shop: Location, key: dg.AssetCheckKey, partition: str | None
) -> None:
    before = times(shop)
    result = shop.check(key, partition)
    assert result.success
    assert checked(result) == {key.asset_key: True}
    assert times(shop) == before


def test_a_shards_check_alone_reads_the_file_of_the_last_export(shop: Location) -> None:
    path = shop.shop.window() / f"{STEM}.csv"
    path.write_bytes(path.read_bytes().replace(b"000", b"001", 1))
    result = shop.check(ROWS_MATCH)
    (evaluation,) = result.get_asset_check_evaluations()
    assert not evaluation.passed
    assert evaluation.metadata["partition"].value == DAY
    cause = str(evaluation.metadata["cause"].value)
    assert cause.startswith(f"{path}: expected SHA-256 ")
    # It blocks what is downstream.
    assert not result.success
    assert shop.check(ROWS_MATCH, DAYS[2]).success


def test_a_tables_check_alone_refuses_an_incomplete_window(shop: Location) -> None:
    (shop.shop.window() / f"{STEM}.json").unlink()
    (message,) = failures(shop.check(IN_WINDOWS)).values()
    assert message.startswith("orders: 1 of 4 shards are missing")


@pytest.mark.parametrize("key", [ROWS_MATCH, IN_WINDOWS], ids=str)
def test_a_check_alone_needs_an_export(tmp_path: Path, key: dg.AssetCheckKey) -> None:
    with location(small_shop(tmp_path)) as made:
        (message,) = failures(made.check(key)).values()
        assert message == (
            f"{key.asset_key.to_user_string()}: expected a window that was exported, got none; "
            "materialize the asset first"
        )
