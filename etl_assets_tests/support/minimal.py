"""The smallest configuration, and what an edit of it gives."""

from pathlib import Path

from etl_assets.config import ExportConfig, load_config
from etl_assets.tables.topology import load_topology

MINIMAL = """\
hosts:
  shop-a:
    url: mysql+pymysql://etl@db-a:3306
tables:
  orders:
    shards:
      - {host: shop-a, tables: "shop_{00..01}.orders_{00..03}"}
    partition: {every: day, start: 2026-11-01}
"""
URL = "mysql+pymysql://etl@db-a:3306"
SHARD = '{host: shop-a, tables: "shop_{00..01}.orders_{00..03}"}'
PARTITION = "{every: day, start: 2026-11-01}"


def load(tmp_path: Path, text: str) -> ExportConfig:
    """The configuration of a text, its patterns expanded too."""
    path = tmp_path / "etl_assets.yaml"
    path.write_text(text, encoding="utf-8")
    config = load_config(path)
    load_topology(config)
    return config


def edited(old: str, new: str) -> str:
    """The minimal configuration with one part replaced."""
    assert old in MINIMAL
    return MINIMAL.replace(old, new)
