"""A step finds everything imported: it is a fork of a process that is ready."""

from pathlib import Path

from etl_assets_tests.support.cluster import Cluster
from etl_assets_tests.support.command import started_etl_assets
from etl_assets_tests.support.recorded import instance_of, step_pids
from etl_assets_tests.support.shop import DAY

SPY = """
import os, sys
_told = os.open({path!r}, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
def _tell(name, arguments):
    if name == "import":
        os.write(_told, f"{{os.getpid()}} {{arguments[0]}}\\n".encode())
sys.addaudithook(_tell)
"""
"""As sitecustomize: Python says each import that has to look for a module."""


def test_a_step_imports_nothing(tmp_path: Path, cluster: Cluster) -> None:
    spy = tmp_path / "spy"
    spy.mkdir()
    told = tmp_path / "imports.txt"
    (spy / "sitecustomize.py").write_text(SPY.format(path=str(told)))
    (database, _), *_ = cluster.shards
    compressed = f"""    csv: {{compression: zstd}}
  plain:
    shards: [{{host: db, tables: "{database}.orders_{{00..03}}"}}]
    partition: {{every: day, start: 2026-11-01, column: created_at}}
"""
    shop = cluster.shop(tmp_path / "shop", table=compressed)
    command = ("export", "--partition", DAY)
    done = started_etl_assets(shop.folder, *command, env={"PYTHONPATH": str(spy)})
    assert done.code == 0, done.err
    with instance_of(shop.folder / ".dagster_home") as instance:
        steps = {
            str(pid)
            for run in instance.get_runs()
            for pid in step_pids(instance, run.run_id).values()
        }
    # Shards, and for each table itself and its check.
    assert len(steps) == 16 + 4 + 4
    imports = [line.split() for line in told.read_text().splitlines()]
    assert len(imports) > 1_000
    assert sorted({module for pid, module in imports if pid in steps}) == []
