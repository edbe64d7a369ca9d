"""The keys that `verify` takes are those that Dagster gives a cadence."""

from pathlib import Path

import pytest

from etl_assets.defs.partitions import partitions_of
from etl_assets.errors import UsageError
from etl_assets.tables.partition_keys import refuse_impossible_key
from etl_assets.tables.topology import LogicalTable, load_topology
from etl_assets_tests.support.shop import Shop
from etl_assets_tests.support.wrong_configurations import partition


def table_of(
    folder: Path, every: str, start: str = "2026-03-03", zone: str = "UTC"
) -> LogicalTable:
    """Orders of a cadence."""
    shop = Shop(folder)
    settings = f'every: {every}, start: "{start}", timezone: {zone}, column: created_at'
    shop.configure(partition(f"{{{settings}}}"))
    (table,) = load_topology(shop.config)
    return table


@pytest.mark.parametrize("every", ["hour", "day", "week", "month"])
@pytest.mark.parametrize(
    "zone",
    ["UTC", "Asia/Kolkata", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"],
)
def test_every_key_of_a_cadence_is_one(tmp_path: Path, every: str, zone: str) -> None:
    # Clocks change on the way, twice.
    table = table_of(tmp_path, every, "2026-03-03 05:00" if every == "hour" else "2026-03-03", zone)
    keys = partitions_of(table).get_partition_keys()
    assert len(keys) > 6
    for key in keys:
        refuse_impossible_key(table, key)


@pytest.mark.parametrize(
    ("every", "key", "wanted"),
    [
        ("day", "2026-03-02", "a day such as 2026-11-02, from 2026-03-03 on"),
        ("day", "2026-02-30", "a day"),
        ("day", "2026-3-4", "a day"),
        ("day", "20260304", "a day"),
        ("day", "2026-03-04-00:00", "a day"),
        ("day", "2026-03-04.sample", "a day"),
        ("day", "../2026-03-04", "a day"),
        ("day", "٢٠٢٦-03-04", "a day"),
        ("day", "", "a day"),
        ("week", "2026-03-10", "a Monday such as"),
        ("week", "2026-03-02", "from 2026-03-03 on"),
        ("month", "2026-04-02", "the first day of a month such as"),
        ("month", "2026-03-01", "from 2026-03-03 on"),
        ("hour", "2026-03-04", "the start of an hour such as 2026-11-02-13:00"),
        ("hour", "2026-03-04-13:30", "the start of an hour"),
        ("hour", "2026-03-04-24:00", "the start of an hour"),
        ("hour", "2026-03-04-13:00+0100", "the start of an hour"),
        ("hour", "2026-03-29-02:00", "the start of an hour"),
        ("hour", "2026-03-02-23:00", "from 2026-03-03 on"),
    ],
)
def test_any_other_key_is_refused_with_what_was_wanted(
    tmp_path: Path, every: str, key: str, wanted: str
) -> None:
    table = table_of(tmp_path, every, zone="Europe/Berlin")
    with pytest.raises(UsageError) as refusal:
        refuse_impossible_key(table, key)
    assert f"orders: partition {key!r}: expected " in str(refusal.value)
    assert wanted in str(refusal.value)
