"""Charter: the largest values and the smallest table come back whole."""

import pytest

from etl_assets.csv_format import CsvFormat
from etl_assets.tables.columns import Column
from etl_assets_tests.conformance.recipes import load_data
from etl_assets_tests.conformance.round_trip import LOADABLE, RoundTrip


def test_rows_larger_than_a_packet_of_the_protocol_come_back(round_trip: RoundTrip) -> None:
    size = (1 << 24) + 5
    with round_trip.server.changed(max_allowed_packet=64 << 20), round_trip.cursor() as cursor:
        cursor.execute("CREATE TABLE source (id int primary key, t longtext, b longblob)")
        cursor.execute(
            f"INSERT INTO source VALUES (1, REPEAT('x\"', {size // 2}), x'00'), "
            f"(2, 'y', REPEAT(x'00FF', {size // 2})), (3, '', '')"
        )
        outcome = round_trip.of_table("source")
    assert outcome.differences == []
    assert outcome.present == outcome.cells


def test_forty_megabytes_of_bytes_come_back_where_the_server_allows_sixty_four(
    round_trip: RoundTrip,
) -> None:
    # As hex they would be more than what the server's own functions may give.
    csv_format = CsvFormat(null="NULL", binary="base64")
    columns = [Column("id", "int"), Column("b", "longblob")]
    with round_trip.server.changed(max_allowed_packet=64 << 20), round_trip.cursor() as cursor:
        cursor.execute("CREATE TABLE source (id int primary key, b longblob)")
        cursor.execute("CREATE TABLE copy LIKE source")
        cursor.execute(f"INSERT INTO source VALUES (1, REPEAT(x'000A22FF', {10 << 20}))")
        path = round_trip.exported("source", csv_format)
        cursor.execute(load_data(str(path), "copy", columns, csv_format))
        digests = "SELECT id, LENGTH(b), SHA2(b, 256) FROM {}"
        cursor.execute(digests.format("source"))
        source = cursor.fetchall()
        cursor.execute(digests.format("copy"))
        assert cursor.fetchall() == source
        assert source[0][1] == 40 << 20


@pytest.mark.parametrize("kind", ["text", "int", "blob"])
def test_a_table_of_one_column_keeps_its_nulls(round_trip: RoundTrip, kind: str) -> None:
    with round_trip.cursor() as cursor:
        cursor.execute(f"CREATE TABLE source (v {kind})")
        cursor.execute("CREATE TABLE copy LIKE source")
        cursor.execute("INSERT INTO source VALUES (NULL), (7), (NULL), (NULL)")
        path = round_trip.exported("source", LOADABLE)
        cursor.execute(load_data(str(path), "copy", [Column("v", kind)], LOADABLE))
        cursor.execute("SELECT HEX(v), COUNT(*) FROM copy GROUP BY v ORDER BY v")
        assert [count for _, count in cursor.fetchall()] == [3, 1]
    by_default = round_trip.exported("source", CsvFormat()).read_bytes()
    assert sorted(by_default.splitlines()[1:]) == [b"", b"", b"", b"37" if kind == "blob" else b"7"]
