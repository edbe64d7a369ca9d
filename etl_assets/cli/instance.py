"""The Dagster instance that the command line and the UI share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import dagster as dg
from filelock import FileLock

from etl_assets.config import CONFIG_VARIABLE, ExportConfig

HOME_VARIABLE = "DAGSTER_HOME"
HOME_NAME = ".dagster_home"
_LOCK_SECONDS = 120


def prepare_home(config: ExportConfig) -> Path:
    """Make the instance's folder ready and put it and the configuration into the environment.

    It is $DAGSTER_HOME, else `.dagster_home` beside the configuration; one without dagster.yaml
    gets the product's own.
    """
    home = Path(os.environ.get(HOME_VARIABLE) or config.home / HOME_NAME).expanduser().absolute()
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "dagster.yaml"
    if not settings.exists():
        packaged = files("etl_assets") / "instance" / "dagster.yaml"
        temporary = home / f".dagster.yaml.{os.getpid()}"
        temporary.write_text(packaged.read_text(encoding="utf-8"), encoding="utf-8")
        temporary.replace(settings)
    # Step processes and the UI's code server find both in their environment.
    os.environ[HOME_VARIABLE] = str(home)
    os.environ[CONFIG_VARIABLE] = str(config.path)
    return home


@contextmanager
def open_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """The instance of a prepared home.

    One process at a time opens it: two that met on an empty folder would both make its tables.
    """
    with FileLock(home / ".opening.lock", timeout=_LOCK_SECONDS):
        instance = dg.DagsterInstance.from_config(str(home))
    with instance:
        yield instance
