"""Rows to CSV by either encoder, against the conventions written the plain way."""

import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymysql.err import InternalError, OperationalError

from etl_assets.csv_format import CsvFormat
from etl_assets.extract.broken_stream import NotUtf8Error
from etl_assets_tests.support.certificates import make_certificate
from etl_assets_tests.support.encoding import encoder_by, formats, free_texts, tables
from etl_assets_tests.support.packets_of import (
    EOF,
    MAX_PAYLOAD,
    Row,
    packets_of,
    reader_of,
    result_of,
)

pytestmark = pytest.mark.parametrize("way", ["kernel", "numpy"])

ERROR = b"\xff\x25\x05#70100Query execution was interrupted"


def encoded(
    way: str,
    stream: bytes,
    binary: Sequence[bool],
    csv_format: CsvFormat | None = None,
    sizes: Sequence[int] = (1 << 30,),
    block_bytes: int = 1 << 20,
) -> bytes:
    """The stream's rows as CSV."""
    encoder = encoder_by(way, binary, csv_format, block_bytes=block_bytes)
    return b"".join(block.data for block in encoder.blocks(reader_of(stream, sizes)))


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
    way: str,
    table: tuple[list[bool], list[Row]],
    csv_format: CsvFormat,
    sizes: list[int],
    block_bytes: int,
) -> None:
    binary, rows = table

    data = encoded(way, result_of(rows), binary, csv_format, sizes, block_bytes)

    assert data == plainly(rows, binary, csv_format)


@pytest.mark.parametrize("size", [250, 251, 252, 65_535, 65_536, 2**24 - 1, 2**24])
@pytest.mark.parametrize("byte", [b"a", b'"', b"\n"])
def test_a_value_of_any_length_keeps_its_bytes(way: str, size: int, byte: bytes) -> None:
    rows: list[Row] = [(b"before", b""), (byte * size, None), (b"x", byte * size), (None, b"after")]

    data = encoded(way, result_of(rows), [False, False], CsvFormat(), block_bytes=1 << 18)

    assert data == plainly(rows, [False, False], CsvFormat())


def test_many_values_with_quotes_are_encoded_as_few_are(way: str) -> None:
    # More places than values, and fewer: each has its own way of searching.
    dense: list[Row] = [(b'{"a": "b", "c": ["d"]}', b"1", b"plain")] * 50
    sparse: list[Row] = [(b"plain", b"1", b"a,b"), *[(b"plain", b"1", b"plain")] * 50]

    for rows in (dense, sparse):
        data = encoded(way, result_of(rows), [False] * 3, CsvFormat())
        assert data == plainly(rows, [False] * 3, CsvFormat())


def test_a_row_of_four_thousand_columns_is_encoded(way: str) -> None:
    row: Row = [None if i % 5 == 0 else b"" if i % 7 == 0 else b"v,%d" % i for i in range(4096)]

    data = encoded(way, result_of([row] * 20), [False] * 4096, CsvFormat(), block_bytes=1 << 16)

    assert data == plainly([row] * 20, [False] * 4096, CsvFormat())


@pytest.mark.parametrize(
    "value", [b"\xff", b"\xf5", b"caf\xe9", b"\xc0\x80", b"\xed\xa0\x80", b"\xe6\xb1"]
)
def test_text_that_is_not_utf8_is_refused_with_its_column(way: str, value: bytes) -> None:
    rows: list[Row] = [(b"1", "汉".encode(), b"z"), (b"2", b"a" + value, b"z")]

    with pytest.raises(NotUtf8Error) as caught:
        encoded(way, result_of(rows), [False] * 3, CsvFormat())

    assert (caught.value.column, caught.value.value) == (1, b"a" + value)


def test_two_values_that_are_utf8_only_together_are_refused(way: str) -> None:
    first, second = "汉".encode()[:1], "汉".encode()[1:]

    with pytest.raises(NotUtf8Error) as caught:
        encoded(way, result_of([(first, second)]), [False, False], CsvFormat())

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
def test_a_packet_that_is_no_row_of_the_table_is_refused(way: str, payload: bytes) -> None:
    stream = packets_of([b"\x01a\x01b", payload, b"\x01a\x01b", EOF])

    with pytest.raises(InternalError, match="2 columns"):
        encoded(way, stream, [False, False], CsvFormat())


def test_what_is_given_stays_as_it_is(way: str) -> None:
    encoder = encoder_by(way, [False], block_bytes=20)

    blocks = list(encoder.blocks(reader_of(result_of([(b"abc",)] * 9), (5,))))

    assert sum(block.rows for block in blocks) == 9
    assert len(blocks) > 1
    assert b"".join(block.data for block in blocks) == b"abc\n" * 9
    assert encoder.last == EOF


# The packets


@pytest.mark.parametrize("extra", [-1, 0, 1, MAX_PAYLOAD])
@pytest.mark.parametrize("block_bytes", [100, 1 << 25])
def test_a_row_beyond_16_mib_is_put_together_from_its_packets(
    way: str, extra: int, block_bytes: int
) -> None:
    # The row in front leaves the long one beginning in the middle of the buffer.
    rows: list[Row] = [(b"a",), (b"0123456789" * ((MAX_PAYLOAD + extra) // 10),), (b"b",)]

    data = encoded(
        way,
        result_of(rows),
        [False],
        sizes=(3, 1 << 16, 1 << 30),
        block_bytes=block_bytes,
    )

    assert data == plainly(rows, [False], CsvFormat())


def test_rows_in_front_of_an_error_are_given(way: str) -> None:
    encoder = encoder_by(way, [False])
    stream = result_of([(b"a",), (b"b",)], end=ERROR)

    assert [block.data for block in encoder.blocks(reader_of(stream, (4,)))]
    assert encoder.last == ERROR


def test_a_shutdown_after_the_last_packet_does_not_hide_it(way: str) -> None:
    encoder = encoder_by(way, [False])
    stream = result_of([(b"a",)]) + packets_of([ERROR], first=2)

    assert [block.rows for block in encoder.blocks(reader_of(stream, (1 << 20,)))] == [1]
    assert encoder.last == EOF


def test_a_connection_that_ends_in_a_row_is_lost(way: str) -> None:
    stream = memoryview(result_of([(b"a",), (b"abcde",)])[:-12])

    def read_into(target: memoryview) -> int:
        nonlocal stream
        taken, stream = stream[: len(target)], stream[len(target) :]
        target[: len(taken)] = taken
        return len(taken)

    with pytest.raises(OperationalError, match="Lost connection") as caught:
        list(encoder_by(way, [False]).blocks(read_into))
    assert caught.value.args[0] == 2013


def test_a_socket_that_fails_is_a_lost_connection(way: str) -> None:
    def read_into(target: memoryview) -> int:
        raise TimeoutError("timed out")

    with pytest.raises(OperationalError, match="timed out") as caught:
        list(encoder_by(way, [False]).blocks(read_into))
    assert caught.value.args[0] == 2013


@pytest.mark.parametrize("block_bytes", [1, 1000])
def test_a_packet_out_of_order_is_refused(way: str, block_bytes: int) -> None:
    stream = packets_of([b"\x01a"], first=255) + packets_of([b"\x01b", EOF], first=7)
    encoder = encoder_by(way, [False], sequence=255, block_bytes=block_bytes)

    with pytest.raises(InternalError, match="got 7 expected 0"):
        list(encoder.blocks(reader_of(stream, (1 << 20,))))


def test_a_packet_of_a_long_row_out_of_order_is_refused(way: str) -> None:
    stream = bytearray(result_of([(bytes(MAX_PAYLOAD),)]))
    stream[4 + MAX_PAYLOAD + 3] = 9

    with pytest.raises(InternalError, match="got 9 expected 1"):
        encoded(way, bytes(stream), [True])


def test_a_packet_numbered_zero_is_a_server_that_shuts_down(way: str) -> None:
    stream = packets_of([b"\x01a"], first=5) + packets_of([ERROR], first=0)

    with pytest.raises(OperationalError, match="Lost connection"):
        list(encoder_by(way, [False], sequence=5).blocks(reader_of(stream, (1 << 20,))))


@pytest.fixture
def tls_pair(tmp_path: Path) -> Iterator[tuple[ssl.SSLSocket, ssl.SSLSocket]]:
    """Both ends of an encrypted connection."""
    key, certificate = make_certificate(tmp_path)
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate, key)
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False
    client_context.verify_mode = ssl.CERT_NONE
    left, right = socket.socketpair()
    with ThreadPoolExecutor(1) as pool:
        accepted = pool.submit(server_context.wrap_socket, left, server_side=True)
        with client_context.wrap_socket(right) as client, accepted.result() as server:
            yield server, client


def test_rows_come_through_tls(way: str, tls_pair: tuple[ssl.SSLSocket, ssl.SSLSocket]) -> None:
    server, client = tls_pair
    rows: list[Row] = [(b"abc",), (b"y" * (1 << 15),), (b"z",)] * 50
    encoder = encoder_by(way, [False], block_bytes=100_000)
    read_into: Callable[[memoryview], int] = client.recv_into
    with ThreadPoolExecutor(1) as pool:
        # No end of the stream follows: the encoder must know from the packets that all is read.
        sent = pool.submit(server.sendall, result_of(rows))
        blocks = list(encoder.blocks(read_into))
        sent.result()

    assert sum(block.rows for block in blocks) == len(rows)
    assert encoder.last == EOF
