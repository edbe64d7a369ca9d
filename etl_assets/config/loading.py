"""From a file to the configuration: where it is, how it is read, what is wrong first."""

import os
from itertools import chain
from pathlib import Path

from pydantic import ValidationError

from etl_assets.config.consistency import (
    contradictions,
    missing_packages,
    unreadable_secrets,
    unready_executor,
)
from etl_assets.config.executors import chosen_executor
from etl_assets.config.model import CONFIG_NAME, ExportConfig
from etl_assets.config.problems import config_error
from etl_assets.config.yaml_lines import Lines, read_yaml
from etl_assets.errors import ConfigError

CONFIG_VARIABLE = "ETL_ASSETS_CONFIG"


def find_config(given: str | Path | None = None) -> Path:
    """The configuration's path: the one given, else $ETL_ASSETS_CONFIG, else ./etl_assets.yaml."""
    path = Path(given or os.environ.get(CONFIG_VARIABLE) or CONFIG_NAME).absolute()
    if not path.is_file():
        raise ConfigError(
            str(path),
            expected="the configuration",
            got="no such file",
            next_step="write it, or name another"
            + ("" if given else f" with --config or ${CONFIG_VARIABLE}"),
        )
    return path


def load_config(given: str | Path | None = None, *, connects: bool = True) -> ExportConfig:
    """Read and validate the configuration.

    Password variables need not be set for what never `connects`.

    Raises:
        ConfigError: with the file, the line, the key and the value of the first problem.
    """
    path = find_config(given)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path.name}:1: expected a file to read, got {error.strerror}") from None
    try:
        document, lines = read_yaml(data)
    except ValueError as error:
        raise ConfigError(f"{path.name}{error}") from None
    return parse_config(document, lines, path, connects=connects)


def parse_config(
    document: object, lines: Lines, path: Path, *, connects: bool = True
) -> ExportConfig:
    """Validate a document that was read from YAML; `lines` says where each key stands."""
    try:
        config = ExportConfig.model_validate({} if document is None else document)
    except ValidationError as error:
        raise config_error(error, lines, path) from None
    executor = chosen_executor(config.execution.executor)
    execution = config.execution.model_copy(update={"executor": executor})
    config = config.model_copy(update={"execution": execution}).of_file(path, lines)
    problems = [contradictions(config), missing_packages(config)]
    if connects:
        problems += [unreadable_secrets(config), unready_executor(config)]
    for location, problem in chain(*problems):
        raise config.error(location, problem)
    return config
