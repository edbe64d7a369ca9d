"""Cadences as Dagster's time-window partitions, and what their keys mean."""

from datetime import datetime
from typing import Literal

import dagster as dg

from etl_assets.config import PartitionConfig
from etl_assets.errors import UsageError
from etl_assets.topology import LogicalTable
from etl_assets.windows import Window

_CRON = {"hour": "0 * * * *", "day": "0 0 * * *", "week": "0 0 * * 1", "month": "0 0 1 * *"}
_TICK = {"hour": "10 * * * *", "day": "10 0 * * *", "week": "10 0 * * 1", "month": "10 0 1 * *"}
_HOUR_FORMAT = "%Y-%m-%d-%H:%M"
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
        fmt=_HOUR_FORMAT if partition.every == "hour" else _DAY_FORMAT,
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
    partitions = partitions_of(table)
    if not partitions.has_partition_key(key):
        raise _unknown(table, key)
    window = partitions.time_window_for_partition_key(key)
    # has_partition_key takes a time inside an hour for the hour: a key is the exact start.
    if _key(partitions, window) != key:
        raise _unknown(table, key)
    return Window(key, window.start, window.end, table.settings.partition.timezone)


def first_window(table: LogicalTable) -> Window:
    """The first window of a logical table, whether it has ended or not."""
    partitions = windows_of(table.settings.partition, running=False)
    first = partitions.get_next_partition_window(partitions.start, respect_bounds=False)
    assert first is not None
    return Window(
        _key(partitions, first), first.start, first.end, table.settings.partition.timezone
    )


def completed_between(table: LogicalTable, after: datetime, until: datetime) -> list[str]:
    """The keys of the windows that ended after one instant and not after another, in order."""
    partitions = windows_of(table.settings.partition, running=False)
    keys: list[str] = []
    # Instants are compared, not datetimes: Python compares two of one zone by what the clock on
    # the wall says, which goes back once a year.
    window = partitions.get_prev_partition_window(until, respect_bounds=False)
    while (
        window is not None
        and window.end.timestamp() > after.timestamp()
        and window.start.timestamp() >= partitions.start_timestamp
    ):
        keys.append(_key(partitions, window))
        window = partitions.get_prev_partition_window(window.start, respect_bounds=False)
    return keys[::-1]


def newest_complete(table: LogicalTable, now: datetime) -> str | None:
    """The key of the newest window that had ended at an instant."""
    partitions = windows_of(table.settings.partition, running=False)
    window = partitions.get_prev_partition_window(now, respect_bounds=False)
    if window is None or window.start.timestamp() < partitions.start_timestamp:
        return None
    return _key(partitions, window)


def refuse_old_snapshot(table: LogicalTable, window: Window, now: datetime) -> None:
    """A snapshot shows the table as it is now, so it may only be called by a recent name.

    Raises:
        UsageError: the window is neither the newest complete one nor the running one.
    """
    if not table.settings.is_snapshot:
        return
    following = windows_of(table.settings.partition, running=True)
    next_window = following.get_next_partition_window(window.end, respect_bounds=False)
    if next_window is None or next_window.end.timestamp() > now.timestamp():
        return
    raise UsageError(
        f"{table.name}: partition {window.key}",
        wanted="the newest complete window or the running one, as a snapshot shows the table as "
        "it is now",
        found="an older one",
        next_step="set `partition.column` to export windows of the past",
    )


def _key(partitions: dg.TimeWindowPartitionsDefinition, window: dg.TimeWindow) -> str:
    return partitions.get_partition_keys_in_time_window(window)[0]


def _unknown(table: LogicalTable, key: str) -> UsageError:
    every = table.settings.partition.every
    partitions = partitions_of(table)
    first, last = partitions.get_first_partition_key(), partitions.get_last_partition_key()
    known = "none yet" if first is None else first if first == last else f"{first} to {last}"
    state = "has begun" if table.settings.is_snapshot else "has ended"
    return UsageError(
        f"{table.name}: partition {key!r}",
        wanted=f"the exact start of {_ARTICLE[every]} {every} that {state} ({known})",
        found="no such window",
        next_step="`etl-assets plan` shows the windows",
    )
