"""How the code location loads: run configuration, loud errors, no database and no secret."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.repository_definition import RepositoryDefinition
from dagster_shared.serdes import serialize_value

from etl_assets.config import CONFIG_NAME
from etl_assets.errors import ConfigError
from etl_assets.steps.owned import set_pool_limits
from etl_assets_tests.support.location import CONFIG, load, resolved, shown

SECRET = "open-sesame-81723"


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_A_PASSWORD", SECRET)


@pytest.fixture
def repository(tmp_path: Path) -> RepositoryDefinition:
    """The code location of CONFIG."""
    return load(tmp_path).get_repository_def()


# Run configuration


def test_the_executor_sits_on_the_definitions_so_that_every_job_has_it(tmp_path: Path) -> None:
    definitions = load(tmp_path)
    repository = definitions.get_repository_def()
    assert isinstance(definitions.executor, dg.ExecutorDefinition)
    for name in repository.job_names:
        assert repository.get_job(name).executor_def is definitions.executor


def test_processes_default_to_the_configuration_and_can_be_changed(
    repository: RepositoryDefinition,
) -> None:
    def processes(run_config: Mapping[str, Any]) -> object:
        execution = resolved(repository, run_config)["execution"]
        ((_, settings),) = [(k, v) for k, v in execution.items() if k == "config"] or [
            *execution.items()
        ]
        return settings.get("config", settings)["max_concurrent"]

    assert processes({}) == 3
    assert processes({"execution": {"config": {"max_concurrent": 7}}}) == 7


def test_a_limit_alone_can_be_given_in_the_run_configuration(
    repository: RepositoryDefinition, tmp_path: Path
) -> None:
    before = resolved(repository, {})["resources"]["csv"]["config"]
    after = resolved(repository, {"resources": {"csv": {"config": {"limit": 3}}}})
    assert after["resources"]["csv"]["config"] == {**before, "limit": 3}
    assert before["directory"] == str(tmp_path / "exports")


def test_pools_get_the_limits_of_the_configuration_and_follow_its_changes() -> None:
    with dg.DagsterInstance.local_temp() as instance:
        for limits in ({"shop-a": 2, "demo": 4}, {"shop-a": 5, "demo": 4}):
            set_pool_limits(instance, limits)
            found = instance.event_log_storage.get_pool_limits()
            assert {pool.name: pool.limit for pool in found} == limits


# Loading


def python(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    """A program in a process of its own, with the configuration of the folder."""
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, "ETL_ASSETS_CONFIG": str(folder / CONFIG_NAME)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_code_location_loads_without_a_database_and_opens_no_socket(tmp_path: Path) -> None:
    (tmp_path / CONFIG_NAME).write_text(CONFIG, encoding="utf-8")
    program = """
import sys
watched = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "sqlite3.connect")
seen = []
sys.addaudithook(lambda name, args: seen.append((name, args)) if name in watched else None)
from etl_assets.definitions import defs
repository = defs.get_repository_def()
repository.load_all_definitions()
print(sorted(repository.job_names), seen)
"""
    done = python(tmp_path, program)
    assert done.stdout.strip() == "['__ASSET_JOB', 'export_orders', 'export_users'] []", done.stderr
    assert not list(tmp_path.glob("*.db"))


def test_importing_the_package_imports_neither_dagster_nor_a_driver(tmp_path: Path) -> None:
    program = "import sys, etl_assets; print([m for m in sys.modules if m.startswith(HEAVY)])"
    heavy = "('dagster', 'sqlalchemy', 'pandas', 'pymysql', 'pydantic')"
    done = python(tmp_path, program.replace("HEAVY", heavy))
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("variable", ["SHOP_A_PASSWORD", "OTHER_PASSWORD"])
def test_an_unset_password_fails_the_loading_and_names_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv("SHOP_A_PASSWORD")
    with pytest.raises(ConfigError, match=rf"^etl_assets\.yaml:4: .*{variable}.*unset"):
        load(tmp_path, CONFIG.replace("SHOP_A_PASSWORD", variable))


def test_a_password_that_is_set_to_nothing_means_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_A_PASSWORD", "")
    load(tmp_path)


def test_an_unresolved_pattern_fails_the_loading_and_names_the_command(tmp_path: Path) -> None:
    text = CONFIG.replace("tables: shop_02.orders_00", "match: '^shop_02[.]orders_'")
    with pytest.raises(ConfigError, match=r"^etl_assets\.yaml:11: .*run `etl-assets discover`"):
        load(tmp_path, text)


def test_a_schedule_that_is_no_cron_expression_fails_the_loading(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^etl_assets\.yaml:13: tables\.orders\.schedule: "):
        load(tmp_path, CONFIG.replace("30 * * * *", "every now and then"))


def test_no_password_is_anywhere_in_what_dagster_stores_or_shows(tmp_path: Path) -> None:
    definitions = load(tmp_path)
    repository = definitions.get_repository_def()
    resources = definitions.resources or {}
    assert "SHOP_A_PASSWORD" in repr(resources["database"])
    texts = [
        repr(definitions),
        repr(resources),
        json.dumps(resolved(repository, {}), default=repr),
        shown(repository),
        *(
            serialize_value(repository.get_job(name).get_job_snapshot())
            for name in repository.job_names
        ),
    ]
    assert not [text for text in texts if SECRET in text]


def test_the_resource_does_not_tell_the_password_once_it_is_used(tmp_path: Path) -> None:
    database = (load(tmp_path).resources or {})["database"]
    engine = database.engines.get("shop-a", "")
    texts = (repr(database), repr(database.engines), repr(engine), str(engine.url))
    assert not [text for text in texts if SECRET in text]
