"""Windows: which there are, what their keys are, and what they mean to a column."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from etl_assets.cli.export_request import ExportOptions, requested_exports
from etl_assets.config import TableConfig
from etl_assets.defs.partitions import (
    completed_between,
    first_window,
    newest_complete,
    partitions_of,
    refuse_old_snapshot,
    window_of,
)
from etl_assets.errors import UsageError
from etl_assets.tables.partition_keys import refuse_impossible_key
from etl_assets.tables.topology import LogicalTable, Shard
from etl_assets.tables.windows import Window
from etl_assets_tests.support.shop import Shop
from etl_assets_tests.support.wrong_configurations import partition

NEW_YORK = "America/New_York"


def logical_table(every: str = "day", start: str = "2026-11-01", **partition: Any) -> LogicalTable:
    """A logical table with a cadence; by `created_at` unless `column=None` is given."""
    cut = {"every": every, "start": start, "column": "created_at", **partition}
    settings = TableConfig.model_validate(
        {
            "shards": [{"host": "h", "tables": "s.t"}],
            "partition": {key: value for key, value in cut.items() if value is not None},
        }
    )
    return LogicalTable("orders", (Shard("orders", "h", "s", "t"),), settings)


def wall(window: Window, kind: str = "datetime", **options: Any) -> tuple[Any, Any]:
    """The bounds of a window for a column type."""
    return window.bounds(kind, **{"unit": None, "column_timezone": None, **options})


@pytest.mark.parametrize(
    ("every", "start", "key", "first", "last"),
    [
        ("hour", "2026-11-01 13:00", "2026-11-02-13:00", "2026-11-02 13", "2026-11-02 14"),
        ("day", "2026-11-01", "2026-11-02", "2026-11-02 00", "2026-11-03 00"),
        ("week", "2026-11-01", "2026-11-02", "2026-11-02 00", "2026-11-09 00"),
        ("month", "2026-09-15", "2026-10-01", "2026-10-01 00", "2026-11-01 00"),
    ],
)
def test_a_key_is_the_exact_start_of_its_window(
    every: str, start: str, key: str, first: str, last: str
) -> None:
    table = logical_table(every, start)
    assert wall(window_of(table, key)) == (f"{first}:00:00", f"{last}:00:00")


@pytest.mark.parametrize(
    ("every", "start", "first"),
    [
        ("hour", "2026-11-01 13:00", "2026-11-01-13:00"),
        ("day", "2026-11-01", "2026-11-01"),
        ("week", "2026-11-01", "2026-11-02"),
        ("month", "2026-10-15", "2026-11-01"),
    ],
)
def test_the_first_window_is_the_first_whole_one(every: str, start: str, first: str) -> None:
    assert first_window(logical_table(every, start)).key == first


@pytest.mark.parametrize(
    ("every", "key"),
    [
        ("hour", "2026-11-02-13:30"),
        ("hour", "2026-11-02"),
        ("day", "2026-11-2"),
        ("day", "2026-11-02-00:00"),
        ("day", "2026-10-31"),
        ("day", "2999-01-01"),
        ("hour", "2026-11-02-13:00-0500"),
        ("hour", "2026-11-02 13:00"),
        ("hour", "2026-11-02-24:00"),
        ("day", "２０２６-11-02"),
        ("day", " 2026-11-02"),
        ("day", "2026-02-30"),
        ("day", "yesterday"),
        ("day", ""),
        ("day", "../../etc"),
        ("week", "2026-11-03"),
        ("month", "2026-11-02"),
    ],
)
def test_any_other_key_is_refused(every: str, key: str) -> None:
    wanted = rf"expected the exact start of an? {every} that has ended \("
    with pytest.raises(UsageError, match=wanted):
        window_of(logical_table(every), key)


def test_a_refusal_names_the_windows_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"a day that has ended \(none yet\), got no such window"):
        window_of(logical_table(start="2999-01-01"), "2026-11-02")
    with pytest.raises(UsageError, match=r"a month that has begun \(2026-01-01 to 20"):
        window_of(logical_table("month", "2026-01-01", column=None), "2026-01-02")


def test_a_day_begins_at_midnight_of_its_time_zone() -> None:
    window = window_of(logical_table(timezone="Asia/Shanghai"), "2026-11-02")
    assert wall(window) == ("2026-11-02 00:00:00", "2026-11-03 00:00:00")
    assert wall(window, "timestamp") == ("2026-11-01 16:00:00", "2026-11-02 16:00:00")
    assert wall(window, column_timezone="UTC") == ("2026-11-01 16:00:00", "2026-11-02 16:00:00")
    assert wall(window, "date") == ("2026-11-02", "2026-11-03")
    assert wall(window, "bigint", unit="s") == (1793548800, 1793635200)
    assert wall(window, "int", unit="ms") == (1793548800000, 1793635200000)


def test_days_on_which_clocks_change_are_shorter_and_longer() -> None:
    table = logical_table(start="2026-01-01", timezone=NEW_YORK)
    spring, autumn = window_of(table, "2026-03-08"), window_of(table, "2026-11-01")
    assert wall(spring, "timestamp") == ("2026-03-08 05:00:00", "2026-03-09 04:00:00")
    assert wall(autumn, "timestamp") == ("2026-11-01 04:00:00", "2026-11-02 05:00:00")
    assert wall(autumn) == ("2026-11-01 00:00:00", "2026-11-02 00:00:00")


def test_of_a_repeated_hour_the_first_window_is_empty_and_the_second_holds_the_rows() -> None:
    table = logical_table("hour", "2026-11-01", timezone=NEW_YORK)
    keys = partitions_of(table).get_partition_keys()[:4]
    assert keys == [
        "2026-11-01-00:00",
        "2026-11-01-01:00",
        "2026-11-01-01:00-0500",
        "2026-11-01-02:00",
    ]
    hours = [tuple(bound[11:13] for bound in wall(window_of(table, key))) for key in keys]
    assert hours == [("00", "01"), ("01", "01"), ("01", "02"), ("02", "03")]


def test_the_hour_that_clocks_skip_belongs_to_the_window_before_it() -> None:
    table = logical_table("hour", "2026-03-08", timezone=NEW_YORK)
    assert wall(window_of(table, "2026-03-08-01:00")) == (
        "2026-03-08 01:00:00",
        "2026-03-08 03:00:00",
    )


def test_a_day_that_begins_at_one_o_clock_keeps_its_date() -> None:
    table = logical_table(start="2024-04-01", timezone="Africa/Cairo")
    window = window_of(table, "2024-04-26")
    # The hour that clocks skip is the day's before.
    assert wall(window) == ("2024-04-26 01:00:00", "2024-04-27 00:00:00")
    assert wall(window, "date") == ("2024-04-26", "2024-04-27")
    assert wall(window, "timestamp") == ("2024-04-25 22:00:00", "2024-04-26 21:00:00")


ZONES = ["UTC", NEW_YORK, "Europe/Berlin", "Asia/Shanghai", "Australia/Lord_Howe", "Africa/Cairo"]
YEARS = [(every, zone, "2025-01-01", 0) for every in ("day", "week", "month") for zone in ZONES]
HOURS = [
    ("hour", NEW_YORK, "2026-03-07", 3),
    ("hour", NEW_YORK, "2025-11-01", 3),
    ("hour", "Europe/Berlin", "2026-03-28", 3),
    ("hour", "Europe/Berlin", "2025-10-25", 3),
    ("hour", "Australia/Lord_Howe", "2026-04-04", 3),
    ("hour", "Africa/Cairo", "2026-04-23", 3),
    ("hour", "Africa/Cairo", "2025-10-30", 3),
]
"""Days on which clocks change are among these."""


@pytest.mark.parametrize("kind", ["datetime", "timestamp", "date"])
@pytest.mark.parametrize(("every", "zone", "start", "days"), [*YEARS, *HOURS])
def test_consecutive_windows_leave_no_gap_and_never_overlap(
    every: str, zone: str, start: str, days: int, kind: str
) -> None:
    table = logical_table(every, start, timezone=zone)
    until = datetime.fromisoformat(start).replace(tzinfo=UTC) + timedelta(days=days or 400)
    keys = partitions_of(table).get_partition_keys(until)
    bounds = [wall(window_of(table, key), kind) for key in keys]
    assert len(bounds) > 10
    for (low, high), (next_low, _) in pairwise(bounds):
        assert low <= high == next_low


SHIFTS = [
    ("UTC", "2026-03-28"),
    (NEW_YORK, "2025-11-01"),
    (NEW_YORK, "2026-03-07"),
    ("America/Havana", "2025-11-01"),
    ("America/St_Johns", "2010-11-06"),
    ("Africa/Cairo", "2026-04-23"),
    ("Australia/Lord_Howe", "2026-04-04"),
    ("Australia/Lord_Howe", "2025-10-04"),
    ("Antarctica/Troll", "2025-10-25"),
    ("Antarctica/Troll", "2026-03-28"),
    ("Pacific/Chatham", "2026-04-04"),
    ("Asia/Kathmandu", "1985-12-31"),
    ("America/Caracas", "2007-12-08"),
    ("America/Caracas", "2016-04-30"),
    ("Asia/Pyongyang", "2015-08-14"),
    ("Asia/Pyongyang", "2018-05-04"),
    ("Pacific/Norfolk", "2015-10-03"),
    ("Asia/Colombo", "1996-10-25"),
    ("Pacific/Apia", "2011-12-28"),
]
"""Days before clocks shift: by an hour, by a part of one, by two, by a day."""


def every_key(zone: str, every: str, start: datetime, days: int) -> Iterator[str]:
    """What might be taken for a key within some days: any quarter of an hour, with any offset."""
    for quarter in range(days * 96):
        time = start + timedelta(minutes=15 * quarter)
        if every == "day":
            yield f"{time:%Y-%m-%d}"
            continue
        yield f"{time:%Y-%m-%d-%H:%M}"
        for fold in (0, 1):
            yield f"{time.replace(tzinfo=ZoneInfo(zone), fold=fold):%Y-%m-%d-%H:%M%z}"


@pytest.mark.parametrize("every", ["hour", "day"])
@pytest.mark.parametrize(("zone", "start"), SHIFTS)
def test_every_instant_is_in_one_window_of_the_keys_that_are_taken(
    zone: str, start: str, every: str
) -> None:
    table = logical_table(every, start, timezone=zone)
    first = datetime.fromisoformat(start)
    taken = [key for key in dict.fromkeys(every_key(zone, every, first, 4)) if is_key(table, key)]
    windows = sorted((window_of(table, key) for key in taken), key=lambda w: w.start.timestamp())
    assert windows[0] == first_window(table)
    assert [window.key for window in windows] == completed_between(
        table, windows[0].start, windows[-1].end
    )
    for kind in ("datetime", "date", "timestamp"):
        bounds = [wall(window, kind) for window in windows]
        for (low, high), (next_low, _) in pairwise(bounds):
            assert low <= high == next_low
    for window, following in pairwise(windows):
        assert window.start.timestamp() < window.end.timestamp() == following.start.timestamp()
    # The UI lists the same ones.
    listed = partitions_of(table).get_partition_keys(windows[-1].end + timedelta(days=2))
    assert {window.key for window in windows} <= set(listed)


def is_key(table: LogicalTable, key: str) -> bool:
    """Whether a key is taken: by the export, and by `verify`, which asks no clock."""
    try:
        window_of(table, key)
    except UsageError:
        with pytest.raises(UsageError):
            refuse_impossible_key(table, key)
        return False
    refuse_impossible_key(table, key)
    return True


def test_a_range_of_hours_ends_where_it_was_asked_to(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    zone = "Australia/Lord_Howe"
    cut = f'{{every: hour, start: "2026-04-04 00:00", timezone: {zone}, column: created_at}}'
    shop.configure(partition(cut))
    asked = ExportOptions(first="2026-04-05-01:00", last="2026-04-05-03:30")
    exports = requested_exports(shop.config, asked)
    keys = ["2026-04-05-01:00", "2026-04-05-01:30+1030", "2026-04-05-02:30", "2026-04-05-03:30"]
    assert [export.window.key for export in exports] == keys
    with pytest.raises(UsageError, match="exact start of an hour"):
        requested_exports(shop.config, replace(asked, last="2026-04-05-04:00"))


def at(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_completed_windows_are_those_that_ended_since() -> None:
    table = logical_table()
    assert completed_between(table, at("2026-11-03 00:10"), at("2026-11-05 00:10")) == [
        "2026-11-03",
        "2026-11-04",
    ]
    assert completed_between(table, at("2026-11-03 00:00"), at("2026-11-04 00:00")) == [
        "2026-11-03"
    ]
    assert completed_between(table, at("2026-10-01 00:00"), at("2026-11-02 00:00")) == [
        "2026-11-01"
    ]
    assert completed_between(table, at("2026-11-03 00:10"), at("2026-11-03 23:59")) == []


def test_the_newest_complete_window_has_ended() -> None:
    table = logical_table(column=None)
    assert newest_complete(table, at("2026-11-03 00:00")) == "2026-11-02"
    assert newest_complete(table, at("2026-11-02 23:59")) == "2026-11-01"
    assert newest_complete(table, at("2026-11-01 23:59")) is None


@pytest.mark.parametrize("now", ["2026-11-02 00:00", "2026-11-02 12:00", "2026-11-03 23:59"])
def test_a_snapshot_may_be_of_the_running_or_the_newest_complete_window(now: str) -> None:
    table = logical_table(column=None)
    refuse_old_snapshot(table, window_of(table, "2026-11-02"), at(now))


def test_an_older_snapshot_is_refused_with_the_reason() -> None:
    table = logical_table(column=None)
    with pytest.raises(UsageError, match="a snapshot shows the table as it is now"):
        refuse_old_snapshot(table, window_of(table, "2026-11-02"), at("2026-11-04 00:00"))
    windowed = logical_table()
    refuse_old_snapshot(windowed, window_of(windowed, "2026-11-02"), at("2026-11-20 00:00"))
