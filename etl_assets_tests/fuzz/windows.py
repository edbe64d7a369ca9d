"""Charter: windows around everything that clocks do, and columns that cut them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from etl_assets_tests.fuzz.case import WindowSpec

MOMENTS = (
    ("UTC", datetime(2026, 11, 2)),
    ("Asia/Shanghai", datetime(2026, 11, 2, 13)),
    ("Europe/Berlin", datetime(2024, 3, 31, 2)),
    ("Europe/Berlin", datetime(2024, 10, 27, 2)),
    ("America/New_York", datetime(2024, 11, 3, 1)),
    # Midnight itself is skipped, and repeated.
    ("America/Sao_Paulo", datetime(2018, 11, 4)),
    ("America/Sao_Paulo", datetime(2018, 2, 17, 23)),
    ("America/Havana", datetime(2024, 11, 3)),
    ("America/Havana", datetime(2024, 3, 10)),
    # By half an hour; a whole day.
    ("Australia/Lord_Howe", datetime(2024, 4, 7, 1)),
    ("Australia/Lord_Howe", datetime(2024, 10, 6, 2)),
    ("Pacific/Apia", datetime(2011, 12, 30)),
    ("Asia/Kolkata", datetime(2024, 2, 29, 23)),
    # Where numbers end.
    ("UTC", datetime(1970, 1, 1)),
    ("UTC", datetime(2038, 1, 19, 3)),
    ("Asia/Kathmandu", datetime(1999, 12, 31, 23)),
)  # fmt: skip
_KEYS = {"hour": "%Y-%m-%d-%H:%M"}
_STEPS = ("0", "1", "-1", "1800", "-1800", "3600", "-3600", "86400", "-86400", "400000000")


@dataclass(frozen=True)
class WindowColumn:
    """A column that cuts the windows: its type, its settings, and a strategy for its cells."""

    type: str
    settings: dict[str, Any]
    cells: st.SearchStrategy[str]


def _instant(reading: datetime, zone: ZoneInfo) -> datetime:
    return reading.replace(tzinfo=zone).astimezone(UTC)


@st.composite
def windows(draw: st.DrawFn) -> tuple[WindowSpec, str]:
    """A window, and how often there is one."""
    name, around = draw(st.sampled_from(MOMENTS))
    zone = ZoneInfo(name)
    every = draw(st.sampled_from(("day", "hour", "week", "month")))
    midnight = around.replace(hour=0)
    match every:
        case "hour":
            hour = around + timedelta(hours=draw(st.integers(-1, 2)))
            hour = hour.replace(fold=draw(st.integers(0, 1)))
            start = _instant(hour, zone)
            end = start + timedelta(hours=1)
        case "day":
            start, end = _instant(midnight, zone), _instant(midnight + timedelta(days=1), zone)
        case "week":
            monday = midnight - timedelta(days=midnight.weekday())
            start, end = _instant(monday, zone), _instant(monday + timedelta(days=7), zone)
        case _:
            first = midnight.replace(day=1)
            later = (first + timedelta(days=32)).replace(day=1)
            start, end = _instant(first, zone), _instant(later, zone)
    if start == end:
        # Apia's day that never was.
        end = start + timedelta(hours=24)
    key = start.astimezone(zone).strftime(_KEYS.get(every, "%Y-%m-%d"))
    return WindowSpec(key, start, end, name), every


@st.composite
def window_columns(draw: st.DrawFn, window: WindowSpec) -> WindowColumn:
    """A column of a type that tells a time, with values around the window's ends."""
    digits = draw(st.integers(0, 6))
    kind = draw(
        st.sampled_from(("datetime", "date", "timestamp", "bigint s", "bigint ms", "int s"))
    )
    kind, _, unit = kind.partition(" ")
    settings: dict[str, Any] = {"unit": unit} if unit else {}
    zone = window.timezone
    if kind in ("datetime", "date") and draw(st.booleans()):
        zone = draw(st.sampled_from([name for name, _ in MOMENTS]))
        settings["column_timezone"] = zone
    if kind == "timestamp":
        zone = "UTC"
    ends = [
        end.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for end in (window.start, window.end)
    ]
    least = timedelta(microseconds=10 ** (6 - digits))
    steps = [timedelta(0), least, -least] if not unit else []
    steps += [timedelta(seconds=int(step)) for step in _STEPS]
    middle = [ends[0] + (ends[1] - ends[0]) * share / 8 for share in range(1, 8)]
    moments = [end + step for end in ends for step in steps] + middle * 3
    if unit:
        factor = 1000 if unit == "ms" else 1
        epochs = [int(end.timestamp()) * factor for end in (window.start, window.end)]
        numbers = [
            epoch + step for epoch in epochs for step in (0, -1, 1, factor, -factor, 60 * factor)
        ]
        inside = [epochs[0] + (epochs[1] - epochs[0]) * n // 8 for n in range(1, 8)]
        literals = [*map(str, [*inside, *inside, *numbers]), "0", "-1", "NULL", str(2**31 - 1)]
        return WindowColumn(kind, settings, st.sampled_from(literals))
    literals = [f"'{moment.isoformat(sep=' ')}'" for moment in moments]
    literals += ["NULL", "'0000-00-00'", "'0000-00-00 00:00:00'", "'9999-12-31 23:59:59'"]
    first = ends[0].date().isoformat()
    literals += [f"'{first[:8]}00'", f"'{first[:4]}-00-00'", f"'{first[:4]}-02-31'"]
    sql = kind if kind == "date" else f"{kind}({digits})" + (" NULL" * (kind == "timestamp"))
    return WindowColumn(sql, settings, st.sampled_from(literals))
