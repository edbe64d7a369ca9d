"""Packets to whole rows, wherever a read ends."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from etl_assets.extract.packets import HEADER, PacketReader, _likely_ends, _packet_ends
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
