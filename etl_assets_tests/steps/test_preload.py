"""A step finds everything imported: it is a fork of a process that is ready."""

from pathlib import Path

import pytest

from etl_assets_tests.support.cluster import orders_on
from etl_assets_tests.support.command import etl_assets
from etl_assets_tests.support.recorded import instance_of, step_pids
from etl_assets_tests.support.servers import Server
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


@pytest.mark.parametrize("more", ["", "output: {csv: {compression: zstd}}\n"])
def test_a_step_imports_nothing(tmp_path: Path, server: Server, more: str) -> None:
    spy = tmp_path / "spy"
    spy.mkdir()
    told = tmp_path / "imports.txt"
    (spy / "sitecustomize.py").write_text(SPY.format(path=str(told)))
    with orders_on(server) as cluster:
        shop = cluster.shop(tmp_path / "shop", more=more)
        command = ("export", "orders", "--partition", DAY)
        done = etl_assets(shop.folder, *command, env={"PYTHONPATH": str(spy)})
        assert done.code == 0, done.err
    with instance_of(shop.folder / ".dagster_home") as instance:
        (run,) = instance.get_runs()
        steps = {str(pid) for pid in step_pids(instance, run.run_id).values()}
    assert len(steps) == 18
    imports = [line.split() for line in told.read_text().splitlines()]
    assert len(imports) > 1_000
    assert sorted({module for pid, module in imports if pid in steps}) == []
