"""From a file or a document to the configuration."""

import copy
import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from etl_assets import config as package
from etl_assets.config import CONFIG_VARIABLE, ExportConfig, load_config, parse_config
from etl_assets.errors import ConfigError
from etl_assets_tests.support.minimal import MINIMAL, PARTITION, URL, edited, load


def test_an_empty_document_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^etl_assets\.yaml:1: hosts: expected this key"):
        load(tmp_path, "")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "etl_assets.yaml"
    path.write_bytes(b"hosts:\n  \xff")
    with pytest.raises(ConfigError, match=r"^etl_assets\.yaml:2: expected UTF-8, got byte 0xff$"):
        load_config(path)


def test_a_configuration_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(CONFIG_VARIABLE, raising=False)
    with pytest.raises(ConfigError, match=r"etl_assets\.yaml: expected the configuration"):
        load_config()


def test_one_part_may_be_taken_over_by_another(tmp_path: Path) -> None:
    shared = edited(PARTITION, f"&daily {PARTITION}")
    text = (
        shared
        + """\
  users:
    shards: [{host: shop-a, tables: shop.users}]
    partition: {<<: *daily, every: month}
"""
    )
    tables = load(tmp_path, text).tables
    assert [table.partition.every for table in tables.values()] == ["day", "month"]


@pytest.mark.parametrize("start", [date(2026, 11, 1), datetime(2026, 11, 1), "2026-11-01"])
def test_dates_may_arrive_as_dates_or_as_text(tmp_path: Path, start: object) -> None:
    document: dict[str, Any] = copy.deepcopy(yaml.safe_load(MINIMAL))
    document["tables"]["orders"]["partition"]["start"] = start
    config = parse_config(document, {}, tmp_path / "etl_assets.yaml")
    assert config.tables["orders"].partition.start_time == datetime(2026, 11, 1)


def test_what_never_connects_needs_no_password(tmp_path: Path) -> None:
    path = tmp_path / "etl_assets.yaml"
    path.write_text(edited(URL, f"{URL}\n    password: {{env: NO_SUCH_VARIABLE}}"))
    assert load_config(path, connects=False).hosts["shop-a"].password is not None


def test_each_part_of_the_configuration_has_its_name_in_the_package() -> None:
    parts = [field.annotation for field in ExportConfig.model_fields.values()]
    names = {name for part in parts for name in re.findall(r"\w+Config\b", str(part))}
    assert {"HostConfig", "OutputConfig", "ExecutionConfig"} <= names
    assert names <= set(package.__all__)
