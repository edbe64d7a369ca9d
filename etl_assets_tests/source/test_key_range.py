"""Ranges of a key: wherever they are cut, every row is in one of them, in the key's order."""

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import mysql

from etl_assets.source.key_range import KeyRange

COLUMNS = ("a", "b", "c")
small = st.integers(-3, 3)
rows = st.sets(st.tuples(small, small, small), max_size=40)
keys = st.lists(st.lists(small, min_size=1, max_size=3).map(tuple), max_size=5)


@given(rows=rows, keys=keys)
def test_every_row_is_in_one_range_and_all_come_in_order(
    rows: set[tuple[int, ...]], keys: list[tuple[int, ...]]
) -> None:
    ascending = sorted({key + (-9,) * (3 - len(key)) for key in keys})
    cuts = [tuple(str(value) for value in key if value != -9) for key in ascending]
    found = []
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a INT, b INT, c INT)")
        for row in rows:
            connection.exec_driver_sql("INSERT INTO t VALUES (?, ?, ?)", row)
        for part in KeyRange(COLUMNS).cut(cuts):
            query = sa.select(*part.order).select_from(sa.table("t"))
            query = query.where(*part.conditions).order_by(*part.order)
            found += [tuple(row) for row in connection.execute(query)]
    engine.dispose()
    assert found == sorted(rows)


def test_a_comparison_of_rows_is_written_so_that_an_index_serves_it() -> None:
    part = KeyRange(("tenant", "o`id"), low=("7", "18446744073709551615"), high=("9",))
    text = " AND ".join(
        str(condition.compile(dialect=mysql.dialect())) for condition in part.conditions
    )
    assert text == (
        "`tenant` > 7 OR `tenant` = 7 AND `o``id` >= 18446744073709551615 AND `tenant` < 9"
    )
