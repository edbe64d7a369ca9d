"""The files that `dg scaffold` writes load as they are."""

from pathlib import Path

import dagster as dg
import yaml
from dagster.components.testing.utils import DefsFolderSandbox

from etl_assets.components import ShardedTableExport
from etl_assets.config import load_config
from etl_assets_tests.support.sandbox import dagsters_own_warnings

pytestmark = dagsters_own_warnings


def test_instances_load_as_they_are_scaffolded_beside_each_other(
    sandbox: DefsFolderSandbox,
) -> None:
    for name in ("shop", "2-many.orders", "deep/shop-b", "订单"):
        sandbox.scaffold_component(ShardedTableExport, name)
    with sandbox.build_all_defs() as definitions:
        repository = definitions.get_repository_def()
        repository.load_all_definitions()
        tables = [key for key in repository.asset_graph.get_all_asset_keys() if len(key.path) == 1]
        assert {key.to_user_string() for key in tables} == {
            "shop_orders", "shop_2_many_orders_orders", "shop_b_orders", "shop_3d5436_orders",
        }  # fmt: skip


def test_the_files_say_what_to_fill_in_and_keep_exports_out_of_the_definitions(
    sandbox: DefsFolderSandbox,
) -> None:
    folder = sandbox.scaffold_component(ShardedTableExport, "shop")
    document = yaml.safe_load((folder / "defs.yaml").read_text(encoding="utf-8"))
    assert document["attributes"] == {"config": "etl_assets.yaml"}
    text = (folder / "etl_assets.yaml").read_text(encoding="utf-8")
    assert {"password: {env: ", "url: mysql+pymysql://", "schedule: "} <= {
        part for part in ("password: {env: ", "url: mysql+pymysql://", "schedule: ") if part in text
    }
    directory = Path(load_config(folder / "etl_assets.yaml").directory).resolve()
    assert directory == (sandbox.project_root / "exports" / "shop").resolve()


def test_a_configuration_that_is_there_stays(sandbox: DefsFolderSandbox) -> None:
    folder = sandbox.defs_folder_path / "shop"
    folder.mkdir()
    (folder / "etl_assets.yaml").write_text("hosts: {}\n", encoding="utf-8")
    sandbox.scaffold_component(ShardedTableExport, "shop")
    assert (folder / "etl_assets.yaml").read_text(encoding="utf-8") == "hosts: {}\n"


def test_one_that_is_written_in_python_gets_its_configuration_too(
    sandbox: DefsFolderSandbox,
) -> None:
    folder = sandbox.scaffold_component(ShardedTableExport, "shop", scaffold_format="python")
    path = folder / "component.py"
    stub = path.read_text(encoding="utf-8")
    assert stub.rstrip().endswith("-> ShardedTableExport: ...")
    path.write_text(stub.replace("...", "return ShardedTableExport()"), encoding="utf-8")
    with sandbox.build_all_defs() as definitions:
        assert dg.AssetKey(["shop_orders"]) in {
            spec.key for spec in definitions.resolve_all_asset_specs()
        }
