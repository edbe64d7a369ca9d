"""A code location made from a configuration, and what it tells Dagster."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.repository_definition import RepositoryDefinition
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster_shared.serdes import serialize_value

from etl_assets.config import CONFIG_NAME, load_config
from etl_assets.defs.build import stand_alone_definitions

CONFIG = """\
hosts:
  shop-a:
    url: mysql+pymysql://etl@db-a.invalid:3306
    password: {env: SHOP_A_PASSWORD}
    max_connections: 2
  demo: {url: "sqlite:///{database}.db"}
tables:
  orders:
    shards:
      - {host: shop-a, tables: "shop_{00..01}.orders_{00..01}"}
      - {host: demo, tables: shop_02.orders_00}
    partition: {every: hour, start: 2026-11-01, timezone: Asia/Shanghai, column: created_at}
    schedule: "30 * * * *"
  users:
    shards: [{host: shop-a, tables: shop_00.users}]
    partition: {every: day, start: 2026-11-01}
execution: {processes: 3}
"""


_PROGRAM = """
from etl_assets.config import load_config
from etl_assets.defs.build import stand_alone_definitions

defs = stand_alone_definitions(load_config({path!r}))
"""


def location_file(folder: Path) -> Path:
    """A Python file beside the configuration of a folder whose `defs` are its definitions."""
    path = folder / "location.py"
    path.write_text(_PROGRAM.format(path=str(folder / CONFIG_NAME)), encoding="utf-8")
    return path


def shown(repository: RepositoryDefinition) -> str:
    """All that the code location tells the UI."""
    with warnings.catch_warnings():
        # Dagster itself reads a property that it has deprecated.
        warnings.filterwarnings("ignore", "Property `ScheduleDefinition.environment_vars`")
        return serialize_value(RepositorySnap.from_def(repository))


def load(folder: Path, text: str = CONFIG) -> dg.Definitions:
    """The definitions of a configuration."""
    path = folder / CONFIG_NAME
    path.write_text(text, encoding="utf-8")
    return stand_alone_definitions(load_config(path))


def resolved(repository: RepositoryDefinition, run_config: Mapping[str, Any]) -> dict[str, Any]:
    """What a run of export_orders gets for a run configuration."""
    job = repository.get_job("export_orders")
    return dict(dg.validate_run_config(job, run_config))
