"""The settings of an instance's folder."""

import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import dagster as dg
import pytest
import yaml

from etl_assets.config import CONFIG_VARIABLE
from etl_assets.errors import UsageError
from etl_assets.instance.home import (
    HOME_VARIABLE,
    open_instance,
    prepare_home,
    telling_of,
    write_settings,
)
from etl_assets.instance.storage import KeptEventLogStorage
from etl_assets.steps.liveness import sweep_dead_runs
from etl_assets_tests.support.command import etl_assets
from etl_assets_tests.support.locked import held
from etl_assets_tests.support.running_command import running
from etl_assets_tests.support.shop import EXPORT, small_shop


def test_a_folder_that_has_moved_keeps_its_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = small_shop(tmp_path)
    monkeypatch.setenv(CONFIG_VARIABLE, "")
    for name in ('fi:rst "one\'s"', "second"):
        home = tmp_path / name
        if name == "second":
            next(tmp_path.glob("fi*")).rename(home)
        monkeypatch.setenv(HOME_VARIABLE, str(home))
        assert prepare_home(shop.config) == home
        # Nothing but the folder itself says where it is.
        monkeypatch.delenv(HOME_VARIABLE)
        with dg.DagsterInstance.from_config(str(home)) as instance:
            assert isinstance(instance.event_log_storage, KeptEventLogStorage)
            if name != "second":
                instance.add_run(dg.DagsterRun(job_name="export_orders"))
            assert len(instance.get_runs()) == 1
    assert sorted(path.name for path in tmp_path.glob("*/history")) == ["history"]


def test_settings_of_the_user_s_own_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = small_shop(tmp_path)
    monkeypatch.setenv(CONFIG_VARIABLE, "")
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    own = "storage:\n  sqlite:\n    base_dir: /elsewhere\n"
    (tmp_path / "dagster.yaml").write_text(own)
    prepare_home(shop.config)
    assert (tmp_path / "dagster.yaml").read_text() == own


def test_settings_that_cannot_be_opened_are_told_in_one_line(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("storage: {postgres: {postgres_url: 'x://y'}}\n")
    done = etl_assets(shop.folder, *EXPORT, env={"DAGSTER_HOME": str(home)})
    assert done.code == 2
    (problem,) = done.problems
    assert f"{home}/dagster.yaml: expected settings that Dagster can open" in problem
    assert shop.names() == []


def _garbage(home: Path) -> None:
    (home / "history" / "runs.db").write_bytes(b"garbage" * 100)


def _half_made(home: Path) -> None:
    with closing(sqlite3.connect(home / "history" / "runs.db")) as connection:
        connection.execute("DROP TABLE runs")


def _folder_as_settings(home: Path) -> None:
    (home / "dagster.yaml").unlink()
    (home / "dagster.yaml").mkdir()


def _folder_as_database(home: Path) -> None:
    (home / "history" / "runs.db").unlink()
    (home / "history" / "runs.db").mkdir()


def _other_bytes(home: Path) -> None:
    (home / "dagster.yaml").write_bytes(b"a: \xe9\n")


def _file_as_home(home: Path) -> None:
    shutil.rmtree(home)
    home.write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (_garbage, "file is not a database; move its damaged folders"),
        (_half_made, "no such table: runs; move its damaged folders"),
        (_folder_as_settings, "dagster.yaml: the runs cannot be recorded there: Is a directory"),
        (_folder_as_database, "unable to open database file; let this account"),
        (_other_bytes, "dagster.yaml: expected text in UTF-8"),
        (_file_as_home, "File exists; move away"),
    ],
)
def test_a_home_that_cannot_be_used_is_one_line_with_the_cause(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Path], None],
    cause: str,
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv(CONFIG_VARIABLE, "")
    monkeypatch.setenv(HOME_VARIABLE, str(home))
    config = small_shop(tmp_path).config
    with open_instance(prepare_home(config)):
        pass
    spoil(home)
    with pytest.raises(UsageError) as refused:  # noqa: PT012
        prepare_home(config)
        with open_instance(home) as instance, telling_of(home):
            sweep_dead_runs(instance)
    assert str(home) in str(refused.value)
    assert cause in str(refused.value)
    assert "SELECT" not in str(refused.value)


def test_a_home_of_an_account_that_is_not_here_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, "~no-such-account/home")
    with pytest.raises(UsageError, match="~no-such-account/home; set it to the whole path"):
        prepare_home(small_shop(tmp_path).config)


def test_a_wait_for_whoever_opens_the_home_can_be_interrupted(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    home = tmp_path / ".dagster_home"
    home.mkdir()
    (home / ".opening.lock").touch()
    with held(home / ".opening.lock") as pid, running(shop, *EXPORT) as command:
        assert command.process.stdout is not None
        assert f"{home}: waits for process {pid} " in command.process.stdout.readline()
        command.process.send_signal(signal.SIGTERM)
        done = command.end(30)
    assert done.code == 143
    (problem,) = done.problems
    assert problem.startswith("etl-assets: interrupted; ")
    assert not shop.window().exists()


@pytest.mark.parametrize("name", ["postgres", "mysql"])
def test_an_example_differs_from_the_products_settings_in_its_storage_alone(name: str) -> None:
    own = yaml.safe_load((files("etl_assets") / "instance" / "dagster.yaml").read_text())
    root = Path(str(files("etl_assets"))).parent
    text = (root / "docs" / "examples" / f"dagster-{name}.yaml").read_text()
    example = yaml.safe_load(text)
    assert list(example.pop("storage")) == [name]
    own.pop("storage")
    assert example == own
    assert "password: {env: " in text


def test_a_queued_run_is_begun_beside_one_that_has_all_connections(tmp_path: Path) -> None:
    write_settings(tmp_path)
    with open_instance(tmp_path) as instance:
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert queue.op_concurrency_slot_buffer == 1
