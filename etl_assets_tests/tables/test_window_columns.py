"""Which columns are proposed for windows, and in which order."""

import pytest

from etl_assets.tables.columns import Column
from etl_assets.tables.window_columns import window_columns
from etl_assets_tests.support.found import CREATED, found


def column(text: str) -> Column:
    """A column by `name type`, or `name type NULL`."""
    name, kind, *null = text.split(" ")
    return Column(name, kind, nullable=bool(null))


def proposed(*columns: str, indexed: str = "") -> list[str]:
    """The candidates of a table; the one for windows has an exclamation mark."""
    table = found("s.t", *map(column, columns), indexed=frozenset(indexed.split()))
    return [f"{c.column.name}{'!' * c.fits}" for c in window_columns([table])]


@pytest.mark.parametrize(
    ("columns", "candidates"),
    [
        (["updated_at datetime", "created_at datetime(6)"], ["created_at!", "updated_at!"]),
        (["paid_at datetime NULL", "createTime timestamp"], ["createTime!", "paid_at"]),
        (["gmt_create datetime NULL", "gmt_modified datetime"], ["gmt_create!", "gmt_modified!"]),
        (["f_order_time datetime", "start_time datetime"], ["f_order_time!", "start_time!"]),
        (["paid_at datetime NULL", "update_time datetime"], ["update_time!", "paid_at"]),
        (["born_on date", "expires_at datetime", "last_login datetime"],
         ["born_on", "expires_at", "last_login"]),
        (["dt date"], ["dt!"]),
        (["created_at bigint", "add_count int", "user_id int", "is_at tinyint"], ["created_at"]),
        (["created_at varchar(20)", "at time", "y year"], []),
    ],
)  # fmt: skip
def test_the_time_of_a_row_is_told_by_names_and_types(
    columns: list[str], candidates: list[str]
) -> None:
    assert proposed(*columns) == candidates


def test_of_two_columns_alike_the_one_with_an_index_comes_first() -> None:
    columns = ("created_at datetime", "order_time datetime")
    assert proposed(*columns) == ["created_at!", "order_time!"]
    assert proposed(*columns, indexed="order_time") == ["order_time!", "created_at!"]


@pytest.mark.parametrize(
    ("text", "unit"),
    [("create_time int", "s"), ("ctime bigint", "ms"), ("created_ts bigint", "s")],
)
def test_integers_are_proposed_with_a_unit(text: str, unit: str) -> None:
    (candidate,) = window_columns([found("s.t", column(text))])
    assert (candidate.unit, candidate.fits) == (unit, False)
    assert str(candidate).endswith(f", NOT NULL, no index begins with it, unit: {unit})")


def test_a_column_is_one_that_all_shards_have() -> None:
    one, other = found("s.t_0", CREATED), found("s.t_1")
    assert window_columns([one, one, other]) == []
    indexed = found("s.t_1", CREATED, indexed=frozenset({"created_at"}))
    (candidate,) = window_columns([one, indexed])
    assert str(candidate) == "created_at (datetime, NOT NULL, indexed in 1 of 2 shards)"
    stamp = Column("created_at", "timestamp", nullable=False)
    assert window_columns([one, found("s.t_1", stamp)]) == []
