"""What makes a file out of date: settings that change it, and other bytes."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from etl_assets.defs.versions import code_version
from etl_assets_tests.support.exporting import table_config
from etl_assets_tests.support.in_process import Location, location, shard
from etl_assets_tests.support.shop import DAY, SHARDS, small_shop

ORDERS = dg.AssetKey(["orders"])


def test_the_code_version_is_the_same_everywhere() -> None:
    plain = table_config("created_at")
    assert code_version(plain) == code_version(plain.model_copy(update={"split": 4}))
    assert code_version(plain) == "25022220e6c1"


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        ({"where": "id > 1"}, True),
        ({"columns": {"exclude": ["a"]}}, True),
        ({"csv": {"delimiter": ";"}}, True),
        ({"on_drift": "union"}, True),
        ({"merge": True}, True),
        ({"partition": {"timezone": "Asia/Shanghai"}}, True),
        ({"partition": {"column_timezone": "Asia/Shanghai"}}, True),
        ({"partition": {"unit": "ms"}}, True),
        ({"partition": {"column_timezone": "UTC"}}, False),
        ({"partition": {"start": "2025-01-01"}}, False),
        ({"csv": {"delimiter": ","}}, False),
        ({"schedule": "0 2 * * *", "rows_outside": "fail", "split": 2}, False),
        ({"description": "x", "owners": ["team:a"], "tags": {"a": "b"}}, False),
    ],
)
def test_the_code_version_changes_with_what_changes_the_files(
    settings: dict[str, Any], changes: bool
) -> None:
    other = code_version(table_config("created_at", **settings))
    assert (other != code_version(table_config("created_at"))) is changes


def test_columns_named_in_another_order_are_the_same_columns() -> None:
    one, other = (table_config(columns={"include": names}) for names in (["a", "b"], ["b", "a"]))
    assert code_version(one) == code_version(other)


def versions(made: Location, key: dg.AssetKey) -> tuple[str | None, str | None]:
    """The code and the data version of an asset's last materialization."""
    event = made.instance.get_latest_materialization_event(key)
    assert event is not None
    assert event.asset_materialization is not None
    tags = event.asset_materialization.tags or {}
    return tags.get("dagster/code_version"), tags.get("dagster/data_version")


@pytest.mark.parametrize("alone", [False, True], ids=["whole", "the last shard"])
def test_a_file_of_other_bytes_has_another_version_and_one_of_the_same_bytes_has_not(
    tmp_path: Path, alone: bool
) -> None:
    changed, same = shard(*SHARDS[0]), shard(*SHARDS[1])
    how: dict[str, Any] = {"job": "__ASSET_JOB", "assets": [changed, same]} if alone else {}
    with location(small_shop(tmp_path)) as made:
        assert made.export().success
        before = {key: versions(made, key) for key in (changed, same, ORDERS)}
        assert {code for code, _ in before.values()} == {
            code_version(made.shop.config.tables["orders"])
        }
        made.shop.run("shop_00", f"UPDATE orders_00 SET code = 'x' WHERE created_at >= '{DAY}'")
        assert made.export(**how).success
        after = {key: versions(made, key) for key in before}
    assert after[same] == before[same]
    assert after[changed][1] != before[changed][1]
    assert after[ORDERS][1] != before[ORDERS][1]
