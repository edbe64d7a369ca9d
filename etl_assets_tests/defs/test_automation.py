"""Conditions export the newest window: all its shards and its logical table, once, in one run."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from etl_assets.defs.build import build_definitions
from etl_assets.errors import ConfigError
from etl_assets_tests.support.daemon import QUIET, started_daemon
from etl_assets_tests.support.shop import FILES, small_shop
from etl_assets_tests.support.wrong_configurations import table as with_setting

pytestmark = QUIET

DAY = "2026-11-03"
ASSETS = 5
"""Four shards and their logical table."""


def instant(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def requested(folder: Path, automation: str, times: Sequence[str]) -> list[tuple[int, set[str]]]:
    """How many assets, and which windows of them, are requested at some times in turn."""
    config = small_shop(folder, with_setting(f"automation: {automation}")).config
    definitions = build_definitions(config)
    keys = definitions.resolve_asset_graph().materializable_asset_keys
    found, cursor = [], None
    with dg.DagsterInstance.ephemeral() as instance:
        for time in times:
            result = dg.evaluate_automation_conditions(
                definitions,
                instance,
                dg.AssetSelection.all(),
                cursor=cursor,
                evaluation_time=instant(time),
            )
            cursor = result.cursor
            windows = [window for key in keys for window in result.get_requested_partitions(key)]
            found.append((len(windows), {str(window) for window in windows}))
    return found


def test_on_missing_requests_a_window_once_it_has_ended(tmp_path: Path) -> None:
    times = ("2026-11-03 12:00", "2026-11-03 23:59", "2026-11-04 00:01", "2026-11-04 00:02")
    none: tuple[int, set[str]] = (0, set())
    assert requested(tmp_path, "on_missing", times) == [none, none, (ASSETS, {DAY}), none]


def test_a_cron_expression_requests_the_newest_window_at_each_tick(tmp_path: Path) -> None:
    times = ("2026-11-03 12:00", "2026-11-04 01:59", "2026-11-04 02:01", "2026-11-04 02:02")
    none: tuple[int, set[str]] = (0, set())
    assert requested(tmp_path, "0 2 * * *", times) == [none, none, (ASSETS, {DAY}), none]


def test_dagsters_daemon_makes_one_run_of_a_window_which_completes_it(tmp_path: Path) -> None:
    text = with_setting("automation: on_missing").replace("processes: 2", "executor: in_process")
    with started_daemon(small_shop(tmp_path, text)) as daemon:
        assert daemon.automated(instant("2026-11-03 12:00")) == []
        (run,) = daemon.automated(instant("2026-11-04 00:01"))
        assert run.status is dg.DagsterRunStatus.SUCCESS
        assert daemon.shop.names(DAY) == FILES
        checks = dg.DagsterEventType.ASSET_CHECK_EVALUATION
        assert len(daemon.instance.all_logs(run.run_id, of_type=checks)) >= ASSETS
        assert daemon.automated(instant("2026-11-04 00:02")) == []


@pytest.mark.parametrize("automation", ["eager", "0 2 31 4 *"])
def test_what_is_neither_is_refused(tmp_path: Path, automation: str) -> None:
    config = small_shop(tmp_path, with_setting(f"automation: {automation}")).config
    line = r"^etl_assets\.yaml:7: tables\.orders\.automation: expected on_missing or a cron "
    with pytest.raises(ConfigError, match=line):
        build_definitions(config)
