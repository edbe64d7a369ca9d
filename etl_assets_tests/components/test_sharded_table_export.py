"""The component in a folder of definitions, with Dagster's own utilities."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster.components.testing.test_cases import TestTranslation
from dagster.components.testing.utils import DefsFolderSandbox

from etl_assets.components import ShardedTableExport
from etl_assets.defs.asset_specs import Subject
from etl_assets.private.dagster import ComponentTreeException
from etl_assets_tests.support.sandbox import dagsters_own_warnings
from etl_assets_tests.support.shop import CONFIG

SOURCE = dg.AssetKey(["sqlite", "demo", "shop_00.orders_00"])
SHARD = dg.AssetKey(["orders", "demo", "shop_00.orders_00"])
TABLE = dg.AssetKey(["orders"])

pytestmark = dagsters_own_warnings


def export(
    sandbox: DefsFolderSandbox,
    translation: object = None,
    name: str = "shop",
    config: str = CONFIG,
    component: type[ShardedTableExport] = ShardedTableExport,
) -> Path:
    """An instance of the component."""
    attributes = {"translation": translation} if translation is not None else {}
    path = sandbox.scaffold_component(
        component,
        name,
        defs_yaml_contents={
            "type": f"{component.__module__}.{component.__qualname__}",
            "attributes": {"config": "etl_assets.yaml", **attributes},
        },
    )
    (path / "etl_assets.yaml").write_text(config, encoding="utf-8")
    return path


@contextmanager
def loaded(sandbox: DefsFolderSandbox) -> Iterator[Mapping[dg.AssetKey, dg.AssetSpec]]:
    """What all of the project's assets are told to be; they resolve."""
    with sandbox.build_all_defs() as definitions:
        definitions.get_repository_def().load_all_definitions()
        yield {spec.key: spec for spec in definitions.resolve_all_asset_specs()}


def test_a_configuration_beside_defs_yaml_becomes_its_assets_jobs_and_schedules(
    sandbox: DefsFolderSandbox,
) -> None:
    path = export(sandbox)
    with sandbox.load_component_and_build_defs(path) as (component, definitions):
        assert isinstance(component, ShardedTableExport)
        repository = definitions.get_repository_def()
        assert {SOURCE, SHARD, TABLE} <= repository.asset_graph.get_all_asset_keys()
        assert repository.has_job("export_orders")
        assert repository.has_schedule_def("export_orders_schedule")
        # What a project can have but one of stays its own.
        assert definitions.executor is None
        assert not {"database", "csv", "io_manager"} & set(definitions.resources or {})


class TestAttributes(TestTranslation):
    """Each attribute that Dagster's own components translate."""

    def test_translation(
        self,
        sandbox: DefsFolderSandbox,
        attributes: dict[str, Any],
        assertion: Callable[[dg.AssetSpec], bool],
        key_modifier: Callable[[dg.AssetKey], dg.AssetKey] | None,
    ) -> None:
        if attributes.get("automation_condition"):
            # Dagster's case has it by a name that Dagster calls deprecated.
            attributes = {"automation_condition": "{{ dg.AutomationCondition.eager() }}"}
        export(sandbox, attributes)
        if "partitions_def" in attributes:
            with pytest.raises(ComponentTreeException) as refused, loaded(sandbox):
                pass
            (line,) = str(refused.value).splitlines()
            assert line.startswith(f"{sandbox.defs_folder_path}/shop: the translation of ")
            assert line.endswith("got another partitions_def; change `partition` instead")
            return
        with loaded(sandbox) as specs:
            for key in (SOURCE, SHARD, TABLE):
                spec = specs[key_modifier(key) if key_modifier else key]
                # What a shard is read from stays upstream of it.
                added = spec.replace_attributes(deps=list(spec.deps)[:1])
                assert assertion(added if "deps" in attributes else spec), key


def test_templates_know_the_table_the_shard_and_the_role(sandbox: DefsFolderSandbox) -> None:
    translation = {
        "key": "lake/{{ role }}/{{ table }}/{{ shard.database }}/{{ shard.shard_table }}",
        "group_name": "{{ table ~ '_' ~ role }}",
        "description": "{{ shard or table }} of {{ shard.host or 'all hosts' }}",
        "tags": {"where": "{{ shard.database }}"},
    }
    export(sandbox, translation)
    with loaded(sandbox) as specs:
        source, shard, table = (
            specs[dg.AssetKey(["lake", *path])]
            for path in (
                ["source", "orders", "shop_00", "orders_00"],
                ["shard", "orders", "shop_00", "orders_00"],
                ["table", "orders", "", ""],
            )
        )
        assert [dep.asset_key for dep in shard.deps] == [source.key]
        assert [spec.group_name for spec in (source, shard, table)] == [
            "orders_source", "orders_shard", "orders_table",
        ]  # fmt: skip
        assert shard.description == "demo.shop_00.orders_00 of demo"
        assert table.description == "orders of all hosts"
        assert [spec.tags["where"] for spec in (source, shard, table)] == ["shop_00", "shop_00", ""]


class Owned(ShardedTableExport):
    """A project's own, which says whose the logical tables are."""

    def get_asset_spec(self, subject: Subject, spec: dg.AssetSpec) -> dg.AssetSpec:
        told = super().get_asset_spec(subject, spec)
        is_table = subject.role == "table"
        return told.replace_attributes(owners=[f"team:{subject.table}"]) if is_table else told


def test_a_subclass_says_what_an_asset_is(sandbox: DefsFolderSandbox) -> None:
    export(sandbox, {"key_prefix": "lake"}, component=Owned)
    with loaded(sandbox) as specs:
        assert specs[TABLE.with_prefix("lake")].owners == ["team:orders"]
        assert not specs[SHARD.with_prefix("lake")].owners


def test_two_instances_have_the_tables_that_both_read_once(sandbox: DefsFolderSandbox) -> None:
    export(sandbox, {"owners": ["team:shop"]})
    # It is loaded first, and names another group for them.
    export(sandbox, name="again", config=CONFIG.replace("orders:", "again:"))
    with sandbox.build_all_defs() as definitions:
        repository = definitions.get_repository_def()
        graph = repository.asset_graph
        again = dg.AssetKey(["again", *SHARD.path[1:]])
        assert graph.get(SOURCE).child_keys == {SHARD, again}
        assert graph.get(SOURCE).group_name == "again_source"
        names = [
            sensor.name.rpartition("windows_")[0] or sensor.name
            for sensor in repository.sensor_defs
        ]
        assert sorted(names) == ["explain_failed_runs", "fail_dead_runs", "newest_", "newest_"]
        assert {job.name for job in repository.get_all_jobs()} >= {"export_orders", "export_again"}


def test_what_is_loaded_again_is_not_what_it_was(sandbox: DefsFolderSandbox) -> None:
    """A table that two configurations share is not that of definitions that are gone."""
    for owner in ("team:shop", "team:lake"):
        export(sandbox, {"owners": [owner]})
        with loaded(sandbox) as specs:
            assert specs[SOURCE].owners == [owner]
        del specs


@pytest.mark.parametrize("wrong", ["host: dmeo", "match: shop"])
def test_a_mistake_in_the_configuration_is_one_line_that_names_its_file(
    sandbox: DefsFolderSandbox, wrong: str
) -> None:
    if wrong.startswith("match"):
        # Unresolved: it is said of the lock, which is in the same folder.
        config = CONFIG.replace('tables: "shop_{00..01}.orders_{00..01}"', r"match: '^shop\.a$'")
    else:
        config = CONFIG.replace("host: demo", wrong)
    export(sandbox, config=config)
    with pytest.raises(ComponentTreeException) as refused, sandbox.build_all_defs():
        pass
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"{sandbox.defs_folder_path}/shop/etl_assets.yaml:5: tables.orders")


def test_a_configuration_that_is_not_there_is_asked_for(sandbox: DefsFolderSandbox) -> None:
    (export(sandbox) / "etl_assets.yaml").unlink()
    with pytest.raises(ComponentTreeException) as refused, sandbox.build_all_defs():
        pass
    assert str(refused.value).endswith("got no such file; write it, or name another")


def test_the_page_about_projects_shows_what_loads(
    sandbox: DefsFolderSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "dagster.md").read_text(encoding="utf-8")
    blocks = dict[str, list[str]](yaml=[], python=[])
    for language, block in re.findall(
        r"^```(yaml|python)\n(.*?)^```", page, re.MULTILINE | re.DOTALL
    ):
        blocks[language].append(block)
    (told,) = blocks["yaml"]
    (export(sandbox) / "defs.yaml").write_text(told, encoding="utf-8")
    with loaded(sandbox) as specs:
        assert specs[TABLE.with_prefix("lake")].owners == ["team:orders"]
        assert specs[SHARD.with_prefix("lake")].tags["database"] == "shop_00"
    monkeypatch.chdir(sandbox.defs_folder_path / "shop")
    subclass, merged, downstream = blocks["python"]
    names: dict[str, Any] = {}
    exec(subclass + merged + downstream, names)
    assert issubclass(names["ShopExport"], ShardedTableExport)
    whole = dg.Definitions.merge(names["defs"], dg.Definitions(assets=[names["paid_orders"]]))
    graph = whole.resolve_asset_graph()
    assert graph.get(dg.AssetKey("paid_orders")).parent_keys == {TABLE.with_prefix("lake")}
