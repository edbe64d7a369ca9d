"""Cadences as Dagster's time-window partitions, and what their keys mean."""

from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import dagster as dg

from etl_assets.config import PartitionConfig
from etl_assets.errors import UsageError
from etl_assets.private.dagster import get_current_timestamp
from etl_assets.tables.partition_keys import HOUR, first_start, hour_key, hours_between, start_of
from etl_assets.tables.topology import LogicalTable
from etl_assets.tables.windows import Window

_CRON = {"hour": "0 * * * *", "day": "0 0 * * *", "week": "0 0 * * 1", "month": "0 0 1 * *"}
_TICK = {"hour": "10 * * * *", "day": "10 0 * * *", "week": "10 0 * * 1", "month": "10 0 1 * *"}
_DAY_FORMAT = "%Y-%m-%d"
_ARTICLE = {"hour": "an", "day": "a", "week": "a", "month": "a"}

Cadence = Literal["hour", "day", "week", "month"]


def partitions_of(table: LogicalTable) -> dg.TimeWindowPartitionsDefinition:
    """The windows of a logical table.

    A snapshot table has the running window too: what is read is the table as it is now.
    """
    return windows_of(table.settings.partition, running=table.settings.is_snapshot)


def windows_of(partition: PartitionConfig, *, running: bool) -> dg.TimeWindowPartitionsDefinition:
    """Dagster's own partitions for a cadence; weeks begin on Monday."""
    return dg.TimeWindowPartitionsDefinition(
        start=partition.start_time,
        fmt="%Y-%m-%d-%H:%M" if partition.every == "hour" else _DAY_FORMAT,
        cron_schedule=_CRON[partition.every],
        timezone=partition.timezone,
        end_offset=1 if running else 0,
    )


def default_cron(every: Cadence) -> str:
    """Ten minutes after a window ends."""
    return _TICK[every]


def window_of(table: LogicalTable, key: str) -> Window:
    """The window of an exact key.

    Raises:
        UsageError: the key is not one of the table's windows.
    """
    partition = table.settings.partition
    start = start_of(partition, key)
    if start is None:
        raise _unknown(table, key)
    if partition.every == "hour":
        window = _hour_window(partition, start)
        begins = window.start if table.settings.is_snapshot else window.end
        if begins.timestamp() > get_current_timestamp():
            raise _unknown(table, key)
        return window
    partitions = partitions_of(table)
    if not partitions.has_partition_key(key):
        raise _unknown(table, key)
    found = partitions.time_window_for_partition_key(key)
    return Window(key, found.start, found.end, partition.timezone)


def first_window(table: LogicalTable) -> Window:
    """The first window of a logical table, whether it has ended or not."""
    partition = table.settings.partition
    if partition.every == "hour":
        return _hour_window(partition, first_start(partition))
    partitions = windows_of(partition, running=False)
    first = partitions.get_next_partition_window(partitions.start, respect_bounds=False)
    assert first is not None
    return Window(_key(partitions, first), first.start, first.end, partition.timezone)


def keys_of(table: LogicalTable) -> list[str]:
    """The keys of all windows that have ended; of a snapshot table the running one's too."""
    partition = table.settings.partition
    if partition.every == "hour":
        now = datetime.fromtimestamp(get_current_timestamp(), UTC)
        until = now + HOUR if table.settings.is_snapshot else now
        return completed_between(table, first_start(partition), until)
    keys = partitions_of(table).get_partition_keys()
    return [key for key in keys if start_of(partition, key) is not None]


def completed_between(table: LogicalTable, after: datetime, until: datetime) -> list[str]:
    """The keys of the windows that ended after one instant and not after another, in order."""
    partition = table.settings.partition
    if partition.every == "hour":
        return [key for key, _ in hours_between(partition, after, until)]
    partitions = windows_of(partition, running=False)
    # No window is longer than a month.
    begin = max((after - timedelta(days=32)).timestamp(), partitions.start_timestamp)
    span = dg.TimeWindow(datetime.fromtimestamp(begin, UTC), until)
    keys: list[str] = []
    for key in partitions.get_partition_keys_in_time_window(span):
        # A day that the calendar skips is none.
        if start_of(partition, key) is None:
            continue
        # Instants are compared, not datetimes: Python compares two of one zone by what the clock
        # on the wall says, which goes back once a year.
        end = partitions.time_window_for_partition_key(key).end.timestamp()
        if after.timestamp() < end <= until.timestamp():
            keys.append(key)
    return keys


def newest_complete(table: LogicalTable, now: datetime) -> str | None:
    """The key of the newest window that had ended at an instant."""
    # The window that ended last ended within the length of the longest one.
    longest = HOUR if table.settings.partition.every == "hour" else timedelta(days=32)
    keys = completed_between(table, now - longest, now)
    return keys[-1] if keys else None


def refuse_old_snapshot(table: LogicalTable, window: Window, now: datetime) -> None:
    """A snapshot shows the table as it is now, so it may only be called by a recent name.

    Raises:
        UsageError: the window is neither the newest complete one nor the running one.
    """
    if not table.settings.is_snapshot:
        return
    newest = newest_complete(table, now)
    start = start_of(table.settings.partition, newest) if newest is not None else None
    if start is None or window.start.timestamp() >= start.timestamp():
        return
    raise UsageError(
        f"{table.name}: partition {window.key}",
        expected="the newest complete window or the running one, as a snapshot shows the table as "
        "it is now",
        got="an older one",
        next_step="set `partition.column` to export windows of the past",
    )


def _hour_window(partition: PartitionConfig, start: datetime) -> Window:
    zone = ZoneInfo(partition.timezone)
    ends = (start + HOUR).astimezone(zone)
    return Window(hour_key(partition, start), start.astimezone(zone), ends, partition.timezone)


def _key(partitions: dg.TimeWindowPartitionsDefinition, window: dg.TimeWindow) -> str:
    return partitions.get_partition_keys_in_time_window(window)[0]


def _first_and_last(table: LogicalTable) -> tuple[str | None, str | None]:
    """The keys of the first and the last window that may be exported."""
    if table.settings.partition.every != "hour":
        partitions = partitions_of(table)
        return partitions.get_first_partition_key(), partitions.get_last_partition_key()
    now = datetime.fromtimestamp(get_current_timestamp(), UTC)
    last = newest_complete(table, now + HOUR if table.settings.is_snapshot else now)
    return (first_window(table).key, last) if last is not None else (None, None)


def _unknown(table: LogicalTable, key: str) -> UsageError:
    every = table.settings.partition.every
    first, last = _first_and_last(table)
    known = "none yet" if first is None else first if first == last else f"{first} to {last}"
    state = "has begun" if table.settings.is_snapshot else "has ended"
    return UsageError(
        f"{table.name}: partition {key!r}",
        expected=f"the exact start of {_ARTICLE[every]} {every} that {state} ({known})",
        got="no such window",
        next_step="`etl-assets plan` shows the windows",
    )
