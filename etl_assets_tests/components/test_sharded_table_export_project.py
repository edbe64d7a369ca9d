"""`dg` in a project as `create-dagster` makes it, with definitions of its own and two instances."""

import json
import shutil
from pathlib import Path

import dagster as dg
import pytest

from etl_assets_tests.support.command import Done
from etl_assets_tests.support.embedded import INSTANCE, command_in
from etl_assets_tests.support.recorded import instance_of, step_pids
from etl_assets_tests.support.shop import CONFIG, DAY, FILES, SHARDS, Shop, small_shop

COMPONENT = "etl_assets.components.ShardedTableExport"

# What create-dagster writes; the definitions also say which process loads them.
PYPROJECT = """
[project]
name = "lake"
requires-python = ">=3.10,<3.15"
version = "0.1.0"
dependencies = ["dagster"]

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "lake"
registry_modules = ["lake.components.*"]
"""
DEFINITIONS = """
import os
from pathlib import Path

from dagster import definitions, load_from_defs_folder


@definitions
def defs():
    with (Path(__file__).parent / "loads.txt").open("a") as told:
        told.write(f"{os.getpid()}\\n")
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
OWN = """
import dagster as dg


class Database(dg.ConfigurableResource):
    name: str = "the project's own"


@dg.asset(deps=[["tables", "orders"]], partitions_def=dg.DailyPartitionsDefinition("2026-11-01"))
def report(database: Database) -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"database": database.name})


@dg.definitions
def own() -> dg.Definitions:
    return dg.Definitions(
        assets=[report], executor=dg.in_process_executor, resources={"database": Database()}
    )
"""
TRANSLATION = """\
  translation:
    key_prefix: "{{ role }}s"
    owners: ["team:{{ table }}"]
"""


def dg_in(shop: Shop, *arguments: str) -> Done:
    """A command of `dg`, with the project's package on the path as an installation puts it."""
    env = {"PYTHONPATH": str(shop.folder / "src"), "DAGSTER_DISABLE_TELEMETRY": "yes"}
    return command_in(shop, "dg", *arguments, env=env)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The project, scaffolded by `dg`, beside the databases that it exports."""
    shop = small_shop(tmp_path_factory.mktemp("lake"))
    defs = shop.folder / "src" / "lake" / "defs"
    files = {
        "pyproject.toml": PYPROJECT,
        "src/lake/__init__.py": "",
        "src/lake/definitions.py": DEFINITIONS,
        "src/lake/defs/__init__.py": "",
        "src/lake/defs/own.py": OWN,
        "home/dagster.yaml": INSTANCE,
    }
    for name, text in files.items():
        (shop.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (shop.folder / name).write_text(text, encoding="utf-8")
    done = dg_in(shop, "scaffold", "defs", COMPONENT, "shop")
    assert done.code == 0, done.err
    written = (defs / "shop" / "etl_assets.yaml").read_text(encoding="utf-8")
    assert "directory: ../../../../exports/shop " in written
    shutil.copytree(defs / "shop", defs / "more")
    for name, table in (("shop", "orders"), ("more", "again")):
        config = CONFIG.replace("///", "///../../../../").replace("orders:", f"{table}:")
        config += f"output: {{directory: ../../../../exports/{name}}}\n"
        (defs / name / "etl_assets.yaml").write_text(config, encoding="utf-8")
    with (defs / "shop" / "defs.yaml").open("a", encoding="utf-8") as told:
        told.write(TRANSLATION)
    return shop


def test_dg_checks_and_lists_two_instances_without_a_warning(project: Shop) -> None:
    checked = dg_in(project, "check", "defs")
    assert checked.code == 0, checked.err
    # The YAML files are checked first.
    assert "All component YAML validated successfully." in checked.out
    assert "All definitions loaded successfully." in checked.out
    listed = dg_in(project, "list", "defs", "--json")
    assert "arning" not in checked.out + checked.err + listed.out + listed.err
    found = json.loads(listed.out)
    assets = {asset["asset_key"]: asset for asset in found["assets"]}
    assert set(assets) == {
        "report",
        "tables/orders",
        "again",
        *(f"shards/orders/demo/{database}.{table}" for database, table in SHARDS),
        *(f"again/demo/{database}.{table}" for database, table in SHARDS),
        *(f"sources/sqlite/demo/{database}.{table}" for database, table in SHARDS),
        *(f"sqlite/demo/{database}.{table}" for database, table in SHARDS),
    }
    assert assets["tables/orders"]["owners"] == [{"team": "orders"}]
    assert {job["name"] for job in found["jobs"]} == {"export_orders", "export_again"}
    # What is of the whole instance is there once.
    assert [sensor["name"] for sensor in found["sensors"]].count("fail_dead_runs") == 1
    assert "database" in {resource["name"] for resource in found["resources"]}


def test_dg_launches_an_instance_s_job_whose_steps_load_no_definitions(project: Shop) -> None:
    loads = project.folder / "src" / "lake" / "loads.txt"
    loads.unlink(missing_ok=True)
    done = dg_in(project, "launch", "--job", "export_again", "--partition", DAY)
    assert done.code == 0, done.err
    assert "Warning" not in done.out + done.err
    with instance_of(project.folder / "home") as instance:
        (run,) = instance.get_runs(dg.RunsFilter(job_name="export_again"))
        steps = set(step_pids(instance, run.run_id).values())
    assert len(steps) == 4 + 1 + 1
    # The command itself is the run's process; then there is its fork server.
    loaded = set(map(int, loads.read_text(encoding="utf-8").split()))
    assert len(loaded) == 2
    assert steps.isdisjoint(loaded)
    exported = project.folder / "exports" / "more" / "again" / DAY
    assert sorted(path.name for path in exported.iterdir()) == FILES


def test_dg_launches_assets_by_the_project_s_own_executor(project: Shop) -> None:
    done = dg_in(project, "launch", "--assets", "+++report", "--partition", DAY)
    assert done.code == 0, done.err
    assert (project.folder / "exports" / "shop" / "orders" / DAY / "_manifest.json").exists()
    with instance_of(project.folder / "home") as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("report"))
        assert event is not None
        assert event.asset_materialization is not None
        assert event.asset_materialization.metadata["database"].value == "the project's own"


WINDOWS = """\
/defs/shop/defs.yaml:6 - etl_assets.components.ShardedTableExport \
attributes.translation.partitions_def \
'the windows that `partition` in etl_assets.yaml gives' was expected
"""
UNKNOWN = """\
/defs/shop/defs.yaml:7 - etl_assets.components.ShardedTableExport \
attributes.translation.owner Additional properties are not allowed"""
HOST = """\
/defs/shop/etl_assets.yaml:5: tables.orders.shards[0].host: \
expected one of the hosts demo, got 'dmeo'
"""


@pytest.mark.parametrize(
    ("file", "right", "wrong", "said"),
    [
        ("defs.yaml", "  translation:", "  translation:\n    WINDOWS", WINDOWS),
        ("defs.yaml", "owners", "owner", UNKNOWN),
        ("etl_assets.yaml", "host: demo", "host: dmeo", HOST),
    ],
)
def test_dg_check_points_to_a_mistake(
    project: Shop, tmp_path: Path, file: str, right: str, wrong: str, said: str
) -> None:
    shutil.copytree(project.folder, tmp_path / "lake")
    copy = Shop(tmp_path / "lake")
    path = copy.folder / "src" / "lake" / "defs" / "shop" / file
    text = path.read_text(encoding="utf-8").replace(right, wrong)
    windows = "partitions_def: {type: daily, start_date: '2026-11-01'}"
    path.write_text(text.replace("WINDOWS", windows), encoding="utf-8")
    done = dg_in(copy, "check", "defs")
    assert done.code == 1
    assert said in done.out + done.err
