"""A step finds everything imported: it is a fork of a process that is ready."""

import json
from collections.abc import Set as AbstractSet
from pathlib import Path

import dagster as dg

from etl_assets_tests.support.cluster import Cluster
from etl_assets_tests.support.command import started_etl_assets
from etl_assets_tests.support.embedded import command_in, project
from etl_assets_tests.support.recorded import instance_of, step_pids
from etl_assets_tests.support.shop import DAY, FILES

SPY = """
import os, sys
_told = os.open({path!r}, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
def _tell(name, arguments):
    if name == "import":
        os.write(_told, f"{{os.getpid()}} {{arguments[0]}}\\n".encode())
sys.addaudithook(_tell)
"""
"""As sitecustomize: Python says each import that has to look for a module."""


def spied(folder: Path) -> tuple[dict[str, str], Path]:
    """The environment in which processes say what they import, and the file that says it."""
    (folder / "spy").mkdir()
    told = folder / "imports.txt"
    (folder / "spy" / "sitecustomize.py").write_text(SPY.format(path=str(told)))
    return {"PYTHONPATH": str(folder / "spy")}, told


def imports_of(told: Path, steps: AbstractSet[int]) -> list[str]:
    """What some steps had to import, of all that was imported."""
    imports = [line.split() for line in told.read_text().splitlines()]
    assert len(imports) > 1_000
    return sorted({module for pid, module in imports if int(pid) in steps})


def test_a_step_imports_nothing(tmp_path: Path, cluster: Cluster) -> None:
    env, told = spied(tmp_path)
    (database, _), *_ = cluster.shards
    compressed = f"""    csv: {{compression: zstd}}
  plain:
    shards: [{{host: db, tables: "{database}.orders_{{00..03}}"}}]
    partition: {{every: day, start: 2026-11-01, column: created_at}}
"""
    shop = cluster.shop(tmp_path / "shop", table=compressed)
    command = ("export", "--partition", DAY)
    done = started_etl_assets(shop.folder, *command, env=env)
    assert done.code == 0, done.err
    with instance_of(shop.folder / ".dagster_home") as instance:
        steps = {
            pid for run in instance.get_runs() for pid in step_pids(instance, run.run_id).values()
        }
    # Shards, and for each table itself and its check.
    assert len(steps) == 16 + 4 + 4
    assert imports_of(told, steps) == []


def test_a_step_of_a_project_imports_nothing_and_loads_no_definitions(tmp_path: Path) -> None:
    """Its run is a process that the code server starts, as for the button of the UI."""
    env, told = spied(tmp_path)
    shop = project(tmp_path / "project")
    command = ("dagster", "job", "launch", "-f", "location.py", "-j", "export_orders")
    done = command_in(shop, *command, "--tags", json.dumps({"dagster/partition": DAY}), env=env)
    assert done.code == 0, done.err
    with instance_of(shop.folder / "home") as instance:
        (run,) = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.SUCCESS, done.err
        steps = set(step_pids(instance, run.run_id).values())
    assert len(steps) == 4 + 1 + 1
    assert shop.names() == FILES
    loads = (shop.folder / "loads.txt").read_text(encoding="utf-8").split()
    # By the code server, the run's process and its fork server.
    assert len(set(loads)) == 3
    assert steps.isdisjoint(map(int, loads))
    assert imports_of(told, steps) == []
