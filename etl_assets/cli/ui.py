"""`etl-assets ui`: Dagster's own UI and daemon on this configuration and instance."""

import os
import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from etl_assets.cli.selection import load_tables
from etl_assets.config import load_config
from etl_assets.instance.home import prepare_home


def run_ui(config_path: Path | None, options: Sequence[str]) -> int:
    """Become `dagster dev`; the configuration is checked first, so that its errors are readable."""
    config = load_config(config_path)
    load_tables(config)
    prepare_home(config)
    workspace = files("etl_assets") / "instance" / "workspace.yaml"
    # `dagster dev` recommends another tool each time; the users of this one have not chosen it.
    quiet = "ignore:Function `dev_command` is superseded"
    command = [sys.executable, "-W", quiet, "-m", "dagster", "dev", "-w", str(workspace), *options]
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606
