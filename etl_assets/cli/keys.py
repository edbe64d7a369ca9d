"""Whether a key can be one of a logical table's windows, told without Dagster.

Whether the window has ended is not asked: `verify` looks for files, not at the clock.
"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from etl_assets.config import PartitionConfig
from etl_assets.errors import UsageError
from etl_assets.topology import LogicalTable

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_HOUR = re.compile(r"(\d{4}-\d\d-\d\d)-(\d\d:\d\d)([+-]\d{4})?", re.ASCII)
"""The second one of an hour that clocks show twice bears its offset."""

_WANTED = {
    "hour": "the start of an hour such as 2026-11-02-13:00",
    "day": "a day such as 2026-11-02",
    "week": "a Monday such as 2026-11-02",
    "month": "the first day of a month such as 2026-11-01",
}


def refuse_impossible_key(table: LogicalTable, key: str) -> None:
    """Refuse a key that is not the exact start of a window, or comes before the first one.

    Raises:
        UsageError: it says what was wanted.
    """
    partition = table.settings.partition
    start = _hour(key, partition) if partition.every == "hour" else _day(key, partition)
    if start is None or start < partition.start_time:
        first = partition.start.removesuffix(" 00:00")
        raise UsageError(
            f"{table.name}: partition {key!r}",
            wanted=f"{_WANTED[partition.every]}, from {first} on",
            found="no such window",
            next_step="`etl-assets plan` shows the windows",
        )


def _day(key: str, partition: PartitionConfig) -> datetime | None:
    """The midnight that a window starts at."""
    day = _reading(key) if _DAY.fullmatch(key) else None
    if day is None or (partition.every == "week" and day.weekday() != 0):
        return None
    return None if partition.every == "month" and day.day != 1 else day


def _hour(key: str, partition: PartitionConfig) -> datetime | None:
    """What clocks show when the hour starts."""
    parts = _HOUR.fullmatch(key)
    hour = _reading(f"{parts[1]} {parts[2]}") if parts else None
    if parts is None or hour is None:
        return None
    zone = ZoneInfo(partition.timezone)
    first, second = (hour.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    skipped = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != hour
    repeated = first.utcoffset() != second.utcoffset()
    if skipped or (parts[3] and not (repeated and f"{second:%z}" == parts[3])):
        return None
    begun = partition.start_time.replace(tzinfo=zone)
    return hour if hour.minute in _minutes(begun, second) else None


def _minutes(begun: datetime, until: datetime) -> set[int]:
    """Which minutes hours start at: other than 0 where clocks have shifted by a part of an hour."""
    months = range(max((until - begun).days, 0) // 30 + 1)
    times = [until, *(begun + timedelta(days=30 * month) for month in months)]
    offsets = [offset for time in times if (offset := time.utcoffset()) is not None]
    return {int((offset - offsets[0]).total_seconds()) // 60 % 60 for offset in offsets}


def _reading(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
