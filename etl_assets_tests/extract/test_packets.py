"""Packets to whole rows, wherever a read ends."""

import io
import socket
import ssl
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pymysql.err import InternalError, OperationalError

from etl_assets.extract.packets import HEADER, PacketReader, _likely_ends, _packet_ends
from etl_assets_tests.support.certificates import make_certificate
from etl_assets_tests.support.packets_of import EOF, MAX_PAYLOAD, packets_of, reader_of

# A row cannot begin with 0xFF, nor with 0xFE unless it is over 16 MiB long.
PAYLOADS = st.lists(st.binary(min_size=1, max_size=60).filter(lambda row: row[0] < 0xFE))
ERROR = b"\xff\x25\x05#70100Query execution was interrupted"


def payloads_read(
    stream: bytes, *, sizes: Sequence[int] = (1 << 30,), first: int = 0, block_bytes: int = 1 << 16
) -> tuple[list[bytes], bytes]:
    """The rows' payloads and the last one."""
    reader = PacketReader(reader_of(stream, sizes), first, block_bytes)
    rows = []
    for block in reader:
        assert len(block.starts) > 1, "an empty block"
        assert len(block.data) == block.starts[-1] + 1
        bounds = zip(block.starts[:-1], block.starts[1:], strict=True)
        rows += [block.data[start + HEADER : end].tobytes() for start, end in bounds]
    return rows, reader.last


@given(
    payloads=PAYLOADS,
    end=st.sampled_from([EOF, ERROR]),
    sizes=st.lists(st.integers(1, 40), min_size=1),
    first=st.integers(0, 255),
    block_bytes=st.integers(1, 200),
)
@example(payloads=[b"\x01a"] * 600, end=EOF, sizes=[7], first=3, block_bytes=50)
def test_rows_are_whole_wherever_reads_and_blocks_end(
    payloads: list[bytes], end: bytes, sizes: list[int], first: int, block_bytes: int
) -> None:
    stream = packets_of([*payloads, end], first)

    read = payloads_read(stream, sizes=sizes, first=first, block_bytes=block_bytes)

    assert read == (payloads, end)


@pytest.mark.parametrize("extra", [-1, 0, 1, MAX_PAYLOAD])
@pytest.mark.parametrize("block_bytes", [100, 1 << 25])
def test_a_row_beyond_16_mib_is_put_together_from_its_packets(extra: int, block_bytes: int) -> None:
    # The row in front leaves the long one beginning in the middle of the buffer.
    long = b"\xfe" + bytes(range(251)) * ((MAX_PAYLOAD + extra) // 251 + 1)
    rows = [b"\x01a", long[: MAX_PAYLOAD + extra], b"\x01b"]

    read = payloads_read(
        packets_of([*rows, EOF]), sizes=(3, 1 << 16, 1 << 30), block_bytes=block_bytes
    )

    assert read == (rows, EOF)


def ends_by_walking(data: bytes, start: int) -> list[int]:
    """Where packets end, found one by one."""
    ends = []
    end = start
    while end + HEADER <= len(data):
        length = int.from_bytes(data[end : end + 3], "little")
        end += HEADER + length
        if end > len(data) or length == MAX_PAYLOAD:
            break
        ends.append(end)
    return ends


# Bytes that look like headers everywhere.
@given(
    pieces=st.lists(
        st.binary(min_size=1, max_size=6)
        | st.lists(st.sampled_from(b"\0\0\0\1\2\3\4\5"), max_size=30).map(bytes)
        | st.lists(st.binary(max_size=3), max_size=9).map(packets_of),
        max_size=30,
    ),
    start=st.integers(0, 20),
)
def test_packets_are_found_at_once_as_by_walking(pieces: list[bytes], start: int) -> None:
    data = b"".join(pieces)
    expected = ends_by_walking(data, start)

    assert _packet_ends(memoryview(data), start).tolist() == expected
    likely = (_likely_ends(np.frombuffer(data[start:], np.uint8)) + start).tolist()
    assert likely == expected[: len(likely)]


@pytest.mark.parametrize("length", [0, 1, 9, 250, 251, 300, 5_000])
def test_short_packets_are_found_at_once(length: int) -> None:
    payloads = [b"%d" % number * 9 + b"x" * length for number in range(2_000)]

    likely = _likely_ends(np.frombuffer(packets_of(payloads), np.uint8))

    # The last one leads nowhere.
    assert len(likely) == len(payloads) - 1


def test_rows_in_front_of_an_error_are_given() -> None:
    rows, last = payloads_read(packets_of([b"\x01a", b"\x01b", ERROR]))

    assert rows == [b"\x01a", b"\x01b"]
    assert last == ERROR


def test_a_shutdown_behind_the_last_packet_does_not_hide_it() -> None:
    stream = packets_of([b"\x01a", EOF]) + packets_of([ERROR], first=2)

    assert payloads_read(stream) == ([b"\x01a"], EOF)


def test_a_block_is_as_full_as_the_buffer_allows() -> None:
    stream = packets_of([b"\x05abcde"] * 100 + [EOF])

    blocks = list(PacketReader(reader_of(stream, (7,)), 0, block_bytes=100))

    assert [len(block.starts) - 1 for block in blocks] == [10] * 10


def test_a_connection_that_ends_in_a_row_is_lost() -> None:
    stream = io.BytesIO(packets_of([b"\x01a", b"\x05abcde"])[:-2])

    with pytest.raises(OperationalError, match="Lost connection") as caught:
        list(PacketReader(stream.read, 0, 100))
    assert caught.value.args[0] == 2013


def test_a_socket_that_fails_is_a_lost_connection() -> None:
    def read(_: int) -> bytes:
        raise TimeoutError("timed out")

    with pytest.raises(OperationalError, match="timed out") as caught:
        list(PacketReader(read, 0, 100))
    assert caught.value.args[0] == 2013


@pytest.mark.parametrize("block_bytes", [1, 1000])
def test_a_packet_out_of_order_is_refused(block_bytes: int) -> None:
    stream = packets_of([b"\x01a"], first=5) + packets_of([b"\x01b", EOF], first=7)

    with pytest.raises(InternalError, match="got 7 expected 6"):
        payloads_read(stream, first=5, block_bytes=block_bytes)


def test_a_packet_numbered_zero_is_a_server_that_shuts_down() -> None:
    stream = packets_of([b"\x01a"], first=5) + packets_of([ERROR], first=0)

    with pytest.raises(OperationalError, match="Lost connection"):
        payloads_read(stream, first=5)


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


def test_rows_come_through_tls(tls_pair: tuple[ssl.SSLSocket, ssl.SSLSocket]) -> None:
    server, client = tls_pair
    rows = [b"\x03abc", b"\xfc\x00\x80" + bytes(1 << 15), b"\x01z"] * 50
    with ThreadPoolExecutor(1) as pool:
        # No end of the stream follows: the reader must know from the packets that all is read.
        sent = pool.submit(server.sendall, packets_of([*rows, EOF]))
        reader = PacketReader(client.makefile("rb").read1, 0, 100_000)
        blocks = list(reader)
        sent.result()

    assert sum(len(block.starts) - 1 for block in blocks) == len(rows)
    assert reader.last == EOF
