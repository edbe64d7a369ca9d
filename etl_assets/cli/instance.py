"""The Dagster instance that the command line and the UI share."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import dagster as dg
from filelock import FileLock

from etl_assets.config import CONFIG_VARIABLE, ExportConfig
from etl_assets.errors import UsageError

HOME_VARIABLE = "DAGSTER_HOME"
HOME_NAME = ".dagster_home"
_LOCK_SECONDS = 120
_OWN_FOLDER = re.compile(
    r"^( *base_dir: ).*(   # this folder, written out by `etl-assets`)$", re.MULTILINE
)


def prepare_home(config: ExportConfig) -> Path:
    """Make the instance's folder ready and put it and the configuration into the environment.

    It is $DAGSTER_HOME, else `.dagster_home` beside the configuration; one without dagster.yaml
    gets the product's own.
    """
    home = Path(os.environ.get(HOME_VARIABLE) or config.home / HOME_NAME).expanduser().absolute()
    home.mkdir(parents=True, exist_ok=True)
    write_settings(home)
    # Step processes and the UI's code server find both in their environment.
    os.environ[HOME_VARIABLE] = str(home)
    os.environ[CONFIG_VARIABLE] = str(config.path)
    return home


def write_settings(home: Path) -> None:
    """The product's dagster.yaml, where there is none; in it, where its folder is by now."""
    settings = home / "dagster.yaml"
    packaged = files("etl_assets") / "instance" / "dagster.yaml"
    found = settings.read_text(encoding="utf-8") if settings.exists() else None
    text = packaged.read_text(encoding="utf-8") if found is None else found
    # As JSON, which is YAML: a path may hold anything.
    text = _OWN_FOLDER.sub(lambda line: f"{line[1]}{json.dumps(str(home))}{line[2]}", text)
    if text != found:
        temporary = home / f".dagster.yaml.{os.getpid()}"
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(settings)


@contextmanager
def open_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """The instance of a prepared home.

    One process at a time opens it: two that met on an empty folder would both make its tables.

    Raises:
        UsageError: Dagster cannot open it.
    """
    with FileLock(home / ".opening.lock", timeout=_LOCK_SECONDS):
        try:
            instance = dg.DagsterInstance.from_config(str(home))
        except Exception as error:
            # A database that is away, a package that is missing, a setting that is wrong.
            raise UsageError(
                str(home / "dagster.yaml"),
                wanted="settings that Dagster can open an instance with",
                found=" ".join(str(error).split()) or type(error).__name__,
                next_step="mend them, or see to what they name",
            ) from error
    with instance:
        yield instance
