"""Charter: every character of every character set, and what comes of those that Unicode lacks.

A row holds one character in its own bytes. A legacy character set has codes that the server does
not map to Unicode, which it sends as `?`, and pairs of codes for one character, of which LOAD DATA
writes one. Both kinds are counted here, and docs/types.md names them.
"""

from collections.abc import Iterable
from itertools import chain, product

import pytest

from etl_assets.errors import ShardError
from etl_assets_tests.conformance.character_sets import DOUBLE, SINGLE, Lost
from etl_assets_tests.conformance.round_trip import RoundTrip, insert
from etl_assets_tests.conformance.values import bytes_literal, text_literal


def test_every_byte_of_the_single_byte_character_sets_is_written_as_its_character(
    round_trip: RoundTrip,
) -> None:
    columns = ", ".join(f"{name} char(1) character set {name}" for name in SINGLE)
    with round_trip.cursor() as cursor:
        cursor.execute(f"CREATE TABLE source (id int primary key, {columns})")
        insert(cursor, "source", ([bytes_literal(bytes([n]))] * len(SINGLE) for n in range(256)))
    assert lost(round_trip, SINGLE) == SINGLE


@pytest.mark.parametrize("name", DOUBLE)
def test_every_code_of_the_wider_character_sets_is_written_as_its_character(
    round_trip: RoundTrip, name: str
) -> None:
    codes = _codes(name)
    assert only_these(round_trip, name, codes) > 6000
    assert lost(round_trip, [name]) == {name: DOUBLE[name]}


def test_gb18030_comes_back_whole(round_trip: RoundTrip) -> None:
    if round_trip.server.is_mariadb:
        pytest.skip("MariaDB does not know gb18030")
    assert only_these(round_trip, "gb18030", _codes("gbk")) > 20_000
    assert lost(round_trip, ["gb18030"]) == {"gb18030": (0, 0)}


def test_every_character_of_unicode_comes_back_in_every_encoding_of_it(
    round_trip: RoundTrip,
) -> None:
    runs = (
        "".join(map(chr, range(first, first + 64)))
        for first in range(0, 0x110000, 64)
        if not 0xD800 <= first < 0xE000
    )
    encodings = ("utf8mb4", "utf16", "utf16le", "utf32")
    basic = ("utf8mb3", "ucs2")
    columns = ", ".join(f"{name} varchar(64) character set {name}" for name in (*encodings, *basic))
    with round_trip.cursor() as cursor:
        cursor.execute(f"CREATE TABLE source (id int primary key, {columns})")
        nulls = ["NULL"] * 5
        insert(cursor, "source", ([text_literal(run), *nulls] for run in runs))
        cursor.execute("UPDATE source SET " + ", ".join(f"{n} = utf8mb4" for n in encodings[1:]))
        cursor.execute(
            "UPDATE source SET utf8mb3 = utf8mb4, ucs2 = utf8mb4 WHERE id < "
            f"{(0x10000 - 0x800) // 64}"
        )
    outcome = round_trip.of_table("source")
    assert outcome.differences == []
    assert outcome.present == (0x110000 - 0x800) // 64 * 5 + (0x10000 - 0x800) // 64 * 2


def test_half_a_pair_of_surrogates_is_refused_and_not_replaced(round_trip: RoundTrip) -> None:
    with round_trip.cursor() as cursor:
        cursor.execute("CREATE TABLE source (id int primary key, c char(1) character set ucs2)")
        cursor.execute("INSERT INTO source VALUES (1, x'D800')")
    with pytest.raises(ShardError, match="column 'c': expected text that is UTF-8"):
        round_trip.of_table("source")


def only_these(round_trip: RoundTrip, name: str, codes: Iterable[bytes]) -> int:
    """Make a table of those codes that are one character each; gives how many they are."""
    every = list(codes)
    with round_trip.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE source (id int primary key, {name} varchar(4) character set {name})"
        )
        insert(cursor, "source", ([bytes_literal(code)] for code in every))
        cursor.execute(f"SELECT id, HEX({name}) FROM source WHERE CHAR_LENGTH({name}) = 1")
        kept = [key for key, code in cursor.fetchall() if bytes.fromhex(str(code)) == every[key]]
        cursor.execute(f"DELETE FROM source WHERE id NOT IN ({', '.join(map(str, kept))})")
    return len(kept)


def lost(round_trip: RoundTrip, names: Iterable[str]) -> dict[str, Lost]:
    """What a round trip of a table makes of the characters of its columns."""
    round_trip.of_table("source")
    with round_trip.cursor() as cursor:
        found = {}
        for name in names:
            mine, its = (f"CONVERT({table}.{name} USING utf8mb4)" for table in "st")
            differs = f"HEX(s.{name}) <> HEX(t.{name})"
            cursor.execute(
                f"SELECT COUNT(*), SUM({differs} AND {its} = '?'), "
                f"SUM({differs} AND {its} <> '?'), "
                f"SUM({mine} <> {its} COLLATE utf8mb4_bin) FROM source s JOIN copy t USING (id)"
            )
            rows, unmapped, other, wrong = map(int, cursor.fetchone() or ())
            # Whatever differs in its bytes is the same text to the server.
            assert rows
            assert wrong == 0
            found[name] = (unmapped, other)
    return found


def _codes(name: str) -> Iterable[bytes]:
    single = (bytes([byte]) for byte in range(256))
    if name in ("ujis", "eucjpms"):
        pairs = [bytes(pair) for pair in product(range(0x80, 0xFF), range(0xA0, 0xFF))]
        return chain(single, pairs, (b"\x8f" + pair for pair in pairs))
    return chain(single, (bytes(pair) for pair in product(range(0x81, 0xFF), range(0x30, 0xFF))))
