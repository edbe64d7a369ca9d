"""Names to patterns, which give just these names again."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from etl_assets.tables.folding import TableName, cut, fold, joined
from etl_assets.tables.topology import table_names

texts = st.text(st.sampled_from("a_-0129. ${},\\>'\"[]~表é\n"), min_size=1, max_size=8)
anything = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
numbers = st.integers(0, 120)
numbered = st.builds(
    lambda text, number, width, end: f"{text}{number:0{width}}{end}",
    st.sampled_from(["t_", "orders", "a$", "a$->", "x.", "{", "表_"]),
    numbers,
    st.sampled_from([1, 2, 3]),
    st.sampled_from(["", "_b", ".", "}"]),
)


def names_of(patterns: list[str]) -> list[TableName]:
    """All names that patterns give."""
    return [name for pattern in patterns for name in table_names(pattern)]


@given(
    st.sets(
        st.tuples(numbered | texts, numbered | texts) | st.tuples(anything, anything),
        min_size=1,
        max_size=40,
    )
)
@example({("a$->{0..3}", "b"), ("a$", "${1}")})
@example({("s", f"{text}{number}") for text in ("a$", "a$->") for number in "01"})
@example({("s", "t_8"), ("s", "t_9"), ("s", "t_10"), ("s", "t_08")})
def test_patterns_give_just_the_names_that_they_were_made_of(names: set[TableName]) -> None:
    given_back = names_of(fold(names))
    assert len(given_back) == len(names)
    assert set(given_back) == names
    assert all(joined(*cut(name)) == name for name in names)


def grid(databases: range, tables: range, width: int = 2) -> set[TableName]:
    """Every table in every database."""
    return {(f"shop_{d:0{width}}", f"orders_{t:0{width}}") for d in databases for t in tables}


@pytest.mark.parametrize(
    ("names", "patterns"),
    [
        (grid(range(4), range(64)), ["shop_{00..03}.orders_{00..63}"]),
        (
            grid(range(1), range(16)) | grid(range(1, 2), range(16, 32)),
            ["shop_00.orders_{00..15}", "shop_01.orders_{16..31}"],
        ),
        (
            grid(range(2), range(4)) - {("shop_01", "orders_02")},
            ["shop_00.orders_{00..03}", "shop_01.orders_{00,01,03}"],
        ),
        (grid(range(1), range(12), width=1), ["shop_0.orders_{0..11}"]),
        (
            {("shop", f"log_{year}{month:02}") for year in (2025, 2026) for month in range(1, 13)},
            ["shop.log_{{202501..202512},{202601..202612}}"],
        ),
        ({("shop", "a"), ("shop", "b")}, ["shop.a", "shop.b"]),
        ({("my.db", "odd{1}")}, [r"my\.db.odd\{1\}"]),
        # Folded table by table it takes one pattern less than database by database.
        (
            {("s_0", "t_1"), ("s_2", "t_1"), ("s_1", "t_2"), ("s_2", "t_2")},
            ["s_{0,2}.t_1", "s_{1..2}.t_2"],
        ),
    ],
)
def test_patterns_are_few_and_read_well(names: set[TableName], patterns: list[str]) -> None:
    assert fold(names) == patterns
