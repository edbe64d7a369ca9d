"""A schedule requests every window that was completed since the tick before, once each."""

import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorTick,
    ScheduleInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.test_utils import (
    create_test_daemon_workspace_context,
    freeze_time,
    instance_for_test,
)
from dagster._core.workspace.load_target import PythonFileTarget
from dagster._scheduler.scheduler import launch_scheduled_runs
from dagster._utils.schedules import schedule_execution_time_iterator
from dagster_shared.error import SerializableErrorInfo

from etl_assets.config import parse_config
from etl_assets.defs import ticks
from etl_assets.defs.build import stand_alone_definitions
from etl_assets.errors import ConfigError
from etl_assets.store.local import LocalFolder
from etl_assets.tables.topology import load_topology
from etl_assets_tests.support import in_process
from etl_assets_tests.support.location import location_file
from etl_assets_tests.support.shop import small_shop
from etl_assets_tests.support.wrong_configurations import table as with_setting


def location(tmp_path: Path, cron: str | None = None, **partition: Any) -> dg.RepositoryDefinition:
    """A location of one logical table, by `created_at` unless `column=None` is given."""
    cut = {"every": "day", "start": "2026-11-01", "column": "created_at", **partition}
    document = {
        "hosts": {"h": {"url": "sqlite:///{database}.db"}},
        "tables": {
            "orders": {
                "shards": [{"host": "h", "tables": "s.t_{0..1}"}],
                "partition": {key: value for key, value in cut.items() if value is not None},
                **({} if cron is None else {"schedule": cron}),
            }
        },
    }
    config = parse_config(document, {}, tmp_path / "etl_assets.yaml")
    return stand_alone_definitions(config).get_repository_def()


def schedule(made: dg.RepositoryDefinition) -> dg.ScheduleDefinition:
    """Its schedule."""
    return made.get_schedule_def("export_orders_schedule")


def requested(made: dg.RepositoryDefinition, instant: str | datetime) -> list[str]:
    """The keys that a tick at an instant (in UTC) requests."""
    text = instant if isinstance(instant, str) else instant.isoformat()
    now = datetime.fromisoformat(text).replace(tzinfo=UTC)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance=instance, scheduled_execution_time=now, repository_def=made
        )
        data = schedule(made).evaluate_tick(context)
    requests = data.run_requests or []
    assert [r.tags["etl_assets/window"] for r in requests] == [r.partition_key for r in requests]
    assert [request.run_key for request in requests] == [r.partition_key for r in requests]
    return [str(request.partition_key) for request in requests]


def test_a_schedule_is_stopped_until_somebody_starts_it(tmp_path: Path) -> None:
    made = schedule(location(tmp_path))
    assert made.default_status is dg.DefaultScheduleStatus.STOPPED
    assert made.job_name == "export_orders"


def test_a_schedule_says_in_words_when_it_ticks_and_what_a_tick_requests(tmp_path: Path) -> None:
    of_windows = location(tmp_path, "0 2 * * *", timezone="Asia/Shanghai")
    assert schedule(of_windows).description == (
        "Ticks every day at 02:00, by the clock of Asia/Shanghai. A tick requests each day of "
        "orders that ended at midnight since the last tick that ran, unless it is complete: one "
        "run for each."
    )
    snapshots = schedule(location(tmp_path, every="week", column=None)).description
    assert str(snapshots).startswith(
        "Ticks every Monday at 00:10, by the clock of UTC. A tick requests the week of orders that "
        "ended on Monday at midnight last, unless "
    )


@pytest.mark.parametrize(
    ("every", "cron"),
    [
        ("hour", "10 * * * *"),
        ("day", "10 0 * * *"),
        ("week", "10 0 * * 1"),
        ("month", "10 0 1 * *"),
    ],
)
def test_by_default_it_ticks_ten_minutes_after_a_window_ends(
    tmp_path: Path, every: str, cron: str
) -> None:
    assert schedule(location(tmp_path, every=every)).cron_schedule == cron


def test_a_daily_tick_requests_the_day_that_has_ended(tmp_path: Path) -> None:
    made = location(tmp_path)
    assert requested(made, "2026-11-03 00:10") == ["2026-11-02"]
    assert requested(made, "2026-11-04 00:10") == ["2026-11-03"]
    assert requested(made, "2026-11-01 00:10") == []


def test_the_cron_expression_is_read_in_the_time_zone(tmp_path: Path) -> None:
    made = location(tmp_path, "0 2 * * *", timezone="Asia/Shanghai")
    assert schedule(made).execution_timezone == "Asia/Shanghai"
    assert requested(made, "2026-11-02 18:00") == ["2026-11-02"]


def test_a_weekly_tick_requests_all_seven_days(tmp_path: Path) -> None:
    made = location(tmp_path, "0 3 * * 1")
    assert requested(made, "2026-11-16 03:00") == [f"2026-11-{day:02}" for day in range(9, 16)]


def test_frequent_ticks_request_each_window_once(tmp_path: Path) -> None:
    made = location(tmp_path, "*/30 * * * *", every="hour")
    ticks = ["2026-11-02 13:30", "2026-11-02 14:00", "2026-11-02 14:30", "2026-11-02 15:00"]
    assert [requested(made, tick) for tick in ticks] == [
        [],
        ["2026-11-02-13:00"],
        [],
        ["2026-11-02-14:00"],
    ]


def ticks_of(cron: str, zone: str, begin: str, days: float) -> list[datetime]:
    """When Dagster's own reading of a cron expression ticks."""
    first = datetime.fromisoformat(begin).replace(tzinfo=UTC)
    ticks = schedule_execution_time_iterator(first.timestamp(), cron, zone, ascending=True)
    return list(takewhile(lambda tick: tick <= first + timedelta(days=days), ticks))


@pytest.mark.parametrize(
    ("cron", "every", "zone", "begin", "days"),
    [
        (None, "hour", "America/New_York", "2026-03-08", 1),
        (None, "hour", "America/New_York", "2025-11-02", 1),
        ("*/30 * * * *", "hour", "Europe/Berlin", "2025-10-25 22:00", 0.25),
        ("30 1 * * *", "hour", "America/New_York", "2025-11-01", 4),
        ("30 2 * * *", "hour", "America/New_York", "2026-03-06", 4),
        ("0 0,12 * * *", "day", "America/New_York", "2025-10-31", 4),
        ("0 3 * * 1", "day", "Europe/Berlin", "2026-03-20", 20),
        (None, "day", "Africa/Cairo", "2026-04-22", 5),
        ("@daily", "week", "Africa/Cairo", "2026-04-18", 20),
        ("0 2 28 * *", "month", "Asia/Shanghai", "2026-01-01", 120),
    ],
)
def test_tick_after_tick_requests_each_window_once_whatever_the_clocks_do(
    tmp_path: Path, cron: str | None, every: str, zone: str, begin: str, days: float
) -> None:
    made = location(tmp_path, cron, every=every, start="2025-10-01", timezone=zone)
    ticks = ticks_of(str(schedule(made).cron_schedule), zone, begin, days)
    assert len(ticks) > 2
    partitions = made.asset_graph.get(dg.AssetKey("orders")).partitions_def
    assert partitions is not None

    def completed(tick: datetime) -> list[str]:
        return list(partitions.get_partition_keys(tick))

    keys = [key for tick in ticks[1:] for key in requested(made, tick.astimezone(UTC))]
    assert keys == completed(ticks[-1])[len(completed(ticks[0])) :]
    assert keys


def test_an_hour_that_clocks_repeat_is_requested_twice_by_two_keys(tmp_path: Path) -> None:
    made = location(tmp_path, every="hour", timezone="America/New_York")
    assert requested(made, "2026-11-01 06:10") == ["2026-11-01-01:00"]
    assert requested(made, "2026-11-01 07:10") == ["2026-11-01-01:00-0500"]


def test_a_snapshot_table_requests_its_newest_complete_window(tmp_path: Path) -> None:
    made = location(tmp_path, "0 3 * * 1", column=None)
    assert requested(made, "2026-11-16 03:00") == ["2026-11-15"]


@pytest.mark.parametrize(
    "cron",
    ["at noon", "0 2 * *", "* * * * * *", "60 2 * * *", "@reboot", "0 0 31 4 *", "0 0 30 2 *"],
)
def test_what_never_ticks_is_refused(tmp_path: Path, cron: str) -> None:
    with pytest.raises(ConfigError) as caught:
        location(tmp_path, cron)
    assert str(caught.value).endswith(
        f"tables.orders.schedule: expected a cron expression such as 0 2 * * *, got {cron!r}"
    )


# What an instance remembers

NAME = "export_orders_schedule"
FAILURE = TickStatus.FAILURE


class Remembered:
    """An instance that knows the schedule, with the ticks that a daemon would have left."""

    def __init__(self, instance: dg.DagsterInstance, made: dg.RepositoryDefinition) -> None:
        self.instance = instance
        self.made = made
        self.origin = self._origin("etl_assets")

    @staticmethod
    def _origin(location: str) -> RemoteInstigatorOrigin:
        code = RegisteredCodeLocationOrigin(location)
        return RemoteInstigatorOrigin(RemoteRepositoryOrigin(code, "__repository__"), NAME)

    def start(self, at: str, location: str = "etl_assets") -> None:
        """Start the schedule."""
        data = ScheduleInstigatorData("10 0 * * *", instant(at).timestamp())
        state = InstigatorState(
            self._origin(location), InstigatorType.SCHEDULE, InstigatorStatus.RUNNING, data
        )
        known = self.instance.get_instigator_state(state.instigator_origin_id, state.selector_id)
        (self.instance.update_instigator_state if known else self.instance.add_instigator_state)(
            state
        )

    def tick(self, at: str, status: TickStatus, *keys: str) -> InstigatorTick:
        """A tick that ended so, with the runs that it launched."""
        runs = [
            self.instance.add_run(
                dg.DagsterRun(
                    job_name="export_orders",
                    tags={
                        "dagster/schedule_name": NAME,
                        "dagster/partition": key,
                        ".dagster/scheduled_execution_time": instant(at).isoformat(),
                    },
                )
            )
            for key in keys
        ]
        return self.instance.create_tick(
            TickData(
                instigator_origin_id=self.origin.get_id(),
                instigator_name=NAME,
                instigator_type=InstigatorType.SCHEDULE,
                status=status,
                timestamp=instant(at).timestamp(),
                run_ids=[run.run_id for run in runs],
                error=SerializableErrorInfo("", [], None) if status is FAILURE else None,
                selector_id=self.origin.get_selector().get_id(),
            )
        )

    def requested(self, at: str, log_name: str | None = None) -> list[str]:
        """The keys that a real tick requests; another log's name makes it the UI's test."""
        name = log_name or str(self.tick(at, TickStatus.STARTED).tick_id)
        with dg.ScheduleEvaluationContext(
            self.instance.get_ref(),
            instant(at),
            log_key=["__repository__", NAME, name],
            repository_def=self.made,
        ) as context:
            data = schedule(self.made).evaluate_tick(context)
        return [str(request.partition_key) for request in data.run_requests or []]


def instant(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def days(first: int, last: int) -> list[str]:
    """The keys of some days of November."""
    return [f"2026-11-{day:02}" for day in range(first, last + 1)]


@pytest.fixture
def remembered(tmp_path: Path) -> Iterator[Remembered]:
    """A schedule that was started on the 9th at noon."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        made = Remembered(instance, location(tmp_path))
        made.start("2026-11-09 12:00")
        yield made


def test_windows_that_ended_while_the_daemon_was_away_are_requested(
    remembered: Remembered,
) -> None:
    # The first tick is for the time since the start.
    assert remembered.requested("2026-11-12 00:10") == days(9, 11)
    remembered.tick("2026-11-12 00:10", TickStatus.SUCCESS, *days(9, 11))
    assert remembered.requested("2026-11-16 00:10") == days(12, 15)
    remembered.tick("2026-11-16 00:10", TickStatus.SUCCESS, *days(12, 15))
    assert remembered.requested("2026-11-17 00:10") == days(16, 16)


def test_a_tick_that_failed_loses_no_window_and_repeats_none(remembered: Remembered) -> None:
    remembered.tick("2026-11-12 00:10", TickStatus.SKIPPED)
    remembered.tick("2026-11-13 00:10", FAILURE)
    remembered.tick("2026-11-14 00:10", FAILURE, "2026-11-12")
    assert remembered.requested("2026-11-15 00:10") == days(13, 14)
    # Dagster itself finds the runs of a tick that it tries again.
    assert remembered.requested("2026-11-14 00:10") == days(12, 13)


def test_a_schedule_that_was_stopped_goes_on_from_its_start(remembered: Remembered) -> None:
    remembered.tick("2026-11-10 00:10", TickStatus.SUCCESS, "2026-11-09")
    remembered.start("2026-11-14 12:00")
    assert remembered.requested("2026-11-16 00:10") == days(14, 15)
    # A tick is for the interval that it ends, though the start was within that.
    remembered.start("2026-11-16 00:05")
    assert remembered.requested("2026-11-16 00:10") == days(15, 15)


def test_the_schedule_of_another_location_is_another(remembered: Remembered) -> None:
    remembered.start("2026-11-01 12:00", "elsewhere")
    remembered.tick("2026-11-12 00:10", TickStatus.SUCCESS)
    assert remembered.requested("2026-11-16 00:10") == days(12, 15)


def test_the_uis_test_of_a_tick_shows_its_own_interval(remembered: Remembered) -> None:
    assert remembered.requested("2026-11-16 00:10", "20261116_001000") == days(15, 15)


def test_a_snapshot_is_requested_once(tmp_path: Path) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        made = Remembered(instance, location(tmp_path, "0 * * * *", column=None))
        made.start("2026-11-09 12:00")
        assert made.requested("2026-11-16 01:00") == days(15, 15)
        made.tick("2026-11-16 01:00", TickStatus.SUCCESS, "2026-11-15")
        assert made.requested("2026-11-16 02:00") == []


def test_what_is_complete_already_is_not_requested(tmp_path: Path) -> None:
    shop = small_shop(tmp_path / "shop")
    with in_process.location(shop) as exported:
        assert exported.export("2026-11-02").success
        repository = exported.definitions.get_repository_def()
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        made = Remembered(instance, repository)
        made.start("2026-11-01 12:00")
        assert made.requested("2026-11-04 00:10") == ["2026-11-01", "2026-11-03"]
        # Another query makes another file.
        shop.configure(with_setting("where: id > 0"))
        made.made = stand_alone_definitions(shop.config).get_repository_def()
        assert made.requested("2026-11-04 00:10") == days(1, 3)


def test_a_store_that_answers_slowly_makes_no_long_tick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = small_shop(tmp_path / "shop")
    with in_process.location(shop) as exported:
        for day in days(1, 3):
            assert exported.export(day).success
    (table,) = load_topology(shop.config)
    assert ticks.complete_keys(shop.config, table, days(1, 3)) == set(days(1, 3))
    read, over = LocalFolder.read, threading.Event()

    def slowly(folder: LocalFolder, name: str) -> bytes:
        if "2026-11-02" in folder.location(name):
            assert over.wait(60)
        return read(folder, name)

    monkeypatch.setattr(LocalFolder, "read", slowly)
    monkeypatch.setattr(ticks, "_PATIENCE_SECONDS", 3)
    began = time.monotonic()
    try:
        # Whatever comes after the slow one is looked at; the slow one is exported again.
        assert ticks.complete_keys(shop.config, table, days(1, 30)) == {"2026-11-01", "2026-11-03"}
        assert time.monotonic() - began < 30
    finally:
        over.set()


def test_dagsters_own_scheduler_requests_what_was_missed(tmp_path: Path) -> None:
    shop = small_shop(tmp_path / "shop")
    path = str(location_file(shop.folder))
    target = PythonFileTarget(path, "defs", str(shop.folder), "etl_assets")
    launcher = {"module": "dagster._core.test_utils", "class": "MockedRunLauncher"}
    with (
        instance_for_test(overrides={"run_launcher": launcher}) as instance,
        create_test_daemon_workspace_context(target, instance) as workspace,
    ):
        (entry,) = workspace.create_request_context().get_code_location_entries().values()
        assert entry.code_location is not None
        (repository,) = entry.code_location.get_repositories().values()
        with freeze_time(instant("2026-11-11 15:00")):
            instance.start_schedule(repository.get_schedule(NAME))

        def launched(at: str) -> list[str]:
            known = {run.run_id for run in instance.get_runs()}
            with freeze_time(instant(at)):
                log = logging.getLogger(__name__)
                steps = launch_scheduled_runs(workspace, log, instant(at), iteration_times={})
                assert [step for step in steps if step is not None] == []
            new = [run for run in instance.get_runs() if run.run_id not in known]
            assert {run.tags["etl_assets/table"] for run in new} <= {"orders"}
            return sorted(run.tags["etl_assets/window"] for run in new)

        assert launched("2026-11-12 00:11") == days(11, 11)
        assert launched("2026-11-16 00:11") == days(12, 15)
        assert launched("2026-11-16 00:12") == []
