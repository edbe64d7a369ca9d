"""What a window shows: how it is spread over hosts and shards."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from etl_assets.defs.window_metadata import window_metadata
from etl_assets.store.manifest import ShardManifest, TableManifest
from etl_assets.tables.topology import Shard
from etl_assets_tests.support.exported import BEGAN, manifest


def exported(number: int, host: str = "shop-a", **facts: Any) -> ShardManifest:
    """A shard of some rows that was exported within a second."""
    return manifest(
        Shard("orders", host, "shop", f"orders_{number:04}"),
        **{"rows": number, "bytes": number * 1000, "seconds": 1.0, **facts},
    )


def lines(metadata: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The lines of a table."""
    return [dict(record.data) for record in metadata[name].records]


def test_a_window_shows_its_shards_host_by_host_and_those_that_stand_out() -> None:
    later = BEGAN + timedelta(seconds=9)
    shards = [
        *(exported(n) for n in range(1, 7)),
        exported(2_000, "b", seconds=30.0),
        exported(7, "b", seconds=91.0, started_at=later),
    ]
    shown = window_metadata(TableManifest.of(shards))
    assert shown["summary"] == "2,028 rows, 2.0 MB in 1 min 40 s, 8 shards"
    assert (shown["seconds"], shown["shards"], shown["mb_per_second"]) == (100.0, 8, 0.02)
    assert lines(shown, "hosts") == [
        {"host": "shop-a", "shards": 6, "rows": "21", "bytes": "21.0 kB", "seconds": "1.0 s"},
        {
            "host": "b",
            "shards": 2,
            "rows": "2,007",
            "bytes": "2.0 MB",
            "seconds": "1 min 40 s",
        },
    ]
    assert [line["shard"] for line in lines(shown, "slowest_shards")][:2] == [
        "b.shop.orders_0007",
        "b.shop.orders_2000",
    ]
    assert lines(shown, "largest_shards")[0] == {
        "shard": "b.shop.orders_2000",
        "rows": "2,000",
        "bytes": "2.0 MB",
        "seconds": "30.0 s",
    }
    assert len(lines(shown, "largest_shards")) == len(lines(shown, "slowest_shards")) == 5
    bars = {line["shard"]: line[""] for line in lines(shown, "rows_per_shard")}
    assert bars["b.shop.orders_2000"] == "█" * 20
    assert bars["shop-a.shop.orders_0001"] == "▏"


def test_many_shards_are_counted_by_their_rows() -> None:
    shards = [exported(n) for n in (*range(100), 995)]
    shown = lines(window_metadata(TableManifest.of(shards)), "rows_per_shard")
    assert len(shown) <= 20
    assert sum(line["shards"] for line in shown) == 101
    assert shown[0] == {"rows": "0 to 99", "shards": 100, "": "█" * 20}
    assert shown[-1] == {"rows": "900 to 995", "shards": 1, "": "▏"}
    alike = window_metadata(TableManifest.of([exported(0, host=str(n)) for n in range(25)]))
    assert lines(alike, "rows_per_shard") == [{"rows": "0", "shards": 25, "": "█" * 20}]


def test_the_time_between_one_run_and_the_one_that_resumes_it_does_not_count() -> None:
    days_later = BEGAN + timedelta(days=2)
    shards = [exported(1), exported(2, run_id="another", started_at=days_later, seconds=2.0)]
    assert window_metadata(TableManifest.of(shards))["seconds"] == 3.0


def test_a_table_of_one_shard_compares_nothing() -> None:
    shown = window_metadata(TableManifest.of([exported(1)]))
    assert "rows_per_shard" not in shown
    assert "slowest_shards" not in shown
