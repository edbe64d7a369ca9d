"""What `dg scaffold defs etl_assets.components.ShardedTableExport NAME` writes."""

import hashlib
import os
import re
from pathlib import Path
from string import Template
from typing import Any

import dagster as dg
from dagster.components.component_scaffolding import scaffold_component

from etl_assets.config import CONFIG_NAME

_CONFIG = Template("""\
# What is exported. Every key is explained in docs/configuration.md of etl-assets.
# The command line takes this file as well: etl-assets plan --config etl_assets.yaml
hosts:
  $name:
    url: sqlite:///{database}.db    # one file a database, beside this file: replace it
    # A server instead; `etl-assets init --url URL` writes such a file for the tables it finds.
    # url: mysql+pymysql://etl@db-a.internal:3306
    # password: {env: SHOP_PASSWORD}    # or {file: PATH}; it never stands here itself
    # max_connections: 4                # across all runs
tables:
  ${name}_orders:                       # the logical table: two databases with four tables each
    shards:
      - {host: $name, tables: "shop_{00..01}.orders_{00..03}"}
    # A window a day by this column; without `column` each window holds the whole table.
    partition: {every: day, start: 2026-11-01, timezone: UTC, column: created_at}
    # schedule: "0 2 * * *"             # stopped until it is started in the UI
output:
  directory: $directory    # or s3://bucket/prefix
""")


class ExportScaffolder(dg.Scaffolder):
    """Writes a defs.yaml and, where there is none, an etl_assets.yaml that loads as it is."""

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        """Write the files of an instance of the component."""
        scaffold_component(request, {"config": CONFIG_NAME})
        # Another component of a file that is there already is appended to that file.
        folder = Path(request.target_path)
        folder = folder.parent if request.append else folder
        path = folder / CONFIG_NAME
        if path.exists():
            return
        # A name of its own, so that two instances do not have one logical table.
        name = re.sub("[^A-Za-z0-9]+", "_", folder.name).strip("_")
        name = name if name[:1].isalpha() else f"shop_{name}".strip("_")
        if not folder.name.isascii():
            # What was left out is what tells them apart.
            name = f"{name}_{hashlib.sha256(folder.name.encode()).hexdigest()[:6]}"
        # Not among the definitions, where `dg` would look at every file.
        root = Path(request.project_root or folder)
        exports = os.path.relpath(root / "exports" / name, folder)
        path.write_text(_CONFIG.substitute(name=name, directory=exports), encoding="utf-8")
