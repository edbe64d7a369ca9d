"""Whether a key can be one of a logical table's windows, told without Dagster.

Whether the window has ended is not asked: `verify` looks for files, not at the clock.
"""

from etl_assets.errors import UsageError
from etl_assets.tables.partition_keys import start_of
from etl_assets.tables.topology import LogicalTable

_EXPECTED = {
    "hour": "the start of an hour such as 2026-11-02-13:00",
    "day": "a day such as 2026-11-02",
    "week": "a Monday such as 2026-11-02",
    "month": "the first day of a month such as 2026-11-01",
}


def refuse_impossible_key(table: LogicalTable, key: str) -> None:
    """Refuse a key that is not the exact start of a window, or comes before the first one.

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
