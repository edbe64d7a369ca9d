"""What Dagster is told: keys, groups, jobs, schedules, checks, pools and lanes."""

import json
import re
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.repository_definition import RepositoryDefinition
from hypothesis import given
from hypothesis import strategies as st

from etl_assets.config import TableConfig
from etl_assets.steps.stale_plan import PLAN_TAG
from etl_assets.steps.step_names import lane_names, shard_names
from etl_assets.tables.topology import LogicalTable, Shard
from etl_assets_tests.support.location import CONFIG, load, shown

ODD_NAMES = [
    "sp ace",
    "sla/sh",
    "back`tick",
    "汉字表",
    "..",
    "a-b",
    "a_b",
    "a.b",
    "%",
    "'\"",
    "x" * 64,
]


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_A_PASSWORD", "opened")


@pytest.fixture
def repository(tmp_path: Path) -> RepositoryDefinition:
    """The code location of CONFIG."""
    return load(tmp_path).get_repository_def()


# Assets


def test_the_asset_graph_is_this_one(repository: RepositoryDefinition) -> None:
    graph = repository.asset_graph
    found = {
        key.to_user_string(): (
            node.group_name,
            "asset" if node.is_materializable else "external",
            sorted(node.kinds),
            [parent.to_user_string() for parent in sorted(node.parent_keys)],
            sorted(check.name for check in node.check_keys),
        )
        for key in graph.get_all_asset_keys()
        for node in [graph.get(key)]
    }
    shards = [f"shop-a/shop_0{d}.orders_0{t}" for d in range(2) for t in range(2)]
    check = ["rows_match_source"]
    assert found == {
        **{f"mysql/{s}": ("orders_source", "external", ["mysql", "table"], [], []) for s in shards},
        **{
            f"orders/{s}": ("orders", "asset", ["csv", "mysql"], [f"mysql/{s}"], check)
            for s in shards
        },
        "sqlite/demo/shop_02.orders_00": ("orders_source", "external", ["sqlite", "table"], [], []),
        "orders/demo/shop_02.orders_00": (
            "orders",
            "asset",
            ["csv", "sqlite"],
            ["sqlite/demo/shop_02.orders_00"],
            check,
        ),
        "orders": (
            "orders",
            "asset",
            ["csv"],
            ["orders/demo/shop_02.orders_00", *(f"orders/{s}" for s in shards)],
            ["complete", "matches_servers", "newest_window", "rows_as_usual", "rows_in_windows"],
        ),
        "mysql/shop-a/shop_00.users": ("users_source", "external", ["mysql", "table"], [], []),
        "users/shop-a/shop_00.users": (
            "users",
            "asset",
            ["csv", "mysql"],
            ["mysql/shop-a/shop_00.users"],
            check,
        ),
        "users": (
            "users",
            "asset",
            ["csv"],
            ["users/shop-a/shop_00.users"],
            ["complete", "matches_servers", "newest_window", "rows_as_usual"],
        ),
    }


def test_every_shard_is_partitioned_by_the_cadence_of_its_table(
    repository: RepositoryDefinition,
) -> None:
    graph = repository.asset_graph
    for key in graph.materializable_asset_keys:
        partitions = graph.get(key).partitions_def
        assert isinstance(partitions, dg.TimeWindowPartitionsDefinition)
        is_order = key.path[0] == "orders"
        assert partitions.cron_schedule == ("0 * * * *" if is_order else "0 0 * * *")
        assert partitions.timezone == ("Asia/Shanghai" if is_order else "UTC")
        # A snapshot may be taken under the name of the running window.
        assert partitions.end_offset == (0 if is_order else 1)


def test_jobs_and_schedules_are_one_for_each_table_and_stopped(
    repository: RepositoryDefinition,
) -> None:
    assert sorted(repository.job_names) == ["__ASSET_JOB", "export_orders", "export_users"]
    assert {
        schedule.name: (
            schedule.job_name,
            schedule.cron_schedule,
            schedule.execution_timezone,
            schedule.default_status.value,
        )
        for schedule in repository.schedule_defs
    } == {
        "export_orders_schedule": ("export_orders", "30 * * * *", "Asia/Shanghai", "STOPPED"),
        "export_users_schedule": ("export_users", "10 0 * * *", "UTC", "STOPPED"),
    }
    keys = repository.get_job("export_orders").asset_layer.selected_asset_keys
    assert {key.path[0] for key in keys} == {"orders"}
    assert len(keys) == 6


def test_ops_carry_the_pool_and_the_tag_of_their_host(repository: RepositoryDefinition) -> None:
    found = {
        node.name: (
            node.definition.pool,
            {key: value for key, value in node.definition.tags.items() if key != PLAN_TAG},
        )
        for node in repository.get_job("__ASSET_JOB").graph.nodes
        if isinstance(node.definition, dg.OpDefinition)
    }
    shop_a = ("shop-a", {"etl_assets/host": "shop-a"})
    assert found == {
        "orders__shop_a__shop_00__orders_00": shop_a,
        "orders__shop_a__shop_00__orders_01": shop_a,
        "orders__shop_a__shop_01__orders_00": shop_a,
        "orders__shop_a__shop_01__orders_01": shop_a,
        "orders__demo__shop_02__orders_00": ("demo", {"etl_assets/host": "demo"}),
        "users__shop_a__shop_00__users": shop_a,
        "orders__complete": (None, {}),
        "users__complete": (None, {}),
        "orders__newest_window": (None, {}),
        "users__newest_window": (None, {}),
        # One connection: of a host's pool where there is but one host.
        "orders__matches_servers": (None, {}),
        "users__matches_servers": ("shop-a", {}),
    }


def test_a_logical_table_runs_after_all_of_its_shards(repository: RepositoryDefinition) -> None:
    structure = repository.get_job("export_orders").graph.dependency_structure
    inputs = structure.input_to_upstream_outputs_for_node("orders__complete")
    before = {output.node_name for outputs in inputs.values() for output in outputs}
    assert len(before) == 5
    assert "orders__demo__shop_02__orders_00" in before


@pytest.mark.parametrize("host", ["shop-a", "demo"])
def test_odd_names_load_and_stay_apart(tmp_path: Path, host: str) -> None:
    patterns = "\n".join(
        f"      - {{host: {host}, tables: {json.dumps('shop.' + name, ensure_ascii=False)}}}"
        for name in ODD_NAMES
    )
    text = re.sub(
        r"(  orders:\n    shards:\n)(?:      - .*\n)+", lambda m: m[1] + patterns + "\n", CONFIG
    )
    repository = load(tmp_path, text).get_repository_def()
    graph = repository.asset_graph
    backend = "mysql" if host == "shop-a" else "sqlite"
    for name in ODD_NAMES:
        part = "shop." + name.replace("/", "%2F").replace(".", "%2E")
        key = dg.AssetKey(["orders", host, part])
        assert graph.get(key).parent_keys == {dg.AssetKey([backend, host, part])}
        # What the UI sends is the key as text: it has to come back as the same key.
        assert dg.AssetKey.from_user_string(key.to_user_string()) == key
    nodes = [node.name for node in repository.get_job("export_orders").graph.nodes]
    assert len(set(nodes)) == len(nodes) == len(ODD_NAMES) + 2
    assert all(re.fullmatch(r"[A-Za-z0-9_]+", name) for name in nodes)
    # In JSON as it goes to the UI.
    assert all(json.dumps(name)[1:-1] in shown(repository) for name in ("..", "a-b"))


# Lanes


def lanes(repository: RepositoryDefinition) -> dict[str, list[dg.AssetKey]]:
    """The shards of orders by the op that exports them."""
    found: dict[str, list[dg.AssetKey]] = {}
    for key, definition in repository.assets_defs_by_key.items():
        if key.path[0] == "orders" and len(key.path) > 1:
            found.setdefault(definition.node_def.name, []).append(key)
    return found


@pytest.mark.parametrize(
    ("wanted", "sizes"),
    [("per_shard", [1] * 5), ("1", [1, 4]), ("3", [1, 1, 1, 2]), ("9", [1] * 5)],
)
def test_a_number_of_lanes_gathers_the_shards_of_one_host(
    tmp_path: Path, wanted: str, sizes: list[int], repository: RepositoryDefinition
) -> None:
    in_lanes = load(
        tmp_path, CONFIG.replace("processes: 3", f"lanes: {wanted}")
    ).get_repository_def()
    gathered = lanes(in_lanes)
    assert sorted(len(keys) for keys in gathered.values()) == sizes
    for name, keys in gathered.items():
        (host,) = {key.path[1] for key in keys}
        definition = in_lanes.get_job("export_orders").graph.node_named(name).definition
        assert isinstance(definition, dg.OpDefinition)
        assert definition.pool == host
    before = repository.asset_graph.get_all_asset_keys()
    assert in_lanes.asset_graph.get_all_asset_keys() == before


@pytest.mark.parametrize(
    ("shards", "limit", "more", "steps"),
    [(16, 2, "", 16), (17, 2, "", 4), (64, 20, "", 20), (64, 2, "split: 2", 64), (300, 1, "", 3)],
)
def test_auto_gathers_shards_into_two_lanes_a_connection_while_these_are_few(
    tmp_path: Path, shards: int, limit: int, more: str, steps: int
) -> None:
    many = CONFIG.replace("processes: 3", "lanes: auto")
    many = many.replace("      - {host: demo, tables: shop_02.orders_00}\n", f"    {more}\n")
    many = many.replace("shop_{00..01}.orders_{00..01}", f"shop.orders_{{1..{shards}}}")
    many = many.replace("max_connections: 2", f"max_connections: {limit}")
    gathered = lanes(load(tmp_path, many).get_repository_def())
    assert sum(map(len, gathered.values())) == shards
    assert len(gathered) == steps


TABLE = TableConfig.model_validate(
    {
        "shards": [{"host": "h", "tables": "a.b"}],
        "partition": {"every": "day", "start": "2026-11-01"},
    }
)
NAMES = st.text(st.sampled_from("ab_-é"), min_size=1, max_size=4)


@given(
    st.lists(st.tuples(NAMES, NAMES, NAMES), min_size=1, max_size=12, unique=True),
    st.integers(1, 3),
)
def test_every_op_and_output_has_a_name_of_its_own(
    places: list[tuple[str, str, str]], lanes: int
) -> None:
    tables = [
        LogicalTable(name, tuple(Shard(name, *place) for place in places), TABLE)
        for name in ("t", "t_", "t__a")
    ]
    ops: list[str] = []
    outputs: list[str] = []
    for table in tables:
        shards = shard_names(table)
        hosts = [
            (host, number)
            for host in dict.fromkeys(p[0] for p in places)
            for number in range(lanes)
        ]
        ops += [*shards.values(), *lane_names(table, hosts).values()]
        ops += [f"{table.name}__complete", f"{table.name}__matches_servers"]
        outputs += [name for shard in shards.values() for name in (shard, f"{shard}__check")]
    assert len(set(ops)) == len(ops)
    assert len(set(outputs)) == len(outputs)


@pytest.mark.parametrize("lanes", ["per_shard", "1", "2"])
def test_hosts_and_tables_whose_names_fall_together_load(tmp_path: Path, lanes: str) -> None:
    tables = [
        "_demo.orders",
        "demo.orders_",
        "demo_._orders",
        "demo.complete",
        "demo.x/y",
        "demo.x%2Fy",
    ]
    hosts = ["shop-a", "shop_a", "complete"]
    config = {
        "hosts": {host: {"url": "mysql+pymysql://etl@db-a"} for host in hosts},
        "tables": {
            name: {
                "shards": [{"host": h, "tables": t} for h in hosts for t in tables],
                "partition": {"every": "day", "start": "2026-11-01"},
            }
            for name in ("orders", "orders_")
        },
        "execution": {"lanes": int(lanes) if lanes.isdigit() else lanes},
    }
    graph = load(tmp_path, json.dumps(config)).get_repository_def().asset_graph
    assert len(graph.materializable_asset_keys) == 2 * (len(hosts) * len(tables) + 1)
