"""Exports in the definitions of a project that has an executor and a `database` of its own."""

from collections.abc import Mapping
from pathlib import Path

from etl_assets_tests.support.command import SCRIPT, Done, environment, start
from etl_assets_tests.support.shop import CONFIG, Shop, small_shop

_SECONDS = 110
OTHER = CONFIG.replace("orders:", "again:") + "output: {directory: others}\n"
"""Another logical table of the same shard tables, exported elsewhere."""

_LOCATION = """
import os
from pathlib import Path

import dagster as dg
from dagster import in_process_executor, multiprocess_executor

from etl_assets.config import load_config
from etl_assets.defs.build import build_definitions

HERE = Path(__file__).parent


@dg.asset(deps=["orders"], required_resource_keys={"database"}, group_name="own")
def report(context: dg.AssetExecutionContext) -> None:
    context.add_output_metadata({"database": context.resources.database})


@dg.definitions
def defs() -> dg.Definitions:
    with (HERE / "loads.txt").open("a") as told:
        told.write(f"{os.getpid()}\\n")
    own = dg.Definitions(
        assets=[report],
        executor=EXECUTOR,
        resources={"database": dg.ResourceDefinition.hardcoded_resource("the project's")},
    )
    files = ["etl_assets.yaml", "other.yaml"]
    return dg.Definitions.merge(own, *(build_definitions(load_config(HERE / f)) for f in files))
"""

INSTANCE = """
telemetry: {enabled: false}
run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}
"""


def project(folder: Path, executor: str = "in_process_executor") -> Shop:
    """A folder with the databases, two configurations, location.py and a Dagster home."""
    shop = small_shop(folder)
    (folder / "other.yaml").write_text(OTHER, encoding="utf-8")
    program = _LOCATION.replace("EXECUTOR", executor)
    (folder / "location.py").write_text(program, encoding="utf-8")
    (folder / "home").mkdir()
    (folder / "home" / "dagster.yaml").write_text(INSTANCE, encoding="utf-8")
    return shop


def command_in(shop: Shop, *command: str, env: Mapping[str, str] | None = None) -> Done:
    """Dagster's or dg's own command in the project, to its end."""
    told = environment({"DAGSTER_HOME": str(shop.folder / "home"), **(env or {})})
    process = start(shop.folder, [str(SCRIPT.parent / command[0]), *command[1:]], told)
    try:
        out, err = process.communicate(timeout=_SECONDS)
    finally:
        process.kill()
        process.wait()
    return Done(process.returncode, out, err)
