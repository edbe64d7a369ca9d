"""Partition keys as instants, without Dagster: a key is the exact start of a window.

Hours are counted from the first one. Where clocks shift by a part of an hour they start at other
minutes from then on, as Dagster lists them; its own look-ups of a single key cut such hours anew.
"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from etl_assets.config import PartitionConfig
from etl_assets.errors import UsageError
from etl_assets.tables.topology import LogicalTable

HOUR = timedelta(hours=1)

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_HOUR = re.compile(r"(\d{4}-\d\d-\d\d)-(\d\d:\d\d)([+-]\d{4}(?:\d\d)?)?", re.ASCII)
"""The second one of an hour that clocks show twice bears its offset."""
_EXPECTED = {
    "hour": "the start of an hour such as 2026-11-02-13:00",
    "day": "a day such as 2026-11-02",
    "week": "a Monday such as 2026-11-02",
    "month": "the first day of a month such as 2026-11-01",
}


def start_of(partition: PartitionConfig, key: str) -> datetime | None:
    """When the window of a key starts, in UTC; None for a key that is no window's.

    Whether the window has ended is not asked.
    """
    start = _hour(partition, key) if partition.every == "hour" else _day(partition, key)
    return start if start is not None and start >= first_start(partition) else None


def refuse_impossible_key(table: LogicalTable, key: str) -> None:
    """Refuse a key that is not the exact start of a window, or comes before the first one.

    Whether the window has ended is not asked.

    Raises:
        UsageError: it says what was expected.
    """
    partition = table.settings.partition
    if start_of(partition, key) is None:
        first = partition.start.removesuffix(" 00:00")
        raise UsageError(
            f"{table.name}: partition {key!r}",
            expected=f"{_EXPECTED[partition.every]}, from {first} on",
            got="no such window",
            next_step="`etl-assets plan` shows the windows",
        )


def first_start(partition: PartitionConfig) -> datetime:
    """The instant that no window starts before, in UTC."""
    return partition.start_time.replace(tzinfo=ZoneInfo(partition.timezone)).astimezone(UTC)


def hour_key(partition: PartitionConfig, start: datetime) -> str:
    """The key of the hour that starts at an instant."""
    shown = start.astimezone(UTC).astimezone(ZoneInfo(partition.timezone))
    return f"{shown:%Y-%m-%d-%H:%M}" + (f"{shown:%z}" if shown.fold else "")


def hours_between(
    partition: PartitionConfig, after: datetime, until: datetime
) -> list[tuple[str, datetime]]:
    """The hours that end after one instant and not after another, with their starts, in order."""
    first = first_start(partition)
    start = first + max((after - first) // HOUR, 0) * HOUR
    hours = []
    while start + HOUR <= until:
        hours.append((hour_key(partition, start), start))
        start += HOUR
    return hours


def _day(partition: PartitionConfig, key: str) -> datetime | None:
    """The midnight that a window starts at, or when clocks skip that, the moment they do."""
    day = _reading(key) if _DAY.fullmatch(key) else None
    if day is None or (partition.every == "week" and day.weekday() != 0):
        return None
    if partition.every == "month" and day.day != 1:
        return None
    zone = ZoneInfo(partition.timezone)
    start = day.replace(tzinfo=zone).astimezone(UTC)
    # A calendar may skip a day, as Samoa's did in December 2011.
    return start if start.astimezone(zone).date() == day.date() else None


def _hour(partition: PartitionConfig, key: str) -> datetime | None:
    parts = _HOUR.fullmatch(key)
    reading = _reading(f"{parts[1]} {parts[2]}") if parts else None
    if parts is None or reading is None:
        return None
    zone = ZoneInfo(partition.timezone)
    start = reading.replace(tzinfo=zone, fold=1 if parts[3] else 0).astimezone(UTC)
    # What clocks skip has no key, nor has an offset that tells nothing or something else.
    if hour_key(partition, start) != key:
        return None
    return start if not (start - first_start(partition)) % HOUR else None


def _reading(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
