"""The settings of an instance's folder."""

from importlib.resources import files
from pathlib import Path

import dagster as dg
import pytest
import yaml

from etl_assets.cli.instance import HOME_VARIABLE, prepare_home
from etl_assets.config import CONFIG_VARIABLE
from etl_assets.defs.storage import KeptEventLogStorage
from etl_assets_tests.cli.command import etl_assets
from etl_assets_tests.cli.shop import DAY, small_shop

EXPORT = ("export", "orders", "--partition", DAY)


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
    assert f"{home}/dagster.yaml: wanted settings that Dagster can open" in problem
    assert shop.names() == []


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
