"""Whether the newest window is there: a real daemon's sensor says so, at times of the test's."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import freeze_time

from etl_assets.defs.newest_window import NEWEST_CHECK
from etl_assets_tests.support.daemon import QUIET, Daemon, started_daemon
from etl_assets_tests.support.in_process import location
from etl_assets_tests.support.shop import CONFIG, DAYS, small_shop
from etl_assets_tests.support.wrong_configurations import table as with_setting

pytestmark = QUIET

CHECK = dg.AssetCheckKey(dg.AssetKey(["orders"]), NEWEST_CHECK)
DUE = "2026-11-03 was due at 2026-11-04 00:10 UTC"
COMMAND = "etl-assets export orders --partition 2026-11-03 --resume"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """The daemon of a shop whose schedule is started on the third at noon."""
    with started_daemon(small_shop(tmp_path)) as made:
        yield made


def start(daemon: Daemon) -> None:
    """Press the schedule's switch."""
    with freeze_time(instant("2026-11-03 12:00")):
        daemon.instance.start_schedule(daemon.repository.get_schedule("export_orders_schedule"))


def instant(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def found(daemon: Daemon) -> list[dg.AssetCheckEvaluation]:
    """All results of the check, the newest first."""
    history = daemon.instance.event_log_storage.get_asset_check_execution_history(CHECK, limit=50)
    return [record.evaluation for record in history if record.evaluation is not None]


def said(daemon: Daemon, at: str) -> tuple[bool, str]:
    """What the check says once the sensor has looked."""
    assert daemon.sensed(instant(at)) == []
    newest = found(daemon)[0]
    return newest.passed, newest.description or ""


def export(daemon: Daemon, day: str) -> None:
    """Export a window by hand."""
    with location(daemon.shop) as made:
        assert made.export(day).success


def test_a_stopped_schedule_and_one_before_its_first_tick_owe_nothing(daemon: Daemon) -> None:
    stopped = "Nothing is due: export_orders_schedule is stopped (Automation)."
    assert said(daemon, "2026-11-03 11:00") == (True, stopped)
    start(daemon)
    first = "Nothing is due before the schedule's first tick."
    assert said(daemon, "2026-11-03 12:05") == (True, first)
    assert len(found(daemon)) == 2


def test_a_missing_window_is_told_when_it_is_late_and_a_backfill_does_not_hide_it(
    daemon: Daemon,
) -> None:
    start(daemon)
    waits = f"{DUE}; a run has ten minutes to begin."
    assert said(daemon, "2026-11-04 00:15") == (True, waits)
    none = (
        f"{DUE} and is missing. No run has exported it: see that the daemon and the schedule run."
        f"\n\nMaterialize 2026-11-03, or run: {COMMAND}"
    )
    assert said(daemon, "2026-11-04 00:30") == (False, none)
    export(daemon, DAYS[0])
    assert said(daemon, "2026-11-04 00:35") == (False, none)

    export(daemon, DAYS[2])
    assert said(daemon, "2026-11-04 00:40") == (True, "2026-11-03 is complete.")
    metadata = {name: value.value for name, value in found(daemon)[0].metadata.items()}
    assert metadata == {
        "missing_older": 1,
        "missing_windows": "2026-11-02",
        "catch_up": "etl-assets export orders --partition 2026-11-02 --resume",
    }
    assert said(daemon, "2026-11-05 00:11")[1].startswith("2026-11-04 was due")


def test_a_result_is_written_when_it_changes_and_once_an_hour(daemon: Daemon) -> None:
    start(daemon)
    export(daemon, DAYS[2])
    for at in ("00:30", "00:35", "01:00", "01:29"):
        said(daemon, f"2026-11-04 {at}")
    assert len(found(daemon)) == 1
    said(daemon, "2026-11-04 01:31")
    assert len(found(daemon)) == 2


def test_a_window_is_not_late_while_a_run_exports_it_and_its_end_is_told(daemon: Daemon) -> None:
    start(daemon)
    tags = {"dagster/partition": "2026-11-03"}
    run = daemon.instance.add_run(
        dg.DagsterRun(job_name="export_orders", tags=tags, status=dg.DagsterRunStatus.STARTED)
    )
    assert said(daemon, "2026-11-04 00:30") == (True, f"{DUE} and is being exported.")
    daemon.instance.report_run_failed(run, "away")
    passed, why = said(daemon, "2026-11-04 00:35")
    assert not passed
    assert f"The check `complete` says why run {run.run_id[:8]} did not complete it." in why


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (
            dg.DagsterRunStatus.SUCCESS,
            "The newest, run {}, succeeded: `etl-assets verify orders --partition 2026-11-03` says",
        ),
        (dg.DagsterRunStatus.CANCELED, "The newest, run {}, was canceled."),
    ],
)
def test_a_run_that_has_not_failed_is_not_blamed(
    daemon: Daemon, status: dg.DagsterRunStatus, why: str
) -> None:
    start(daemon)
    tags = {"dagster/partition": "2026-11-03"}
    run = dg.DagsterRun(job_name="export_orders", tags=tags, status=status)
    daemon.instance.add_run(run)
    # A trial exports no window.
    limit = {"resources": {"csv": {"config": {"limit": 5}}}}
    trial = dg.DagsterRun(job_name="export_orders", tags=tags, run_config=limit)
    daemon.instance.add_run(trial)
    passed, said_so = said(daemon, "2026-11-04 00:30")
    assert not passed
    assert why.format(run.run_id[:8]) in said_so


def test_where_dagster_itself_starts_the_exports_its_sensor_is_looked_at(tmp_path: Path) -> None:
    name = "default_automation_condition_sensor"
    with started_daemon(small_shop(tmp_path, with_setting("automation: on_missing"))) as daemon:
        stopped = f"Nothing is due: {name} is stopped (Automation)."
        assert said(daemon, "2026-11-04 00:05") == (True, stopped)
        daemon.instance.start_sensor(daemon.repository.get_sensor(name))
        assert said(daemon, "2026-11-04 00:15") == (True, f"{DUE}; a run has ten minutes to begin.")


def test_the_check_is_executed_by_hand_and_not_with_an_export(tmp_path: Path) -> None:
    with location(small_shop(tmp_path, CONFIG)) as made:
        (evaluation,) = made.check(CHECK).get_asset_check_evaluations()
        assert evaluation.passed
        names = {one.check_name for one in made.export().get_asset_check_evaluations()}
        assert NEWEST_CHECK not in names
