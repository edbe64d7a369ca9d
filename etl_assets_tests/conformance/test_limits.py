"""Charter: the few things that a value's text cannot say, each pinned so that the docs stay true.

Nothing here is lost by the product: the server itself gives the same text for two values.
"""

import pytest

from etl_assets.csv_format import CsvFormat
from etl_assets_tests.conformance.round_trip import Outcome, RoundTrip


def differing(outcome: Outcome) -> list[tuple[int, str | None, str | None]]:
    """The cells that differ, without their column."""
    return [(each.key, each.source, each.copy) for each in outcome.differences]


def only(round_trip: RoundTrip, kind: str, *values: str) -> Outcome:
    """The round trip of a table with one column."""
    return round_trip.of_rows([kind], [[value] for value in values])


def test_a_set_with_an_empty_member_shows_it_as_the_empty_set(round_trip: RoundTrip) -> None:
    outcome = only(round_trip, "set('','a')", "0", "1", "2", "3")
    assert differing(outcome) == [(1, "1 ", "0 "), (3, "3 61", "2 61")]


def test_an_enum_shows_what_is_none_of_its_members_as_the_empty_member(
    round_trip: RoundTrip,
) -> None:
    outcome = only(round_trip, "enum('a','')", "'a'", "''", "'neither'")
    assert differing(outcome) == [(2, "0 ", "2 ")]
    # Where no member is empty there is nothing to confuse it with.
    assert only(round_trip, "enum('a')", "'a'", "'neither'").differences == []


def test_a_json_document_forgets_which_scalars_were_of_sql(round_trip: RoundTrip) -> None:
    if round_trip.server.is_mariadb:
        pytest.skip("MariaDB keeps a document as its text")
    outcome = only(
        round_trip,
        "json",
        "CAST(CAST('2022-01-02' AS DATE) AS JSON)",
        "CAST(1.50 AS JSON)",
        "CAST(x'00FF' AS JSON)",
    )
    kinds = [(str(mine).split()[0], str(its).split()[0]) for _, mine, its in differing(outcome)]
    assert kinds == [("DATE", "STRING"), ("DECIMAL", "DOUBLE"), ("BLOB", "STRING")]


def test_mariadb_shows_the_coordinate_minus_zero_as_zero(round_trip: RoundTrip) -> None:
    outcome = only(round_trip, "point", "POINT(-0e0, 1)", "POINT(0, 1)")
    head, zero, minus, one = "000000000101000000", "00" * 8, "00" * 7 + "80", "000000000000F03F"
    expected = [(0, head + minus + one, head + zero + one)]
    assert differing(outcome) == (expected if round_trip.server.is_mariadb else [])


def test_load_data_takes_the_default_token_for_the_empty_string(round_trip: RoundTrip) -> None:
    outcome = round_trip.of_rows(["text", "int"], [["''", "0"], ["NULL", "NULL"]], CsvFormat())
    assert differing(outcome) == [(1, None, ""), (1, None, "30")]


def test_load_data_tells_the_word_null_from_null_by_its_quotes(round_trip: RoundTrip) -> None:
    assert only(round_trip, "text", "'NULL'", "NULL", "'null'", "''").differences == []


def test_a_backslash_in_sjis_comes_back_as_the_wide_one(round_trip: RoundTrip) -> None:
    outcome = only(round_trip, "varchar(9) character set sjis", "x'5C'", "x'815F'")
    assert differing(outcome) == [(0, "5C", "815F")]
