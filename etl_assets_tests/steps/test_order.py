"""Which steps start first."""

from pathlib import Path

import dagster as dg
import pytest

from etl_assets.config import load_config
from etl_assets.export.sizes import last_sizes
from etl_assets.steps.lanes import Lane, lanes_of
from etl_assets.steps.order import known_sizes, priorities_of
from etl_assets.tables.topology import Shard, load_topology
from etl_assets_tests.support.shop import small_shop


def lane(host: str, number: int) -> Lane:
    """A lane of one shard."""
    name = f"{host}{number}"
    return Lane(name, host, {name: Shard("orders", host, "shop", f"orders_{number}")})


def started(lanes: list[Lane], sizes: dict[str, int]) -> list[str]:
    """The steps in the order of their priorities."""
    by_shard = {one.shards[0]: sizes[one.name] for one in lanes if one.name in sizes}
    priorities = priorities_of(lanes, by_shard)
    assert len(set(priorities.values())) == len(lanes)
    return sorted(priorities, key=lambda name: -priorities[name])


def test_the_largest_of_every_host_go_first_in_turn() -> None:
    lanes = [lane(host, number) for host in "ab" for number in range(3)]
    sizes = {"a0": 1, "a1": 30, "a2": 20, "b0": 5, "b1": 50, "b2": 2}
    assert started(lanes, sizes) == ["b1", "a1", "a2", "b0", "b2", "a0"]


def test_without_sizes_the_hosts_take_turns_in_the_configurations_order() -> None:
    lanes = [lane(host, number) for host in "ab" for number in range(2)]
    assert started(lanes, {}) == ["a0", "b0", "a1", "b1"]


def test_what_is_no_manifest_tells_no_size(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    (table,) = load_topology(shop.config)
    window = shop.window()
    window.mkdir(parents=True)
    for text in ("", "[]", '{"shards": 1}', '{"shards": [1, {"bytes": "x", "host": "demo"}]}'):
        (window / "_manifest.json").write_text(text)
        assert last_sizes(shop.config.directory, table) == {}


def test_a_server_that_does_not_answer_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl_assets.steps.order._PATIENCE_SECONDS", 0.5)
    path = tmp_path / "etl_assets.yaml"
    # Nothing listens at port 1.
    path.write_text(
        "hosts: {h: {url: 'mysql+pymysql://nobody@127.0.0.1:1'}}\n"
        "tables: {orders: {shards: [{host: h, tables: 'a.b_{1..3}'}], "
        "partition: {every: day, start: 2026-11-01}}}\n"
    )
    config = load_config(path)
    tables = load_topology(config)
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert known_sizes(instance, config, tables) == {}
    assert len(lanes_of(config, tables[0])) == 3
