"""Charter: tables and columns of any name come back, and so do columns that the server fills."""

import pytest

from etl_assets_tests.conformance.recipes import quoted
from etl_assets_tests.conformance.round_trip import RoundTrip
from etl_assets_tests.support.type_cases import ODD_NAMES

TABLES = (
    "a b", 'qu"ote', "it's", "back`tick", "com,ma", "sla/sh", "back\\slash", "do.t", "..", "汉字",
    "per%cent", "co:lon", "select", "42", "-- c", "*", "new\nline", "x" * 64,
)  # fmt: skip


def test_a_table_of_any_name_comes_back(round_trip: RoundTrip) -> None:
    for name in TABLES:
        with round_trip.cursor() as cursor:
            cursor.execute(f"CREATE TABLE {quoted(name)} (id int primary key, v text)")
            cursor.execute(f"INSERT INTO {quoted(name)} VALUES (1, 'x'), (2, ''), (3, NULL)")
        outcome = round_trip.of_table(name)
        assert (outcome.differences, outcome.present) == ([], 5), name


@pytest.mark.parametrize("kind", ["text", "blob", "bit(9)", "point"])
def test_columns_of_any_name_come_back(round_trip: RoundTrip, kind: str) -> None:
    value = {"text": "'a,b'", "blob": "x'00'", "bit(9)": "257", "point": "POINT(1, 2)"}[kind]
    names = [*ODD_NAMES, *(name for name in TABLES if name not in ODD_NAMES)]
    columns = ", ".join(f"{quoted(name)} {kind}" for name in names)
    with round_trip.cursor() as cursor:
        cursor.execute(f"CREATE TABLE source (id int primary key, {columns})")
        for key, each in ((1, value), (2, "NULL")):
            cursor.execute(f"INSERT INTO source VALUES ({key}{f', {each}' * len(names)})")
    outcome = round_trip.of_table("source")
    assert outcome.differences == []
    assert outcome.present == 2 + len(names)


def test_columns_that_the_server_fills_itself_come_back(round_trip: RoundTrip) -> None:
    with round_trip.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE source (id int primary key, n int, "
            "doubled int AS (n * 2) VIRTUAL, kept bigint AS (n * 3) STORED, "
            "mask bit(4) AS (n & 7) STORED, raw varbinary(9) AS (CAST(n AS CHAR(9))) VIRTUAL, "
            "made varchar(40) DEFAULT (CONCAT('made ', 7)), token varchar(40) DEFAULT (UUID()), "
            "moment timestamp(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6))"
        )
        # ALTER, because the place of the word in CREATE differs between the servers.
        cursor.execute("ALTER TABLE source ADD hidden int INVISIBLE DEFAULT 7")
        cursor.execute("ALTER TABLE source ADD veiled blob INVISIBLE")
        cursor.execute("INSERT INTO source (id, n) VALUES (1, 5), (2, NULL), (3, -1)")
        cursor.execute("UPDATE source SET hidden = NULL, veiled = x'00', made = NULL WHERE id = 3")
    outcome = round_trip.of_table("source")
    assert outcome.differences == []
    assert outcome.cells == 3 * 11
    assert outcome.present == 3 + 2 + 2 * 4 + 2 + 3 + 3 + 2 + 1
