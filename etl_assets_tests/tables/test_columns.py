"""How the columns of shard tables compare, and what all of them have together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_assets.config import ColumnSelection
from etl_assets.errors import IncompleteError, ShardError
from etl_assets.tables.columns import (
    Column,
    Columns,
    differences,
    selected_columns,
    united_columns,
    usual_columns,
)
from etl_assets.tables.topology import Shard

SHARDS = [Shard("orders", "shop-a", "shop", f"orders_{number}") for number in range(5)]


def columns(text: str) -> Columns:
    """Columns of one type, by the letters of their names."""
    return tuple(Column(letter, "int") for letter in text)


def names(found: Columns) -> str:
    """The names, joined."""
    return "".join(column.name for column in found)


@pytest.mark.parametrize(
    ("type_", "family"),
    [
        ("varchar(10)", "varchar"),
        ("VARCHAR(20)", "varchar"),
        ("decimal(10,2) unsigned", "decimal unsigned"),
        ("bigint(20) unsigned zerofill", "bigint unsigned zerofill"),
        ("enum('a','b)','c''(')", "enum"),
        ("double", "double"),
    ],
)
def test_a_family_leaves_sizes_and_members_out(type_: str, family: str) -> None:
    assert Column("c", type_).family == family


def test_a_display_width_is_none_of_a_member_s() -> None:
    assert Column("c", "int(11) unsigned").without_width.type == "int unsigned"
    member = Column("c", "enum('print(3)')")
    assert member.without_width == member


@pytest.mark.parametrize(
    ("tables", "united"),
    [
        (["abc"], "abc"),
        (["abc", "abc"], "abc"),
        (["ac", "abc"], "abc"),
        (["abc", "ac"], "abc"),
        (["ab", "xab"], "xab"),
        (["ab", "abx", "aby"], "abyx"),
        (["ab", "ba"], "ab"),
        (["ab", "bxa"], "abx"),
        (["", "ab"], "ab"),
    ],
)
def test_a_column_that_only_later_tables_have_follows_the_one_before_it(
    tables: list[str], united: str
) -> None:
    found = united_columns(dict(zip(SHARDS, map(columns, tables), strict=False)))
    assert names(found) == united


@given(st.permutations("abcdefg"), st.integers(1, 5))
def test_a_migration_from_table_to_table_gives_the_final_order_from_its_beginning(
    final: list[str], done: int
) -> None:
    order = "".join(final)
    before = order.replace("d", "")
    tables = [order if number < done else before for number in range(len(SHARDS))]
    for arranged in (tables, tables[::-1]):
        found = united_columns(dict(zip(SHARDS, map(columns, arranged), strict=True)))
        assert names(found) == order


@given(st.lists(st.lists(st.sampled_from("abcdef"), unique=True), max_size=5))
def test_the_union_has_every_column_once_and_the_first_table_s_in_its_order(
    tables: list[list[str]],
) -> None:
    known = [columns("".join(table)) for table in tables]
    found = names(united_columns(dict(zip(SHARDS, known, strict=False))))
    assert sorted(found) == sorted({name for table in tables for name in table})
    if tables:
        assert [name for name in found if name in tables[0]] == tables[0]


def test_names_compare_without_case_and_sizes_do_not_matter_to_a_union() -> None:
    first = (Column("Id", "bigint(20)"), Column("name", "varchar(10)"))
    other = (Column("ID", "bigint"), Column("NAME", "varchar(99)"))
    assert united_columns({SHARDS[0]: first, SHARDS[1]: other}) == first


def test_a_column_of_two_families_has_no_union() -> None:
    tables = {SHARDS[0]: (Column("a", "int"),), SHARDS[1]: (Column("a", "varchar(5)"),)}
    with pytest.raises(IncompleteError, match=r"'a', got int in .*orders_0, varchar\(5\) in"):
        united_columns(tables)


def test_the_usual_columns_are_those_of_most_tables() -> None:
    odd, usual = columns("a"), columns("ab")
    assert usual_columns([odd, usual, usual]) == usual
    assert usual_columns([odd, usual]) == odd
    assert usual_columns([]) == ()


USUAL = (
    Column("id", "int(11)", nullable=False).without_width,
    Column("name", "varchar(10)", nullable=True, charset="utf8mb4"),
    Column("at", "datetime", nullable=True),
)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ((Column("id", "int", nullable=False), *USUAL[1:]), []),
        (USUAL[:2], ["column 'at' is missing"]),
        ((*USUAL, Column("gift", "int")), ["column 'gift' is extra"]),
        (
            (Column("id", "bigint(20)", nullable=False), *USUAL[1:]),
            ["column 'id' is bigint, elsewhere int"],
        ),
        (
            (USUAL[0], Column("name", "varchar(10)", nullable=True, charset="latin1"), USUAL[2]),
            ["column 'name' is in latin1, elsewhere utf8mb4"],
        ),
        (
            (*USUAL[:2], Column("at", "datetime", nullable=False)),
            ["column 'at' is NOT NULL, elsewhere NULL"],
        ),
        (
            (USUAL[1], USUAL[0], USUAL[2]),
            ["its columns stand in another order: name, id, at"],
        ),
        (
            (Column("ID", "int", nullable=False), *USUAL[1:]),
            ["column 'id' is named ID, elsewhere id"],
        ),
    ],
)
def test_every_difference_is_told(changed: Columns, told: list[str]) -> None:
    assert list(differences(USUAL, changed)) == told


def test_a_selection_compares_names_as_the_server_does() -> None:
    found = selected_columns(SHARDS[0], USUAL, ColumnSelection(exclude=("NAME",)))
    assert names(found) == "idat"
    found = selected_columns(SHARDS[0], USUAL, ColumnSelection(include=("AT", "Id")))
    assert names(found) == "idat"
    with pytest.raises(ShardError, match="expected none_such, got id, name, at"):
        selected_columns(SHARDS[0], USUAL, ColumnSelection(include=("id", "none_such")))
