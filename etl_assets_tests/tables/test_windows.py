"""What a window's two instants mean to a column."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_assets.tables.windows import Window, utc_text

SHANGHAI = Window(
    "2026-11-02",
    datetime(2026, 11, 2, tzinfo=ZoneInfo("Asia/Shanghai")),
    datetime(2026, 11, 3, tzinfo=ZoneInfo("Asia/Shanghai")),
    "Asia/Shanghai",
)


def bounds(window: Window, kind: str, **options: Any) -> tuple[Any, Any]:
    """The bounds of a window for a column type."""
    return window.bounds(kind, **{"unit": None, "column_timezone": None, **options})


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("datetime", {}, ("2026-11-02 00:00:00", "2026-11-03 00:00:00")),
        (
            "datetime",
            {"column_timezone": "America/New_York"},
            ("2026-11-01 11:00:00", "2026-11-02 11:00:00"),
        ),
        ("date", {}, ("2026-11-02", "2026-11-03")),
        ("date", {"column_timezone": "UTC"}, ("2026-11-02", "2026-11-03")),
        ("date", {"column_timezone": "Pacific/Apia"}, ("2026-11-03", "2026-11-04")),
        ("timestamp", {}, ("2026-11-01 16:00:00", "2026-11-02 16:00:00")),
        (
            "timestamp",
            {"column_timezone": "America/New_York"},
            ("2026-11-01 16:00:00", "2026-11-02 16:00:00"),
        ),
        ("bigint", {"unit": "s"}, (1793548800, 1793635200)),
        ("int", {"unit": "ms"}, (1793548800000, 1793635200000)),
    ],
)
def test_each_type_of_column_has_its_own_bounds(
    kind: str, options: dict[str, str], expected: tuple[Any, Any]
) -> None:
    assert bounds(SHANGHAI, kind, **options) == expected


@given(
    st.sampled_from(["UTC", "America/New_York", "Europe/Berlin", "Asia/Shanghai", "Asia/Kolkata"]),
    st.sampled_from(["UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
    st.sampled_from(["datetime", "timestamp", "date"]),
    st.datetimes(datetime(2025, 1, 1), datetime(2026, 10, 1)),
)
def test_consecutive_hours_leave_no_gap_and_never_overlap_in_any_zone(
    zone: str, column_zone: str, kind: str, begin: datetime
) -> None:
    start = begin.replace(minute=0, second=0, microsecond=0, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    instants = [start + timedelta(hours=hour) for hour in range(50)]
    windows = [Window("k", first, end, zone) for first, end in pairwise(instants)]
    found = [bounds(window, kind, column_timezone=column_zone) for window in windows]
    for (low, high), (next_low, _) in pairwise(found):
        assert low <= high == next_low


@given(st.dates(datetime(1970, 1, 2).date(), datetime(2099, 1, 1).date()), st.integers(0, 23))
def test_every_date_is_in_exactly_one_hour(date: Any, hour: int) -> None:
    start = datetime(date.year, date.month, date.day, hour, tzinfo=UTC)
    low, high = bounds(Window("k", start, start + timedelta(hours=1), "UTC"), "date")
    assert (low <= str(date) < high) == (hour == 0)


@pytest.mark.parametrize("kind", ["varchar", "json", "year", "decimal", "time", "blob"])
def test_a_column_that_tells_no_time_is_refused(kind: str) -> None:
    wanted = f"expected a DATE, DATETIME, TIMESTAMP or integer column, got {kind.upper()}"
    with pytest.raises(ValueError, match=wanted):
        bounds(SHANGHAI, kind)


def test_an_integer_needs_a_unit() -> None:
    with pytest.raises(ValueError, match="expected `unit: s` or `unit: ms`"):
        bounds(SHANGHAI, "bigint")


def test_instants_are_written_to_the_microsecond_where_there_are_any() -> None:
    east = timezone(timedelta(hours=8))
    assert utc_text(datetime(2026, 11, 2, 8, 0, 1, tzinfo=east)) == "2026-11-02T00:00:01Z"
    assert utc_text(datetime(2026, 11, 2, microsecond=5, tzinfo=UTC)) == (
        "2026-11-02T00:00:00.000005Z"
    )


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Africa/Cairo", "2023-04-28"),
        ("America/Sao_Paulo", "2018-11-04"),
        ("Asia/Beirut", "2023-03-26"),
    ],
)
def test_a_midnight_that_clocks_skip_belongs_to_the_window_before_it(zone: str, day: str) -> None:
    midnight = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    before = Window("before", midnight - timedelta(days=1), midnight, zone)
    after = Window(day, midnight, midnight + timedelta(days=1), zone)
    assert bounds(before, "datetime")[1] == bounds(after, "datetime")[0] == f"{day} 01:00:00"
    # The date itself is the day's own.
    assert bounds(before, "date")[1] == bounds(after, "date")[0] == day
    assert bounds(after, "date")[1] == str((midnight + timedelta(days=1)).date())


@pytest.mark.parametrize("kind", ["date", "datetime", "timestamp"])
def test_a_unit_beside_a_column_that_is_no_integer_is_refused(kind: str) -> None:
    with pytest.raises(
        ValueError, match=f"expected an integer column for `unit: s`, got {kind.upper()}"
    ):
        bounds(SHANGHAI, kind, unit="s")
