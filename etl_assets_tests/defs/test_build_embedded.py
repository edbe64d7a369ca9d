"""Definitions that are merged into a project: other keys, an own executor, a second instance."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from etl_assets.defs import progress_events
from etl_assets.defs.asset_specs import Subject
from etl_assets.defs.build import build_definitions
from etl_assets.defs.progress_events import ORDER_EVENT, PROGRESS_EVENT
from etl_assets.errors import UsageError
from etl_assets_tests.support.embedded import command_in, project
from etl_assets_tests.support.in_process import Location, written
from etl_assets_tests.support.recorded import instance_of
from etl_assets_tests.support.shop import CONFIG, DAY, FILES, SHARDS, Shop, small_shop

pytestmark = pytest.mark.filterwarnings(
    # Dagster's own copy of a check that stands apart from its asset.
    "ignore:Parameter `execution_type` of function `AssetsDefinition.__init__` is currently in beta"
)
LANES = CONFIG.replace("{processes: 2}", "{processes: 2, lanes: 1}")
NewKey = Callable[[dg.AssetKey], dg.AssetKey]


def below_lake(key: dg.AssetKey) -> dg.AssetKey:
    """The same key below a prefix."""
    return key.with_prefix("lake")


def replaced(key: dg.AssetKey) -> dg.AssetKey:
    """Another key altogether, of characters that Dagster takes in no name but a key's."""
    return dg.AssetKey(["-".join(["数据 100%", *reversed(key.path)])])


def plain(shard: tuple[str, str]) -> dg.AssetKey:
    return dg.AssetKey(["orders", "demo", ".".join(shard)])


def translated(new_key: NewKey, shop: Shop) -> dg.Definitions:
    def translate(subject: Subject, spec: dg.AssetSpec) -> dg.AssetSpec:
        del subject
        return spec.replace_attributes(key=new_key(spec.key))

    return build_definitions(shop.config, translate=translate)


def by_attributes(new_key: NewKey, shop: Shop) -> dg.Definitions:
    """As a project changes the keys of what it has at hand."""
    made = build_definitions(shop.config)
    assets: list[Any] = list(made.assets or [])
    checks: list[Any] = list(made.asset_checks or [])
    keys = {key: new_key(key) for asset in assets for key in asset.keys}
    return dg.Definitions(
        assets=[asset.with_attributes(asset_key_replacements=keys) for asset in assets],
        asset_checks=[check.with_attributes(asset_key_replacements=keys) for check in checks],
        jobs=made.jobs,
        resources=made.resources,
    )


def from_a_module(new_key: NewKey, shop: Shop) -> dg.Definitions:
    """As `load_assets_from_modules` does it to all assets of a module."""
    made = build_definitions(shop.config)
    module = ModuleType("exports")
    vars(module).update(assets=list(made.assets or []), checks=list(made.asset_checks or []))
    prefix = new_key(dg.AssetKey([])).path if new_key is below_lake else None
    return dg.Definitions(
        assets=dg.load_assets_from_modules([module], key_prefix=prefix, source_key_prefix=prefix),
        asset_checks=dg.load_asset_checks_from_modules([module], asset_key_prefix=prefix),
        jobs=made.jobs,
        resources=made.resources,
    )


WAYS = [
    pytest.param(translated, below_lake, id="a prefix by translation"),
    pytest.param(translated, replaced, id="other keys by translation"),
    pytest.param(by_attributes, replaced, id="other keys by with_attributes"),
    pytest.param(from_a_module, below_lake, id="a prefix by load_assets_from_modules"),
]


@contextmanager
def embedded(
    way: Callable[[NewKey, Shop], dg.Definitions], new_key: NewKey, folder: Path
) -> Iterator[Location]:
    """The shop under other keys, with a downstream asset of the project."""
    shop = small_shop(folder, LANES)

    @dg.asset(
        ins={
            "table": dg.AssetIn(new_key(dg.AssetKey(["orders"]))),
            "shard": dg.AssetIn(new_key(plain(SHARDS[0]))),
        },
        partitions_def=dg.DailyPartitionsDefinition("2026-11-01"),
    )
    def report(table: pd.DataFrame, shard: pd.DataFrame) -> None:
        assert (len(table), len(shard)) == (8, 2)

    made = way(new_key, shop)
    own = dg.Definitions(assets=[report])
    with dg.DagsterInstance.ephemeral() as instance:
        yield Location(shop, dg.Definitions.merge(made, own), instance)


def everything(location: Location, key: str = DAY) -> dg.ExecuteInProcessResult:
    """A run of all that is materialized, as the UI's button makes it."""
    job = location.definitions.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        partition_key=key, instance=location.instance, raise_on_error=False
    )


@pytest.mark.parametrize(("way", "new_key"), WAYS)
def test_all_that_a_run_says_is_of_the_keys_that_a_project_gives(
    way: Callable[[NewKey, Shop], dg.Definitions],
    new_key: NewKey,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress_events, "PROGRESS_SECONDS", 0)
    shards, table = [new_key(plain(shard)) for shard in SHARDS], new_key(dg.AssetKey(["orders"]))
    with embedded(way, new_key, tmp_path) as location:
        done = location.export()
        assert done.success
        # The job has all of them, and each shard's check is there and blocks.
        assert set(written(done)) == {*shards, table}
        graph = location.definitions.resolve_asset_graph()
        counts = [dg.AssetCheckKey(shard, "rows_match_source") for shard in shards]
        assert all(graph.get_check_spec(check).blocking for check in counts)
        checked = {e.asset_check_key: e.passed for e in done.get_asset_check_evaluations()}
        assert dict.fromkeys(counts, True).items() <= checked.items()
        assert {key.asset_key for key in checked} == {*shards, table}
        for check in ("newest_window", "matches_servers"):
            alone = location.check(dg.AssetCheckKey(table, check))
            assert [e.asset_key for e in alone.get_asset_check_evaluations()] == [table], check
        # What the command line reads of a run's progress names the same.
        told: list[tuple[str, Any]] = [
            (name, value.value)
            for entry in location.instance.all_logs(done.run_id)
            if entry.dagster_event is not None and entry.dagster_event.is_engine_event
            for name, value in entry.dagster_event.engine_event_data.metadata.items()
        ]
        names = {shard.to_user_string() for shard in shards}
        assert {value for name, value in told if name == PROGRESS_EVENT} == names
        assert {key for name, keys in told if name == ORDER_EVENT for key in keys} == names


@pytest.mark.parametrize(("way", "new_key"), WAYS)
def test_a_failed_shard_fails_its_check_and_what_it_blocks_stays_away(
    way: Callable[[NewKey, Shop], dg.Definitions], new_key: NewKey, tmp_path: Path
) -> None:
    with embedded(way, new_key, tmp_path) as location:
        location.shop.run("shop_00", "DROP TABLE orders_00")
        done = everything(location)
        failed = [e.asset_key for e in done.get_asset_check_evaluations() if not e.passed
                  and e.check_name == "rows_match_source"]  # fmt: skip
        assert failed == [new_key(plain(SHARDS[0]))]
        assert set(written(done)) == {new_key(plain(shard)) for shard in SHARDS[1:]}


@pytest.mark.parametrize(("way", "new_key"), WAYS)
def test_downstream_assets_load_what_they_name(
    way: Callable[[NewKey, Shop], dg.Definitions], new_key: NewKey, tmp_path: Path
) -> None:
    with embedded(way, new_key, tmp_path) as location:
        done = everything(location)
        assert done.success
        assert dg.AssetKey(["report"]) in written(done)
        # In a run of its own as well.
        job = location.definitions.resolve_implicit_global_asset_job_def()
        assert job.execute_in_process(
            partition_key=DAY, instance=location.instance, asset_selection=[dg.AssetKey("report")]
        ).success


@pytest.mark.parametrize(("way", "new_key"), WAYS)
def test_the_last_shard_completes_the_logical_table_under_its_key(
    way: Callable[[NewKey, Shop], dg.Definitions], new_key: NewKey, tmp_path: Path
) -> None:
    table = new_key(dg.AssetKey(["orders"]))
    with embedded(way, new_key, tmp_path) as location:
        for shards in (SHARDS[:3], SHARDS[3:]):
            assert location.exported(table) == set()
            assert location.export(assets=[new_key(plain(shard)) for shard in shards]).success
        assert location.exported(table) == {DAY}
        assert location.shop.names() == FILES


def test_a_translation_of_windows_or_to_one_key_is_refused(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)

    def one_key(subject: Subject, spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.replace_attributes(key=[subject.table])

    def windows(subject: Subject, spec: dg.AssetSpec) -> dg.AssetSpec:
        del subject
        return spec.replace_attributes(partitions_def=dg.DailyPartitionsDefinition("2026-11-01"))

    with pytest.raises(UsageError, match="orders: expected a key of its own for each asset"):
        build_definitions(shop.config, translate=one_key)
    with pytest.raises(UsageError, match="got another partitions_def; change `partition`"):
        build_definitions(shop.config, translate=windows)


def keys_of(table: str) -> set[str]:
    return {table, *(f"{table}/demo/{database}.{name}" for database, name in SHARDS)}


@pytest.mark.parametrize(
    ("executor", "selected"),
    [
        ("in_process_executor", keys_of("orders") | keys_of("again") | {"report"}),
        # Each step of it is a new interpreter.
        ("multiprocess_executor", {f"{t}/demo/shop_00.orders_00" for t in ("orders", "again")}),
    ],
)
def test_two_instances_run_beside_an_own_executor_and_an_own_database(
    executor: str, selected: set[str], tmp_path: Path
) -> None:
    shop = project(tmp_path, executor)
    selection = " or ".join(f'key:"{key}"' for key in selected)
    command = ("dagster", "asset", "materialize", "-f", "location.py", "--partition", DAY)
    done = command_in(shop, *command, "--select", selection)
    assert done.code == 0, done.err
    with instance_of(shop.folder / "home") as instance:
        assert {key.to_user_string() for key in instance.all_asset_keys()} >= selected
        (run,) = instance.get_runs()
        assert run.job_name == "__ASSET_JOB"
        made = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        keys = [
            entry.asset_materialization.asset_key for entry in made if entry.asset_materialization
        ]
        assert {key.to_user_string() for key in keys} == selected
        # Nobody but the steps can have set it.
        pools = {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}
        assert pools == {"demo": 4}


def test_tables_that_two_instances_read_are_one_asset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    # Another test's file of that name may have been imported in this process.
    sys.modules.pop("location", None)
    try:
        for _ in range(2):
            graph = importlib.import_module("location").defs().resolve_asset_graph()
            source = graph.get(dg.AssetKey(["sqlite", "demo", "shop_00.orders_00"]))
            assert {key.path[0] for key in source.child_keys} == {"orders", "again"}
            assert source.group_name == "orders_source"
    finally:
        sys.modules.pop("location", None)
