"""Which tables are taken for shards of one, and what the logical table is called."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_assets.config.model import RESERVED_TABLES
from etl_assets.tables.columns import Column
from etl_assets.tables.families import FoundTable, families
from etl_assets_tests.support.found import CREATED, ID, found

OTHERS = tuple(Column(name, "int") for name in "abc")


def told(*names: str) -> dict[str, list[str]]:
    """The families by name; what is in none stands under an empty one."""
    made, single = families(map(found, names))
    return {
        **{family.name: [f"{t.database}.{t.name}" for t in family.tables] for family in made},
        **({"": [f"{t.database}.{t.name}" for t in single]} if single else {}),
    }


@pytest.mark.parametrize(
    "families_of",
    [
        {"orders": ["s_0.orders_2", "s_0.orders_10", "s_1.orders_20"], "": ["s_0.config"]},
        {"users": ["shop_00.users", "shop_01.users"], "": ["shop.users"]},
        {"log": ["s.log_202412", "s.log_202501"], "": ["s.log_2025_bak"]},
        # A number that all have is a part of the name.
        {"orders_v2": ["s.orders_v2_0", "s.orders_v2_1"], "": ["s.mp3"]},
        {"archive_orders": ["archive.orders_0", "archive.orders_1"],
         "shop_orders": ["shop.orders_0", "shop.orders_1"]},
        {"orders_items": ["s.orders_0_items", "s.orders_1_items"]},
        {"mysql_2": ["s.mysql_0", "s.mysql_1"], "t_d": ["s.t_1d", "s.t_2d"]},
        # Folders of some file systems would be one.
        {"s_t": ["s.t_0", "s.t_1", "s.t_2"], "s_T_2": ["s.T_0", "s.T_1"]},
        # Nothing is left of the tables' names.
        {"db": ["db.订单_0", "db.订单_1"], "table": ["库.0", "库.1"]},
    ],
)  # fmt: skip
def test_names_that_differ_in_numbers_alone_are_shards(families_of: dict[str, list[str]]) -> None:
    assert told(*(name for names in families_of.values() for name in names)) == families_of


def test_shards_may_be_spread_over_hosts() -> None:
    (family,), _ = families(
        [found("s_1.t_1", host="b"), found("s_0.t_0"), found("s_1.t_0", host="b")]
    )
    assert family.names == {"a": [("s_0", "t_0")], "b": [("s_1", "t_0"), ("s_1", "t_1")]}


def test_tables_with_other_columns_are_no_shards() -> None:
    made, single = families(
        [found(f"s.t_{number}", CREATED) for number in range(3)]
        + [found(f"s.t_{number}", *OTHERS) for number in (7, 8)]
        + [found("s.t_9", *(Column(name, "int") for name in "xyz"))]
    )
    assert [(family.name, len(family.tables)) for family in made] == [("s_t", 3), ("s_t_2", 2)]
    assert list(map(str, single)) == ["a.s.t_9"]


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
stems = names | st.sampled_from(["sqlite", "Orders", "orders", "orders_2", "_", "9"])


@given(st.sets(st.tuples(names, stems), min_size=1, max_size=6))
def test_every_family_has_a_name_that_a_logical_table_may_have(given: set[tuple[str, str]]) -> None:
    tables = [
        FoundTable("a", database, f"{stem}_{number}", (ID,))
        for database, stem in given
        for number in range(2)
    ]
    made, single = families(tables)
    assert single == []
    assert sum(len(family.tables) for family in made) == len(tables)
    assert len({family.name.casefold() for family in made}) == len(made)
    for family in made:
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", family.name)
        assert family.name not in RESERVED_TABLES
