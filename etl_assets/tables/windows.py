"""Windows of time: what a partition key means to a column.

Which windows there are is Dagster's own doing (`defs.partitions`); this module knows what to ask
the server for, given a window's two instants.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from etl_assets.tables.types import facts_of

Bound: TypeAlias = str | int
"""A literal that the server compares with the column."""
_BEYOND_ZERO = "0000-01-01 00:00:00"
"""A moment between the zero TIMESTAMP and all others, to every server."""


@dataclass(frozen=True)
class Window:
    """A half-open window of time.

    Attributes:
        key: the partition key.
        start: its first instant, with a time zone.
        end: the first instant after it, with a time zone.
        timezone: the zone that the key is read in.
    """

    key: str
    start: datetime
    end: datetime
    timezone: str

    def bounds(
        self, column_type: str, *, unit: str | None, column_timezone: str | None
    ) -> tuple[Bound, Bound]:
        """The lowest value inside and the lowest value beyond the window.

        DATE and DATETIME are wall-clock readings in the column's zone (by default the window's
        own), TIMESTAMP is an instant in UTC, as the session's time zone is, and an integer counts
        seconds or milliseconds since 1970 in UTC.

        Where clocks go back, windows read the same on the wall again: what they show twice is in
        the windows of the second time, and those of the first are empty. The hour that clocks skip
        falls into the window before it.

        Raises:
            ValueError: the column's type does not tell a time, or an integer has no unit.
        """
        zone = ZoneInfo(column_timezone or self.timezone)
        told_by = facts_of(column_type).time
        if unit is not None and told_by != "count":
            raise ValueError(
                f"expected an integer column for `unit: {unit}`, got {column_type.upper()}"
            )
        match told_by:
            case "instant":
                return _timestamp(self.start), _timestamp(self.end)
            case "reading":
                return _reading(self.start, zone), _reading(self.end, zone)
            case "date":
                return _first_date(self.start, zone), _first_date(self.end, zone)
            case "count":
                if unit is None:
                    raise ValueError("expected `unit: s` or `unit: ms` beside an integer column")
                return _epoch(self.start, unit), _epoch(self.end, unit)
            case None:
                raise ValueError(
                    "expected a DATE, DATETIME, TIMESTAMP or integer column, "
                    f"got {column_type.upper()}"
                )


def utc_text(instant: datetime) -> str:
    """RFC 3339 in UTC, to the microsecond where there are any."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _reading(instant: datetime, zone: ZoneInfo) -> str:
    """The lowest reading from an instant on: what clocks will show again is not before it."""
    shown = _on_the_wall(instant, zone)
    offset, later = shown.utcoffset(), shown.replace(fold=1).utcoffset()
    if offset is not None and later is not None and offset != later:
        shown = _on_the_wall(_shift_after(instant, offset - later, zone), zone)
    return shown.strftime("%Y-%m-%d %H:%M:%S")


def _timestamp(instant: datetime) -> str:
    """An instant as TIMESTAMP compares with it.

    To MySQL the first second of 1970, in which MariaDB has values and it has none, is a moment like
    the zero TIMESTAMP, and it compares the two in one way in WHERE and in another one elsewhere.
    """
    return _BEYOND_ZERO if instant.timestamp() <= 0 else _reading(instant, ZoneInfo("UTC"))


def _shift_after(instant: datetime, shift: timedelta, zone: ZoneInfo) -> datetime:
    """When clocks go back next, not later than the shift after the instant."""
    before = instant.astimezone(UTC)
    back = before + shift
    offset = before.astimezone(zone).utcoffset()
    while back - before > timedelta(seconds=1):
        middle = before + (back - before) // timedelta(seconds=2) * timedelta(seconds=1)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            back = middle
    return back


def _on_the_wall(instant: datetime, zone: ZoneInfo) -> datetime:
    # By way of UTC: Python would keep a reading of the same zone that the clocks skip.
    return instant.astimezone(UTC).astimezone(zone)


def _first_date(instant: datetime, zone: ZoneInfo) -> str:
    """The first date that begins at the instant or after it.

    A date is its midnight, and where clocks skip that, the moment at which they do.
    """
    reading = _on_the_wall(instant, zone)
    date = reading.date()
    midnight = datetime.combine(date, time(), zone)
    begins = reading.time() == time() or midnight.timestamp() >= instant.timestamp()
    return str(date if begins else date + timedelta(days=1))


def _epoch(instant: datetime, unit: str) -> int:
    return int(instant.timestamp()) * (1000 if unit == "ms" else 1)
