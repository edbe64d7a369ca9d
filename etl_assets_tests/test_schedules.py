"""A schedule requests every window that was completed since the tick before, once each."""

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from etl_assets.config import parse_config
from etl_assets.defs.build import build_definitions
from etl_assets.errors import ConfigError


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
    return build_definitions(config).get_repository_def()


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
    assert [request.run_key for request in requests] == [r.partition_key for r in requests]
    return [str(request.partition_key) for request in requests]


def test_a_schedule_is_stopped_until_somebody_starts_it(tmp_path: Path) -> None:
    made = schedule(location(tmp_path))
    assert made.default_status is dg.DefaultScheduleStatus.STOPPED
    assert made.job_name == "export_orders"


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
        f"tables.orders.schedule: wanted a cron expression such as 0 2 * * *, found {cron!r}"
    )
