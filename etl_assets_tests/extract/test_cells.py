"""Rows to CSV by arrays, against the conventions written the plain way."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymysql.err import InternalError

from etl_assets.csv_format import CsvFormat
from etl_assets.extract.cells import NotUtf8Error, RowEncoder
from etl_assets.extract.packets import PacketReader
from etl_assets_tests.support.packets_of import EOF, Row, packets_of, reader_of, result_of

TOKENS = ["", "NULL", "\\N", "-", "汉", "0"]
DELIMITERS = [",", "\t", ";", "|", "5", "A", " ", "=", "-"]
CORNERS = [
    *"=+-@＝＋－＠",
    "=1+1",
    "-汉",
    "",
    '"',
    '""',
    ",",
    "\r",
    "\n",
    "\0",
    "a",
    "0",
    "汉",
    "\U0010ffff",
    "\x7f",
    *TOKENS,
]

LONG = st.builds(
    lambda char, size: char * size,
    st.sampled_from('a"\n汉'),
    st.integers(80, 90) | st.integers(245, 260),
)
TEXT = (st.sampled_from(CORNERS) | st.text(max_size=12) | LONG).map(str.encode)
RAW = st.binary(max_size=20) | st.integers(245, 260).map(bytes)


@st.composite
def formats(draw: st.DrawFn) -> CsvFormat:
    """Any conventions that are allowed."""
    delimiter = draw(st.sampled_from(DELIMITERS))
    return CsvFormat(
        null=draw(st.sampled_from([token for token in TOKENS if delimiter not in token])),
        delimiter=delimiter,
        quoting=draw(st.sampled_from(["minimal", "all"])),
        binary=draw(st.sampled_from(["hex", "base64"])),
        spreadsheet_safe=draw(st.booleans()),
    )


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[bool], list[Row]]:
    """Which columns are binary, and rows of them."""
    binary = draw(st.lists(st.booleans(), min_size=1, max_size=6))
    row = st.tuples(*[st.none() | (RAW if raw else TEXT) for raw in binary])
    return binary, draw(st.lists(row, max_size=12))


def encoded(
    stream: bytes,
    binary: Sequence[bool],
    csv_format: CsvFormat,
    sizes: Sequence[int] = (1 << 30,),
    block_bytes: int = 1 << 20,
) -> bytes:
    """The stream's rows as CSV."""
    encoder = RowEncoder(binary, csv_format, free_text=free_texts(binary))
    reader = PacketReader(reader_of(stream, sizes), 0, block_bytes)
    return b"".join(map(encoder.encode, reader))


def free_texts(binary: Sequence[bool]) -> list[bool]:
    """Every second column may hold formulas."""
    return [place % 2 == 0 for place in range(len(binary))]


def plainly(rows: Sequence[Row], binary: Sequence[bool], csv_format: CsvFormat) -> bytes:
    """The rows as CSV, one value after the other."""

    def text(value: bytes | None, raw: bool, free: bool) -> str | None:
        if value is None:
            return None
        plain = csv_format.encoded_bytes(value) if raw else value.decode()
        return csv_format.neutral(plain) if free else plain

    return "".join(
        csv_format.record(map(text, row, binary, free_texts(binary))) for row in rows
    ).encode()


@given(
    table=tables(),
    csv_format=formats(),
    sizes=st.lists(st.integers(1, 400), min_size=1, max_size=5),
    block_bytes=st.integers(1, 40) | st.integers(40, 5000),
)
def test_every_table_is_encoded_as_the_conventions_say(
    table: tuple[list[bool], list[Row]],
    csv_format: CsvFormat,
    sizes: list[int],
    block_bytes: int,
) -> None:
    binary, rows = table

    data = encoded(result_of(rows), binary, csv_format, sizes, block_bytes)

    assert data == plainly(rows, binary, csv_format)


@pytest.mark.parametrize("size", [250, 251, 252, 65_535, 65_536, 2**24 - 1, 2**24])
@pytest.mark.parametrize("byte", [b"a", b'"', b"\n"])
def test_a_value_of_any_length_keeps_its_bytes(size: int, byte: bytes) -> None:
    rows: list[Row] = [(b"before", b""), (byte * size, None), (b"x", byte * size), (None, b"after")]

    data = encoded(result_of(rows), [False, False], CsvFormat(), block_bytes=1 << 18)

    assert data == plainly(rows, [False, False], CsvFormat())


def test_many_values_with_quotes_are_encoded_as_few_are() -> None:
    # More places than values, and fewer: each has its own way of searching.
    dense: list[Row] = [(b'{"a": "b", "c": ["d"]}', b"1", b"plain")] * 50
    sparse: list[Row] = [(b"plain", b"1", b"a,b"), *[(b"plain", b"1", b"plain")] * 50]

    for rows in (dense, sparse):
        data = encoded(result_of(rows), [False] * 3, CsvFormat())
        assert data == plainly(rows, [False] * 3, CsvFormat())


def test_a_row_of_four_thousand_columns_is_encoded() -> None:
    row: Row = [None if i % 5 == 0 else b"" if i % 7 == 0 else b"v,%d" % i for i in range(4096)]

    data = encoded(result_of([row] * 20), [False] * 4096, CsvFormat(), block_bytes=1 << 16)

    assert data == plainly([row] * 20, [False] * 4096, CsvFormat())


@pytest.mark.parametrize(
    "value", [b"\xff", b"\xf5", b"caf\xe9", b"\xc0\x80", b"\xed\xa0\x80", b"\xe6\xb1"]
)
def test_text_that_is_not_utf8_is_refused_with_its_column(value: bytes) -> None:
    rows: list[Row] = [(b"1", "汉".encode(), b"z"), (b"2", b"a" + value, b"z")]

    with pytest.raises(NotUtf8Error) as caught:
        encoded(result_of(rows), [False] * 3, CsvFormat())

    assert (caught.value.column, caught.value.value) == (1, b"a" + value)


def test_two_values_that_are_utf8_only_together_are_refused() -> None:
    first, second = "汉".encode()[:1], "汉".encode()[1:]

    with pytest.raises(NotUtf8Error) as caught:
        encoded(result_of([(first, second)]), [False, False], CsvFormat())

    assert caught.value.column == 0


@pytest.mark.parametrize(
    "payload",
    [
        b"\x01a",
        b"\x01a\x01b\x01c",
        b"\x01a\x02b",
        b"\x01a\xfc",
        b"\x01a\xfd\xff\xff\xff",
        b"\x01a\xfe" + b"\xff" * 8,
        b"\x01a\xff",
        b"\xfe\x00\x00\x22\x00\x00\x00\x00\x00",
    ],
)
def test_a_packet_that_is_no_row_of_the_table_is_refused(payload: bytes) -> None:
    stream = packets_of([b"\x01a\x01b", payload, b"\x01a\x01b", EOF])

    with pytest.raises(InternalError, match="2 columns"):
        encoded(stream, [False, False], CsvFormat())


def test_what_is_given_is_bytes_of_its_own() -> None:
    encoder = RowEncoder([False], CsvFormat())
    blocks = [
        encoder.encode(rows)
        for rows in PacketReader(reader_of(result_of([(b"abc",)] * 9), (5,)), 0, block_bytes=20)
    ]

    assert all(isinstance(block, bytes) for block in blocks)
    assert b"".join(blocks) == b"abc\n" * 9
