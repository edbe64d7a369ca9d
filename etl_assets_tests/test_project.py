"""What surrounds the package: settings, make targets, and docs that cannot rot."""

import dataclasses
import json
import logging
import re
import runpy
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import AssetKey, AssetSelection, DagsterInstance

from etl_assets.config import consistency, load_config
from etl_assets.config import executors as config_executors
from etl_assets.config import model as config
from etl_assets.config import passwords as config_passwords
from etl_assets.csv_format import CsvFormat
from etl_assets.demo import DEMO_PARTITION, seed, write_config
from etl_assets.errors import ConfigError
from etl_assets.instance.compute_logs import RedirectingComputeLogManager
from etl_assets.instance.launcher import ExportRunLauncher
from etl_assets.instance.storage import KeptEventLogStorage
from etl_assets.store.manifest import ShardManifest, TableManifest
from etl_assets.tables.topology import expand

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
INSTANCE = files("etl_assets") / "instance"

BASE = """
hosts:
  shop-a: {url: "mysql+pymysql://etl@db-a.internal:3306"}
  shop-b: {url: "mysql+pymysql://etl@db-b.internal:3306"}
tables:
  users:
    shards: [{host: shop-a, tables: shop.users}]
    partition: {every: day, start: 2026-11-01}
"""
"""What an example leaves out."""


# The instance and the code location


def test_dagster_yaml_is_read_without_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_text((INSTANCE / "dagster.yaml").read_text(encoding="utf-8"))
    with caplog.at_level(logging.WARNING), DagsterInstance.get() as instance:
        assert isinstance(instance.compute_log_manager, RedirectingComputeLogManager)
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_settings["free_slots_after_run_end_seconds"] > 0
        assert not instance.run_retries_retry_on_asset_or_op_failure
        concurrency = instance.get_concurrency_config()
        assert concurrency.pool_config.pool_granularity is not None
        assert concurrency.pool_config.pool_granularity.value == "op"
        assert concurrency.run_queue_config is not None
        assert concurrency.run_queue_config.max_concurrent_runs == 4
    assert not caplog.records


def test_a_home_of_before_names_the_same_classes_by_their_old_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    settings = (INSTANCE / "dagster.yaml").read_text(encoding="utf-8")
    assert settings.count("module: etl_assets.instance.") == 3
    (tmp_path / "dagster.yaml").write_text(
        settings.replace("etl_assets.instance", "etl_assets.defs")
    )
    with DagsterInstance.get() as instance:
        assert isinstance(instance.compute_log_manager, RedirectingComputeLogManager)
        assert isinstance(instance.run_launcher, ExportRunLauncher)
        assert isinstance(instance.event_log_storage, KeptEventLogStorage)


def test_every_setting_of_dagster_yaml_gives_its_reason() -> None:
    before = ""
    for line in (INSTANCE / "dagster.yaml").read_text(encoding="utf-8").splitlines():
        is_setting = re.match(r"\s*\w+: *[^\s#]", line) is not None
        is_of_a_class = line.strip().startswith(("module:", "class:"))
        if is_setting and not is_of_a_class:
            assert "#" in line or before.strip().startswith("#"), line
        before = line


@pytest.mark.parametrize("name", ["dagster.yaml", "workspace.yaml"])
def test_the_root_shows_the_packaged_settings(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == (INSTANCE / name).read_text(
        encoding="utf-8"
    )


def test_workspace_and_pyproject_name_the_same_code_location() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    workspace = yaml.safe_load((INSTANCE / "workspace.yaml").read_text(encoding="utf-8"))
    assert workspace == {
        "load_from": [
            {
                "python_module": {
                    "module_name": settings["tool"]["dagster"]["module_name"],
                    "location_name": settings["tool"]["dagster"]["code_location_name"],
                }
            }
        ]
    }
    assert settings["tool"]["dagster"]["code_location_name"] == "etl_assets"


# make


def test_make_alone_lists_every_target_for_people() -> None:
    make = shutil.which("make")
    assert make is not None, "install make"
    shown = subprocess.run([make, "-C", str(ROOT)], capture_output=True, text=True, check=True)
    listed = re.findall(r"^make ([\w-]+)\t\S", shown.stdout, re.MULTILINE)
    usual = [
        "help",
        "demo",
        "test",
        "test-ui",
        "check",
        "fuzz",
        "soak",
        "bench",
        "scale",
        "newest",
        "ui",
        "clean",
    ]
    assert listed == usual
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in listed:
        assert re.search(rf"^\.PHONY:.*\b{target}\b", makefile, re.MULTILINE), target


# docs/configuration.md


def section(title: str) -> str:
    """The text below a heading, up to the next one."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", GUIDE, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found.group(1)


def tables(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each table's first heading, and the names in code style in its first column."""
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        heading, _, *lines = table.splitlines()
        yield (
            heading.split("|")[1].strip(),
            [name for line in lines for name in re.findall(r"`(\w+)`", line.split("|")[1])],
        )


@pytest.mark.parametrize(
    ("title", "heading", "model"),
    [
        ("A whole example", "top-level key", config.ExportConfig),
        ("hosts", "key", config.HostConfig),
        ("hosts", "key of `password`", config_passwords.PasswordSource),
        ("tables", "key", config.TableConfig),
        ("tables", "key of `rows_as_usual`", config.UsualRowsConfig),
        ("tables", "key of `retry_failed`", config.RetryConfig),
        ("shards", "key", config.ShardPattern),
        ("partition", "key", config.PartitionConfig),
        ("columns", "key", config.ColumnSelection),
        ("output", "key", config.OutputConfig),
        ("csv", "key", CsvFormat),
        ("execution", "key", config.ExecutionConfig),
        ("execution", "key of `celery`", config_executors.CeleryConfig),
    ],
)
def test_the_guide_explains_exactly_the_keys_that_there_are(
    title: str, heading: str, model: type[Any]
) -> None:
    if dataclasses.is_dataclass(model):
        keys = [field.name for field in dataclasses.fields(model)]
    else:
        keys = list(model.model_fields)
    assert dict(tables(section(title)))[heading] == keys


def test_the_guide_has_a_section_for_every_model() -> None:
    models = [
        value
        for value in vars(config).values()
        if isinstance(value, type) and issubclass(value, config.Model) and value != config.Model
    ]
    # ExportConfig has a table in another section.
    assert len(models) == 10


@pytest.mark.parametrize("page", ["configuration.md", "operations.md"])
def test_the_examples_of_the_docs_are_accepted(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SHOP_A_PASSWORD", "SHOP_B_PASSWORD", "CELERY_BROKER_URL", "CELERY_BACKEND_URL"):
        monkeypatch.setenv(name, "")
    # The extras `k8s` and `docker` need not be there.
    monkeypatch.setattr(consistency, "missing_extra", lambda _: None)
    # Nor the certificates and the files of passwords.
    monkeypatch.setattr(consistency, "unreadable", lambda _: None)
    monkeypatch.setattr(config_passwords, "unreadable", lambda _: None)
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    examples = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    tried = 0
    for example in examples:
        # BaseLoader keeps every value as the text that it is.
        parts = yaml.load(example, Loader=yaml.BaseLoader)
        if not parts.keys() <= config.ExportConfig.model_fields.keys():
            continue
        path = tmp_path / "etl_assets.yaml"
        path.write_text(yaml.safe_dump({**yaml.load(BASE, Loader=yaml.BaseLoader), **parts}))
        load_config(path)
        tried += 1
    assert tried


def test_the_example_of_a_report_downstream_runs_with_its_export_in_one_lineage(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "report"
    shutil.copytree(ROOT / "docs" / "examples" / "report", folder)
    # `etl-assets demo` takes no other configuration for its own.
    assert write_config(folder).exists()
    seed(folder)
    made = runpy.run_path(str(folder / "definitions.py"))["defs"]
    wanted = AssetSelection.assets("daily_revenue").upstream().materializable()
    with DagsterInstance.ephemeral() as instance:
        result = made.resolve_job_def("__ASSET_JOB").execute_in_process(
            partition_key=DEMO_PARTITION,
            asset_selection=list(wanted.resolve(made.resolve_asset_graph())),
            instance=instance,
        )
        # 2 databases of 4 tables, the logical table and the report.
        assert len(result.get_asset_materialization_events()) == 10
        report = made.load_asset_value(
            AssetKey("daily_revenue"), partition_key=DEMO_PARTITION, instance=instance
        )
    assert report["revenue"].sum() == Decimal("192301.63")
    text = (
        folder / "exports/_assets/daily_revenue" / DEMO_PARTITION / "daily_revenue.csv"
    ).read_text()
    assert text in (folder / "README.md").read_text(encoding="utf-8")


def test_the_mistake_that_the_guide_shows_is_the_real_one(tmp_path: Path) -> None:
    demo = (ROOT / "etl_assets.yaml").read_text(encoding="utf-8")
    path = tmp_path / "etl_assets.yaml"
    path.write_text(demo.replace("host: demo", "host: dmeo", 1))
    with pytest.raises(ConfigError) as refusal:
        load_config(path)
    assert f"etl-assets: {refusal.value}\n" in section("Where it is found")


def test_the_manifests_of_the_guide_have_every_key() -> None:
    blocks = re.findall(r"^```json\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    shard, table = map(json.loads, blocks)
    assert ShardManifest.model_validate(shard).as_json() == shard
    optional = set(ShardManifest.model_fields) - set(shard)
    assert optional == {"sample"}
    assert all(f"\n| `{key}` | only " in GUIDE for key in optional)
    assert TableManifest.model_validate(table).as_json() == table
    assert set(table) == set(TableManifest.model_fields)


def test_the_brace_patterns_of_the_guide_give_as_many_names_as_it_says() -> None:
    lines = re.findall(r"^\| `([^`]+)` \| (\d+)", section("shards"), re.MULTILINE)
    assert len(lines) == 5
    for pattern, count in lines:
        assert len(expand(pattern)) == int(count), pattern


def test_the_list_of_sections_on_each_page_is_whole() -> None:
    for page in ("configuration.md", "operations.md"):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        slugs = {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}
        links = set(re.findall(r"\]\(#([^)]+)\)", text))
        assert links == slugs, page
