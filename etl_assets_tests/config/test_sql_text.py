"""A condition that is accepted never gets out of the brackets that are put around it."""

import sqlite3
from collections.abc import Callable

import pymysql
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from etl_assets.config.sql_text import BackendName, condition_problem
from etl_assets_tests.support.servers import Server

PIECES = [
    "(", ")", "'", '"', "`", "[", "]", "\\", "''", '""', "\\'", '\\"', "--", "-- ", "#", "/*", "*/",
    "/*!", ";", "$$", "$a$", "\n", "\0", "1", "0=0", " or ", " or 1=1", " and ", "a", "x'", "N'",
    "@", ":", "?", "é", " ", "=", "{", "}", "_utf8mb4", "union select 1", ",", "%", "\\N",
]  # fmt: skip
"""What quotes, comments and brackets are made of, and something to say between them."""

HIDING = [
    "-- {}\n", "--{}\n", "--\t{}\n", "# {}\n", "/*{}*/", "/*!99999 {}*/", "or '{}'=''", 'or "{}"=a',
    "or '\\'{}'=''", "or 'a''{}'=''", "or `{}`=1", "or [{}]=1", "{}",
]  # fmt: skip
"""Ways to keep a bracket from being one."""

PARTS = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
# Whoever counts a hidden bracket takes the other two for a pair of the condition's own.
ESCAPING = st.builds(
    lambda one, other: f"1=1 {one.format('(')} ) or (1=1 {other.format(')')} ",
    st.sampled_from(HIDING),
    st.sampled_from(HIDING),
)
CONDITIONS = st.one_of(ESCAPING, PARTS, st.builds("{}({}){}".format, PARTS, PARTS, PARTS))

SELECT = "SELECT 1 FROM (SELECT 1 AS a, 1 AS `(`, 1 AS `)`) AS t WHERE"

Run = Callable[[str], object]


def _holds(run: Run, backend: BackendName, condition: str) -> bool:
    """Whether no row comes of an accepted condition beside one that is never true."""
    if condition_problem(condition, backend) is not None:
        return True
    try:
        return not run(f"{SELECT} ({condition}\n) AND 1=0")
    except (pymysql.Error, sqlite3.Error, sqlite3.Warning):
        return True


@pytest.mark.parametrize(
    ("condition", "backend", "is_whole"),
    [
        ("status <> 'draft' and id % 2 = 0", "mysql", True),
        ('(a = \')\' or b = "it""s (") and `c``(` = 1', "mysql", True),
        ("a = '\\') or (1'", "mysql", True),
        ("a = '\\') or (1", "mysql", False),
        ("a$b = 1 and _utf8mb4'x' = c and @a = 1", "mysql", True),
        ("$$ ( $$ ) or ( $$ ) $$", "mysql", False),
        ("1 -- )", "mysql", True),
        ("(1 # (\n)", "mysql", True),
        ("1 /* ( */ and 2 - -1 = b --", "mysql", True),
        ("1 --(\n)", "mysql", True),
        ("1 --(", "mysql", False),
        ("1 /* (", "mysql", False),
        ("1 /*M!50000 ) or (1 */", "mysql", False),
        ("1 /*!50000 ) or (1 */", "mysql", False),
        ("a = 1; DROP TABLE t", "mysql", False),
        ("a = '\ud800'", "mysql", False),
        ("a = '\\'", "sqlite", True),
        ("a = 'it''s (' and [b(c] = 1", "sqlite", True),
        ("a = :b(c", "sqlite", False),
        ("1 --(", "sqlite", True),
        ("1 /* ) */", "sqlite", True),
        ("1 # (", "sqlite", False),
    ],
)
def test_brackets_are_told_from_those_in_quotes(
    condition: str, backend: BackendName, is_whole: bool
) -> None:
    assert (condition_problem(condition, backend) is None) is is_whole


def test_no_accepted_condition_leaves_its_brackets_on_the_server(server: Server) -> None:
    with server.connect(sql_mode="") as connection, connection.cursor() as cursor:

        def run(statement: str) -> object:
            cursor.execute(statement.encode())
            return cursor.fetchall()

        # The oracle sees an escape where there is one.
        assert run(f"{SELECT} (1=1) or (1=1\n) AND 1=0")

        @settings(max_examples=500)
        @given(CONDITIONS)
        @example("$$ ( $$ ) or ( $$ ) $$")
        @example("1=1 /*!) or (1=1*/")
        def holds(condition: str) -> None:
            assert _holds(run, "mysql", condition)

        holds()


def test_no_accepted_condition_leaves_its_brackets_in_sqlite() -> None:
    connection = sqlite3.connect(":memory:")
    try:

        def run(statement: str) -> object:
            return connection.execute(statement).fetchall()

        @settings(max_examples=500)
        @given(CONDITIONS)
        def holds(condition: str) -> None:
            assert _holds(run, "sqlite", condition)

        holds()
    finally:
        connection.close()
