"""Imports point one way, and steps stay light."""

import subprocess
import sys

import pytest
from importlinter.cli import lint_imports


def test_imports_point_one_way() -> None:
    assert lint_imports() == 0


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("etl_assets", ["dagster", "sqlalchemy", "pydantic"]),
        ("etl_assets.cli.entry", ["dagster", "sqlalchemy", "pydantic", "click"]),
        ("etl_assets.cli.verify", ["dagster", "pymysql", "pandas", "pyarrow"]),
        ("etl_assets.export.shard", ["dagster", "pandas", "pyarrow", "fsspec"]),
        ("etl_assets.components", ["pandas", "dagster_dg_core", "dagster_dg_cli", "jinja2"]),
        ("etl_assets.defs.build", ["pandas", "pyarrow", "celery", "kubernetes", "docker"]),
    ],
)
def test_a_module_imports_nothing_that_it_does_not_need(module: str, absent: list[str]) -> None:
    code = f"import sys, {module}; print(*(name for name in {absent} if name in sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []
